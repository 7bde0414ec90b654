"""How documents leave: erasure at once, superseded versions once no index needs them, leftovers of dead runs.

Deleting destroys the rows, the key of each original and the snapshots of the knowledge base in one transaction;
what follows (unlinking, cutting the WAL) is idempotent, ticked off in ``erasures`` and taken up again at start.
"""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.database.audit import Act
from app.database.database import Transaction
from app.database.locks import is_held
from app.database.store import Store
from app.database.times import now

CHUNKS_PER_COMMIT = 256
YOUNG_S = 3_600  # a sealed file without a row this young may still get one


def delete_document(store: Store, act: Act, document_id: str) -> None:
    """Erase a document the caller may delete; nothing answers with it from the commit on."""
    with store.transaction(act) as transaction:
        erase(transaction, document_id, requested_by=act.actor)
    finish_erasures(store)


def erase(transaction: Transaction, document_id: str, *, requested_by: str) -> None:
    """Destroy rows, keys and snapshots, and note the files that are left to unlink."""
    base_id = transaction.execute(
        "SELECT knowledge_base_id FROM documents WHERE document_id = ?", (document_id,)
    ).fetchone()[0]
    files = transaction.execute(
        "SELECT original_file FROM versions WHERE document_id = ? AND original IS NULL AND original_file IS NOT NULL"
        " UNION ALL SELECT upload_file FROM jobs WHERE document_id = ? AND upload_file IS NOT NULL"
        " UNION ALL SELECT 'snapshot:' || snapshot_id FROM snapshots WHERE knowledge_base_id = ?",
        (document_id, document_id, base_id),
    ).fetchall()
    transaction.execute("DELETE FROM snapshots WHERE knowledge_base_id = ?", (base_id,))
    transaction.execute("DELETE FROM jobs WHERE document_id = ?", (document_id,))
    transaction.execute("DELETE FROM documents WHERE document_id = ?", (document_id,))
    transaction.execute(
        "INSERT INTO erasures (document_id, knowledge_base_id, files, request_id, requested_by, requested_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (document_id, base_id, json.dumps([row[0] for row in files]), transaction.request_id, requested_by, now()),
    )
    transaction.change("document deleted", document_id)


def finish_erasures(store: Store) -> int:
    """Unlink what erasures left over; return how many are still pending because a reader keeps the WAL."""
    with store.catalogue.read() as connection:
        pending = connection.execute("SELECT erasure_number, files FROM erasures WHERE finished_at IS NULL").fetchall()
    if not pending:
        return 0
    for _, files in pending:
        unlink(store, json.loads(files))
    if not store.catalogue.checkpoint():
        return len(pending)
    with store.catalogue.transaction("erasure") as transaction:
        transaction.executemany(
            "UPDATE erasures SET finished_at = ? WHERE erasure_number = ?", [(now(), number) for number, _ in pending]
        )
    return 0


def unlink(store: Store, files: Iterable[str]) -> None:
    """Remove sealed files whose keys are gone; those already gone are no error."""
    for name in files:
        kind, _, snapshot_id = name.rpartition(":")
        folder = store.snapshots_dir if kind == "snapshot" else store.originals_dir
        (folder / snapshot_id).unlink(missing_ok=True)


def remove_superseded(store: Store, *, passed_sequence: int) -> int:
    """Remove texts, chunks, vectors and originals of replaced versions that no index follows any more.

    Only the holder of the serve lock may call this. The version's row stays, so that an old citation can say
    when it was replaced. Returns how many versions were removed.
    """
    with store.catalogue.read() as connection:
        rows = connection.execute(
            "SELECT old.version_number, old.original IS NULL, old.original_file FROM versions old"
            " WHERE old.state = 'superseded' AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.sequence > ?"
            " AND c.kind = 'made current' AND c.id = old.document_id)",
            (passed_sequence,),
        ).fetchall()
    for version_number, in_file, file_name in rows:
        remove_chunks(store, version_number)
        with store.catalogue.transaction("superseded") as transaction:
            transaction.execute("DELETE FROM texts WHERE version_number = ?", (version_number,))
            transaction.execute("DELETE FROM layouts WHERE version_number = ?", (version_number,))
            transaction.execute(
                "UPDATE versions SET state = 'removed', original = NULL, original_file = NULL, original_key = NULL,"
                " password = NULL WHERE version_number = ?",
                (version_number,),
            )
        if in_file and file_name:
            unlink(store, [file_name])
    return len(rows)


def remove_chunks(store: Store, version_number: int) -> None:
    """Delete the chunks of a version, a few at a time so that others may write in between."""
    while True:
        with store.catalogue.transaction("superseded") as transaction:
            deleted = transaction.execute(
                "DELETE FROM chunks WHERE chunk_number IN"
                " (SELECT chunk_number FROM chunks WHERE version_number = ? LIMIT ?)",
                (version_number, CHUNKS_PER_COMMIT),
            ).rowcount
        if deleted < CHUNKS_PER_COMMIT:
            return


def sweep(store: Store) -> int:
    """Remove what ended runs left behind: unfinished versions, and sealed files that no row names.

    Returns how many things were removed. What belongs to a run whose lock is held is left alone.
    """
    with store.catalogue.read() as connection:
        unfinished = connection.execute(
            "SELECT version_number, run_id FROM versions WHERE state = 'writing'"
        ).fetchall()
    dead = [number for number, run_id in unfinished if not is_held(store.lock_file(f"run-{run_id}"))]
    for number in dead:
        remove_chunks(store, number)
        with store.catalogue.transaction("sweep") as transaction:
            transaction.execute("DELETE FROM versions WHERE version_number = ?", (number,))
    removed = len(dead) + sweep_files(store)
    for file in store.lock_file("run").parent.glob("run-*.lock"):
        # A young one may be made and not locked yet.
        if file.stat().st_mtime < time.time() - YOUNG_S and not is_held(file):
            file.unlink(missing_ok=True)
    return removed


def sweep_files(store: Store) -> int:
    """Unlink sealed files without a row, but young ones: an upload or a snapshot has its file before its row."""
    old = time.time() - YOUNG_S
    files = [entry for folder in (store.originals_dir, store.snapshots_dir) for entry in old_files(folder, before=old)]
    with store.catalogue.read() as connection:
        named = {
            row[0]
            for row in connection.execute(
                "SELECT original_file FROM versions WHERE original_file IS NOT NULL"
                " UNION ALL SELECT upload_file FROM jobs WHERE upload_file IS NOT NULL"
                " UNION ALL SELECT snapshot_id FROM snapshots"
            )
        }
    # A temporary file belongs to the row that names its final place.
    garbage = [file for file in files if file.name.split(".", 1)[0] not in named]
    for file in garbage:
        file.unlink(missing_ok=True)
    return len(garbage)


def old_files(folder: Path, *, before: float) -> Iterator[Path]:
    """Yield the files of a folder that were last written before a time (seconds since 1970)."""
    for file in folder.iterdir():
        try:
            if file.is_file() and file.stat().st_mtime < before:
                yield file
        except FileNotFoundError:
            continue  # erased meanwhile
