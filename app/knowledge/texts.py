"""The stored text of a version, in segments, and what is derived from it: passages and what is embedded."""

import json
import re
from collections.abc import Iterable, Iterator

from app.database.connection import Connection
from app.knowledge.passage import Span
from app.knowledge.tokens import unbroken

TABLE_ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
CELL_BORDER = re.compile(r"(?<!\\)\|")
SEGMENT_CHARS = 4_096  # a passage then costs one or two small reads, also from a book without pages


def segments(page: int, text: str) -> Iterator[tuple[int, int, str]]:
    """Cut the text of a page into rows (page, start, text)."""
    for start in range(0, len(text), SEGMENT_CHARS):
        yield page, start, text[start : start + SEGMENT_CHARS]


def read_span(connection: Connection, version_number: int, span: Span) -> str:
    """Return the text of a span."""
    first = span.start - span.start % SEGMENT_CHARS
    rows = connection.execute(
        "SELECT text FROM texts WHERE version_number = ? AND page = ? AND start >= ? AND start < ? ORDER BY start",
        (version_number, span.page, first, span.end),
    )
    text = "".join(row[0] for row in rows)
    return text[span.start - first : span.end - first]


def read_spans(connection: Connection, version_number: int, spans: Iterable[Span]) -> str:
    """Return the text of a chunk: its spans, joined by a newline."""
    return "\n".join(read_span(connection, version_number, span) for span in spans)


def read_page(connection: Connection, version_number: int, page: int) -> str:
    """Return the whole text of a page (0: of a format without pages)."""
    rows = connection.execute(
        "SELECT text FROM texts WHERE version_number = ? AND page = ? ORDER BY start", (version_number, page)
    )
    return "".join(row[0] for row in rows)


def spans_to_json(spans: Iterable[Span]) -> str:
    """Write spans for a row."""
    return json.dumps([[span.page, span.start, span.end] for span in spans], separators=(",", ":"))


def spans_from_json(text: str) -> tuple[Span, ...]:
    """Read spans from a row."""
    return tuple(Span(page, start, end) for page, start, end in json.loads(text))


def embedded_text(title: str, heading: str, text: str) -> str:
    """Return what is embedded and indexed: title and headings give a chunk its context; they are not stored with it."""
    return "\n".join(part for part in (title, heading if heading != title else "", unbroken(unruled(text))) if part)


def unruled(text: str) -> str:
    """Return text without the rules of its tables, which mean nothing to a model and take a third of its tokens."""
    return TABLE_ROW.sub(lambda row: words_of(row[0]), text) if "|" in text else text


def words_of(row: str) -> str:
    """Return the cells of a row of a table, those of the rule below its header not among them."""
    cells = (cell.strip() for cell in CELL_BORDER.split(row))
    return "  ".join(cell for cell in cells if cell.strip("-:"))
