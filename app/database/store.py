"""A store: its manifest, its keys and its two open databases.

    data/store.json   {"format": 1, "store_id", "generation", "created_at", "mac"}

The MAC is HMAC-SHA256 over the other fields, so that nobody without the key can point the store at another generation.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from app.database.audit import Act, AuditTrail
from app.database.database import Database, Transaction
from app.database.locks import FileLock
from app.database.times import now
from app.errors import KeyUnavailable, StoreDamaged, StoreExists, StoreMissing, StoreReplaced
from app.settings import Settings
from app.vault.keyring import KEYRING_FILE, create_keyring, open_keyring
from app.vault.keys import Purpose, derive, keyed_hash, same
from app.vault.sealed_file import write_durably

FORMAT = 1
MANIFEST_FILE = "store.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which store this is and which pair of database files is current."""

    store_id: str
    generation: int
    created_at: str

    def content(self) -> dict[str, object]:
        """Return the authenticated fields."""
        return {
            "format": FORMAT,
            "store_id": self.store_id,
            "generation": self.generation,
            "created_at": self.created_at,
        }

    def mac(self, root_key: bytes) -> str:
        """Return the MAC over the fields."""
        message = json.dumps(self.content(), sort_keys=True).encode()
        return keyed_hash(derive(root_key, Purpose.MANIFEST), message).hex()

    def write(self, data_dir: Path, root_key: bytes) -> None:
        """Make this the current manifest, in one step."""
        content = self.content() | {"mac": self.mac(root_key)}
        write_durably(data_dir / MANIFEST_FILE, [json.dumps(content, indent=1).encode() + b"\n"])


def read_manifest(data_dir: Path) -> tuple[Manifest, str]:
    """Return the manifest and its unchecked MAC.

    Raises:
        StoreMissing: none here.
        StoreDamaged: unreadable, or of an unknown format.
    """
    try:
        content = json.loads((data_dir / MANIFEST_FILE).read_bytes())
        if content["format"] != FORMAT:
            raise StoreDamaged(f"the store has format {content['format']}, this release reads {FORMAT}")
        manifest = Manifest(str(content["store_id"]), int(content["generation"]), str(content["created_at"]))
        return manifest, str(content["mac"])
    except FileNotFoundError as error:
        raise StoreMissing(f"no store in {data_dir}") from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise StoreDamaged(f"{data_dir / MANIFEST_FILE} cannot be read") from error


class Store:
    """An open store."""

    def __init__(self, data_dir: Path, manifest: Manifest, root_key: bytes, *, create: bool = False) -> None:
        """Open both databases; belongs to ``open_store`` and ``create_store``."""
        self.data_dir = data_dir
        self.store_id = manifest.store_id
        self._manifest = manifest
        self._manifest_seen: tuple[int, int] | None = None
        self._root_key = root_key
        with ExitStack() as opened:
            self.catalogue = self._open("catalogue", Purpose.CATALOGUE, create=create)
            opened.callback(self.catalogue.close)
            self.journal = self._open("journal", Purpose.JOURNAL, create=create)
            opened.pop_all()
        self.audit = AuditTrail(self.journal)

    def _open(self, name: str, purpose: Purpose, *, create: bool) -> Database:
        return Database(
            self.data_dir / f"{name}.{self._manifest.generation}.db",
            derive(self._root_key, purpose),
            lock=FileLock(self.lock_file(name)),
            check_current=self._check_current,
            create=create,
        )

    def key(self, purpose: Purpose) -> bytes:
        """Return the derived key of a purpose."""
        return derive(self._root_key, purpose)

    @property
    def originals_dir(self) -> Path:
        """Sealed originals and uploads; a file without a row is garbage."""
        return self.data_dir / "originals"

    @property
    def snapshots_dir(self) -> Path:
        """Sealed snapshots of the indexes."""
        return self.data_dir / "snapshots"

    def lock_file(self, name: str) -> Path:
        """Where the lock of this name lies."""
        return self.data_dir / "locks" / f"{name}.lock"

    @contextmanager
    def transaction(self, act: Act) -> Iterator[Transaction]:
        """Change the catalogue on a person's behalf: audited as intended before and done after the commit.

        The request id stands in the change rows too, so that start-up can close what a crash left open.
        """
        self.audit.record(act, "intended")
        try:
            with self.catalogue.transaction(act.request_id) as transaction:
                yield transaction
        except BaseException:
            self.audit.record(act, "failed")
            raise
        touched = {"touched": transaction.touched} if transaction.touched else {}
        self.audit.record(replace(act, detail=act.detail | touched), "done")

    def _check_current(self) -> None:
        try:
            status = (self.data_dir / MANIFEST_FILE).stat()
        except OSError as error:
            raise StoreMissing(f"the store in {self.data_dir} is gone") from error
        seen = (status.st_mtime_ns, status.st_ino)
        if seen == self._manifest_seen:
            return
        manifest, mac = read_manifest(self.data_dir)
        check_mac(manifest, mac, self._root_key)
        if manifest != self._manifest:
            raise StoreReplaced(f"generation {manifest.generation} of the store has become current")
        self._manifest_seen = seen

    def close(self) -> None:
        """Close both databases."""
        self.catalogue.close()
        self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_mac(manifest: Manifest, mac: str, root_key: bytes) -> None:
    """Refuse a manifest that was not written with the store's key."""
    if not same(mac.encode(errors="replace"), manifest.mac(root_key).encode()):
        raise StoreDamaged(f"{MANIFEST_FILE} was changed by somebody without the key")


def open_store(settings: Settings) -> Store:
    """Open the store that the settings name.

    Raises:
        StoreMissing, StoreDamaged, KeyUnavailable: each says what is wrong and what to do.
    """
    manifest, mac = read_manifest(settings.data_dir)
    root_key = open_keyring(settings.data_dir, settings.key_file_for(manifest.store_id))
    check_mac(manifest, mac, root_key)
    return Store(settings.data_dir, manifest, root_key)


def create_store(settings: Settings) -> Store:
    """Make keys, folders and empty databases; the manifest is written last, so half a store is no store.

    Raises:
        StoreExists: a store or a part of one is there.
    """
    data_dir = settings.data_dir
    if (data_dir / MANIFEST_FILE).exists():
        raise StoreExists(f"{data_dir} holds a store already")
    if (data_dir / KEYRING_FILE).exists():
        raise StoreExists(f"{data_dir} holds a keyring without a store", advice="Move it away if it is not needed.")
    store_id = secrets.token_hex(8)
    key_file = settings.key_file_for(store_id)
    if key_file.resolve().is_relative_to(data_dir.resolve()):
        raise KeyUnavailable("the key file must not lie inside the data folder", advice="Set KB_KEY_FILE to elsewhere.")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("originals", "snapshots", "locks"):
        (data_dir / name).mkdir(mode=0o700, exist_ok=True)
    os.chmod(data_dir, 0o700)  # noqa: PTH101 - a path that was there before keeps no wider mode
    manifest = Manifest(store_id=store_id, generation=1, created_at=now())
    root_key = create_keyring(data_dir, key_file, store_id=store_id)
    store = Store(data_dir, manifest, root_key, create=True)
    try:
        manifest.write(data_dir, root_key)
    except BaseException:
        store.close()
        raise
    return store
