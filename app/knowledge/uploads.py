"""Uploads: a document that a person sends becomes a sealed file and a job, which the worker takes.

Source ``upload``, external id = file name. The same name and content is that document; the same name with other
content is refused unless the caller says to replace it or keep both.
"""

import secrets
from dataclasses import dataclass
from pathlib import PurePosixPath

from app.database.audit import Act
from app.database.connection import Connection
from app.database.database import Transaction
from app.database.store import Store
from app.database.times import now
from app.errors import ConflictError, DocumentExists, NotFound, UsageError
from app.knowledge.bases import base_named
from app.knowledge.originals import SealedOriginal, plan_file, write_file
from app.knowledge.permissions import Permit, find_readers, rule_for
from app.knowledge.removal import unlink
from app.knowledge.sources import UPLOAD_SOURCE, add_document, ensure_source
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
        password: opens the file if it is protected.
    """

    file_name: str
    content: bytes
    knowledge_base: str
    readers: tuple[str, ...] | None = None
    replace: str | None = None
    keep_both: bool = False
    idempotency_key: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an upload; without a job the very document was there already."""

    document_id: str
    job_id: str | None


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
        if upload.replace is not None and upload.readers is not None:
            raise UsageError(
                "a new version keeps the readers of its document",
                advice="Send it without 'access', and change the readers by PUT .../access.",
            )
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
        known = find_upload(transaction.connection, source_number, name)
        if known is not None and permit.reads(base_id, known.rule_number):
            if known.content_hash == content_hash:
                return known.document_id, False
            if known.content_hash is not None and not upload.keep_both:
                raise DocumentExists(
                    f"a document named '{name}' with other content is there", document_id=known.document_id
                )
            if known.content_hash is None and known.created_by == act.actor and not upload.keep_both:
                # An earlier try of the same person that was refused, or is still being read.
                if rule_number is not None:
                    transaction.execute(
                        "UPDATE documents SET rule_number = ? WHERE document_id = ?", (rule_number, known.document_id)
                    )
                    transaction.next_value("access")
                return known.document_id, True
        if known is not None and permit.reads(base_id, known.rule_number):
            name = free_name(transaction.connection, source_number, name)
        elif known is not None:
            # What the sender may not see must not show by its name being taken: no number that counts on.
            path = PurePosixPath(name)
            name = f"{path.stem} ({secrets.token_hex(3)}){path.suffix}"
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
            " upload_file, upload_key, document_id, replaces, password)"
            " VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                upload.password,
            ),
        )
        return job_id


@dataclass(frozen=True, slots=True)
class KnownUpload:
    """An upload that is there under a name; without a current version there is no content hash."""

    document_id: str
    rule_number: int | None
    created_by: str
    content_hash: bytes | None


def find_upload(connection: Connection, source_number: int, name: str) -> KnownUpload | None:
    """Return the upload of this name."""
    row = connection.execute(
        "SELECT d.document_id, d.rule_number, d.created_by, v.content_hash FROM documents d LEFT JOIN versions v"
        " ON v.document_id = d.document_id AND v.state = 'current' WHERE d.source_number = ? AND d.external_id = ?",
        (source_number, name),
    ).fetchone()
    return None if row is None else KnownUpload(*row)


def free_name(connection: Connection, source_number: int, name: str) -> str:
    """Return ``name (2).pdf`` or the next number that is free."""
    path = PurePosixPath(name)
    for number in range(2, MOST_COPIES):
        candidate = f"{path.stem} ({number}){path.suffix}"
        if find_upload(connection, source_number, candidate) is None:
            return candidate
    raise ConflictError("too many documents of this name", advice="Rename the file.")
