"""The keyring: the root key of a store, wrapped once per slot.

    keyring.json  {"format": 1, "store_id", "slots": [{"slot_id", "kind", "nonce", "wrapped", "made", "confirmed"}]}

A slot wraps the root key with AES-256-GCM under a key of its own; the associated data binds it to format,
store, slot and purpose, so a slot copied to another store does not open. Kinds: ``key file`` and ``recovery key``.

``made`` and ``confirmed`` are times, and may be missing. They stand here and not in the catalogue, because they
belong to one slot, go with it when it is replaced, and are wanted most when the store does not open. Nothing
vouches for them: who could forge them could as well destroy the slots.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import KeyUnavailable, SealBroken, StoreDamaged, StoreFull, StoreMissing
from app.vault import key_file as key_files
from app.vault import recovery_key as recovery_keys
from app.vault.key_file import make_key_file, read_key_file
from app.vault.keys import new_key
from app.vault.recovery_key import RecoveryKey, mark_of, shown_mark
from app.vault.sealed_file import write_durably

FORMAT = 1
KEYRING_FILE = "keyring.json"


@dataclass(frozen=True, slots=True)
class Slot:
    """One way to get at the root key.

    Attributes:
        made: when, ISO 8601 in UTC; a former release did not say.
        confirmed: when somebody showed that they still have what opens it.
    """

    slot_id: str
    kind: str
    nonce: bytes
    wrapped: bytes
    made: str | None = None
    confirmed: str | None = None

    def place(self, store_id: str) -> bytes:
        """Associated data: where alone this slot opens."""
        return f"strongroom keyring {FORMAT}|{store_id}|{self.slot_id}|{self.kind}|root key".encode()


def wrap(root_key: bytes, wrapping_key: bytes, *, store_id: str, kind: str) -> Slot:
    """Wrap the root key into a new slot."""
    empty = Slot(slot_id=secrets.token_hex(8), kind=kind, nonce=secrets.token_bytes(12), wrapped=b"", made=now())
    return replace(empty, wrapped=AESGCM(wrapping_key).encrypt(empty.nonce, root_key, empty.place(store_id)))


def unwrap(slot: Slot, wrapping_key: bytes, *, store_id: str) -> bytes:
    """Open a slot.

    Raises:
        SealBroken: another key, another store, or changed bytes.
    """
    try:
        return AESGCM(wrapping_key).decrypt(slot.nonce, slot.wrapped, slot.place(store_id))
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"slot {slot.slot_id} of the keyring does not open with this key") from error


def open_slot(slots: Sequence[Slot], wrapping_key: bytes, *, kind: str, store_id: str) -> tuple[Slot, bytes] | None:
    """Return the slot of this kind that the key opens, and the root key in it."""
    for slot in of_kind(slots, kind):
        try:
            return slot, unwrap(slot, wrapping_key, store_id=store_id)
        except SealBroken:
            continue
    return None


def of_kind(slots: Sequence[Slot], kind: str) -> list[Slot]:
    """Return the slots of one kind."""
    return [slot for slot in slots if slot.kind == kind]


def create_keyring(data_dir: Path, key_file: Path, *, store_id: str) -> bytes:
    """Make a root key, a key file and the keyring of a new store; return the root key.

    The wrapped key is durable before any data is written under it.
    """
    root_key = new_key()
    wrapping_key = make_key_file(key_file, data_dir)
    write_keyring(data_dir, [wrap(root_key, wrapping_key, store_id=store_id, kind=key_files.KIND)], store_id=store_id)
    return root_key


def write_keyring(data_dir: Path, slots: Sequence[Slot], *, store_id: str) -> None:
    """Write the keyring in one step.

    Raises:
        StoreFull: the disk did not take it; the former one is there as it was.
    """
    content = {"format": FORMAT, "store_id": store_id, "slots": [written(slot) for slot in slots]}
    try:
        write_durably(data_dir / KEYRING_FILE, [json.dumps(content, indent=1).encode() + b"\n"])
    except OSError as error:
        raise StoreFull(f"the keyring in {data_dir} cannot be written: {error.strerror}") from error


def written(slot: Slot) -> dict[str, str]:
    """Return a slot as it stands in the file."""
    fields = {"slot_id": slot.slot_id, "kind": slot.kind, "nonce": slot.nonce.hex(), "wrapped": slot.wrapped.hex()}
    times = {"made": slot.made, "confirmed": slot.confirmed}
    return fields | {name: time for name, time in times.items() if time is not None}


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
        return text(content["store_id"]), [
            Slot(
                slot_id=text(slot["slot_id"]),
                kind=text(slot["kind"]),
                nonce=bytes.fromhex(slot["nonce"]),
                wrapped=bytes.fromhex(slot["wrapped"]),
                made=None if slot.get("made") is None else text(slot["made"]),
                confirmed=None if slot.get("confirmed") is None else text(slot["confirmed"]),
            )
            for slot in content["slots"]
        ]
    except FileNotFoundError as error:
        raise StoreMissing(f"no store in {data_dir}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise StoreDamaged(f"{file} cannot be read") from error


def text(value: object) -> str:
    """Return a text that may be printed; a terminal obeys other characters."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("not a printable text")
    return value


def open_keyring(data_dir: Path, key_file: Path) -> bytes:
    """Return the root key of the store in ``data_dir``.

    Raises:
        StoreMissing, StoreDamaged, KeyUnavailable: as the parts; the path tried and the store are named, and the
            way back in where the key is lost.
    """
    store_id, slots = read_keyring(data_dir)
    try:
        wrapping_key = read_key_file(key_file, store_id=store_id)
        opened = open_slot(slots, wrapping_key, kind=key_files.KIND, store_id=store_id)
        if opened is None:
            raise KeyUnavailable(
                f"the key at {key_file} does not open store {store_id}: it is the key of another store, or was replaced"
            )
    except KeyUnavailable as error:
        if error.advice == KeyUnavailable.advice:
            error.advice = way_back(slots)
        raise
    return opened[1]


def way_back(slots: Sequence[Slot]) -> str:
    """Say where the key file is looked for, and what to do where it is lost."""
    place = (
        "Put it back there, mode 0600 (setting key_file, KB_KEY_FILE; by default ~/.config/strongroom/<store id>.key):"
        " a copy of the data folder cannot be read without it. "
    )
    if of_kind(slots, recovery_keys.KIND):
        return place + "If it is lost, 'python -m app keys recover' makes a new one from the recovery key."
    return place + "This store has no recovery key: keep looking for a copy of the key file."


def open_with_recovery_key(data_dir: Path, key: RecoveryKey) -> tuple[Slot, bytes]:
    """Return the slot that the recovery key opens, and the root key.

    Raises:
        KeyUnavailable: the key of another store, or no longer one of this store.
    """
    store_id, slots = read_keyring(data_dir)
    if key.mark != mark_of(store_id):
        raise KeyUnavailable(
            f"this recovery key belongs to another store: it begins with {shown_mark(key.mark)}, "
            f"those of store {store_id} begin with {shown_mark(mark_of(store_id))}",
            advice="Find the recovery key of this store, or point KB_DATA_DIR at the store of this key.",
        )
    opened = open_slot(slots, key.wrapping_key(), kind=recovery_keys.KIND, store_id=store_id)
    if opened is None:
        made = [slot.made or "an unknown time" for slot in of_kind(slots, recovery_keys.KIND)]
        raise KeyUnavailable(
            f"this recovery key was made for store {store_id}, but does not open it: it is not the present one",
            advice=f"Take the one made at {made[0]}; it replaced the others." if made else "This store has none now.",
        )
    return opened


def replace_key_file(data_dir: Path, key_file: Path, root_key: bytes) -> Slot:
    """Make a new key file, and a slot for it in place of the one whose key file is lost.

    Raises:
        KeyUnavailable: as ``make_key_file``; then nothing changed.
    """
    wrapping_key = make_key_file(key_file, data_dir)
    try:
        return replace_slot(data_dir, wrapping_key, root_key, kind=key_files.KIND)
    except BaseException:
        key_file.unlink()  # it opens nothing, and would stand in the way of the next try
        raise


def replace_recovery_key(data_dir: Path, root_key: bytes) -> tuple[Slot, RecoveryKey]:
    """Make a recovery key and its slot; one that was there before opens the store no longer."""
    store_id, _ = read_keyring(data_dir)
    key = RecoveryKey.new(store_id)
    return replace_slot(data_dir, key.wrapping_key(), root_key, kind=recovery_keys.KIND), key


def replace_slot(data_dir: Path, wrapping_key: bytes, root_key: bytes, *, kind: str) -> Slot:
    """Put a new slot in place of all of its kind, in one step. The caller sees to it that nobody else does."""
    store_id, slots = read_keyring(data_dir)
    made = wrap(root_key, wrapping_key, store_id=store_id, kind=kind)
    write_keyring(data_dir, [*(slot for slot in slots if slot.kind != kind), made], store_id=store_id)
    return made


def confirm(data_dir: Path, slot_id: str) -> None:
    """Note that somebody showed the key of this slot."""
    store_id, slots = read_keyring(data_dir)
    confirmed = [replace(slot, confirmed=now()) if slot.slot_id == slot_id else slot for slot in slots]
    write_keyring(data_dir, confirmed, store_id=store_id)


def now() -> str:
    """Return the present moment to the second, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
