"""What was read of a page: its stored text, the chunks that were made of it, and what is in none of them.

A page may be a whole book (page 0 of a format without pages), so its text is given in stretches. A stretch ends where
a chunk ends, so that each chunk belongs to one stretch: the one that its end lies in.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.database.connection import Connection
from app.database.store import Store
from app.errors import NotFound, UsageError
from app.knowledge.documents import read_document
from app.knowledge.passage import Span
from app.knowledge.passage_rows import find_row
from app.knowledge.permissions import Permit
from app.knowledge.texts import read_span
from app.vault.keys import OpaqueIds, Purpose

# Spans go up the pages, so the first and the last say whether a chunk touches this one.
CHUNKS = (
    "SELECT chunk_number, ordinal, kind, heading, tokens, spans FROM chunks WHERE version_number = ?"
    " AND ? BETWEEN json_extract(spans, '$[0][0]') AND json_extract(spans, '$[#-1][0]') ORDER BY ordinal"
)
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which text is asked for.

    Attributes:
        page: from 1; 0 for what belongs to no page.
        start: where the stretch begins; None: at the beginning, or with the stretch that ``chunk_id`` is in.
        limit: most characters, from 1.
        chunk_id: a passage of the document, in whose version the page is looked up; None: in the current one.
    """

    page: int
    limit: int
    start: int | None = None
    chunk_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """A chunk that ends in a stretch of text.

    Attributes:
        spans: its parts of the stretch, [start, end) code points of it.
        cut: whether some of it lies before the stretch: the header of its table, or what it repeats.
    """

    chunk_id: str
    ordinal: int
    kind: str
    heading: str
    tokens: int
    spans: tuple[Range, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A stretch of what was read of a page; all offsets but those of the stretches count in ``text``.

    Attributes:
        version: ordinal of the version, from 1.
        superseded_at: when a newer version replaced it; None if it is the current one.
        pages: of the document; 0 where the format has none.
        beside_pages: whether there is text that belongs to no page, beside that of the pages: of attached files.
        length: of the page's whole text.
        start: where the stretch begins in it; ``previous_start`` and ``next_start`` are those of its neighbours.
        margins: what is in no chunk, such as running headers, without white space at its ends.
        recognised: how sure the recognition of the page is, 0..1; None if its text was not read from a picture.
    """

    version: int
    superseded_at: str | None
    page: int
    pages: int
    beside_pages: bool
    length: int
    start: int
    previous_start: int | None
    next_start: int | None
    text: str
    chunks: tuple[ReadChunk, ...]
    margins: tuple[Range, ...]
    recognised: float | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A chunk with its spans on the page that is looked at, in the whole text of that page."""

    number: int
    ordinal: int
    kind: str
    heading: str
    tokens: int
    spans: tuple[Range, ...]
    elsewhere: bool  # some of it is on another page

    @property
    def end(self) -> int:
        """Where it ends on the page."""
        return self.spans[-1][1]


def read_page_text(store: Store, connection: Connection, permit: Permit, document_id: str, asked: Asked) -> ReadPage:
    """Return a stretch of what was read of a page.

    Raises:
        NotFound: no such document, page or passage, or not for this asker.
        UsageError: the text of the page ends before ``asked.start``.
    """
    version = find_version(store, connection, permit, document_id, asked)
    placed = list(chunks_on(connection, version.number, asked.page))
    ends = sorted(one.end for one in placed)
    starts = stretches(ends, version.length, limit=asked.limit)
    start = first_of(asked, starts, [one.end for one in placed if one.number == version.cited])
    if start and start >= version.length:
        raise UsageError(f"the text of this page has {version.length} characters")
    end = end_of(ends, start, version.length, limit=asked.limit)
    before = bisect_left(starts, start) - 1
    text = read_span(connection, version.number, Span(asked.page, start, end)) if end > start else ""
    ids = OpaqueIds(store.key(Purpose.CHUNK_IDS))
    confidence = connection.execute(
        "SELECT confidence FROM layouts WHERE version_number = ? AND page = ?", (version.number, asked.page)
    ).fetchone()
    return ReadPage(
        version=version.ordinal,
        superseded_at=version.superseded_at,
        page=asked.page,
        pages=version.pages,
        beside_pages=version.beside_pages,
        length=version.length,
        start=start,
        previous_start=starts[before] if before >= 0 else None,
        next_start=end if end < version.length else None,
        text=text,
        chunks=tuple(shown(ids, one, start, end) for one in placed if start < one.end <= end),
        margins=tuple(margins_of(text, (span for one in placed for span in within(one.spans, start, end)))),
        recognised=None if confidence is None else confidence[0],
    )


@dataclass(frozen=True, slots=True)
class Version:
    """The version whose page is looked at; ``cited`` is the number of the passage that was named."""

    number: int
    ordinal: int
    superseded_at: str | None
    pages: int
    beside_pages: bool
    length: int
    cited: int | None


def find_version(store: Store, connection: Connection, permit: Permit, document_id: str, asked: Asked) -> Version:
    """Return the version that a passage is of, else the current one; raises NotFound as ``read_page_text``."""
    read_document(connection, permit, document_id)
    number: int | None = None
    cited: int | None = None
    if asked.chunk_id is not None:
        row = find_row(store, connection, permit, asked.chunk_id)
        if row.document_id != document_id:
            raise NotFound("no such passage")
        number, cited = row.version_number, row.number
    found = connection.execute(
        "SELECT version_number, ordinal, superseded_at, pages FROM versions"
        " WHERE document_id = ? AND (version_number = ? OR ? IS NULL AND state = 'current')",
        (document_id, number, number),
    ).fetchone()
    if found is None:
        raise NotFound("this document has no content yet")
    number, ordinal, superseded_at, pages = found
    beside_pages = pages > 0 and length_of(connection, number, 0) > 0
    if not 0 <= asked.page <= pages or (asked.page == 0 < pages and not beside_pages):
        raise NotFound("this document has no such page")
    length = length_of(connection, number, asked.page)
    return Version(number, ordinal, superseded_at, pages, beside_pages, length, cited)


def length_of(connection: Connection, version_number: int, page: int) -> int:
    """Return how many characters the text of a page has."""
    row = connection.execute(
        "SELECT start, text FROM texts WHERE version_number = ? AND page = ? ORDER BY start DESC LIMIT 1",
        (version_number, page),
    ).fetchone()
    return 0 if row is None else int(row[0]) + len(row[1])


def chunks_on(connection: Connection, version_number: int, page: int) -> Iterator[Placed]:
    """Yield the chunks of which something is on a page, in reading order."""
    for number, ordinal, kind, heading, tokens, spans_json in connection.execute(CHUNKS, (version_number, page)):
        spans = json.loads(spans_json)
        here = tuple((start, end) for on, start, end in spans if on == page)
        if here:
            yield Placed(number, ordinal, kind, heading, tokens, here, len(here) < len(spans))


def stretches(ends: Sequence[int], length: int, *, limit: int) -> list[int]:
    """Return where the stretches of a text begin, given where its chunks end."""
    starts = [0]
    while (end := end_of(ends, starts[-1], length, limit=limit)) < length:
        starts.append(end)
    return starts


def end_of(ends: Sequence[int], start: int, length: int, *, limit: int) -> int:
    """Return where a stretch ends: with the last chunk that ends in it; at the limit if none does."""
    if length - start <= limit:
        return length
    place = bisect_right(ends, start + limit)
    last = ends[place - 1] if place else 0
    return last if last > start else start + limit


def first_of(asked: Asked, starts: Sequence[int], cited_ends: Sequence[int]) -> int:
    """Return where the stretch that is asked for begins."""
    if asked.start is not None:
        return asked.start
    return starts[bisect_left(starts, cited_ends[0]) - 1] if cited_ends else 0


def within(spans: Iterable[Range], start: int, end: int) -> Iterator[Range]:
    """Yield the parts of spans that lie in a stretch, counted from its beginning."""
    for first, last in spans:
        if first < end and last > start:
            yield max(first, start) - start, min(last, end) - start


def shown(ids: OpaqueIds, chunk: Placed, start: int, end: int) -> ReadChunk:
    """Return a chunk as it stands in its stretch."""
    spans = tuple(within(chunk.spans, start, end))
    cut = chunk.elsewhere or chunk.spans[0][0] < start
    return ReadChunk(ids.show(chunk.number), chunk.ordinal, chunk.kind, chunk.heading, chunk.tokens, spans, cut)


def margins_of(text: str, spans: Iterable[Range]) -> Iterator[Range]:
    """Yield the parts of a text that no span covers, without white space at their ends."""
    at = 0
    for first, last in [*sorted(spans), (len(text), len(text))]:
        between = text[at:first]
        if bare := between.strip():
            begin = at + between.index(bare)
            yield begin, begin + len(bare)
        at = max(at, last)
