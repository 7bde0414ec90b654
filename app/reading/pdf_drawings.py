"""What is drawn on a page of a PDF beside its text: ruling lines, pictures, dark grounds."""

import ctypes
import itertools
import math
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, c_int, c_void_p
from dataclasses import dataclass, field
from typing import Any

import pypdfium2
from pypdfium2 import raw

from app.reading.pdf_place import Box, Frame, Matrix

MAX_OBJECTS = 200_000  # of one page; what is beyond is not looked at
MAX_DEPTH = 6  # of drawings within drawings
MAX_SEGMENTS = 4_000  # of one path; a longer one is a figure
SEGMENTS_OF_A_BOX = 5
MAX_COMPARED = 2_000_000  # lines by grounds
MAX_FOUND = 8_000  # lines and grounds of one page
THICKEST = 3.0  # points; what is thicker is a bar, not a line
SHORTEST = 3.0  # points
LIGHT = 245  # of 255; a ground at least so light hides white words
TEXT = raw.FPDF_PAGEOBJ_TEXT
SHAPES_WITH_A_PICTURE = frozenset({raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_SHADING})

Call = Callable[..., Any]


def bare(name: str, result: type | None, *arguments: type) -> Call:
    """Give a function of PDFium that takes and gives addresses as numbers: it is called for every object of a page."""
    address = ctypes.cast(getattr(raw, name), c_void_p).value
    if address is None:
        raise AttributeError(name)
    return CFUNCTYPE(result, *arguments)(address)


object_of_page = bare("FPDFPage_GetObject", c_void_p, c_void_p, c_int)
object_of_form = bare("FPDFFormObj_GetObject", c_void_p, c_void_p, ctypes.c_ulong)
objects_in_form = bare("FPDFFormObj_CountObjects", c_int, c_void_p)
type_of = bare("FPDFPageObj_GetType", c_int, c_void_p)
bounds_of = bare("FPDFPageObj_GetBounds", c_int, c_void_p, *[c_void_p] * 4)
matrix_into = bare("FPDFPageObj_GetMatrix", c_int, c_void_p, c_void_p)
draw_mode = bare("FPDFPath_GetDrawMode", c_int, c_void_p, c_void_p, c_void_p)
fill_colour = bare("FPDFPageObj_GetFillColor", c_int, c_void_p, *[c_void_p] * 4)
stroke_colour = bare("FPDFPageObj_GetStrokeColor", c_int, c_void_p, *[c_void_p] * 4)
stroke_width = bare("FPDFPageObj_GetStrokeWidth", c_int, c_void_p, c_void_p)
segments_of = bare("FPDFPath_CountSegments", c_int, c_void_p)
segment_of = bare("FPDFPath_GetPathSegment", c_void_p, c_void_p, c_int)
segment_point = bare("FPDFPathSegment_GetPoint", c_int, c_void_p, c_void_p, c_void_p)
segment_type = bare("FPDFPathSegment_GetType", c_int, c_void_p)
segment_closes = bare("FPDFPathSegment_GetClose", c_int, c_void_p)


def address_of(handle: object) -> int:
    """Give the address behind a handle of pypdfium2."""
    return ctypes.cast(handle, c_void_p).value or 0  # type: ignore[arg-type]


@dataclass(slots=True)
class Drawings:
    """What was found on a page.

    Attributes:
        across: level lines as (y, from x, to x).
        down: upright lines as (x, from y, to y).
        pictures: images and shadings.
        grounds: filled shapes that are not as light as paper, pictures among them.
        marks: how many objects that are neither text nor a line would leave a mark on paper.
        light: lines in the colour of paper.
    """

    across: list[tuple[float, float, float]] = field(default_factory=list)
    down: list[tuple[float, float, float]] = field(default_factory=list)
    pictures: list[Box] = field(default_factory=list)
    grounds: list[Box] = field(default_factory=list)
    marks: int = 0
    light: list[Box] = field(default_factory=list)

    @property
    def crowded(self) -> bool:
        """Tell whether so much was found that this is a figure, and more would tell nothing."""
        return len(self.across) + len(self.down) + len(self.grounds) + len(self.light) >= MAX_FOUND

    def take_light_lines(self) -> None:
        """Take the lines in the colour of paper that part a ground; elsewhere they are gaps between columns."""
        if len(self.light) * len(self.grounds) > MAX_COMPARED:
            self.light = []
        for box in self.light:
            x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
            if any(ground.holds(x, y) for ground in self.grounds):
                self.line(box)
        self.light = []

    def line(self, box: Box) -> bool:
        """Take a box as a ruling line if it is thin and long enough for one."""
        if 0 <= box.height <= THICKEST and box.width >= max(SHORTEST, 2 * box.height):
            self.across.append(((box.top + box.bottom) / 2, box.left, box.right))
        elif 0 <= box.width <= THICKEST and box.height >= max(SHORTEST, 2 * box.width):
            self.down.append(((box.left + box.right) / 2, box.top, box.bottom))
        else:
            return False
        return True

    def rectangle(self, box: Box) -> None:
        """Take the four sides of a box."""
        self.across += [(box.top, box.left, box.right), (box.bottom, box.left, box.right)]
        self.down += [(box.left, box.top, box.bottom), (box.right, box.top, box.bottom)]


class Walk:
    """Looks at the objects of a page, those within drawings included."""

    def __init__(self, frame: Frame) -> None:
        self.drawings = Drawings()
        self._frame = frame
        self._left = MAX_OBJECTS
        self._floats = (ctypes.c_float * 6)()
        self._numbers = (ctypes.c_uint * 4)()
        start = ctypes.addressof(self._floats)
        self._corners = [start, start + 4, start + 8, start + 12]
        start = ctypes.addressof(self._numbers)
        self._channels = [start, start + 4, start + 8, start + 12]

    def page(self, page: pypdfium2.PdfPage) -> Drawings:
        """Look at a page."""
        address = address_of(page.raw)
        self._all(address, object_of_page, raw.FPDFPage_CountObjects(page.raw), self._frame.placing, 0)
        self.drawings.take_light_lines()
        return self.drawings

    def _all(self, holder: int, one: Call, count: int, placing: Matrix, depth: int) -> None:
        # Most objects of a page are text: they are passed over as fast as can be.
        found = list(map(one, itertools.repeat(holder), range(min(count, self._left))))
        others = [(each, kind) for each, kind in zip(found, map(type_of, found), strict=True) if kind != TEXT]
        self._left -= len(found)
        for each, kind in others:
            self._object(each, kind, placing, depth)

    def _object(self, found: int, kind: int, placing: Matrix, depth: int) -> None:
        if kind == raw.FPDF_PAGEOBJ_FORM:
            if depth < MAX_DEPTH and matrix_into(found, self._corners[0]):
                inner = placing.after(Matrix(*self._floats))
                self._all(found, object_of_form, objects_in_form(found), inner, depth + 1)
        elif not self.drawings.crowded and bounds_of(found, *self._corners):
            left, bottom, right, top = self._floats[:4]
            box = placing.box(left, bottom, right, top)
            if kind == raw.FPDF_PAGEOBJ_PATH:
                self._path(found, box, placing)
            elif kind in SHAPES_WITH_A_PICTURE:
                self.drawings.marks += 1
                self.drawings.pictures.append(box)
                self.drawings.grounds.append(box)

    def _path(self, found: int, box: Box, placing: Matrix) -> None:
        fill, stroke = self._mode(found)
        if not (fill or stroke):
            return
        box = self._within(box)
        if box.width < 0 or box.height < 0:
            return
        ground, edge = fill and self._dark(found, fill_colour), stroke and self._dark(found, stroke_colour)
        if edge and (thickness := self._thickness(found, placing)) > THICKEST:
            half = thickness / 2
            box = self._within(Box(box.left - half, box.top - half, box.right + half, box.bottom + half))
            ground, edge = True, False
        if min(box.width, box.height) <= THICKEST:
            if ground or edge:
                self.drawings.line(box)
            else:
                self.drawings.light.append(box)
            return
        self.drawings.marks += ground or edge
        if ground:
            self.drawings.grounds.append(box)
        if ground or edge:
            self._lines_of(found, placing, edge=edge)

    def _thickness(self, found: int, placing: Matrix) -> float:
        """Give how thick the edge of a path is drawn, in points."""
        if not stroke_width(found, self._corners[0]):
            return 0.0
        return self._floats[0] * math.sqrt(abs(placing.a * placing.d - placing.b * placing.c))

    def _within(self, box: Box) -> Box:
        """Cut a box off at the edges of the page."""
        return Box(
            max(box.left, 0.0),
            max(box.top, 0.0),
            min(box.right, self._frame.width),
            min(box.bottom, self._frame.height),
        )

    def _mode(self, found: int) -> tuple[bool, bool]:
        """Tell whether a path is filled and whether its edge is drawn."""
        if not draw_mode(found, self._channels[0], self._channels[1]):
            return False, False
        return bool(self._numbers[0]), bool(self._numbers[1])

    def _dark(self, found: int, colour: Call) -> bool:
        """Tell whether a shape is darker than paper; a pattern counts as dark."""
        if not colour(found, *self._channels):
            return True
        red, green, blue, opacity = self._numbers
        return opacity > 0 and min(red, green, blue) < LIGHT

    def _lines_of(self, found: int, placing: Matrix, *, edge: bool) -> None:
        """Take the ruling lines out of a path: thin boxes, and where its edge is drawn what runs straight."""
        count = segments_of(found)
        if not (2 if edge else SEGMENTS_OF_A_BOX + 1) <= count <= MAX_SEGMENTS:
            return
        if not matrix_into(found, self._corners[0]):
            return
        for points in self._runs(found, count, placing.after(Matrix(*self._floats))):
            xs, ys = [x for x, _ in points], [y for _, y in points]
            box = self._within(Box(min(xs), min(ys), max(xs), max(ys)))
            if self.drawings.line(box) or not edge:
                continue
            if is_rectangle(points, box):
                self.drawings.rectangle(box)
                continue
            for (x0, y0), (x1, y1) in itertools.pairwise(points):
                self.drawings.line(self._within(Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))))

    def _runs(self, found: int, count: int, placing: Matrix) -> Iterator[list[tuple[float, float]]]:
        """Give the corners of each stretch of a path that is drawn without a break and without a curve."""
        points: list[tuple[float, float]] = []
        for index in range(count):
            segment = segment_of(found, index)
            kind = segment_type(segment)
            if kind != raw.FPDF_SEGMENT_LINETO:
                if len(points) > 1:
                    yield points
                points = []
            segment_point(segment, self._corners[0], self._corners[1])
            points.append(placing.point(self._floats[0], self._floats[1]))
            if segment_closes(segment):
                points.append(points[0])
        if len(points) > 1:
            yield points


def is_rectangle(points: list[tuple[float, float]], box: Box) -> bool:
    """Tell whether corners are those of an upright rectangle."""
    if not 4 <= len(points) <= 6 or points[0] != points[-1]:
        return False
    return all(min(x - box.left, box.right - x) < 0.5 and min(y - box.top, box.bottom - y) < 0.5 for x, y in points)


def drawings_of(page: pypdfium2.PdfPage, frame: Frame) -> Drawings:
    """Look at what is drawn on a page."""
    return Walk(frame).page(page)
