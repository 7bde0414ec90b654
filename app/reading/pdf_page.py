"""One page of a PDF as lines and tables with their places, in PDFium's order."""

import re

import pypdfium2

from app.reading.pdf_chars import NOTHING, Chars, Taken
from app.reading.pdf_drawings import Drawings, drawings_of
from app.reading.pdf_parts import BOLD, Line, Page, Table
from app.reading.pdf_place import Box, frame_of
from app.reading.pdf_tables import tables_of
from app.reading.pdf_unseen import Look, unseen

LINE = re.compile(r"[^\r\n]+")


def lines_of(chars: Chars, taken: Taken) -> list[Line]:
    """Give the lines of a page, without the characters that are taken."""
    lines: list[Line] = []
    for match in LINE.finditer(chars.text):
        start, end = match.span()
        if taken.within(start, end):
            kept = "".join(
                NOTHING if index in taken else character for index, character in enumerate(match.group(), start)
            )
        else:
            kept = match.group()
        text = kept.replace(NOTHING, "").strip()
        if text:
            first = start + len(kept) - len(kept.lstrip(" \t\x00\xa0\u3000"))
            last = start + len(kept.rstrip(" \t\x00\xa0\u3000")) - 1
            bold = chars.weight(first) >= BOLD and chars.weight(last) >= BOLD
            line = Line(text, first, chars.box(first), chars.box(last), chars.size(first), bold)
            if not (lines and drawn_twice(lines[-1], line)):
                lines.append(line)
    return lines


def drawn_twice(before: Line, line: Line) -> bool:
    """Tell whether a line lies on the one before it, the same words again to look bold."""
    return before.text == line.text and before.first.shared(line.first) > 0.5 * line.first.area > 0


def read_page(page: pypdfium2.PdfPage, number: int) -> Page:
    """Read a page that PDFium has opened."""
    text_page = page.get_textpage()
    try:
        chars = Chars(text_page, frame_of(page))
        frame = chars.frame = chars.frame.turned(chars.quarters())
        drawings = drawings_of(page, frame)
        hidden = unseen(page, text_page, Look(chars, drawings))
        tables, in_tables = tables_of(chars, hidden, drawings)
        lines = lines_of(chars, Taken(hidden | in_tables))
    finally:
        text_page.close()
    return page_of(number, chars, drawings, sorted([*lines, *tables], key=lambda item: item.start), hidden)


def page_of(number: int, chars: Chars, drawings: Drawings, items: list[Line | Table], hidden: set[int]) -> Page:
    """Put together what is known of a page."""
    frame = chars.frame
    whole = Box(0, 0, frame.width, frame.height)
    pictured = sum(picture.shared(whole) for picture in drawings.pictures) / frame.area
    count = sum(not chars.text[index].isspace() for index in hidden)
    return Page(number, frame.width, frame.height, items, count, drawings.marks > 0, pictured)
