"""A page as it is to be shown: whose original it is drawn from, and where on it the cited words stand."""

from dataclasses import dataclass

from app.database.connection import Connection
from app.database.store import Store
from app.errors import NotFound, UsageError
from app.knowledge.documents import read_chunk, read_document
from app.knowledge.originals import SealedOriginal, read_original
from app.knowledge.passage import Span
from app.knowledge.permissions import Permit
from app.knowledge.texts import read_page
from app.vault.keys import OpaqueIds, Purpose

VERSION = "SELECT v.version_number, v.media_type, v.pages, v.original, v.original_file, v.original_key FROM versions v"
WITH_PAGES = "application/pdf"
NO_PAGES_ADVICE = "Only PDF documents are shown page by page; download the original, or open the passage."


@dataclass(frozen=True, slots=True)
class Citation:
    """What is to be marked.

    Attributes:
        chunk_id: the passage.
        start: first code point of the passage's text; None: from its beginning.
        end: one past the last; None: to its end.
    """

    chunk_id: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class CitedPage:
    """A page of one version of a document.

    Attributes:
        page: from 1.
        stored: the page's text, where something is cited.
        cited: spans of it, each with the part that is cited: (start, end, first, last) in code points.
        original: the sealed PDF.
        place: the name to which one that lies in its row is bound.
    """

    page: int
    stored: str
    cited: tuple[tuple[int, int, int, int], ...]
    original: SealedOriginal
    place: str

    def content(self, store: Store) -> bytes:
        """Return the PDF; raises as ``read_original``."""
        return b"".join(read_original(store.originals_dir, self.original, store_id=store.store_id, place=self.place))


def find_page(
    store: Store, connection: Connection, permit: Permit, document_id: str, page: int, citation: Citation | None
) -> CitedPage:
    """Return a page of the version that is cited, else of the current one.

    Raises:
        NotFound: no such document or page, or not for this asker; no such passage in this document.
        UsageError: what is cited does not lie in the passage.
    """
    read_document(connection, permit, document_id)
    spans: tuple[Span, ...] = ()
    if citation is None:
        row = connection.execute(
            f"{VERSION} WHERE v.document_id = ? AND v.state = 'current'", (document_id,)
        ).fetchone()
    else:
        passage = read_chunk(store, connection, permit, citation.chunk_id)
        if passage.document_id != document_id:
            raise NotFound("no such passage")
        spans = passage.spans
        # An old citation is shown on the page that it was taken from, as long as that is there.
        number = OpaqueIds(store.key(Purpose.CHUNK_IDS)).number(citation.chunk_id)
        row = connection.execute(
            f"{VERSION} JOIN chunks c ON c.version_number = v.version_number WHERE c.chunk_number = ?", (number,)
        ).fetchone()
    if row is None:
        raise NotFound("this document has no content yet")
    version_number, media_type, pages, in_row, name, key = row
    if media_type != WITH_PAGES:
        raise NotFound("this document has no pages", advice=NO_PAGES_ADVICE)
    if not 1 <= page <= pages:
        raise NotFound("this document has no such page")
    cited = () if citation is None else cited_on(page, spans, citation)
    stored = read_page(connection, version_number, page) if cited else ""
    return CitedPage(page, stored, cited, SealedOriginal(key, in_row, name), name)


def cited_on(page: int, spans: tuple[Span, ...], citation: Citation) -> tuple[tuple[int, int, int, int], ...]:
    """Return the spans of a passage on one page, each with the part of it that is cited.

    Raises:
        UsageError: the citation does not lie in the passage, whose text is its spans joined by a newline.
    """
    length = sum(span.end - span.start for span in spans) + len(spans) - 1
    start = 0 if citation.start is None else citation.start
    end = length if citation.end is None else citation.end
    if not 0 <= start < end <= length:
        raise UsageError("start and end must lie in the passage, start first")
    cited: list[tuple[int, int, int, int]] = []
    at = 0
    for span in spans:
        first, last = span.start + max(start - at, 0), min(span.start + end - at, span.end)
        if span.page == page and first < last:
            cited.append((span.start, span.end, first, last))
        at += span.end - span.start + 1
    return tuple(cited)
