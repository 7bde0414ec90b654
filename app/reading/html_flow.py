"""The text of a page on its way to blocks: paragraphs, headings, lists and tables. Knows tags, no parser."""

import re
from collections.abc import Callable

from app.reading.block import Block
from app.reading.html_table import Table

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
LISTS = frozenset({"ul", "ol", "menu", "dir", "dl"})
ITEMS = frozenset({"li", "dt", "dd"})
CELLS = frozenset({"td", "th"})
WHITE = re.compile(r"[ \t\r\n\f]+")
LINE_BREAK = "\ue000"  # stands for <br> until white space is squeezed; not in clean text
MAX_INDENTS = 8  # of a list in lists; deeper ones stand beside each other


class Flow:
    """Collects text and gives each block to ``emit`` as soon as it ends."""

    def __init__(self, emit: Callable[[Block], None]) -> None:
        self._emit = emit
        self._text: list[str] = []
        self._items: list[str] = []
        self._lists: list[int] = []  # for each open list: the next number, or -1 without numbers
        self._tables: list[Table] = []
        self._mark = ""  # of the list item that begins
        self._joint = " "  # between an item and what follows in it
        self._pre = 0

    def add(self, text: str) -> None:
        """Add characters as they stand in the source."""
        self._text.append(text.replace("\n", LINE_BREAK) if self._pre else text)

    def break_line(self) -> None:
        """End a line within the block."""
        self._text.append(LINE_BREAK)

    def begin(self, tag: str, attributes: dict[str, str | None]) -> None:
        """Begin an element that ends the text before it."""
        if self._pre and tag != "pre":
            return
        if tag in HEADINGS and self._in_table() and not self._tables[-1].in_head:
            self._give_up(self._tables[-1])
        self._flush()
        if tag == "pre":
            self._pre += 1
        elif tag in LISTS:
            self._lists.append(1 if tag == "ol" else -1)
        elif tag in ITEMS and self._lists:
            self._begin_item(tag)
        elif tag == "table":
            self._begin_table(attributes)
        elif self._in_table():
            self._tables[-1].begin(tag, attributes)

    def _begin_item(self, tag: str) -> None:
        if tag == "dd" and (self._items or self._mark):
            self._joint = " " if self._items and self._items[-1].endswith((":", "：")) else ": "
            return
        number = self._lists[-1]
        indent = "  " * min(len(self._lists) - 1, MAX_INDENTS)
        self._mark = indent + ("- " if number < 0 else f"{number}. ")
        self._joint = " "
        if number > 0:
            self._lists[-1] = number + 1

    def _begin_table(self, attributes: dict[str, str | None]) -> None:
        if self._tables:
            self._give_up(self._tables[-1])
        self._end_list()
        self._tables.append(Table(layout=attributes.get("role") in {"presentation", "none"}))

    def end(self, tag: str) -> None:
        """End an element that was begun."""
        if self._pre and tag != "pre":
            self._text.append(LINE_BREAK if tag not in CELLS else " ")
        elif tag in HEADINGS and not self._in_table():
            self._end_heading(int(tag[1]))
        elif tag in CELLS and self._in_table():
            self._tables[-1].add_cell(self._take())
        elif tag == "caption" and self._in_table():
            self._tables[-1].caption = self._take()
        else:
            self._flush()
            self._close(tag)

    def _end_heading(self, level: int) -> None:
        text = self._take()
        if text:
            self._end_list()
            self._emit(Block("heading", text, level=level))

    def _close(self, tag: str) -> None:
        """Note what kind of block is open no longer."""
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        elif tag in LISTS and self._lists:
            self._lists.pop()
            if not self._lists:
                self._end_list()
        elif tag == "table" and self._tables:
            table = self._tables.pop()
            if not table.layout:
                for block in table.blocks():
                    self._emit(block)

    def finish(self) -> None:
        """Give what is left."""
        self._flush()
        self._end_list()
        while self._tables:
            self._close("table")

    def _in_table(self) -> bool:
        return bool(self._tables) and not self._tables[-1].layout

    def _give_up(self, table: Table) -> None:
        """A table within a table, or with headings in it: it is layout, and what it held is text."""
        if not table.layout:
            table.layout = True
            for cell in table.cells():
                self._emit(Block("paragraph", cell))

    def _take(self) -> str:
        """Take the collected text, white space as a browser shows it."""
        if not self._text:
            return ""
        text = "".join(self._text)
        self._text = []
        if self._pre:
            return "\n".join(line.rstrip() for line in text.split(LINE_BREAK)).strip("\n")
        return "\n".join(line.strip() for line in WHITE.sub(" ", text).split(LINE_BREAK)).strip()

    def _flush(self) -> None:
        """End the running text: it becomes a paragraph, an item, or stays with its table cell."""
        if self._in_table():
            if self._text:
                self._text.append(" ")
            return
        text = self._take()
        if not text:
            return
        if self._lists:
            self._add_to_item(text)
        else:
            self._emit(Block("paragraph", text))

    def _add_to_item(self, text: str) -> None:
        if self._pre and self._items and not self._mark:
            self._items[-1] += "\n" + text
            return
        line = text if self._pre else " ".join(text.split())
        if self._mark or not self._items:
            self._items.append(f"{self._mark or '- '}{line}")
        else:
            self._items[-1] += self._joint + line
        self._mark, self._joint = "", " "

    def _end_list(self) -> None:
        if self._items:
            self._emit(Block("list", "\n".join(self._items)))
        self._items, self._mark = [], ""
