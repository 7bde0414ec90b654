"""What reading a page of a PDF gives, before it becomes blocks. Values only."""

from dataclasses import dataclass, field

from app.reading.block import TextBox
from app.reading.pdf_cells import Cells
from app.reading.pdf_place import Box

NOWHERE = Box(0, 0, 0, 0)
BOLD = 600  # the least weight of a font that is called bold


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text.

    PDFium puts a word that a line end parts together: such a line goes on where the next one begins.

    Attributes:
        start: index of its first character on the page.
        first: place of its first character; ``last`` that of the last one.
        size: of its font, in points; 0 where the places are not known.
    """

    text: str
    start: int = 0
    first: Box = NOWHERE
    last: Box = NOWHERE
    size: float = 0.0
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first row is the header.

    Attributes:
        start: index of its first character on the page.
        columns: where its columns begin and end, in points.
        bold_header: its first row is set bold or on a ground of its own.
    """

    cells: Cells
    text: str
    boxes: tuple[TextBox, ...]
    start: int
    place: Box
    columns: tuple[float, ...]
    bold_header: bool = False


@dataclass(slots=True)
class Page:
    """A page, read.

    Attributes:
        items: lines and tables, in order.
        unseen: how many characters were left out because nobody sees them.
        drawn: whether anything but text leaves a mark on it.
        pictured: share of it that pictures cover, 0..1 and more.
    """

    number: int
    width: float = 0.0
    height: float = 0.0
    items: list[Line | Table] = field(default_factory=list)
    unseen: int = 0
    drawn: bool = False
    pictured: float = 0.0

    @property
    def text(self) -> str:
        """All text of the page."""
        return "\n".join(item.text for item in self.items)
