"""How documents get into the catalogue: sources, versions, chunks, and the commit that makes a version current.

Small documents (originals up to 64 KiB) go in whole, up to 256 in one commit. A larger one takes its steps in this
order: its version row, not current, with key and name of the original; the sealed original; chunks, at most 256 a
commit; one small commit that makes it current. Cut anywhere, nothing half is ever found, and what was written carries
the run's id, so that a sweep takes only what belongs to a run that has ended.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from app.database.audit import Act
from app.database.database import Transaction
from app.database.store import Store
from app.database.times import now
from app.knowledge.originals import IN_ROW_BYTES, SealedOriginal, plan_file, seal_in_row, write_file
from app.knowledge.passage import Span
from app.knowledge.sources import add_document
from app.knowledge.texts import segments, spans_to_json
from app.vault.keys import Purpose, keyed_hash

CHUNKS_PER_COMMIT = 256
DOCUMENTS_PER_COMMIT = 256
PERSON_WAITS, BULK = 0, 1  # priorities of missing vectors


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to be written: spans of the text, and the text that is embedded and indexed for it."""

    kind: str
    heading: str
    spans: tuple[Span, ...]
    tokens: int
    embedded_text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the text of a page stands on it.

    Attributes:
        confidence: of the recognition, 0..1; None where the text was not recognised from a picture.
        boxes: (start, end, left, top, right, bottom): code points of the page's text, shares (0..1) of the page.
    """

    page: int
    confidence: float | None
    boxes: tuple[tuple[int, int, float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A document as it was read, ready to become the current version.

    Attributes:
        document_id: of the document it is a version of.
        language: zh or en, whichever most of the text is.
        texts: (page, text), page from 1, or one page 0 where the format has no pages.
        content: the original bytes.
        reader: name and settings of what read it; ``splitter`` likewise.
        layouts: of the pages whose own characters do not tell where their text stands.
        password: opened the file; its pages cannot be shown without it.
    """

    document_id: str
    title: str
    media_type: str
    language: str
    pages: int
    texts: tuple[tuple[int, str], ...]
    chunks: tuple[NewChunk, ...]
    content: bytes
    reader: str
    splitter: str
    notes: tuple[str, ...] = ()
    layouts: tuple[Layout, ...] = ()
    password: str = ""
    job_id: str | None = None
    priority: int = BULK


@dataclass(frozen=True, slots=True)
class Known:
    """A document that is there already."""

    document_id: str
    content_hash: bytes | None  # of its current version; None without one
    splitter: str | None
    reader: str | None
    refused: bool


class CatalogueWriter:
    """Writes documents on behalf of one ingest run."""

    def __init__(self, store: Store, *, run_id: str, actor: str) -> None:
        """Write into ``store``; the caller holds the run's lock."""
        self._store = store
        self._content_key = store.key(Purpose.CONTENT)
        self.run_id = run_id
        self.actor = actor

    def content_hash(self, content: bytes) -> bytes:
        """Return the keyed hash by which unchanged content is known."""
        return keyed_hash(self._content_key, content)

    def find(self, source_number: int, external_id: str) -> Known | None:
        """Return what is known under this name in a source."""
        with self._store.catalogue.read() as connection:
            row = connection.execute(
                "SELECT d.document_id, v.content_hash, v.splitter, v.reader, d.refused FROM documents d"
                " LEFT JOIN versions v ON v.document_id = d.document_id AND v.state = 'current'"
                " WHERE d.source_number = ? AND d.external_id = ?",
                (source_number, external_id),
            ).fetchone()
        return None if row is None else Known(row[0], row[1], row[2], row[3], row[4] is not None)

    def add_document(
        self, base_id: str, source_number: int, external_id: str, *, rule_number: int | None = None
    ) -> str:
        """Mint the id of a new document; it is found by nobody until a version is current."""
        with self._store.catalogue.transaction(self.run_id) as transaction:
            return add_document(
                transaction,
                base_id=base_id,
                source_number=source_number,
                external_id=external_id,
                actor=self.actor,
                rule_number=rule_number,
            )

    def refuse(self, document_id: str, reason: str) -> None:
        """Keep why the latest content of a document could not be taken in."""
        with self._store.catalogue.transaction(self.run_id) as transaction:
            transaction.execute("UPDATE documents SET refused = ? WHERE document_id = ?", (reason, document_id))

    def write(self, versions: Sequence[NewVersion]) -> int:
        """Make versions current, audited; return the sequence of the last one's event.

        Raises:
            StoreFull: nothing of the group that did not fit is current; earlier ones stay.
        """
        acts = [Act(self.run_id, self.actor, "make current", version.document_id) for version in versions]
        self._store.audit.record_all(acts, "intended")
        try:
            sequence = self._write(versions)
        except BaseException:
            self._store.audit.record_all(acts, "failed")
            raise
        self._store.audit.record_all(acts, "done")
        return sequence

    def _write(self, versions: Sequence[NewVersion]) -> int:
        sequence = 0
        small: list[NewVersion] = []
        for version in versions:
            if len(version.content) > IN_ROW_BYTES or len(version.chunks) > CHUNKS_PER_COMMIT:
                sequence = max(sequence, self._write_large(version))
                continue
            small.append(version)
        for start in range(0, len(small), DOCUMENTS_PER_COMMIT):
            with self._store.catalogue.transaction(self.run_id) as transaction:
                for version in small[start : start + DOCUMENTS_PER_COMMIT]:
                    place = secrets.token_hex(16)
                    original = seal_in_row(version.content, store_id=self._store.store_id, place=place)
                    number = self._add_version(transaction, version, original, place)
                    self._add_texts(transaction, number, version)
                    self._add_chunks(transaction, number, version.chunks, first=0)
                    sequence = max(sequence, self._make_current(transaction, number, version))
        return sequence

    def _write_large(self, version: NewVersion) -> int:
        original = plan_file()
        with self._store.catalogue.transaction(self.run_id) as transaction:
            number = self._add_version(transaction, version, original, None)
        write_file(self._store.originals_dir, original, [version.content], store_id=self._store.store_id)
        with self._store.catalogue.transaction(self.run_id) as transaction:
            self._add_texts(transaction, number, version)
        for first in range(0, len(version.chunks), CHUNKS_PER_COMMIT):
            with self._store.catalogue.transaction(self.run_id) as transaction:
                self._add_chunks(transaction, number, version.chunks[first : first + CHUNKS_PER_COMMIT], first=first)
        with self._store.catalogue.transaction(self.run_id) as transaction:
            return self._make_current(transaction, number, version)

    def _add_version(
        self, transaction: Transaction, version: NewVersion, original: SealedOriginal, place: str | None
    ) -> int:
        row = transaction.execute(
            "SELECT coalesce(max(ordinal), 0) + 1 FROM versions WHERE document_id = ?", (version.document_id,)
        ).fetchone()
        return transaction.insert(
            "INSERT INTO versions (document_id, ordinal, state, run_id, content_hash, title, media_type, language,"
            " pages, reader, splitter, notes, size_bytes, original, original_file, original_key, created_at,"
            " created_by, password) VALUES (?, ?, 'writing', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                version.document_id,
                row[0],
                self.run_id,
                self.content_hash(version.content),
                version.title,
                version.media_type,
                version.language,
                version.pages,
                version.reader,
                version.splitter,
                json.dumps(version.notes, ensure_ascii=False),
                len(version.content),
                original.in_row,
                # For an original in its row this is only the name it is bound to.
                original.file_name or place,
                original.key,
                now(),
                self.actor,
                version.password or None,
            ),
        )

    def _add_texts(self, transaction: Transaction, number: int, version: NewVersion) -> None:
        transaction.executemany(
            "INSERT INTO texts (version_number, page, start, text) VALUES (?, ?, ?, ?)",
            [(number, *segment) for page, text in version.texts for segment in segments(page, text)],
        )
        transaction.executemany(
            "INSERT INTO layouts (version_number, page, confidence, boxes) VALUES (?, ?, ?, ?)",
            [
                (number, layout.page, layout.confidence, json.dumps(layout.boxes, separators=(",", ":")))
                for layout in version.layouts
            ],
        )

    def _add_chunks(self, transaction: Transaction, number: int, chunks: Sequence[NewChunk], *, first: int) -> None:
        transaction.executemany(
            "INSERT INTO chunks (version_number, ordinal, kind, heading, spans, tokens, embedded_hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    number,
                    ordinal,
                    chunk.kind,
                    chunk.heading,
                    spans_to_json(chunk.spans),
                    chunk.tokens,
                    self.content_hash(chunk.embedded_text.encode())[:16],
                )
                for ordinal, chunk in enumerate(chunks, start=first)
            ],
        )

    def _make_current(self, transaction: Transaction, number: int, version: NewVersion) -> int:
        sequence = transaction.change("made current", version.document_id)
        before = transaction.execute(
            "SELECT version_number FROM versions WHERE document_id = ? AND state = 'current'", (version.document_id,)
        ).fetchone()
        if before is not None:
            # Unchanged passages keep their vectors, so that a replacement leaves no gap in meaning.
            transaction.execute(
                "INSERT INTO vectors (chunk_number, space_number, sequence, vector)"
                " SELECT new.chunk_number, v.space_number, ?, v.vector FROM chunks new"
                " JOIN chunks old ON old.version_number = ? AND old.embedded_hash = new.embedded_hash"
                " JOIN vectors v ON v.chunk_number = old.chunk_number WHERE new.version_number = ?"
                " GROUP BY new.chunk_number, v.space_number",
                (sequence, before[0], number),
            )
            transaction.execute(
                "DELETE FROM missing_vectors WHERE chunk_number IN"
                " (SELECT chunk_number FROM chunks WHERE version_number = ?)",
                (before[0],),
            )
            transaction.execute(
                "UPDATE versions SET state = 'superseded', superseded_at = ? WHERE version_number = ?",
                (now(), before[0]),
            )
        transaction.execute(
            "UPDATE versions SET state = 'current', current_at = ? WHERE version_number = ?", (now(), number)
        )
        transaction.execute("UPDATE documents SET refused = NULL WHERE document_id = ?", (version.document_id,))
        priority = PERSON_WAITS if before is not None else version.priority
        transaction.execute(
            "INSERT INTO missing_vectors (space_number, priority, chunk_number)"
            " SELECT s.space_number, ?, c.chunk_number FROM chunks c CROSS JOIN spaces s"
            " WHERE c.version_number = ? AND s.state <> 'retired' AND NOT EXISTS"
            " (SELECT 1 FROM vectors v WHERE v.chunk_number = c.chunk_number AND v.space_number = s.space_number)",
            (priority, number),
        )
        if version.job_id is not None:
            transaction.execute(
                "INSERT INTO job_versions (job_id, version_number) VALUES (?, ?)", (version.job_id, number)
            )
        return sequence
