"""Places on a page of a PDF as it is read: in points, from the upper left corner, cropped and upright."""

import ctypes
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import pypdfium2
from pypdfium2 import raw

DEVICE = 1_000_000  # PDFium places points in whole pixels; of so many, one is nothing
DAMAGED_SIZE = 1.0


class Box(NamedTuple):
    """A rectangle, in points; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Square points."""
        return max(self.width, 0) * max(self.height, 0)

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point lies inside."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def joined(self, other: "Box") -> "Box":
        """Give the smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def shared(self, other: "Box") -> float:
        """Give the area of what both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A change of coordinates: x' = a x + c y + e, y' = b x + d y + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def after(self, first: "Matrix") -> "Matrix":
        """Give the change that applies another one first, then this one."""
        return Matrix(
            self.a * first.a + self.c * first.b,
            self.b * first.a + self.d * first.b,
            self.a * first.c + self.c * first.d,
            self.b * first.c + self.d * first.d,
            self.a * first.e + self.c * first.f + self.e,
            self.b * first.e + self.d * first.f + self.f,
        )

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Place a point."""
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Place a rectangle given by two corners."""
        # Written out: it is called for every character of a table.
        x0, x1 = self.a * left + self.c * bottom + self.e, self.a * right + self.c * top + self.e
        y0, y1 = self.b * left + self.d * bottom + self.f, self.b * right + self.d * top + self.f
        if x0 > x1:
            x0, x1 = x1, x0
        return Box(x0, y0, x1, y1) if y0 <= y1 else Box(x0, y1, x1, y0)


@dataclass(frozen=True, slots=True)
class Frame:
    """How a page is read: upright, even where its text lies on its side, and how that is seen.

    Attributes:
        width: of the page as it is read; ``height`` likewise.
        placing: from PDFium's coordinates to points on the page as it is read.
        seen_width: of the page as it is seen; ``seen_height`` likewise.
        showing: from points on the page as it is read to shares of it as it is seen.
    """

    width: float
    height: float
    placing: Matrix
    seen_width: float
    seen_height: float
    showing: Matrix

    @property
    def area(self) -> float:
        """Square points."""
        return self.width * self.height

    def share(self, box: Box) -> Box:
        """Give a place in shares of the page as it is seen."""
        return self.showing.box(*box)

    def turned(self, quarters: int) -> "Frame":
        """Give the frame of a page whose text is turned so many quarters clockwise."""
        if not quarters:
            return self
        width, height = self.width, self.height
        turns = {
            1: (Matrix(0, -1, 1, 0, 0, width), Matrix(0, 1, -1, 0, width, 0)),
            2: (Matrix(-1, 0, 0, -1, width, height), Matrix(-1, 0, 0, -1, width, height)),
            3: (Matrix(0, 1, -1, 0, height, 0), Matrix(0, -1, 1, 0, 0, height)),
        }
        there, back = turns[quarters]
        if quarters % 2:
            width, height = height, width
        return replace(
            self, width=width, height=height, placing=there.after(self.placing), showing=self.showing.after(back)
        )


def frame_of(page: pypdfium2.PdfPage) -> Frame:
    """Ask PDFium how a page is cropped and turned; one without a sane size is taken as a point."""
    width, height = page.get_width(), page.get_height()
    if not (math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0):
        width = height = DAMAGED_SIZE
    shares = Matrix(1 / width, 0, 0, 1 / height, 0, 0)
    return Frame(width, height, placing_of(page, width, height), width, height, shares)


def placing_of(page: pypdfium2.PdfPage, width: float, height: float) -> Matrix:
    """Give the change from PDFium's coordinates of a page to points on it as it is seen."""
    left, bottom, right, top = page.get_bbox()
    if not (left < right and bottom < top):
        return Matrix(1, 0, 0, -1, 0, height)
    x, y = ctypes.c_int(), ctypes.c_int()
    places = []
    for across, up in ((left, bottom), (right, bottom), (left, top)):
        raw.FPDF_PageToDevice(page, 0, 0, DEVICE, DEVICE, 0, across, up, x, y)
        places.append((x.value / DEVICE * width, y.value / DEVICE * height))
    (x0, y0), (x1, y1), (x2, y2) = places
    a, b = (x1 - x0) / (right - left), (y1 - y0) / (right - left)
    c, d = (x2 - x0) / (top - bottom), (y2 - y0) / (top - bottom)
    return Matrix(a, b, c, d, x0 - a * left - c * bottom, y0 - b * left - d * bottom)
