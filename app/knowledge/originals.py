"""Originals: the very bytes of each version, sealed under a random key of their own.

Up to 64 KiB they lie in the version's row, larger ones in a file of random name. The name is committed first, then the
file is written: a file without a row is garbage and may be swept, a current row without its file is an alarm.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import StoreDamaged, StoreFull
from app.vault.keys import new_key
from app.vault.sealed_file import seal, seal_bytes, unseal, unseal_bytes, write_durably

IN_ROW_BYTES = 64 * 1024
READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SealedOriginal:
    """What a version's row keeps of its original: in the row, or in a file."""

    key: bytes
    in_row: bytes | None
    file_name: str | None


def new_file_name() -> str:
    """Return a random name: it tells nothing and never repeats."""
    return secrets.token_hex(16)


def context(store_id: str, name: str) -> bytes:
    """Bind a sealed original to its store and name."""
    return f"original|{store_id}|{name}".encode()


def seal_in_row(content: bytes, *, store_id: str, place: str) -> SealedOriginal:
    """Seal a small original for its row."""
    key = new_key()
    return SealedOriginal(key, seal_bytes(content, file_key=key, context=context(store_id, place)), None)


def plan_file() -> SealedOriginal:
    """Choose key and name of a file that is still to be written."""
    return SealedOriginal(new_key(), None, new_file_name())


def write_file(folder: Path, planned: SealedOriginal, content: Iterable[bytes], *, store_id: str) -> None:
    """Write the sealed file of a plan, durably.

    Raises:
        StoreFull: the disk took no more; nothing is left of the file.
    """
    if planned.file_name is None:
        raise ValueError("this original lies in its row")
    sealed = seal(content, file_key=planned.key, context=context(store_id, planned.file_name))
    try:
        write_durably(folder / planned.file_name, sealed)
    except OSError as error:
        raise StoreFull(f"a sealed original cannot be written: {error.strerror}") from error


def read_original(folder: Path, original: SealedOriginal, *, store_id: str, place: str) -> Iterator[bytes]:
    """Yield the bytes of an original.

    Raises:
        StoreDamaged: the file is missing.
        SealBroken: it does not open.
    """
    if original.in_row is not None:
        yield unseal_bytes(original.in_row, file_key=original.key, context=context(store_id, place))
        return
    if original.file_name is None:
        raise StoreDamaged("an original has neither row nor file")
    try:
        with (folder / original.file_name).open("rb") as opened:
            yield from unseal(opened, file_key=original.key, context=context(store_id, original.file_name))
    except FileNotFoundError as error:
        raise StoreDamaged("the sealed original of a document is missing") from error
