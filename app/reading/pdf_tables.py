"""The ruled tables of a page of a PDF: whose characters lie in which cell, and the table as Markdown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.reading.pdf_cells import Piece, markdown_of
from app.reading.pdf_chars import NOTHING, Chars
from app.reading.pdf_drawings import Drawings
from app.reading.pdf_grid import Cell, Grid, grids_of
from app.reading.pdf_parts import BOLD, Table
from app.reading.pdf_place import Box

MAX_CELL_CHARS = 3_000  # a fuller "cell" is a box around a page's text
MAX_CUT_SHARE = 0.1  # of the lines in a table's cells: words that go on in the next cell
MIN_FILLED_SHARE = 0.2  # of its cells; emptier is a chart
FIGURE_FIELDS_SHARE, FIGURE_TALL_SHARE = 0.5, 0.3  # see ``Rows._figure``
MIN_SIDE = 4.0  # points; narrower is the gap of a double line
NUMBERS = re.compile(r"[$€£¥]?\s*[(\-–—]*\s*[$€£¥]?\s*[\d.,\s]*\d[\d.,]*\s*[)%]*|[-–—]")
MAX_NUMBER_CHARS = 40
SAME_LEVEL = 3.0  # points
SAME_PLACE = 1.0  # points
WORD_GAP = 0.2  # in heights of the line
REPEATED_CHARS = 100  # of a cell merged downwards; a longer one is said once
SECTION_CHARS = 300  # a cell over the whole width with more is text between two tables


@dataclass(slots=True)
class CellLine:
    """One line of a cell."""

    text: str
    box: Box
    last: int
    places: dict[str, list[float]]


@dataclass(slots=True)
class Filling:
    """What lies in the cells of a grid: for each cell the characters with their places."""

    grid: Grid
    cells: dict[int, list[tuple[int, Box]]] = field(default_factory=dict)
    cut: int = 0


def fill(grids: list[Grid], chars: Chars, hidden: set[int]) -> list[Filling]:
    """Put the characters of a page into the cells of its grids; of grids within each other, into both."""
    fillings = [Filling(grid) for grid in grids]
    bands = [(filling, filling.grid.box, filling.grid) for filling in fillings]
    before: dict[int, tuple[int, int, Box]] = {}
    for index, character in enumerate(chars.text):
        if character.isspace() or character == NOTHING or index in hidden:
            continue
        box = chars.box(index)
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        for number, (filling, around, grid) in enumerate(bands):
            if not around.holds(x, y) or (cell := grid.at(x, y)) < 0:
                continue
            filling.cells.setdefault(cell, []).append((index, box))
            last, owner, place = before.get(number, (-2, cell, box))
            # A word that goes on in the next cell was cut by a line that is no border of a cell.
            close = abs(box.left - place.right) < WORD_GAP * box.height and abs(box.top - place.top) < 0.3 * box.height
            if last == index - 1 and owner != cell and close:
                filling.cut += 1
            before[number] = index, cell, box
    return fillings


def lines_in(characters: list[tuple[int, Box]], chars: Chars) -> list[CellLine]:
    """Give the lines of a cell from top to bottom."""
    lines: list[CellLine] = []
    for index, box in characters:
        middle = (box.top + box.bottom) / 2
        line = next((one for one in reversed(lines) if one.box.top < middle < one.box.bottom), None)
        if line is None:
            lines.append(CellLine(chars.text[index], box, index, {chars.text[index]: [box.left]}))
            continue
        places = line.places.setdefault(chars.text[index], [])
        if index != line.last + 1 and any(abs(place - box.left) < SAME_PLACE for place in places):
            continue  # drawn twice to look bold
        places.append(box.left)
        between = chars.text[line.last + 1 : index]
        apart = box.left - line.box.right > WORD_GAP * box.height
        if any(map(str.isspace, between)) or (apart and index != line.last + 1):
            line.text += " "
        line.text += chars.text[index]
        line.box, line.last = line.box.joined(box), index
    return sorted(lines, key=lambda line: line.box.top + line.box.bottom)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows from one line of a grid to another one, with the lines of each cell."""

    filling: Filling
    lines: dict[int, list[CellLine]]
    top: int
    bottom: int

    def rows(self) -> list[list[list[CellLine]]]:
        """Give the lines of each cell of each row.

        A short cell merged downwards is said in each of its rows, one merged across once.
        """
        return [cells for row in range(self.top, self.bottom) for cells in unfolded(self._row(row))]

    def _row(self, row: int) -> list[list[CellLine]]:
        """Give the lines of each cell of a row; none of a row in which nothing begins."""
        owners = self.filling.grid.owners[row]
        cells = [self.filling.grid.cells[owner] for owner in owners]
        begins = any(cell.top == row and self.lines.get(owner) for cell, owner in zip(cells, owners, strict=True))
        return [
            self.lines.get(owner, [])
            if begins and cell.left == column and (cell.top == row or self._short(owner))
            else []
            for column, (cell, owner) in enumerate(zip(cells, owners, strict=True))
        ]

    def _short(self, cell: int) -> bool:
        return len(self.filling.cells.get(cell, [])) <= REPEATED_CHARS

    def indexes(self) -> set[int]:
        """Give its characters."""
        return {index for cell in self._owners() for index, _ in self.filling.cells.get(cell, [])}

    def _owners(self) -> set[int]:
        return {owner for row in self.filling.grid.owners[self.top : self.bottom] for owner in row}

    def is_table(self) -> bool:
        """Tell whether this is a table, not a frame, a chart or a form's ornament."""
        grid = self.filling.grid
        cells = [cell for cell in self._owners() if self._sized(cell)]
        filled = [cell for cell in cells if self.lines.get(cell)]
        by_row: dict[int, set[int]] = {}
        for cell in filled:
            by_row.setdefault(grid.cells[cell].top, set()).add(grid.cells[cell].left)
        columns = set().union(*by_row.values()) if by_row else set()
        return (
            len(by_row) >= 2
            and not self._figure(cells)
            and len(columns) >= 2
            and any(len(lefts) >= 2 for lefts in by_row.values())
            and len(filled) >= MIN_FILLED_SHARE * len(cells)
            and all(len(self.filling.cells.get(cell, [])) <= MAX_CELL_CHARS for cell in cells)
        )

    def _figure(self, cells: list[int]) -> bool:
        """Tell whether the boxes are those of a diagram: few for so many rows and columns, many of them tall."""
        grid = self.filling.grid
        heights = [end - start for start, end in zip(grid.ys, grid.ys[1:], strict=False)][self.top : self.bottom]
        widths = [end - start for start, end in zip(grid.xs, grid.xs[1:], strict=False)]
        fields = sum(height >= MIN_SIDE for height in heights) * sum(width >= MIN_SIDE for width in widths)
        tall = sum(grid.cells[cell].bottom - grid.cells[cell].top > 1 for cell in cells)
        return len(cells) < FIGURE_FIELDS_SHARE * fields and tall > FIGURE_TALL_SHARE * len(cells)

    def _sized(self, cell: int) -> bool:
        box = self.filling.grid.place(self.filling.grid.cells[cell])
        return box.width >= MIN_SIDE and box.height >= MIN_SIDE

    def place(self) -> Box:
        """Where it lies."""
        grid = self.filling.grid
        return Box(grid.xs[0], grid.ys[self.top], grid.xs[-1], grid.ys[self.bottom])


def is_number(text: str) -> bool:
    """Tell whether a line of a cell is an amount, a share or a dash."""
    return len(text) <= MAX_NUMBER_CHARS and NUMBERS.fullmatch(text) is not None


def unfolded(row: list[list[CellLine]]) -> list[list[list[CellLine]]]:
    """Part a row that holds several ones, as the sums of a balance do: where a cell is a column of numbers."""
    numbers = [lines for lines in row if len(lines) > 1 and all(is_number(line.text) for line in lines)]
    if not numbers:
        return [row]
    levels: list[float] = []
    for middle in sorted((line.box.top + line.box.bottom) / 2 for lines in row for line in lines):
        if not levels or middle - levels[-1] > SAME_LEVEL:
            levels.append(middle)
    parted: list[list[list[CellLine]]] = [[[] for _ in row] for _ in levels]
    for column, lines in enumerate(row):
        for line in lines:
            middle = (line.box.top + line.box.bottom) / 2
            level = min(range(len(levels)), key=lambda at: abs(levels[at] - middle))
            parted[level][column].append(line)
    return parted


def parted(filling: Filling, lines: dict[int, list[CellLine]]) -> Iterator[Rows]:
    """Give the stretches of rows between cells over the whole width: titles above, notes below, text between."""
    grid = filling.grid
    rows, width = len(grid.ys) - 1, len(grid.xs) - 1

    def over_all(row: int) -> bool:
        cell: Cell = grid.cells[grid.owners[row][0]]
        return width > 1 and cell.left == 0 and cell.right == width

    def long(row: int) -> bool:
        return len(filling.cells.get(grid.owners[row][0], [])) > SECTION_CHARS

    start = 0
    for end in range(rows + 1):
        if end == rows or (over_all(end) and long(end)):
            top, bottom = start, end
            while top < bottom and over_all(top):
                top += 1
            while top < bottom and over_all(bottom - 1):
                bottom -= 1
            if bottom - top >= 2:
                yield Rows(filling, lines, top, bottom)
            start = end + 1


def table_of(rows: Rows, chars: Chars, drawings: Drawings) -> Table:
    """Write a table."""
    cells = [[[Piece(line.text, chars.frame.share(line.box)) for line in cell] for cell in row] for row in rows.rows()]
    text, boxes = markdown_of(cells)
    return Table(
        cells=cells,
        text=text,
        boxes=boxes,
        start=min(rows.indexes()),
        place=rows.place(),
        columns=tuple(rows.filling.grid.xs),
        bold_header=has_header(rows, chars, drawings),
    )


def has_header(rows: Rows, chars: Chars, drawings: Drawings) -> bool:
    """Tell whether the first row is set apart: all bold, or on a ground of its own."""
    grid = rows.filling.grid
    first = [
        characters[0][0]
        for owner in set(grid.owners[rows.top])
        if (characters := rows.filling.cells.get(owner)) is not None
    ]
    if first and all(chars.weight(index) >= BOLD for index in first):
        return True
    row = Box(grid.xs[0], grid.ys[rows.top], grid.xs[-1], grid.ys[rows.top + 1])
    grounds = [ground for ground in drawings.grounds if ground.height <= 1.5 * row.height]
    return sum(ground.shared(row) for ground in grounds) > 0.6 * row.area


def tables_of(chars: Chars, hidden: set[int], drawings: Drawings) -> tuple[list[Table], set[int]]:
    """Give the ruled tables of a page and the characters in them. What holds another table is layout."""
    if len(drawings.across) < 2 or not drawings.down or drawings.crowded:
        return [], set()
    grids = grids_of(drawings.across, drawings.down)
    if not grids:
        return [], set()
    tables: list[Table] = []
    taken: set[int] = set()
    for filling in fill(grids, chars, hidden):
        lines = {
            cell: lines_in(characters, chars)
            for cell, characters in filling.cells.items()
            if len(characters) <= MAX_CELL_CHARS
        }
        if filling.cut > MAX_CUT_SHARE * sum(map(len, lines.values())):
            continue
        for rows in parted(filling, lines):
            indexes = rows.indexes()
            if rows.is_table() and not indexes & taken:
                tables.append(table_of(rows, chars, drawings))
                taken |= indexes
    return tables, taken
