"""The lines that were seen on a picture -> blocks, with the place of each line on the page.

What makes paragraphs, headings and margins is the same as on the pages of a PDF.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.reading.block import Block, TextBox
from app.reading.pdf_blocks import Text
from app.reading.pdf_cells import Cells, Piece, joint, markdown_of, wide
from app.reading.pdf_layout import Headings, Paragraphs
from app.reading.pdf_margins import WINDOW, Ends, Margins, ends_of
from app.reading.pdf_parts import Line, Page
from app.reading.pdf_place import Box
from app.reading.scan_order import Placed, Row, in_order, level, rows_of

PAGE_WIDTH = 595.0  # points: every page is measured as if it were A4, as the rules for PDFs are in points
SAME_SIZE = 0.1  # of the size of ordinary text: what was measured differs by so much
ROW_APART = 3.0  # heights of a row: what is further below belongs to another table
ALIGNED = 0.6  # of a cell's height: cells of a column begin, end or have their middles that near
WRAPPED = 0.8  # heights of a row: what is nearer goes on with the cell above
WIDE_SET = 2.5  # heights of a line between the characters of a word that is set wide
BESIDE = "  "  # between what stands far apart in one line


@dataclass(frozen=True, slots=True)
class Written:
    """A line of text with its place.

    Attributes:
        corners: clockwise from where it begins, in shares of the width and height of the upright page.
        place: in shares of the page as it is seen, which may lie on its side.
        size: of its font, as a share of the width of the upright page.
    """

    text: str
    corners: tuple[tuple[float, float], ...]
    place: Box
    size: float


@dataclass(frozen=True, slots=True)
class Item:
    """A line of text or a table, and where its words stand."""

    text: str
    boxes: tuple[TextBox, ...]
    box: Box
    size: float
    table: bool = False


class ScanBlocks:
    """Builds the blocks of one page after the other, and knows what earlier ones had in their margins."""

    def __init__(self, pages: int) -> None:
        self._margins = Margins(pages)
        self._before: list[tuple[int, Ends]] = []

    def of(self, number: int, written: Sequence[Written], shape: float) -> Iterator[Block]:
        """Give the blocks of a page; its ``shape`` is its height by its width."""
        body = body_of(written) * PAGE_WIDTH
        items = list(items_of(written, shape, body))
        lines = [Line(item.text, index, item.box, item.box, item.size) for index, item in enumerate(items)]
        page = Page(number, PAGE_WIDTH, PAGE_WIDTH * shape, list(lines))
        ends = ends_of(page)
        margins = self._margins.of(page, ends, self._before, body)
        self._before = [*self._before, (number, ends)][-WINDOW:]
        own = [line for line, item in zip(lines, items, strict=True) if not item.table and line.start not in margins]
        text = Text(number, None, Headings(body, own), Paragraphs(own))
        waiting: list[Line] = []
        for line, item in zip(lines, items, strict=True):
            if not item.table and line.start not in margins:
                waiting.append(line)
                continue
            yield from boxed(text.blocks(waiting), waiting, items)
            waiting = []
            yield Block("table" if item.table else "margin", item.text, number, boxes=item.boxes)
        yield from boxed(text.blocks(waiting), waiting, items)


def boxed(blocks: Iterator[Block], lines: Sequence[Line], items: Sequence[Item]) -> Iterator[Block]:
    """Give the blocks that were made of lines, each with the places of its own lines."""
    following = iter(lines)
    for block in blocks:
        boxes: list[TextBox] = []
        at = 0
        for text in block.text.split("\n"):
            item = items[next(following).start]
            boxes += (replace(box, start=box.start + at, end=box.end + at) for box in item.boxes)
            at += len(text) + 1
        yield replace(
            block, text=block.text.replace("\n", " ") if block.kind == "heading" else block.text, boxes=tuple(boxes)
        )


def body_of(written: Sequence[Written]) -> float:
    """Give the size of the text: its upper quartile, as notes may be most of a page, headings never are."""
    above = sum(len(line.text) for line in written) * 3 / 4
    for line in sorted(written, key=lambda one: one.size):
        above -= len(line.text)
        if above <= 0:
            return line.size
    return 0.0


def items_of(written: Sequence[Written], shape: float, body: float) -> Iterator[Item]:
    """Give the lines and tables of a page in order."""
    quads = [[(x * PAGE_WIDTH, y * PAGE_WIDTH * shape) for x, y in line.corners] for line in written]
    for column in in_order(level(quads)):
        for rows in tables_apart(rows_of(column)):
            yield table_of(rows, written) if len(rows) > 1 else line_of(rows[0], written, body)


def tables_apart(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Give rows one by one, but those of a table together: two or more with cells, and what goes on in one of them."""
    table: list[Row] = []
    for row in rows:
        if table and not goes_on(table, row):
            yield from done(table)
            table = []
        if table or len(row.cells) > 1:
            table.append(row)
        else:
            yield [row]
    yield from done(table)


def done(rows: list[Row]) -> Iterator[list[Row]]:
    """Give the rows of a table, or those that are none after all."""
    if sum(len(row.cells) > 1 for row in rows) > 1:
        yield rows
    else:
        yield from ([row] for row in rows)


def goes_on(table: list[Row], row: Row) -> bool:
    """Tell whether a row belongs to the table above it."""
    above, box = table[-1].box, row.box
    gap = box.top - above.bottom
    cells = max(table, key=lambda one: len(one.cells)).cells
    if len(row.cells) > 1:
        near = gap <= ROW_APART * max(above.height, box.height)
        return near and (aligned(row, cells) or aligned(row, table[-1].cells))
    return gap <= WRAPPED * box.height and box.left >= cells[1][0].box.left - box.height


def aligned(row: Row, cells: list[list[Placed]]) -> bool:
    """Tell whether most of the cells of a row stand in the columns of these cells."""
    columns = [box_of(cell) for cell in cells]
    inside = 0
    for box in map(box_of, row.cells):
        inside += any(
            min(
                abs(box.left - column.left),
                abs(box.right - column.right),
                abs(box.left + box.right - column.left - column.right) / 2,
            )
            <= ALIGNED * box.height
            for column in columns
        )
    return 2 * inside > len(row.cells)


def box_of(cell: Sequence[Placed]) -> Box:
    """Give the smallest box around a cell."""
    return cell[0].box.joined(cell[-1].box)


def table_of(rows: list[Row], written: Sequence[Written]) -> Item:
    """Write a table; the row with the most cells says where its columns are."""
    widest = max(rows, key=lambda one: len(one.cells))
    columns = [box_of(cell) for cell in widest.cells]
    cells: Cells = []
    for row in rows:
        if len(row.cells) > 1 or not cells:
            cells.append([[] for _ in columns])
        for cell in row.cells:
            into = cells[-1][column_of(box_of(cell), columns)]
            into += (Piece(written[line.number].text, written[line.number].place) for line in cell)
    text, boxes = markdown_of(cells)
    box = rows[0].box
    for row in rows[1:]:
        box = box.joined(row.box)
    return Item(text, boxes, box, 0.0, table=True)


def column_of(box: Box, columns: Sequence[Box]) -> int:
    """Give the column in which a cell stands: the one it shares most width with, else the nearest."""
    return max(range(len(columns)), key=lambda at: min(box.right, columns[at].right) - max(box.left, columns[at].left))


def spaced(cell: list[Placed], before: Box, text: str, earlier: str) -> bool:
    """Tell whether a wide character stands apart only because its word is set wide."""
    alone = len(cell) == len(text) == 1 and wide(text) and wide(earlier[-1])
    return alone and cell[0].box.left - before.right <= WIDE_SET * before.height


def line_of(row: Row, written: Sequence[Written], body: float) -> Item:
    """Write what stands side by side as one line."""
    text = ""
    boxes: list[TextBox] = []
    size = 0.0
    before = row.box
    for cell in row.cells:
        for number, line in enumerate(cell):
            one = written[line.number]
            if text:
                text += joint(text, one.text) if number or spaced(cell, before, one.text, text) else BESIDE
            before = line.box
            boxes.append(TextBox(len(text), len(text) + len(one.text), *one.place))
            text += one.text
            size = max(size, one.size * PAGE_WIDTH)
    return Item(text, tuple(boxes), row.box, body if abs(size - body) <= SAME_SIZE * body else size)
