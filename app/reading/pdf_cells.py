"""The cells of a table on a page, and the Markdown that says them with the place of each of their lines."""

from collections.abc import Iterator
from typing import NamedTuple

from app.reading.block import TextBox
from app.reading.contract import markdown_table
from app.reading.pdf_chars import HYPHEN_MARK
from app.reading.pdf_place import Box


class Piece(NamedTuple):
    """One line of a cell; its place in shares of the page, or None where it is said again from another page."""

    text: str
    place: Box | None


Cells = list[list[list[Piece]]]  # rows, cells, lines


def wide(character: str) -> bool:
    """Tell whether a character is of a script that puts no space between words."""
    return "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or "\uff00" <= character <= "\uffef"


def joint(before: str, after: str) -> str:
    """Give what stands between two lines of a cell."""
    together = before.endswith(("-", HYPHEN_MARK)) or (wide(before[-1:]) and wide(after[:1]))
    return "" if together else " "


def text_of(cell: list[Piece]) -> str:
    """Give the text of a cell."""
    text = ""
    for piece in cell:
        text += (joint(text, piece.text) if text else "") + piece.text
    return text.replace(HYPHEN_MARK, "-")


def markdown_of(cells: Cells) -> tuple[str, tuple[TextBox, ...]]:
    """Write a table, and tell where its words stand."""
    text = markdown_table([[text_of(cell) for cell in row] for row in cells])
    return text, tuple(boxes_of(text, [row for row in cells if any(row)]))


def boxes_of(text: str, rows: Cells) -> Iterator[TextBox]:
    """Give the place of each line of each cell in the Markdown of these rows."""
    starts = [0]
    for written in text.split("\n"):
        starts.append(starts[-1] + len(written) + 1)
    for number, row in enumerate(rows):
        at = starts[number + (number > 0)]  # the second line parts the header from the rest
        for piece in (piece for cell in row for piece in cell):
            words = " ".join(piece.text.replace(HYPHEN_MARK, "-").split()).replace("|", "\\|")
            found = text.find(words, at)
            if found >= 0 and words:
                at = found + len(words)
                if piece.place is not None:
                    yield TextBox(found, at, *piece.place)


def without_places(row: list[list[Piece]]) -> list[list[Piece]]:
    """Give a row that is said again on another page."""
    return [[Piece(piece.text, None) for piece in cell] for cell in row]
