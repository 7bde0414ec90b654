"""Tables with merged cells -> Markdown tables in which each row says all it means."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.reading.block import Block
from app.reading.contract import markdown_table

MOST_COLUMNS = 500
MOST_HEADER_ROWS = 5
MOST_HEAD_CHARS = 60  # of a cell above others; longer text is content
# A longer table comes in several blocks, each with the header, so that none is cut without one.
BLOCK_ROWS = 1_000
BLOCK_CHARS = 15_000


@dataclass(slots=True)
class Cell:
    """One cell of a row.

    Attributes:
        across: so many columns wide.
        continued: it is the lower part of the cell above it.
    """

    text: str
    across: int = 1
    continued: bool = False


def table_blocks(rows: list[list[Cell]], page: int = 0, marked_headers: int = 0) -> Iterator[Block]:
    """Give a table as blocks: its caption if it spans the first row, then its rows under one header.

    A cell merged downwards repeats its text in each row; one merged across stands in the first of its columns, in
    a header of several rows in all of them.

    Args:
        rows: the cells as they are stored.
        page: where the table stands.
        marked_headers: so many rows the document itself calls headers.
    """
    rows = [row for row in rows if row]
    width = max((sum(cell.across for cell in row) for row in rows), default=0)
    while len(rows) > 1 and len(rows[0]) == 1 and rows[0][0].across == width > 1:
        caption = rows.pop(0)[0].text
        marked_headers -= 1
        if caption.strip():
            yield Block("paragraph", caption, page)
    depth = header_depth(rows, marked_headers)
    above: list[str] = []
    header = joined([spread(row, above, repeat=depth > 1) for row in rows[:depth]])
    slice_rows: list[list[str]] = []
    chars = 0
    for row in rows[depth:]:
        line = spread(row, above, repeat=False)
        slice_rows.append(line)
        chars += sum(map(len, line)) + 3 * len(line)
        if chars > BLOCK_CHARS or len(slice_rows) >= BLOCK_ROWS:
            yield Block("table", markdown_table([header, *slice_rows]), page)
            slice_rows, chars = [], 0
    if slice_rows or len(rows) == depth:
        yield Block("table", markdown_table([header, *slice_rows]), page)


def header_depth(rows: list[list[Cell]], marked: int) -> int:
    """Give the number of header rows; where the document does not mark them, their merged cells tell."""
    if 1 <= marked < len(rows):
        return min(marked, MOST_HEADER_ROWS)
    depth = 1
    while depth < min(len(rows) - 1, MOST_HEADER_ROWS) and goes_on(rows[depth - 1], rows[depth]):
        depth += 1
    return depth


def goes_on(row: list[Cell], below: list[Cell]) -> bool:
    """Whether a header goes on in the next row: each of its cells reaches into it or is wider than one column.

    A form, whose label beside several lines is merged downwards too, has cells that do neither.
    """
    reaching: set[int] = set()
    column = 0
    for cell in below:
        if cell.continued:
            reaching.add(column)
        column += cell.across
    column = 0
    wide = False
    for cell in row:
        if column not in reaching:
            if cell.across == 1 or len(cell.text) > MOST_HEAD_CHARS:
                return False
            wide = True
        column += cell.across
    return wide and bool(reaching)


def spread(row: list[Cell], above: list[str], *, repeat: bool) -> list[str]:
    """Give the text of each column; ``above`` holds the row before and is brought up to date."""
    line: list[str] = []
    for cell in row:
        column = len(line)
        text = above[column] if cell.continued and column < len(above) else "" if cell.continued else cell.text
        line.append(text)
        more = min(cell.across, MOST_COLUMNS - column) - 1
        line.extend([text if repeat else ""] * more)
    above[: len(line)] = line
    return line


def joined(rows: list[list[str]]) -> list[str]:
    """Make one header of several rows: what stands above a column from top to bottom, each text once."""
    width = max(map(len, rows), default=0)
    columns = [dict.fromkeys(row[column] for row in rows if column < len(row)) for column in range(width)]
    return [" ".join(text for text in column if text.strip()) for column in columns]
