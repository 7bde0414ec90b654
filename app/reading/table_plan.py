"""What the first rows of a table tell: its title lines, its headings, and the form in which it is best written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

Row = list[str]
# table: Markdown; records: "Heading: value; ..." a line; pairs: "name: value" a line; lines: the values alone.
Form = Literal["table", "records", "pairs", "lines"]

MAX_TABLE_COLUMNS = 8
# The splitter repeats a header only if it takes at most a third of a chunk: so many bytes, the rule below it included.
MAX_HEADER_BYTES = 155
RULE_BYTES = 7  # what the rule below the header costs for a column, measured in tokens of the default model
MAX_TABLE_ROW_BYTES = 200
MAX_HEADING_CHARS = 80  # on the average; longer ones are text
MAX_HEADER_ROWS = 3
LEAST_FILLED = 0.7  # of the cells that a row of the table fills; a title line fills fewer
LEAST_LABELS = 0.8
MAX_VALUE_CHARS = 40
NUMBER = re.compile(r"[-+(]?[¥$€£￥]?[-+]?\d[\d,.']*(?:[eE][-+]?\d+)?[%‰¥$€元]?\)?")
DATE = re.compile(
    r"(?:19|20)\d\d(?:年度?)?|\d{1,4}[-/.年]\d{1,2}(?:月|[-/.月]\d{1,4}日?)?(?:[ T]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"|\d{1,3}:\d\d(?::\d\d)?|Q[1-4]|\d{1,2}月(?:\d{1,2}日)?"
)
TRUTHS = frozenset({"TRUE", "FALSE", "true", "false", "True", "False"})


@dataclass(frozen=True, slots=True)
class Plan:
    """How a table is written.

    Attributes:
        titles: how many rows above its headings are title lines.
        headers: how many rows its headings take; 0 if it has none.
        names: the heading of each column, by the column's place; empty for a column without one.
        columns: places of the columns in use.
        values: places of the columns that hold numbers, dates and the like.
        heading_row: the row of its headings as it stands; met again below, it says nothing.
    """

    form: Form
    titles: int = 0
    headers: int = 0
    names: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()
    values: frozenset[int] = frozenset()
    heading_row: Row = field(default_factory=list)

    def line(self, row: Row) -> str:
        """Write a row as one line."""
        return "; ".join(self.labelled(row, whole=False))

    def labelled(self, row: Row, *, whole: bool) -> list[str]:
        """Give the row's values, each with its heading; ``whole`` keeps the line ends in them."""
        shown = [(place, value if whole else one_line(value)) for place, value in enumerate(row) if value]
        if self.form == "pairs":
            return [with_label(shown[0][1], " ".join(value for _, value in shown[1:]))] if shown else []
        if len(shown) == 1 and shown[0][0] == self.columns[0]:
            return [shown[0][1]]  # a group's name or a note, not a value of the first column
        return [with_label(self.names[place] if place < len(self.names) else "", value) for place, value in shown]


def with_label(label: str, value: str) -> str:
    """Write a value with its heading, if it has one."""
    if not label or not value:
        return label or value
    return f"{label} {value}" if label.endswith((":", "：")) else f"{label}: {value}"


def one_line(text: str) -> str:
    """Write a text without line ends."""
    return " ".join(text.split())


def is_value(text: str) -> bool:
    """Tell numbers, dates and truths from words."""
    if len(text) > MAX_VALUE_CHARS:
        return False
    return text in TRUTHS or NUMBER.fullmatch(text) is not None or DATE.fullmatch(text) is not None


def filled(row: Sequence[str]) -> int:
    """Count the cells that hold something."""
    return len(row) - row.count("")


def plan_of(rows: Sequence[Row]) -> Plan:
    """Plan a table by its first rows, none of them empty."""
    widths = [filled(row) for row in rows]
    usual = sorted(widths)[len(widths) // 2]
    if usual < 2:
        return Plan("lines", columns=places(rows))
    wide = max(2.0, LEAST_FILLED * usual)
    titles = next((index for index, width in enumerate(widths) if width >= wide), 0)
    rest = rows[titles:]
    columns = places(rest)
    headers = count_headers(rest)
    names = names_of(rest[:headers], columns[-1] + 1) if headers else ()
    body = rest[headers:]
    values = frozenset(place for place in columns if mostly_values(body, place))
    heading_row = rest[headers - 1] if headers else []
    return Plan(form_of(body, names, columns), titles, headers, names, columns, values, heading_row)


def plan_with_names(names: Row, body: Sequence[Row]) -> Plan:
    """Plan a table whose headings are known, by its first rows."""
    columns = tuple(range(len(names)))
    values = frozenset(place for place in columns if mostly_values(body, place))
    return Plan(form_of(body, tuple(names), columns), names=tuple(names), columns=columns, values=values)


def places(rows: Sequence[Row]) -> tuple[int, ...]:
    """Give the columns in use."""
    found: set[int] = set()
    for row in rows:
        found.update(place for place, cell in enumerate(row) if cell)
    return tuple(sorted(found))


def cells_below(rows: Sequence[Row], place: int) -> list[str]:
    """Give what a column holds."""
    return [row[place] for row in rows if place < len(row) and row[place]]


def mostly_values(rows: Sequence[Row], place: int) -> bool:
    """Tell whether a column holds numbers, dates and the like."""
    below = cells_below(rows, place)
    return 2 * sum(map(is_value, below)) > len(below)


def count_headers(rows: Sequence[Row]) -> int:
    """Count the rows of headings at the top; 0 if the first row is data like those below it."""
    if len(rows) < 2 or not is_header(rows[0], rows[1:]) or are_pairs(rows):
        return 0
    count = 1
    while (
        count < min(MAX_HEADER_ROWS, len(rows) - 1)
        and groups(rows[count - 1])
        and is_header(rows[count], rows[count + 1 :])
    ):
        count += 1
    return count


def groups(row: Row) -> bool:
    """Tell whether a heading stands over several columns: a merged cell, spread."""
    return any(cell and cell == after for cell, after in pairwise(row))


def is_header(row: Row, below: Sequence[Row]) -> bool:
    """Tell headings from data: words, short and each but once, over values or over other words."""
    labels = over_values = again = 0
    cells = [(place, cell) for place, cell in enumerate(row) if cell]
    for place, cell in cells:
        column = cells_below(below, place)
        valued = 2 * sum(map(is_value, column)) > len(column)
        # A year or a month is a heading where no years or months stand below it.
        dated = DATE.fullmatch(cell[:MAX_VALUE_CHARS]) is not None
        if not is_value(cell) or (dated and not any(DATE.fullmatch(one[:MAX_VALUE_CHARS]) for one in column)):
            labels += 1
            over_values += valued
            again += cell in column
    if labels < LEAST_LABELS * len(cells) or sum(len(cell) for _, cell in cells) > MAX_HEADING_CHARS * len(cells):
        return False
    if over_values or (row in below and any(other != row for other in below)):
        return True
    apart = [cell for (place, cell), (_, after) in zip(cells, [*cells[1:], (0, "")], strict=True) if cell != after]
    return not again and len(set(apart)) == len(apart)


def are_pairs(rows: Sequence[Row]) -> bool:
    """Tell a list of names with their values, as on a form, from a table of two columns."""
    if max(filled(row) for row in rows) > 2:
        return False
    pairs = [[cell for cell in row if cell] for row in rows if filled(row) == 2]
    firsts = [first for first, _ in pairs]
    if any(map(is_value, firsts)) or len(set(firsts)) < len(firsts):
        return False
    colons = sum(first.endswith((":", "：")) for first in firsts)
    values = sum(is_value(second) for _, second in pairs[1:])
    return 2 * colons > len(pairs) or 0.2 * len(pairs) < values < 0.8 * (len(pairs) - 1)


def names_of(rows: Sequence[Row], width: int) -> tuple[str, ...]:
    """Give each column its heading: those above one another as one, none twice."""
    names: list[str] = []
    for place in range(width):
        parts = (one_line(row[place]) for row in rows if place < len(row))
        names.append(" ".join(dict.fromkeys(part for part in parts if part)))
    return tuple(names)


def form_of(body: Sequence[Row], names: tuple[str, ...], columns: tuple[int, ...]) -> Form:
    """Choose how the rows are written."""
    if not names:
        return "pairs" if len(columns) == 2 and are_pairs(body) else "lines"
    header = sum(len(names[place].encode("utf-8", "replace")) + 3 for place in columns) + RULE_BYTES * len(columns)
    lengths = sorted(sum(len(cell.encode("utf-8", "replace")) for cell in row) for row in body)
    usual = lengths[3 * len(lengths) // 4] if lengths else 0
    narrow = len(columns) <= MAX_TABLE_COLUMNS and header <= MAX_HEADER_BYTES and usual <= MAX_TABLE_ROW_BYTES
    return "table" if narrow else "records"


def continues(rows: Sequence[Row], before: Plan, *, titled: bool) -> bool:
    """Tell whether rows after a gap go on with the table above it, rather than begin one with headings of its own."""
    if not rows or not before.headers or not set(places(rows)) <= set(before.columns):
        return False
    known = [rows[0][place] for place in before.values if place < len(rows[0]) and rows[0][place]]
    if before.values:
        return 2 * len(known) >= len(before.values) and 2 * sum(map(is_value, known)) > len(known)
    return not titled and places(rows) == before.columns
