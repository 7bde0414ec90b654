"""Sealed snapshots of the word index and of Chroma: a start without rebuilding.

A snapshot is bound to store, knowledge base, kind, space and sequence, sealed under a random key that lies in its
catalogue row: without the row it cannot be opened. A spawned child reads the live folder (never this process: closing
a file of a live SQLite database would drop its locks). An older snapshot is caught up from the change feed; one that
does not open is dropped and the index is built anew.
"""

import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.database.store import Store
from app.database.times import now
from app.errors import SealBroken, StoreDamaged
from app.knowledge.base_index import BaseIndex
from app.knowledge.removal import unlink
from app.knowledge.spaces import KnownSpace
from app.knowledge.words import WORDS_RECIPE
from app.logs import get_log
from app.vault.keys import new_key
from app.vault.sealed_file import seal, unseal, write_durably

KINDS = ("words", "vectors")
PIECE_BYTES = 1024 * 1024
PACK = (
    "import sys, tarfile, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0));"
    "tarfile.open(fileobj=sys.stdout.buffer, mode='w|').add(sys.argv[1], arcname='.')"
)

log = get_log(__name__)


def context(store_id: str, base_id: str, kind: str, space_id: str, sequence: int) -> bytes:
    """Bind a snapshot to what it is of."""
    made_as = space_id if kind == "vectors" else f"recipe {WORDS_RECIPE}"
    return f"snapshot|{store_id}|{base_id}|{kind}|{made_as}|{sequence}".encode()


def packed(folder: Path) -> Iterator[bytes]:
    """Yield a folder as a tar stream, read by a child."""
    command = [sys.executable, "-I", "-c", PACK, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:  # noqa: S603 - ours
        if child.stdout is None:
            raise RuntimeError("a pipe was asked for")
        while piece := child.stdout.read(PIECE_BYTES):
            yield piece
    if child.returncode:
        raise StoreDamaged("the indexes could not be packed for a snapshot")


def take_snapshots(store: Store, bases: list[BaseIndex], *, space: KnownSpace, sequence: int) -> None:
    """Seal words and Chroma of each base; no one may write to them meanwhile.

    A base whose index files may still hold bytes of removed chunks is left out until it was built anew.
    """
    for base in bases:
        if base.folder is None or base.holds_removed_bytes or not base.documents:
            continue
        for kind in KINDS:
            if kind == "vectors" and (not len(base.matrix) or base.chroma_sequence < sequence):
                continue
            try:
                take_snapshot(store, base.base_id, kind, base.folder / kind, space=space, sequence=sequence)
            except OSError as error:
                # A full disk, say. Nothing is lost without a snapshot: the next start takes longer.
                log.warning("no snapshot", kind=kind, reason_class=type(error).__name__)


def take_snapshot(store: Store, base_id: str, kind: str, folder: Path, *, space: KnownSpace, sequence: int) -> None:
    """Write the sealed file, then its row; the former snapshot of this kind goes."""
    snapshot_id, key = secrets.token_hex(16), new_key()
    file = store.snapshots_dir / snapshot_id
    bound = context(store.store_id, base_id, kind, space.space_id, sequence)
    write_durably(file, seal(packed(folder), file_key=key, context=bound))
    with store.catalogue.transaction("snapshot") as transaction:
        former = transaction.execute(
            "DELETE FROM snapshots WHERE knowledge_base_id = ? AND kind = ? RETURNING snapshot_id", (base_id, kind)
        ).fetchall()
        # A document deleted while the copy was made destroys this snapshot too: it gets no row.
        deleted = transaction.execute(
            "SELECT 1 FROM changes WHERE sequence > ? AND kind = 'document deleted' LIMIT 1", (sequence,)
        ).fetchone()
        if not deleted:
            transaction.execute(
                "INSERT INTO snapshots (snapshot_id, knowledge_base_id, kind, space_number, sequence, snapshot_key,"
                " size_bytes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (snapshot_id, base_id, kind, space.space_number, sequence, key, file.stat().st_size, now()),
            )
    unlink(store, [f"snapshot:{row[0]}" for row in former] + ([f"snapshot:{snapshot_id}"] if deleted else []))


class PieceReader:
    """Reads from an iterator of pieces as from a file, for tarfile."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Read the pieces in order."""
        self._pieces = pieces
        self._waiting = b""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, fewer only at the end."""
        parts = [self._waiting]
        total = len(self._waiting)
        while total < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            parts.append(piece)
            total += len(piece)
        joined = b"".join(parts)
        self._waiting = joined[size:]
        return joined[:size]

    def finish(self) -> None:
        """Read to the end, so that the last frame is verified."""
        for _ in self._pieces:
            pass


def open_snapshots(store: Store, base_id: str, folder: Path, *, space: KnownSpace | None) -> dict[str, int]:
    """Unpack the base's snapshots into its RAM folder; return the sequence by kind of those that opened."""
    with store.catalogue.read() as connection:
        rows = connection.execute(
            "SELECT snapshot_id, kind, space_number, sequence, snapshot_key FROM snapshots WHERE knowledge_base_id = ?",
            (base_id,),
        ).fetchall()
    opened: dict[str, int] = {}
    for snapshot_id, kind, space_number, sequence, key in rows:
        if space is None or (kind == "vectors" and space_number != space.space_number):
            continue
        target = folder / kind
        bound = context(store.store_id, base_id, kind, space.space_id, sequence)
        try:
            with (store.snapshots_dir / snapshot_id).open("rb") as sealed:
                unpack(sealed, target, key=key, bound=bound)
            opened[kind] = sequence
        except (SealBroken, OSError, tarfile.TarError) as error:
            log.warning("snapshot dropped", kind=kind, reason_class=type(error).__name__)
            shutil.rmtree(target, ignore_errors=True)
    return opened


def unpack(sealed: IO[bytes], target: Path, *, key: bytes, bound: bytes) -> None:
    """Unpack one sealed tar stream into a new folder.

    Raises:
        SealBroken: it does not open, or not for this place.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700, parents=True)
    reader = PieceReader(unseal(sealed, file_key=key, context=bound))  # type: ignore[arg-type]
    with tarfile.open(fileobj=reader, mode="r|") as archive:  # type: ignore[call-overload]
        archive.extractall(target, filter="data")
    reader.finish()
