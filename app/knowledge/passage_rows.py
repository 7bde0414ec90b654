"""A chunk with everything that stands around it in the catalogue: one statement, and the passage it makes.

Between ``COLUMNS`` and ``JOINS`` stands which chunks ``c`` are wanted; none is shown that is not ``readable``.
"""

from typing import NamedTuple

from app.database.connection import Connection
from app.database.store import Store
from app.errors import NotFound
from app.knowledge.passage import Passage
from app.knowledge.permissions import Permit
from app.knowledge.texts import read_spans, spans_from_json
from app.vault.keys import OpaqueIds, Purpose

COLUMNS = (
    "SELECT c.chunk_number, c.version_number, c.kind, c.heading, c.spans, v.title, v.superseded_at, d.document_id,"
    " d.external_id, d.knowledge_base_id, d.rule_number, b.name, l.confidence"
)
# A passage stands on the page of its last span: what it repeats of a table's header may be from far above.
JOINS = (
    " JOIN versions v ON v.version_number = c.version_number AND v.state IN ('current', 'superseded')"
    " JOIN documents d ON d.document_id = v.document_id"
    " JOIN knowledge_bases b ON b.knowledge_base_id = d.knowledge_base_id"
    " LEFT JOIN layouts l INDEXED BY recognised_pages ON l.version_number = c.version_number"
    " AND l.page = json_extract(c.spans, '$[#-1][0]') AND l.confidence IS NOT NULL"
)


class PassageRow(NamedTuple):
    """A row of ``COLUMNS``."""

    number: int
    version_number: int
    kind: str
    heading: str
    spans: str
    title: str
    superseded_at: str | None
    document_id: str
    external_id: str
    base_id: str
    rule_number: int | None
    base: str
    recognised: float | None

    def readable(self, permit: Permit) -> bool:
        """Whether it may be shown to whom the permit was made for."""
        return permit.reads(self.base_id, self.rule_number)

    def passage(
        self,
        connection: Connection,
        chunk_id: str,
        *,
        similarity: float | None = None,
        relevance: float = 0.0,
        word_share: float = 0.0,
    ) -> Passage:
        """Read its text, in the transaction that read the row."""
        spans = spans_from_json(self.spans)
        return Passage(
            chunk_id=chunk_id,
            document_id=self.document_id,
            external_id=self.external_id,
            knowledge_base=self.base,
            title=self.title,
            page=spans[-1].page or None,
            heading=self.heading,
            kind=self.kind,
            text=read_spans(connection, self.version_number, spans),
            spans=spans,
            similarity=similarity,
            relevance=relevance,
            word_share=word_share,
            superseded_at=self.superseded_at,
            recognised=self.recognised,
        )


def find_row(store: Store, connection: Connection, permit: Permit, chunk_id: str) -> PassageRow:
    """Return the chunk a citation points at, also of a version that was replaced and is not removed yet.

    Raises:
        NotFound: it does not exist (any more), or is not for this asker.
    """
    number = OpaqueIds(store.key(Purpose.CHUNK_IDS)).number(chunk_id)
    found = connection.execute(f"{COLUMNS} FROM chunks c{JOINS} WHERE c.chunk_number = ?", (number,)).fetchone()
    if found is None or not (row := PassageRow(*found)).readable(permit):
        raise NotFound("no such passage")
    return row
