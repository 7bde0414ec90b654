"""Jobs: a document that was uploaded becomes a sealed file and a row, which the worker takes.

Source ``upload``, external id = file name. The same name and content is that document; the same name with other
content is refused unless the caller says to replace it or keep both.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from app.database.audit import Act
from app.database.connection import Connection
from app.database.database import Transaction
from app.database.store import Store
from app.database.times import now
from app.errors import ConflictError, DocumentExists, NotFound, UsageError
from app.knowledge.bases import base_named
from app.knowledge.originals import SealedOriginal, plan_file, read_original, write_file
from app.knowledge.permissions import Permit, find_readers, rule_for
from app.knowledge.removal import unlink
from app.knowledge.writing import UPLOAD_SOURCE, add_document, ensure_source
from app.vault.keys import Purpose, keyed_hash

LONGEST_FILE_NAME = 255
MOST_COPIES = 1_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A document that a person sends.

    Attributes:
        knowledge_base: by name.
        readers: ``user:NAME`` / ``group:NAME``; None for those of the base.
        replace: id of the document it is a new version of.
        idempotency_key: the same key and content again is the same job.
    """

    file_name: str
    content: bytes
    knowledge_base: str
    readers: tuple[str, ...] | None = None
    replace: str | None = None
    keep_both: bool = False
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an upload; without a job the very document was there already."""

    document_id: str
    job_id: str | None


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


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as its owner sees it; ``state`` is queued, running, readable, ready or failed."""

    job_id: str
    state: str
    document_ids: tuple[str, ...]
    file_name: str
    refused: tuple[dict[str, str], ...]
    created_at: str
    finished_at: str | None


def checked_file_name(name: str) -> str:
    """Return the last part of a file name, safe to show; it is data and never becomes a path.

    Raises:
        UsageError: nothing usable is left.
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    clean = "".join(character for character in last if character.isprintable()).strip()
    if not clean or clean in {".", ".."}:
        raise UsageError("the upload has no usable file name")
    return clean[-LONGEST_FILE_NAME:]


class Uploads:
    """Accepts uploads on behalf of people."""

    def __init__(self, store: Store) -> None:
        """Accept into ``store``."""
        self._store = store
        self._content_key = store.key(Purpose.CONTENT)

    def accept(self, upload: Upload, *, act: Act, permit: Permit, owner: str) -> Accepted:
        """Seal the content and queue it; durable when this returns.

        Raises:
            NotFound: base or document does not exist, or is not for this person.
            DocumentExists: the same name with other content.
        """
        name = checked_file_name(upload.file_name)
        content_hash = keyed_hash(self._content_key, upload.content)
        planned = plan_file()
        with self._store.catalogue.read() as connection:
            base_id = base_named(connection, upload.knowledge_base, permit)
        # The file first: without a row it is garbage, and a row without its file would be an alarm.
        write_file(self._store.originals_dir, planned, [upload.content], store_id=self._store.store_id)
        kept = False
        try:
            with self._store.transaction(act) as transaction:
                accepted = self._known(transaction, upload, owner, content_hash)
                if accepted is None:
                    document_id, is_new = self._document(transaction, base_id, name, upload, content_hash, permit, act)
                    accepted = Accepted(document_id, None)
                    if is_new:
                        job_id = self._queue(transaction, act, base_id, document_id, name, planned, upload)
                        self._remember(transaction, upload, owner, content_hash, job_id)
                        accepted, kept = Accepted(document_id, job_id), True
        finally:
            if not kept:
                unlink(self._store, [planned.file_name or ""])
        return accepted

    def _known(self, transaction: Transaction, upload: Upload, owner: str, content_hash: bytes) -> Accepted | None:
        if upload.idempotency_key is None:
            return None
        row = transaction.execute(
            "SELECT i.request_hash, j.job_id, j.document_id FROM idempotency_keys i JOIN jobs j ON j.job_id = i.job_id"
            " WHERE i.user_id = ? AND i.key_hash = ?",
            (owner, keyed_hash(self._content_key, upload.idempotency_key.encode())),
        ).fetchone()
        if row is None:
            return None
        if row[0] != content_hash:
            raise ConflictError(
                "this Idempotency-Key was used for other content", advice="Use a new key for a new upload."
            )
        return Accepted(row[2], row[1])

    def _remember(self, transaction: Transaction, upload: Upload, owner: str, content_hash: bytes, job_id: str) -> None:
        if upload.idempotency_key is not None:
            key_hash = keyed_hash(self._content_key, upload.idempotency_key.encode())
            transaction.execute(
                "INSERT INTO idempotency_keys (user_id, key_hash, request_hash, job_id, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (owner, key_hash, content_hash, job_id, now()),
            )

    def _document(
        self,
        transaction: Transaction,
        base_id: str,
        name: str,
        upload: Upload,
        content_hash: bytes,
        permit: Permit,
        act: Act,
    ) -> tuple[str, bool]:
        """Return the document that the upload is (a version of), and whether there is anything to do."""
        source_number = ensure_source(transaction, base_id, UPLOAD_SOURCE)
        rule_number = None
        if upload.readers is not None:
            rule_number = rule_for(transaction, find_readers(transaction.connection, upload.readers))
        if upload.replace is not None:
            return self._replaced(transaction, upload.replace, content_hash, permit, base_id)
        row = find_upload(transaction.connection, source_number, name)
        if row is not None and permit.reads(base_id, row[1]):
            if row[2] == content_hash:
                return str(row[0]), False
            if not upload.keep_both and row[2] is not None:
                raise DocumentExists(f"a document named '{name}' with other content is there", document_id=str(row[0]))
        if row is not None and (upload.keep_both or not permit.reads(base_id, row[1])):
            # What the asker may not see must not show by its name being taken.
            name = free_name(transaction.connection, source_number, name)
            row = None
        if row is not None:
            return str(row[0]), True
        document_id = add_document(
            transaction,
            base_id=base_id,
            source_number=source_number,
            external_id=name,
            actor=act.actor,
            rule_number=rule_number,
        )
        return document_id, True

    @staticmethod
    def _replaced(
        transaction: Transaction, document_id: str, content_hash: bytes, permit: Permit, base_id: str
    ) -> tuple[str, bool]:
        row = transaction.execute(
            "SELECT d.knowledge_base_id, d.rule_number, v.content_hash FROM documents d LEFT JOIN versions v"
            " ON v.document_id = d.document_id AND v.state = 'current' WHERE d.document_id = ?",
            (document_id,),
        ).fetchone()
        if row is None or row[0] != base_id or not permit.reads(row[0], row[1]):
            raise NotFound("no such document to replace")
        return document_id, row[2] != content_hash

    @staticmethod
    def _queue(
        transaction: Transaction,
        act: Act,
        base_id: str,
        document_id: str,
        name: str,
        planned: SealedOriginal,
        upload: Upload,
    ) -> str:
        job_id = secrets.token_hex(12)
        transaction.execute(
            "INSERT INTO jobs (job_id, knowledge_base_id, state, created_by, created_at, request_id, file_name,"
            " upload_file, upload_key, document_id, replaces) VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job_id,
                base_id,
                act.actor,
                now(),
                act.request_id,
                name,
                planned.file_name,
                planned.key,
                document_id,
                upload.replace is not None,
            ),
        )
        return job_id


def find_upload(connection: Connection, source_number: int, name: str) -> tuple[str, int | None, bytes | None] | None:
    """Return (document id, rule, content hash of the current version) of an upload of this name."""
    row = connection.execute(
        "SELECT d.document_id, d.rule_number, v.content_hash FROM documents d LEFT JOIN versions v"
        " ON v.document_id = d.document_id AND v.state = 'current' WHERE d.source_number = ? AND d.external_id = ?",
        (source_number, name),
    ).fetchone()
    return None if row is None else (str(row[0]), row[1], row[2])


def free_name(connection: Connection, source_number: int, name: str) -> str:
    """Return ``name (2).pdf`` or the next number that is free."""
    path = PurePosixPath(name)
    for number in range(2, MOST_COPIES):
        candidate = f"{path.stem} ({number}){path.suffix}"
        if find_upload(connection, source_number, candidate) is None:
            return candidate
    raise ConflictError("too many documents of this name", advice="Rename the file.")


def claim_job(store: Store, run_id: str) -> Claimed | None:
    """Take the oldest job that waits, also one whose worker died; None if there is none."""
    with store.catalogue.read() as connection:
        waits = connection.execute("SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1").fetchone()
    if not waits:
        return None
    with store.catalogue.transaction(run_id) as transaction:
        row = transaction.execute(
            "UPDATE jobs SET state = 'running', run_id = ? WHERE job_id = (SELECT job_id FROM jobs"
            " WHERE state = 'queued' OR (state = 'running' AND run_id <> ?) ORDER BY created_at, job_id LIMIT 1)"
            " RETURNING job_id, knowledge_base_id, document_id, file_name, created_by, request_id, upload_file,"
            " upload_key",
            (run_id, run_id),
        ).fetchone()
    if row is None:
        return None
    job_id, base_id, document_id, file_name, actor, request_id, upload_file, upload_key = row
    original = SealedOriginal(upload_key, None, upload_file)
    return Claimed(job_id, base_id, document_id, file_name, actor, request_id, original)


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
        " EXISTS (SELECT 1 FROM spaces WHERE state = 'active')"
        " FROM jobs j WHERE (? IS NULL OR j.created_by = ?) AND (? IS NULL OR j.job_id = ?)"
        " ORDER BY j.created_at DESC, j.job_id LIMIT ?",
        (owner, owner, job_id, job_id, limit),
    )
    return [job_of(connection, row, served_sequence) for row in rows.fetchall()]


def job_of(connection: Connection, row: tuple[Any, ...], served_sequence: int | None) -> JobState:
    """Build a job from its row; a job is ready when searches find its passages by words and vectors."""
    job_id, state, document_id, file_name, report, created_at, finished_at, sequence, missing, filled, any_space = row
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
    return JobState(job_id, state, documents, file_name, refused, created_at, finished_at)
