"""Jobs: uploads that wait for the worker, and how far each is in the eyes of who sent it."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from app.database.connection import Connection
from app.database.store import Store
from app.database.times import now
from app.knowledge.originals import SealedOriginal, read_original
from app.knowledge.removal import unlink

Lane = Literal["read", "recognise"]
OLDEST = (
    "SELECT job_id FROM jobs WHERE state IN ('queued', 'running') AND lane = ?"
    " AND job_id NOT IN (SELECT value FROM json_each(?)) ORDER BY created_at, job_id LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that the worker has taken.

    Attributes:
        password: opens the upload if it is protected; empty if none was sent.
        attempts: how often a worker took it, this time too.
    """

    job_id: str
    base_id: str
    document_id: str
    file_name: str
    actor: str
    request_id: str
    original: SealedOriginal
    password: str
    attempts: int


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as its owner sees it; ``state`` is queued, running, readable, ready or failed.

    Attributes:
        chunks: passages written so far.
        vectors: those of them that are found by meaning too.
        recognised: pages whose picture was read so far, of ``to_recognise`` in all; both 0 without such pages.
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
    recognised: int
    to_recognise: int


def claim_job(store: Store, run_id: str, *, lane: Lane, busy: Collection[str] = ()) -> Claimed | None:
    """Take the oldest job that waits in a lane, also one whose worker died; None if there is none.

    There is one worker: what runs, but is not ``busy`` in its hands, was left by an earlier one.
    """
    chosen = (lane, json.dumps(list(busy)))
    with store.catalogue.read() as connection:
        oldest = connection.execute(OLDEST, chosen).fetchone()
    if oldest is None:
        return None
    with store.catalogue.transaction(run_id) as transaction:
        row = transaction.execute(
            "UPDATE jobs SET state = 'running', run_id = ?, attempts = attempts + 1"
            " WHERE job_id = ? AND state IN ('queued', 'running')"
            " RETURNING job_id, knowledge_base_id, document_id, file_name, created_by, request_id, upload_file,"
            " upload_key, coalesce(password, ''), attempts",
            (run_id, oldest[0]),
        ).fetchone()
    if row is None:
        return None
    job_id, base_id, document_id, file_name, actor, request_id, upload_file, upload_key, password, attempts = row
    original = SealedOriginal(upload_key, None, upload_file)
    return Claimed(job_id, base_id, document_id, file_name, actor, request_id, original, password, attempts)


def release_job(store: Store, job_id: str) -> None:
    """Put a job back that could not be done for a reason of the store's; it does not count as an attempt."""
    with store.catalogue.transaction("release") as transaction:
        transaction.execute("UPDATE jobs SET state = 'queued', attempts = attempts - 1 WHERE job_id = ?", (job_id,))


def send_to_recognition(store: Store, job_id: str, pages: int) -> None:
    """Put a job in the lane of those whose pages are pictures, so many in all; what was read of it is written."""
    with store.catalogue.transaction("recognise") as transaction:
        transaction.execute(
            "UPDATE jobs SET state = 'queued', lane = 'recognise', attempts = 0, recognised = 0, to_recognise = ?"
            " WHERE job_id = ?",
            (pages, job_id),
        )


def note_recognised(store: Store, job_id: str, pages: int) -> None:
    """Keep how many pages of a job are recognised so far."""
    with store.catalogue.transaction("recognise") as transaction:
        transaction.execute("UPDATE jobs SET recognised = ? WHERE job_id = ?", (pages, job_id))


def read_upload(store: Store, claimed: Claimed) -> Iterator[bytes]:
    """Yield the bytes of a job's upload."""
    return read_original(store.originals_dir, claimed.original, store_id=store.store_id, place="")


def finish_job(store: Store, claimed: Claimed, *, refused: Iterable[tuple[str, str]], sequence: int) -> None:
    """Close a job: its report, and the upload's key and file gone."""
    report = {"refused": [{"file": file, "reason": reason} for file, reason in refused]}
    with store.catalogue.transaction(claimed.request_id) as transaction:
        transaction.execute(
            "UPDATE jobs SET state = ?, finished_at = ?, report = ?, sequence = ?, upload_file = NULL,"
            " upload_key = NULL, password = NULL WHERE job_id = ?",
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
        "  WHERE w.job_id = j.job_id), j.recognised, j.to_recognise"
        " FROM jobs j WHERE (? IS NULL OR j.created_by = ?) AND (? IS NULL OR j.job_id = ?)"
        " ORDER BY j.created_at DESC, j.job_id LIMIT ?",
        (owner, owner, job_id, job_id, limit),
    )
    return [job_of(connection, row, served_sequence) for row in rows.fetchall()]


def job_of(connection: Connection, row: tuple[Any, ...], served_sequence: int | None) -> JobState:
    """Build a job from its row; a job is ready when searches find its passages by words and vectors."""
    job_id, state, document_id, file_name, report, created_at, finished_at, sequence, *counted = row
    missing, filled, any_space, chunks, recognised, to_recognise = counted
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
    return JobState(
        job_id, state, documents, file_name, refused, created_at, finished_at, chunks, vectors, recognised, to_recognise
    )
