"""A JSON file -> blocks: keys as headings and labels, strings as paragraphs, records as tables or lines.

Numbers stay as they are written. Several values one after the other, as in JSON Lines, are a list.
What is no JSON is read as the text that it is.
"""

import json
from collections.abc import Iterator
from typing import Any

from app.reading import text as plain_text
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.encoding import decode
from app.reading.rows import blocks_of_records
from app.reading.table_plan import one_line, with_label

# What a value can be; numbers come as strings.
Value = str | bool | list[Any] | dict[str, Any] | None

MAX_DEPTH = 12  # of sections; what lies deeper is given as lines
MAX_FLAT_DEPTH = 3  # of objects within a record
MAX_HEADING_LEVEL = 6
MAX_HEADING_CHARS = 120
LONG_CHARS = 200  # a longer string, or one of several lines, is a paragraph
BLOCK_LINES = 200
PATH_KEYS = 3
LEAST_ALIKE = 0.6  # of all keys that records of one table have, on the average
TITLES = ("title", "name", "subject", "headline", "heading", "标题", "名称", "题目", "主题", "姓名")
TEXTS = frozenset({"text", "content", "body", "contents", "paragraph", "正文", "内容", "文本", "全文"})

DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


def values_of(text: str) -> Value:
    """Parse; several values come as a list.

    Raises:
        ValueError: this is no JSON.
    """
    values: list[Any] = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        value, at = DECODER.raw_decode(text, at)
        values.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return values[0] if len(values) == 1 else values


def shown(value: Value) -> str:
    """Write a single value; nothing for one that is missing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else ""


def is_long(text: str) -> bool:
    """Tell a paragraph from a word, a number or a name."""
    return len(text) > LONG_CHARS or "\n" in text.strip()


def flat(record: dict[str, Any], depth: int = 0) -> dict[str, str] | None:
    """Give a record as labels with single values; None if it holds records of its own."""
    cells: dict[str, str] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            inner = flat(value, depth + 1) if depth < MAX_FLAT_DEPTH else None
            if inner is None:
                return None
            cells.update({f"{key} {label}": cell for label, cell in inner.items()})
        elif isinstance(value, list):
            if any(isinstance(one, list | dict) or is_long(shown(one)) for one in value):
                return None
            cells[key] = ", ".join(filter(None, map(shown, value)))
        else:
            cells[key] = shown(value)
    return {label: cell for label, cell in cells.items() if cell}


def alike(records: list[dict[str, str]]) -> list[str] | None:
    """Give the labels of records in their order; None if the records are too different for a table."""
    names = list(dict.fromkeys(label for record in records for label in record))
    return names if sum(map(len, records)) >= LEAST_ALIKE * len(names) * len(records) else None


def title_of(record: dict[str, Any]) -> str:
    """Give the key that names a record; empty if none does."""
    by_lower = {key.lower(): key for key in record}
    for title in TITLES:
        key = by_lower.get(title, "")
        if key and isinstance(record[key], str) and 0 < len(record[key].strip()) <= MAX_HEADING_CHARS:
            return key
    return ""


class Walk:
    """One pass over a value; collects short values, which belong together, and gives everything else as it comes."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def end_lines(self) -> Iterator[Block]:
        """Give the short values that were collected."""
        if self._lines:
            yield Block("list" if len(self._lines) > 1 else "paragraph", "\n".join(self._lines))
            self._lines = []

    def value(self, value: Value, depth: int, label: str = "") -> Iterator[Block]:
        """Give any value; a single one with its label."""
        if depth > MAX_DEPTH:
            for path, leaf in leaves(value):
                yield from self.single(leaf, path)
        elif isinstance(value, dict):
            yield from self.members(value, depth)
        elif isinstance(value, list):
            yield from self.items(value, depth)
        else:
            yield from self.single(shown(value), label)

    def single(self, text: str, label: str) -> Iterator[Block]:
        """Take a single value; a long one becomes paragraphs."""
        if not is_long(text) and label.lower() not in TEXTS:
            if text:
                self._lines.append(with_label(one_line(label), text))
                if len(self._lines) >= BLOCK_LINES:
                    yield from self.end_lines()
            return
        yield from self.end_lines()
        for stretch in text.split("\n\n"):
            if stretch.strip():
                yield Block("paragraph", with_label("" if label.lower() in TEXTS else one_line(label), stretch.strip()))
                label = ""

    def section(self, heading: str, value: Value, depth: int) -> Iterator[Block]:
        """Give a value below a heading."""
        yield from self.end_lines()
        if heading.strip():
            yield Block("heading", heading, level=min(depth + 1, MAX_HEADING_LEVEL))
        yield from self.value(value, depth + 1)
        yield from self.end_lines()

    def members(self, record: dict[str, Any], depth: int) -> Iterator[Block]:
        """Give an object: single values first, then each other member as a section of its own."""
        inner = [value for value in record.values() if isinstance(value, list | dict)]
        records = [flat(value) for value in inner if isinstance(value, dict)]
        if len(record) == len(records) > 1 and all(records):
            found = [one for one in records if one]
            names = alike(found)
            if names is not None:
                rows = [[key, *(one.get(name, "") for name in names)] for key, one in zip(record, found, strict=True)]
                yield from self.table(["", *names], rows)
                return
        # A single value that came after a section would seem to belong to it.
        for key, value in record.items():
            if not isinstance(value, list | dict):
                yield from self.single(shown(value), key)
        for key, value in record.items():
            if isinstance(value, list | dict) and len(record) == 1 and depth == 0:
                yield from self.value(value, depth)  # the wrapper of an export names nothing
            elif isinstance(value, list | dict) and value:
                yield from self.section(key, value, depth)

    def items(self, values: list[Any], depth: int) -> Iterator[Block]:
        """Give a list: of records as a table or in lines, of sections under their titles, of single values as lines."""
        records = [value for value in values if isinstance(value, dict)]
        cells = [flat(record) for record in records]
        if len(records) == len(values) and all(one is not None for one in cells):
            found = [one for one in cells if one]
            titled = sum(1 for record in records if title_of(record) and has_text(record))
            if found and 2 * titled <= len(records):
                names = alike(found)
                if names is not None:
                    yield from self.table(names, [[one.get(name, "") for name in names] for one in found])
                    return
        for value in values:
            if isinstance(value, dict):
                yield from self.titled(value, depth)
            else:
                yield from self.value(value, depth + 1)
        yield from self.end_lines()

    def titled(self, record: dict[str, Any], depth: int) -> Iterator[Block]:
        """Give one record of a list under its title, if it has one."""
        title = title_of(record)
        cells = None if title else flat(record)
        if cells is not None:
            line = "; ".join(with_label(label, one_line(cell)) for label, cell in cells.items())
            yield from self.single(line if not is_long(line) else "\n".join(map(with_label, cells, cells.values())), "")
            return
        rest = {key: value for key, value in record.items() if key != title}
        yield from self.section(record[title] if title else "", rest, depth)

    def table(self, names: list[str], rows: list[list[str]]) -> Iterator[Block]:
        """Give records of the same kind."""
        yield from self.end_lines()
        yield from blocks_of_records([one_line(name) for name in names], rows)


def has_text(record: dict[str, Any]) -> bool:
    """Tell whether a record holds a text of its own, as an article does."""
    return any(isinstance(value, str) and (key.lower() in TEXTS or is_long(value)) for key, value in record.items())


def leaves(value: Value) -> Iterator[tuple[str, str]]:
    """Give every single value in a deep one with the last keys on the way to it."""
    stack: list[tuple[tuple[str, ...], Value]] = [((), value)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend(((*path, key)[-PATH_KEYS:], inner) for key, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((path, inner) for inner in reversed(value))
        else:
            yield " ".join(path), shown(value)


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a JSON file."""
    text = decode(content)
    try:
        value = values_of(text)
    except ValueError as error:
        line = text.count("\n", 0, getattr(error, "pos", 0)) + 1
        reading.notes.append(f"the file is not valid JSON (line {line}); it was read as plain text")
        yield from plain_text.blocks(text)
        return
    walk = Walk()
    if isinstance(value, dict) and (title := title_of(value)):
        reading.title = value[title]
        yield from walk.section(value[title], {key: inner for key, inner in value.items() if key != title}, 0)
    else:
        yield from walk.value(value, 0)
    yield from walk.end_lines()
