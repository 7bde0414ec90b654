"""Rows of cells -> blocks: tables told apart, headings found, every record with its headings. For workbooks and CSV.

A table that is narrow is written as Markdown: the splitter repeats its header in every chunk, which
costs less than naming each value, and people read it best. Where the header is too long to be
repeated, or a row would fill a chunk, each record becomes a line ``Heading: value; Heading: value``,
which is found and cited alone. A record longer than that is a paragraph, one heading a line, so that
its text is cut between sentences. Rows come and blocks go one by one: only the first rows of a table
are held, to see what it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from app.reading.block import Block
from app.reading.contract import markdown_table
from app.reading.table_plan import Plan, Row, continues, filled, is_value, places, plan_of, plan_with_names

HEAD_ROWS = 64  # of a table: they tell its columns, its title lines and its headings
HEAD_CHARS = 200_000
MAX_ABREAST = 20  # tables side by side; more are one table with holes
BLOCK_CHARS = 16_000  # below what the contract cuts, so that no piece of a table is without its header
LONG_RECORD_BYTES = 600  # about a chunk


class Table:
    """The tables of one stretch of columns, one below the other."""

    def __init__(self, plan: Plan | None = None) -> None:
        self._waiting: list[Row] = []
        self._waiting_chars = 0
        self._plan = plan
        self._before: Plan | None = None
        self._gap = False
        self._lines: list[Row] = []
        self._chars = 0

    def feed(self, row: Row) -> Iterator[Block]:
        """Take the next row; after an empty one another table may begin."""
        if not any(row):
            # Not at once: of tables side by side, the left one comes first, however long it is.
            self._gap = True
            return
        if self._gap:
            yield from self._after_gap(row)
        if self._plan is not None:
            yield from self._write(self._plan, row)
            return
        self._waiting.append(row)
        self._waiting_chars += len(row) + sum(map(len, row))
        if len(self._waiting) >= HEAD_ROWS or self._waiting_chars > HEAD_CHARS:
            yield from self._begin()

    def _after_gap(self, row: Row) -> Iterator[Block]:
        """End the table before empty rows, unless it goes on with this row."""
        self._gap = False
        if len(self._waiting) == 1 and filled(self._waiting[0]) > 1 and not any(map(is_value, self._waiting[0])):
            return  # headings, with an empty row below them
        if self._waiting:
            yield from self._begin()
        if self._plan is not None and not continues([row], self._plan, titled=False):
            yield from self.end()

    def end(self) -> Iterator[Block]:
        """Give what was not given yet."""
        if self._waiting:
            yield from self._begin()
        yield from self._flush()
        self._before, self._plan = self._plan or self._before, None

    def _begin(self) -> Iterator[Block]:
        """Decide by the first rows how the table is written."""
        rows, self._waiting, self._waiting_chars = self._waiting, [], 0
        plan = plan_of(rows)
        for row in rows[: plan.titles]:
            yield Block("paragraph", " ".join(filter(None, row)))
        body = rows[plan.titles :]
        if self._before is not None and continues(body, self._before, titled=plan.titles > 0):
            plan = self._before
        else:
            body = body[plan.headers :]
            yield from unsaid(plan, body)
        self._plan = plan
        for row in body:
            yield from self._write(plan, row)

    def _write(self, plan: Plan, row: Row) -> Iterator[Block]:
        """Take a row of the table's body."""
        if row == plan.heading_row:
            return  # an export repeats its headings on every printed page
        if plan.form == "table":
            cells = [row[column] if column < len(row) else "" for column in plan.columns]
            alone = filled(row) > filled(cells) or sum(map(len, cells)) > LONG_RECORD_BYTES // 2
        else:
            alone = sum(map(len, row)) > LONG_RECORD_BYTES
            cells = [] if alone else [plan.line(row)]
            alone = alone or len(cells[0].encode("utf-8", "replace")) > LONG_RECORD_BYTES
        if alone:
            yield from self._flush()
            yield record(plan, row)
            return
        self._lines.append(cells)
        self._chars += sum(map(len, cells)) + 3 * len(cells)
        if self._chars > BLOCK_CHARS:
            yield from self._flush()

    def _flush(self) -> Iterator[Block]:
        """Give the rows that were collected."""
        if self._lines and self._plan is not None:
            if self._plan.form == "table":
                names = [self._plan.names[column] for column in self._plan.columns]
                yield Block("table", markdown_table([names, *self._lines]))
            else:
                lines = [line for (line,) in self._lines]
                yield Block("list" if len(lines) > 1 else "paragraph", "\n".join(lines))
        self._lines, self._chars = [], 0


def record(plan: Plan, row: Row) -> Block:
    """Write a row that is long, or does not fit its table, as a paragraph: one heading with its value a line."""
    return Block("paragraph", "\n".join(plan.labelled(row, whole=True)))


def unsaid(plan: Plan, body: list[Row]) -> Iterator[Block]:
    """Give the headings that no record says, because nothing stands below them."""
    if plan.form == "records" and plan.headers:
        # A value that stands alone in the first column is given without its heading.
        first = plan.columns[0]
        said = {place for row in body for place in places([row]) if place != first or filled(row) > 1}
        names = [plan.names[place] for place in plan.columns if place not in said and plan.names[place]]
        if names:
            yield Block("paragraph", "; ".join(names))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Columns side by side, all in use.

    Attributes:
        first: its first column; ``end`` is one past the last in use.
        top: first row that fills it; ``bottom`` the last.
        names: what stands in its first row.
    """

    first: int
    end: int
    top: int
    bottom: int
    names: frozenset[str]

    def joined(self, right: "Stretch") -> "Stretch":
        """Give both as one."""
        top, bottom = min(self.top, right.top), max(self.bottom, right.bottom)
        return Stretch(self.first, right.end, top, bottom, self.names | right.names)

    def apart(self, right: "Stretch") -> bool:
        """Tell two tables beside each other from one table with an empty column in it."""
        if self.end - self.first < 2 or right.end - right.first < 2:
            return False
        return (self.top, self.bottom) != (right.top, right.bottom) or bool(self.names & right.names)


def stretches(head: list[Row]) -> Iterator[Stretch]:
    """Give the columns in use, those with no empty column between them together."""
    used = places(head)
    first = 0
    for index, place in enumerate(used):
        if index + 1 == len(used) or used[index + 1] > place + 1:
            start, end = used[first], place + 1
            rows = [number for number, row in enumerate(head) if any(row[start:end])]
            names = frozenset(filter(None, head[rows[0]][start:end]))
            yield Stretch(start, end, rows[0], rows[-1], names)
            first = index + 1


def borders_of(head: list[Row]) -> list[int]:
    """Give the columns at which the tables beside each other begin; the first is 0."""
    borders = [0]
    left: Stretch | None = None
    for right in stretches(head):
        if left is not None and left.apart(right):
            borders.append(right.first)
            left = right
        else:
            left = right if left is None else left.joined(right)
    return borders if len(borders) <= MAX_ABREAST else [0]


def head_of(rows: Iterator[Row]) -> list[Row]:
    """Take the first rows."""
    head: list[Row] = []
    chars = 0
    for row in rows:
        head.append(row)
        chars += len(row) + sum(map(len, row))
        if len(head) >= HEAD_ROWS or chars > HEAD_CHARS:
            break
    return head


def blocks_of_rows(rows: Iterable[Row]) -> Iterator[Block]:
    """Give the blocks of a sheet: tables are parted by empty rows, and by empty columns where they stand side by side.

    Args:
        rows: from the top, all cells without white space at their ends; of any length each.
    """
    borders = [0]
    tables = [Table()]
    for full, run in groupby(rows, key=any):
        if not full:
            # Of tables side by side all end, so that none comes after what stands below it.
            yield from tables[0].feed([]) if len(tables) == 1 else ended(tables)
            continue
        head = head_of(run)
        found = borders_of(head)
        if found != borders and not (len(found) == 1 and within_one(places(head), borders)):
            yield from ended(tables)
            borders, tables = found, [Table() for _ in found]
        for row in chain(head, run):
            if len(tables) == 1:
                yield from tables[0].feed(row)
                continue
            for table, start, end in zip(tables, borders, [*borders[1:], None], strict=True):
                yield from table.feed(row[start:end])
    yield from ended(tables)


def ended(tables: list[Table]) -> Iterator[Block]:
    """End tables from left to right."""
    for table in tables:
        yield from table.end()


def within_one(used: tuple[int, ...], borders: list[int]) -> bool:
    """Tell whether columns lie between the same two borders."""
    return len({sum(place >= border for border in borders) for place in used}) == 1


def blocks_of_records(names: Row, records: Sequence[Row]) -> Iterator[Block]:
    """Give the blocks of records whose headings are known, each as long as ``names``."""
    table = Table(plan_with_names(names, records[:HEAD_ROWS]))
    for row in records:
        if any(row):
            yield from table.feed(row)
    yield from table.end()
