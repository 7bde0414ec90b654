"""A page as it is to be shown: whose original it is drawn from, and where on it the cited words stand."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.database.connection import Connection
from app.database.store import Store
from app.errors import NotFound, UsageError
from app.knowledge.documents import read_chunk, read_document
from app.knowledge.originals import SealedOriginal, read_original
from app.knowledge.passage import Span
from app.knowledge.permissions import Permit
from app.knowledge.texts import read_page
from app.vault.keys import OpaqueIds, Purpose

VERSION = (
    "SELECT v.version_number, v.media_type, v.pages, v.original, v.original_file, v.original_key, v.password"
    " FROM versions v"
)
WITH_PAGES = ("application/pdf", "image/")
LETTER = re.compile(r"[^\W_]")  # between the cells of a table only its rules have no box
NO_PAGES_ADVICE = "Only PDF documents and pictures are shown page by page; download the original, or open the passage."


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


class Place(NamedTuple):
    """Where a stretch of a page's text stands: code points, and shares (0..1) of the page as it is seen."""

    start: int
    end: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class CitedPage:
    """A page of one version of a document.

    Attributes:
        page: from 1.
        stored: the page's text, where something is cited.
        cited: spans of it, each with the part that is cited: (start, end, first, last) in code points.
        boxes: where else cited words stand: left, top, right, bottom as shares (0..1) of the page.
        original: the sealed PDF or picture.
        place: the name to which one that lies in its row is bound.
        password: opens the PDF if it is protected.
    """

    page: int
    stored: str
    cited: tuple[tuple[int, int, int, int], ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    original: SealedOriginal
    place: str
    password: str

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
    version_number, media_type, pages, in_row, name, key, password = row
    if not media_type.startswith(WITH_PAGES):
        raise NotFound("this document has no pages", advice=NO_PAGES_ADVICE)
    if not 1 <= page <= pages:
        raise NotFound("this document has no such page")
    cited = () if citation is None else cited_on(page, spans, citation)
    places = read_places(connection, version_number, page) if cited else []
    boxes = tuple(box for _, _, first, last in cited for box in boxes_of(places, first, last))
    stored = read_page(connection, version_number, page) if cited else ""
    if places:
        parts = (part for _, _, first, last in cited for part in unplaced(places, first, last))
        cited = tuple((*part, *part) for part in parts if LETTER.search(stored, *part))
    return CitedPage(page, stored, cited, boxes, SealedOriginal(key, in_row, name), name, password or "")


def read_places(connection: Connection, version_number: int, page: int) -> list[Place]:
    """Return where the text of a page stands, as far as that was kept."""
    row = connection.execute(
        "SELECT boxes FROM layouts WHERE version_number = ? AND page = ?", (version_number, page)
    ).fetchone()
    return [] if row is None else [Place(*numbers) for numbers in json.loads(row[0])]


def boxes_of(places: list[Place], first: int, last: int) -> Iterator[tuple[float, float, float, float]]:
    """Yield the boxes of a stretch of text; of a line that is cited in part, about that part."""
    for place in places:
        start, end = max(first, place.start), min(last, place.end)
        if start < end:
            wide = (place.right - place.left) / (place.end - place.start)
            left, right = place.left + (start - place.start) * wide, place.left + (end - place.start) * wide
            yield left, place.top, right, place.bottom


def unplaced(places: list[Place], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a cited stretch that have no box: they are looked for among the page's own characters."""
    for place in places:
        if place.end > first and place.start < last:
            if place.start > first:
                yield first, place.start
            first = max(first, place.end)
    if first < last:
        yield first, last


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
