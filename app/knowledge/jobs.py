"""Jobs: uploads that wait for the worker, and how far each is in the eyes of who sent it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.database.connection import Connection
from app.database.store import Store
from app.database.times import now
from app.knowledge.originals import SealedOriginal, read_original
from app.knowledge.removal import unlink


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that the worker has taken."""

    job_id: str
    base_id: str
    document_id: str
    file_name: str
    actor: str
    request_id: str
    original: SealedOriginal
    attempts: int


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as its owner sees it; ``state`` is queued, running, readable, ready or failed.

    Attributes:
        chunks: passages written so far.
        vectors: those of them that are found by meaning too.
    """

    job_id: str
    state: str
    document_ids: tuple[str, ...]
    file_name: str
    refused: tuple[dict[str, str], ...]
    created_at: str
    finished_at: str | None
    chunks: int
    vectors: int


def claim_job(store: Store, run_id: str) -> Claimed | None:
    """Take the oldest job that waits, also one whose worker died (there is one worker); None if there is none."""
    with store.catalogue.read() as connection:
        waits = connection.execute("SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1").fetchone()
    if not waits:
        return None
    with store.catalogue.transaction(run_id) as transaction:
        row = transaction.execute(
            "UPDATE jobs SET state = 'running', run_id = ?, attempts = attempts + 1 WHERE job_id ="
            " (SELECT job_id FROM jobs WHERE state IN ('queued', 'running') ORDER BY created_at, job_id LIMIT 1)"
            " RETURNING job_id, knowledge_base_id, document_id, file_name, created_by, request_id, upload_file,"
            " upload_key, attempts",
            (run_id,),
        ).fetchone()
    if row is None:
        return None
    job_id, base_id, document_id, file_name, actor, request_id, upload_file, upload_key, attempts = row
    original = SealedOriginal(upload_key, None, upload_file)
    return Claimed(job_id, base_id, document_id, file_name, actor, request_id, original, attempts)


def release_job(store: Store, job_id: str) -> None:
    """Put a job back that could not be done for a reason of the store's; it does not count as an attempt."""
    with store.catalogue.transaction("release") as transaction:
        transaction.execute("UPDATE jobs SET state = 'queued', attempts = attempts - 1 WHERE job_id = ?", (job_id,))


def read_upload(store: Store, claimed: Claimed) -> Iterator[bytes]:
    """Yield the bytes of a job's upload."""
    return read_original(store.originals_dir, claimed.original, store_id=store.store_id, place="")


def finish_job(store: Store, claimed: Claimed, *, refused: Iterable[tuple[str, str]], sequence: int) -> None:
    """Close a job: its report, and the upload's key and file gone."""
    report = {"refused": [{"file": file, "reason": reason} for file, reason in refused]}
    with store.catalogue.transaction(claimed.request_id) as transaction:
        transaction.execute(
            "UPDATE jobs SET state = ?, finished_at = ?, report = ?, sequence = ?, upload_file = NULL,"
            " upload_key = NULL WHERE job_id = ?",
            (
                "failed" if report["refused"] else "done",
                now(),
                json.dumps(report, ensure_ascii=False),
                sequence,
                claimed.job_id,
            ),
        )
    if claimed.original.file_name:
        unlink(store, [claimed.original.file_name])


def read_jobs(
    connection: Connection, *, owner: str | None, job_id: str | None, served_sequence: int | None, limit: int = 100
) -> list[JobState]:
    """Return jobs, newest first: of one owner (None: of all), or the one that is named.

    ``served_sequence`` is what the serving follower has passed; None where nobody serves: committed is passed.
    """
    rows = connection.execute(
        "SELECT j.job_id, j.state, j.document_id, j.file_name, j.report, j.created_at, j.finished_at, j.sequence,"
        " (SELECT count(*) FROM job_versions w JOIN chunks c ON c.version_number = w.version_number"
        "  JOIN missing_vectors m ON m.chunk_number = c.chunk_number"
        "  JOIN spaces s ON s.space_number = m.space_number AND s.state = 'active' WHERE w.job_id = j.job_id),"
        " (SELECT coalesce(max(f.sequence), 0) FROM job_versions w JOIN chunks c ON c.version_number = w.version_number"
        "  JOIN vectors f ON f.chunk_number = c.chunk_number WHERE w.job_id = j.job_id),"
        " EXISTS (SELECT 1 FROM spaces WHERE state = 'active'),"
        " (SELECT count(*) FROM job_versions w JOIN chunks c ON c.version_number = w.version_number"
        "  WHERE w.job_id = j.job_id)"
        " FROM jobs j WHERE (? IS NULL OR j.created_by = ?) AND (? IS NULL OR j.job_id = ?)"
        " ORDER BY j.created_at DESC, j.job_id LIMIT ?",
        (owner, owner, job_id, job_id, limit),
    )
    return [job_of(connection, row, served_sequence) for row in rows.fetchall()]


def job_of(connection: Connection, row: tuple[Any, ...], served_sequence: int | None) -> JobState:
    """Build a job from its row; a job is ready when searches find its passages by words and vectors."""
    job_id, state, document_id, file_name, report, created_at, finished_at, sequence, *counted = row
    missing, filled, any_space, chunks = counted
    served = 2**62 if served_sequence is None else served_sequence
    if state == "done":
        state = "running"  # committed, but not yet where searches look
        if (sequence or 0) <= served:
            state = "ready" if any_space and not missing and filled <= served else "readable"
    made = connection.execute(
        "SELECT DISTINCT v.document_id FROM job_versions w JOIN versions v ON v.version_number = w.version_number"
        " WHERE w.job_id = ?",
        (job_id,),
    ).fetchall()
    documents = tuple(one for (one,) in made) or ((document_id,) if document_id else ())
    refused = tuple(json.loads(report).get("refused", ()))
    vectors = chunks - missing if any_space else 0
    return JobState(job_id, state, documents, file_name, refused, created_at, finished_at, chunks, vectors)
