"""Documents as people see them: listed, looked at, opened to other readers; and what a citation points at."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from app.database.audit import Act
from app.database.connection import Connection
from app.database.store import Store
from app.errors import NotFound
from app.knowledge.originals import SealedOriginal, read_original
from app.knowledge.passage import Passage
from app.knowledge.passage_rows import find_row
from app.knowledge.permissions import Permit, find_readers, rule_for

MOST_LISTED = 500
COLUMNS = (
    "SELECT d.document_id, d.knowledge_base_id, d.rule_number, b.name, s.name, d.external_id, d.refused, d.created_at,"
    " d.created_by,"
    " v.version_number, v.ordinal, v.title, v.media_type, v.language, v.pages, v.size_bytes, v.notes, v.current_at,"
    " (SELECT count(*) FROM chunks c WHERE c.version_number = v.version_number),"
    " EXISTS (SELECT 1 FROM chunks c JOIN missing_vectors m ON m.chunk_number = c.chunk_number"
    " WHERE c.version_number = v.version_number)"
    " FROM documents d JOIN knowledge_bases b ON b.knowledge_base_id = d.knowledge_base_id"
    " JOIN sources s ON s.source_number = d.source_number"
    " LEFT JOIN versions v ON v.document_id = d.document_id AND v.state = 'current'"
)
LISTED = (
    " WHERE d.document_id > ? AND (? IS NULL OR b.name = ?) AND (? IS NULL OR d.external_id = ?)"
    " AND d.knowledge_base_id IN (SELECT value FROM json_each(?)) ORDER BY d.document_id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its current version.

    Attributes:
        state: pending (nothing findable yet), refused, readable (by words) or ready (by vectors too).
        version: ordinal of the current version, from 1; None without one.
        refused: why the latest content could not be taken in.
    """

    document_id: str
    knowledge_base: str
    source: str
    external_id: str
    state: str
    title: str
    version: int | None
    media_type: str | None
    language: str | None
    pages: int | None
    chunks: int
    size_bytes: int | None
    notes: tuple[str, ...]
    refused: str | None
    created_at: str
    created_by: str
    current_at: str | None


def document_of(row: tuple[object, ...]) -> Document:
    """Build a document from a row of ``COLUMNS``."""
    (document_id, _, _, base, source, external_id, refused, created_at, created_by, *version) = row
    version_number, ordinal, title, media_type, language, pages, size_bytes, notes, current_at, chunks, waits = version
    if version_number is None:
        state = "pending" if refused is None else "refused"
    else:
        state = "readable" if waits else "ready"
    return Document(
        document_id=str(document_id),
        knowledge_base=str(base),
        source=str(source),
        external_id=str(external_id),
        state=state,
        title=str(title or external_id),
        version=ordinal,  # type: ignore[arg-type]
        media_type=media_type,  # type: ignore[arg-type]
        language=language,  # type: ignore[arg-type]
        pages=pages,  # type: ignore[arg-type]
        chunks=int(str(chunks)),
        size_bytes=size_bytes,  # type: ignore[arg-type]
        notes=tuple(json.loads(str(notes))) if notes else (),
        refused=None if refused is None else str(refused),
        created_at=str(created_at),
        created_by=str(created_by),
        current_at=None if current_at is None else str(current_at),
    )


def list_documents(
    connection: Connection,
    permit: Permit,
    *,
    knowledge_base: str | None = None,
    state: str | None = None,
    external_id: str | None = None,
    after: str = "",
    limit: int = 100,
) -> tuple[list[Document], str | None]:
    """Return documents that may be read, by id, and the cursor of the next page."""
    documents: list[Document] = []
    limit = min(limit, MOST_LISTED)
    batch = limit
    bases = json.dumps(list(permit.knowledge_base_ids))
    while True:
        rows = connection.execute(
            COLUMNS + LISTED,
            (after, knowledge_base, knowledge_base, external_id, external_id, bases, batch),
        ).fetchall()
        for row in rows:
            after = row[0]
            document = document_of(row)
            if permit.reads(row[1], row[2]) and state in {None, document.state}:
                documents.append(document)
                if len(documents) == limit:
                    return documents, after
        if len(rows) < batch:
            return documents, None
        batch = min(2 * batch, MOST_LISTED)  # many were not for this asker


def read_document(connection: Connection, permit: Permit, document_id: str) -> Document:
    """Return one document.

    Raises:
        NotFound: it does not exist, or is not for this asker.
    """
    row = connection.execute(f"{COLUMNS} WHERE d.document_id = ?", (document_id,)).fetchone()
    if row is None or not permit.reads(row[1], row[2]):
        raise NotFound("no such document")
    return document_of(row)


def set_access(store: Store, act: Act, document_id: str, readers: tuple[str, ...] | None) -> None:
    """Cut a document's readers down to some of its base's, or give it back to all of them (None)."""
    with store.transaction(act) as transaction:
        rule = None if readers is None else rule_for(transaction, find_readers(transaction.connection, readers))
        changed = transaction.execute("UPDATE documents SET rule_number = ? WHERE document_id = ?", (rule, document_id))
        if not changed.rowcount:
            raise NotFound("no such document")
        transaction.next_value("access")
        transaction.change("access changed", document_id)


def open_original(store: Store, connection: Connection, document_id: str) -> tuple[str, Iterator[bytes]]:
    """Return media type and bytes of the current version's original; the caller has checked the permission."""
    row = connection.execute(
        "SELECT media_type, original, original_file, original_key FROM versions"
        " WHERE document_id = ? AND state = 'current'",
        (document_id,),
    ).fetchone()
    if row is None:
        raise NotFound("this document has no content yet")
    media_type, in_row, name, key = row
    sealed = SealedOriginal(key, in_row, name)
    return media_type, read_original(store.originals_dir, sealed, store_id=store.store_id, place=name)


def read_chunk(store: Store, connection: Connection, permit: Permit, chunk_id: str) -> Passage:
    """Return the passage a citation points at; a replaced one says when it was replaced.

    Raises:
        NotFound: it does not exist (any more), or is not for this asker.
    """
    return find_row(store, connection, permit, chunk_id).passage(connection, chunk_id)
