"""The first credentials of a store: shown to a terminal, or written to a file for one person. Never to a log.

The output of a container or a service is kept by others, so what is no terminal gets the path of that file alone.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from app.commands.output import show
from app.errors import ConflictError, StoreError


@dataclass(frozen=True, slots=True)
class Credentials:
    """What ``init`` makes for the first administrator; shown once, kept nowhere."""

    username: str
    password: str
    api_key: str
    recovery_key: str


def first_login_file(key_file: Path) -> Path:
    """Return where the first credentials are written when there is no terminal: beside the key file."""
    return key_file.with_name(f"{key_file.stem}-first-login.json")


def refuse_old_first_login(key_file: Path) -> None:
    """Stop before anything is made where a file of an earlier store is in the way.

    Raises:
        ConflictError: it is there.
    """
    file = first_login_file(key_file)
    if os.path.lexists(file):
        raise ConflictError(
            f"{file} exists already", advice="It belongs to an earlier store: move it away and run this again."
        )


def hand_over(credentials: Credentials, key_file: Path) -> None:
    """Show the credentials to a terminal, else write them to a 0600 file and show its path.

    Raises:
        StoreError: the file cannot be written; it says how to get new credentials.
    """
    if sys.stdout.isatty():
        show(
            f"user name     {credentials.username}\npassword      {credentials.password}\n"
            f"API key       {credentials.api_key}\nrecovery key  {credentials.recovery_key}"
        )
        return
    from app.vault.sealed_file import write_new

    file = first_login_file(key_file)
    try:
        write_new(file, json.dumps(asdict(credentials), indent=1).encode() + b"\n")
    except OSError as error:
        raise StoreError(
            f"the store is made, but the first credentials cannot be written to {file}: {error.strerror}",
            advice=f"Run 'python -m app users reset-password {credentials.username}' and 'python -m app keys recovery'"
            " in a terminal: they give new ones.",
        ) from error
    show(f"User name, password, API key and recovery key are in {file}; only you can read it.")
