"""A hostile file, and what may come of it."""

from collections.abc import Callable
from dataclasses import dataclass

STOLEN = "root:x:0"  # stands in the file that thieves ask for
THEFT = "file:///etc/passwd"


@dataclass(frozen=True, slots=True)
class Attack:
    """A hostile file.

    Attributes:
        name: the attack.
        file_name: as it is sent.
        build: makes it.
        says: pattern of the reason, if it is refused; empty where it must be read.
        holds: what is read, if it is read; empty where it must be refused. With neither, both are right.
        never: what must not be read out of it.
        password: opens it.
    """

    name: str
    file_name: str
    build: Callable[[], bytes]
    says: str = ""
    holds: str = ""
    never: str = ""
    password: str = ""
