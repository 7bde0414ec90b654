"""A table of a page: cells that span columns and rows, head rows, its caption. Markdown knows none of them."""

from collections.abc import Iterator

from app.reading.block import Block
from app.reading.contract import markdown_table

MAX_SPAN = 1_000  # the most columns that HTML allows
MAX_ECHOES = 100_000  # cells of a table that are there because another one spans them
MAX_HEAD_ROWS = 4
MAX_CELLS = 2_000_000  # with a table of more, each row is a line of text


def span(value: str | None) -> int:
    """Give how many columns or rows a cell takes."""
    value = (value or "").strip()
    return min(max(int(value), 1), MAX_SPAN) if value.isascii() and value.isdigit() and len(value) < 10 else 1


class Table:
    """A table being collected.

    Attributes:
        layout: it frames the page rather than holds data.
        in_head: the open cell is one of a head.
    """

    def __init__(self, *, layout: bool = False) -> None:
        self.layout = layout
        self.caption = ""
        self.in_head = False
        self._rows: list[list[str]] = []
        self._heads: list[bool] = []  # of each row: all its cells are heads
        self._carried: dict[int, tuple[int, str]] = {}  # column -> for how many rows more, and what
        self._echoes: set[tuple[int, int]] = set()  # row and column of what repeats the cell left of it
        self._echoed = 0
        self._columns = self._rows_spanned = 1  # of the open cell
        self._first: list[tuple[int, int]] = []  # columns and rows that each cell of the first row takes
        self._section = ""

    def begin(self, tag: str, attributes: dict[str, str | None]) -> None:
        """Begin a part, a row or a cell."""
        if tag in {"thead", "tbody", "tfoot"}:
            self._end_row()
            self._section = tag
            self._carried.clear()
        elif tag == "tr":
            self._begin_row()
        elif tag in {"td", "th"}:
            self.in_head = tag == "th" or self._section == "thead"
            self._columns, self._rows_spanned = span(attributes.get("colspan")), span(attributes.get("rowspan"))

    def _begin_row(self) -> None:
        self._end_row()
        self._rows.append([])
        self._heads.append(True)

    def _end_row(self) -> None:
        """Add what cells of rows above still carry into this one."""
        if not self._rows:
            return
        row, last = self._rows[-1], max(self._carried, default=-1)
        self._fill(row)
        while len(row) <= last and self._echoed < MAX_ECHOES:
            row.append("")
            self._echoed += 1
            self._fill(row)

    def _fill(self, row: list[str]) -> None:
        while (carried := self._carried.pop(len(row), None)) is not None:
            left, text = carried
            if left > 1 and self._echoed < MAX_ECHOES:
                self._carried[len(row)] = (left - 1, text)
            self._echoed += 1
            row.append(text)

    def add_cell(self, text: str) -> None:
        """End the open cell."""
        if not self._rows:
            self._begin_row()
        text = text.replace("\n", " ")
        row = self._rows[-1]
        self._fill(row)
        self._heads[-1] &= self.in_head
        if len(self._rows) == 1:
            self._first.append((self._columns, self._rows_spanned))
        for column in range(self._columns):
            if column and self._echoed >= MAX_ECHOES:
                break
            if column:
                self._echoes.add((len(self._rows) - 1, len(row)))
                self._echoed += 1
            if self._rows_spanned > 1:
                self._carried[len(row)] = (self._rows_spanned - 1, text)
            row.append(text)
        self._columns = self._rows_spanned = 1

    def cells(self) -> Iterator[str]:
        """Give what each cell says, its echoes left out."""
        if self.caption:
            yield self.caption
        for at, row in enumerate(self._rows):
            yield from (cell for column, cell in enumerate(row) if cell and (at, column) not in self._echoes)

    def blocks(self) -> Iterator[Block]:
        """Give the caption, if there is one, and the table."""
        self._end_row()
        if self.caption:
            yield Block("paragraph", self.caption)
        width = max(map(len, self._rows), default=0)
        if len(self._first) == 1 and self._first[0][0] >= width > 1 and len(self._rows) > 1:
            yield Block("paragraph", self._rows[0][0])  # the first row is one cell as wide as the table: its title
            self._rows[0] = []
        if width * len(self._rows) > MAX_CELLS:
            yield Block("paragraph", "\n".join(" ".join(filter(None, row)) for row in self._rows))
            return
        count = self._head_rows()
        head = self._head(count, width)
        body = [
            ["" if (at, column) in self._echoes else cell for column, cell in enumerate(row)]
            for at, row in enumerate(self._rows[count:], count)
        ]
        text = markdown_table([head, *body] if count else body)
        if text:
            yield Block("table" if text.startswith("|") else "paragraph", text)

    def _head_rows(self) -> int:
        """Count the rows that head the columns together; 0 where the first row alone may do it."""
        heads = (at for at, head in enumerate(self._heads) if not head)
        count = next(heads, len(self._heads))
        if 1 <= count <= MAX_HEAD_ROWS and count < len(self._rows):
            return count
        # Of plain cells as well: some span columns, and all others reach down to the row that parts them.
        depths = {rows for columns, rows in self._first if columns == 1}
        if len(depths) == 1 and any(columns > 1 for columns, _ in self._first):
            depth = depths.pop()
            if 1 < depth <= MAX_HEAD_ROWS and depth < len(self._rows):
                return depth
        return 0

    def _head(self, count: int, width: int) -> list[str]:
        """Join head rows column by column, each text once."""
        columns = ([row[at] for row in self._rows[:count] if at < len(row) and row[at]] for at in range(width))
        return [" ".join(dict.fromkeys(texts)) for texts in columns]
