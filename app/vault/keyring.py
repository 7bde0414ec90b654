"""The keyring: the root key of a store, wrapped once per slot.

    keyring.json  {"format": 1, "store_id", "slots": [{"slot_id", "kind", "nonce", "wrapped"}]}

A slot wraps the root key with AES-256-GCM under a key of its own; the associated data binds it to format,
store, slot and purpose, so a slot copied to another store does not open. The kind here is the key file:
32 random bytes as one line of hex, mode 0600, owned by the one who runs, outside the data folder.
"""

import json
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import KeyUnavailable, SealBroken, StoreDamaged, StoreMissing
from app.vault.keys import KEY_BYTES, new_key
from app.vault.sealed_file import write_durably

FORMAT = 1
KEYRING_FILE = "keyring.json"
MOST_KEY_FILE_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Slot:
    """One way to get at the root key."""

    slot_id: str
    kind: str
    nonce: bytes
    wrapped: bytes

    def place(self, store_id: str) -> bytes:
        """Associated data: where alone this slot opens."""
        return f"strongroom keyring {FORMAT}|{store_id}|{self.slot_id}|{self.kind}|root key".encode()


def wrap(root_key: bytes, wrapping_key: bytes, *, store_id: str, kind: str) -> Slot:
    """Wrap the root key into a new slot."""
    empty = Slot(slot_id=secrets.token_hex(8), kind=kind, nonce=secrets.token_bytes(12), wrapped=b"")
    wrapped = AESGCM(wrapping_key).encrypt(empty.nonce, root_key, empty.place(store_id))
    return Slot(slot_id=empty.slot_id, kind=kind, nonce=empty.nonce, wrapped=wrapped)


def unwrap(slot: Slot, wrapping_key: bytes, *, store_id: str) -> bytes:
    """Open a slot.

    Raises:
        SealBroken: another key, another store, or changed bytes.
    """
    try:
        return AESGCM(wrapping_key).decrypt(slot.nonce, slot.wrapped, slot.place(store_id))
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"slot {slot.slot_id} of the keyring does not open with this key") from error


def create_keyring(data_dir: Path, key_file: Path, *, store_id: str) -> bytes:
    """Make a root key, a key file and the keyring of a new store; return the root key.

    The wrapped key is durable before any data is written under it.
    """
    root_key, wrapping_key = new_key(), new_key()
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if key_file.exists():
        raise KeyUnavailable(f"{key_file} exists already", advice="Move it away; it may open another store.")
    write_durably(key_file, [wrapping_key.hex().encode() + b"\n"])
    write_keyring(data_dir, [wrap(root_key, wrapping_key, store_id=store_id, kind="key file")], store_id=store_id)
    return root_key


def write_keyring(data_dir: Path, slots: list[Slot], *, store_id: str) -> None:
    """Write the keyring in one step."""
    content = {
        "format": FORMAT,
        "store_id": store_id,
        "slots": [
            {"slot_id": slot.slot_id, "kind": slot.kind, "nonce": slot.nonce.hex(), "wrapped": slot.wrapped.hex()}
            for slot in slots
        ],
    }
    write_durably(data_dir / KEYRING_FILE, [json.dumps(content, indent=1).encode() + b"\n"])


def read_keyring(data_dir: Path) -> tuple[str, list[Slot]]:
    """Return store id and slots.

    Raises:
        StoreMissing: no keyring here.
        StoreDamaged: it cannot be read, or its format is unknown.
    """
    file = data_dir / KEYRING_FILE
    try:
        content = json.loads(file.read_bytes())
        if content["format"] != FORMAT:
            raise StoreDamaged(f"{file} has format {content['format']}; this release reads {FORMAT}")
        slots = [
            Slot(slot["slot_id"], slot["kind"], bytes.fromhex(slot["nonce"]), bytes.fromhex(slot["wrapped"]))
            for slot in content["slots"]
        ]
        return str(content["store_id"]), slots
    except FileNotFoundError as error:
        raise StoreMissing(f"no store in {data_dir}") from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise StoreDamaged(f"{file} cannot be read") from error


def read_key_file(key_file: Path, *, store_id: str) -> bytes:
    """Return the wrapping key.

    Raises:
        KeyUnavailable: missing, readable by others, or not a key.
    """
    try:
        # Not blocking: a pipe in the key's place must not stop the start without a word.
        descriptor = os.open(key_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyUnavailable(f"cannot read the key of store {store_id} at {key_file}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyUnavailable(f"{key_file} is not a regular file")
        if status.st_mode & 0o077 or status.st_uid not in {os.getuid(), 0}:
            raise KeyUnavailable(
                f"{key_file} can be read by others", advice=f"Run: chown $USER {key_file}; chmod 600 {key_file}"
            )
        text = os.read(descriptor, MOST_KEY_FILE_BYTES)
    finally:
        os.close(descriptor)
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError as error:
        raise KeyUnavailable(f"{key_file} is not a key file") from error
    if len(key) != KEY_BYTES:
        raise KeyUnavailable(f"{key_file} holds {len(key)} bytes, a key has {KEY_BYTES}")
    return key


def open_keyring(data_dir: Path, key_file: Path) -> bytes:
    """Return the root key of the store in ``data_dir``.

    Raises:
        StoreMissing, StoreDamaged, KeyUnavailable: as the parts; the path tried and the store are named.
    """
    store_id, slots = read_keyring(data_dir)
    wrapping_key = read_key_file(key_file, store_id=store_id)
    for slot in slots:
        try:
            return unwrap(slot, wrapping_key, store_id=store_id)
        except SealBroken:
            continue
    raise KeyUnavailable(f"the key at {key_file} does not open store {store_id}: it is the key of another store")
