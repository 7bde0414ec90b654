"""The pages of a PDF -> blocks: margins apart, headings found, tables that go on over pages under their header."""

import re
from collections.abc import Iterator
from dataclasses import replace

from app.reading.block import Block
from app.reading.pdf_cells import Piece, markdown_of, text_of, without_places
from app.reading.pdf_layout import Headings, Paragraphs, Sizes
from app.reading.pdf_outline import MAX_TITLE_LINES, Outline
from app.reading.pdf_parts import Line, Page, Table
from app.reading.pdf_text import Hyphens

SAME_COLUMN = 4.0  # points
DIGIT = re.compile(r"\d")


class Text:
    """Builds headings and paragraphs of one page."""

    def __init__(self, page: int, outline: Outline | None, headings: Headings, groups: Paragraphs) -> None:
        self._page = page
        self._outline = outline
        self._headings = headings
        self._groups = groups

    def blocks(self, lines: list[Line]) -> Iterator[Block]:
        """Give the blocks of lines that follow each other."""
        waiting: list[Line] = []
        index = 0
        while index < len(lines):
            level, count = self._heading(lines, index)
            if not level:
                waiting.append(lines[index])
                index += 1
                continue
            yield from self._paragraphs(waiting)
            waiting = []
            yield Block("heading", "\n".join(line.text for line in lines[index : index + count]), self._page, level)
            index += count
        yield from self._paragraphs(waiting)

    def _heading(self, lines: list[Line], index: int) -> tuple[int, int]:
        if self._outline is not None:
            level, count = self._outline.take(
                self._page, [line.text for line in lines[index : index + MAX_TITLE_LINES]]
            )
            if level:
                return level, count
        return self._headings.at(lines[index])

    def _paragraphs(self, lines: list[Line]) -> Iterator[Block]:
        for group in self._groups.group(lines):
            yield Block("paragraph", "\n".join(line.text for line in group), self._page)


class Blocks:
    """Builds the blocks of one page after the other."""

    def __init__(self, outline: Outline | None, pages: int) -> None:
        self._outline = outline
        self._sizes = Sizes()
        self._hyphens = Hyphens()
        self._pages = pages
        self._open_table: Table | None = None  # the last thing that the page before said
        self._open_page = 0
        self._open_header: list[list[Piece]] | None = None
        self._header: list[list[Piece]] | None = None  # of the last table

    @property
    def body(self) -> float:
        """The size of ordinary text."""
        return self._sizes.body

    def learn(self, page: Page) -> None:
        """Take note of the sizes of a page; pages are seen here before they are built."""
        self._sizes.add(item for item in page.items if isinstance(item, Line))

    def of(self, page: Page, margins: set[int]) -> Iterator[Block]:
        """Give the blocks of a page; ``margins`` are the indexes of its items that are such."""
        self._hyphens.learn(page.text)
        own = [item for index, item in enumerate(page.items) if index not in margins]
        lines = [item for item in own if isinstance(item, Line)]
        by_font = self._outline is None or not self._outline.rich
        headings = Headings(self.body if by_font else 0.0, lines)
        text = Text(page.number, self._outline, headings, Paragraphs(lines))
        for block in self._in_order(page, margins, text):
            mended = self._hyphens.mend(block.text) if block.kind != "table" else block.text
            yield block if mended == block.text else replace(block, text=mended)
        self._open_table = own[-1] if own and isinstance(own[-1], Table) else None
        self._open_page, self._open_header = page.number, self._header

    def _in_order(self, page: Page, margins: set[int], text: Text) -> Iterator[Block]:
        waiting: list[Line] = []
        opens = True
        for index, item in enumerate(page.items):
            if index in margins:
                yield from text.blocks(waiting)
                waiting = []
                yield Block("margin", item.text, page.number, boxes=item.boxes if isinstance(item, Table) else ())
            elif isinstance(item, Table):
                yield from text.blocks(waiting)
                yield self._table(item, page.number, opens=opens)
                waiting, opens = [], False
            else:
                waiting.append(item)
                opens = False
        yield from text.blocks(waiting)

    def _table(self, table: Table, page: int, *, opens: bool) -> Block:
        """Give a table; one that goes on from the page before comes under the same header."""
        text, boxes = table.text, table.boxes
        before = self._open_table if opens and self._open_page == page - 1 else None
        self._header = table.cells[0] if table.bold_header or names_columns(table) else None
        if before is not None and self._open_header is not None and goes_on(before, table):
            header = without_places(self._open_header)
            if said(header) != said(table.cells[0]):
                text, boxes = markdown_of([header, *table.cells])
            self._header = header
        return Block("table", text, page, boxes=boxes)


def said(row: list[list[Piece]]) -> list[str]:
    """Give what the cells of a row say, to compare."""
    return ["".join(text_of(cell).split()) for cell in row]


def names_columns(table: Table) -> bool:
    """Tell whether the first row of a table is without numbers, most others are not."""
    first, *others = ["".join(said(row)) for row in table.cells]
    return not DIGIT.search(first) and 2 * sum(DIGIT.search(row) is not None for row in others) >= len(others) > 0


def goes_on(before: Table, table: Table) -> bool:
    """Tell whether a table at the head of a page has the columns of the one that ended the page before.

    One with a header of its own that says something else is another table.
    """
    if len(before.columns) != len(table.columns) or (table.bold_header and before.bold_header):
        return False
    return all(
        abs((one - before.columns[0]) - (other - table.columns[0])) <= SAME_COLUMN
        for one, other in zip(before.columns, table.columns, strict=True)
    )
