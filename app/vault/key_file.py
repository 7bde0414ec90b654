"""The key file: 32 random bytes as one line of hex, mode 0600, owned by the one who runs, outside the data folder."""

import errno
import os
import stat
from pathlib import Path

from app.errors import KeyUnavailable
from app.vault.keys import KEY_BYTES, new_key
from app.vault.sealed_file import write_new

KIND = "key file"
MOST_BYTES = 1_024


def make_key_file(key_file: Path, data_dir: Path) -> bytes:
    """Make a new key file and return the wrapping key in it.

    Raises:
        KeyUnavailable: something is there, it would lie in the data folder, or it cannot be written.
    """
    # A link that points nowhere is something, too.
    if os.path.lexists(key_file):
        raise KeyUnavailable(f"{key_file} exists already", advice="Move it away; it may open another store.")
    if key_file.resolve().is_relative_to(data_dir.resolve()):
        raise KeyUnavailable("the key file must not lie inside the data folder", advice="Set KB_KEY_FILE to elsewhere.")
    key = new_key()
    try:
        key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(key_file, key.hex().encode() + b"\n")
    except OSError as error:
        raise KeyUnavailable(
            f"the key file {key_file} cannot be written: {error.strerror}",
            advice="Make its folder writable, or set KB_KEY_FILE to another place.",
        ) from error
    return key


def read_key_file(key_file: Path, *, store_id: str) -> bytes:
    """Return the wrapping key; one message for each thing that can stand in its place, none shows what it holds.

    Raises:
        KeyUnavailable: missing, readable by others, or not a key.
    """
    the_key = f"the key file of store {store_id}"
    try:
        # Not blocking: a pipe in the key's place must not stop the start without a word.
        descriptor = os.open(key_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            raise KeyUnavailable(f"{the_key} is missing: there is nothing at {key_file}") from error
        if error.errno == errno.ELOOP:
            raise KeyUnavailable(f"{key_file} is a symbolic link, not {the_key}") from error
        raise KeyUnavailable(f"{the_key} at {key_file} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise KeyUnavailable(f"{key_file} is a folder, not {the_key}")
        if not stat.S_ISREG(status.st_mode):
            raise KeyUnavailable(f"{key_file} is not a regular file, so not {the_key}")
        if status.st_mode & 0o077 or status.st_uid not in {os.getuid(), 0}:
            raise KeyUnavailable(
                f"{key_file}, {the_key}, can be read by others",
                advice=f"Run: chown $USER {key_file}; chmod 600 {key_file}",
            )
        text = os.read(descriptor, MOST_BYTES)
    finally:
        os.close(descriptor)
    if not text.strip():
        raise KeyUnavailable(f"{the_key} at {key_file} is empty")
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError as error:
        raise KeyUnavailable(f"{key_file} holds something else than a key, so it is not {the_key}") from error
    if len(key) != KEY_BYTES:
        raise KeyUnavailable(f"{the_key} at {key_file} is cut or changed: {len(key)} bytes, a key has {KEY_BYTES}")
    return key
