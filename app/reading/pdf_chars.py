"""The characters of a page of a PDF by PDFium's index: their places, fonts and colours."""

import ctypes
import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from ctypes import c_int, c_void_p

import pypdfium2
from pypdfium2 import raw

from app.reading.pdf_drawings import address_of, bare
from app.reading.pdf_place import Box, Frame

SAMPLES = 24  # of a page's text, to tell how it is turned
FIRST_HALVES, SECOND_HALVES = range(0xD800, 0xDC00), range(0xDC00, 0xE000)
NOTHING = "\x00"  # in the place of a character that is not shown or has no Unicode
HYPHEN_CODE, HYPHEN_MARK = "\ufffe", "\x02"  # PDFium's own sign for the hyphen of a parted word, in its two forms

loose_box = bare("FPDFText_GetLooseCharBox", c_int, c_void_p, c_int, c_void_p)
tight_box = bare("FPDFText_GetCharBox", c_int, c_void_p, c_int, *[c_void_p] * 4)
object_of_char = bare("FPDFText_GetTextObject", c_void_p, c_void_p, c_int)
render_mode = bare("FPDFTextObj_GetTextRenderMode", c_int, c_void_p)
char_colour = bare("FPDFText_GetFillColor", c_int, c_void_p, c_int, *[c_void_p] * 4)
font_size = bare("FPDFText_GetFontSize", ctypes.c_double, c_void_p, c_int)
font_weight = bare("FPDFText_GetFontWeight", c_int, c_void_p, c_int)
char_matrix = bare("FPDFText_GetMatrix", c_int, c_void_p, c_int, c_void_p)


class Chars:
    """A page's characters.

    Attributes:
        text: one character for each of PDFium's indexes.
        frame: in which their places are given.
    """

    def __init__(self, text_page: pypdfium2.PdfTextPage, frame: Frame) -> None:
        self._handle = address_of(text_page.raw)
        self.frame = frame
        # FS_RECTF is left, top, right, bottom; FS_MATRIX six numbers.
        self._floats = (ctypes.c_float * 6)()
        self._doubles = (ctypes.c_double * 4)()
        self._numbers = (ctypes.c_uint * 4)()
        self._at = ctypes.addressof(self._floats)
        start = ctypes.addressof(self._doubles)
        self._corners = [start, start + 8, start + 16, start + 24]
        start = ctypes.addressof(self._numbers)
        self._channels = [start, start + 4, start + 8, start + 12]
        count = text_page.count_chars()
        text = text_page.get_text_range() if count else ""
        self.text: str = text if len(text) == count else "".join(self._one_by_one(text_page, count))
        self.text = self.text.replace(HYPHEN_CODE, HYPHEN_MARK)

    def _one_by_one(self, text_page: pypdfium2.PdfTextPage, count: int) -> list[str]:
        """Give the characters where PDFium's text has fewer of them than its index."""
        characters: list[str] = []
        for index in range(count):
            number = raw.FPDFText_GetUnicode(text_page, index)
            if number in SECOND_HALVES and characters and ord(characters[-1]) in FIRST_HALVES:
                characters[-1] = chr(0x10000 + (ord(characters[-1]) - FIRST_HALVES.start << 10) + number - 0xDC00)
                number = 0
            characters.append(chr(number) if 0 < number <= 0x10FFFF else NOTHING)
        return characters

    def box(self, index: int) -> Box:
        """Give the place of a character, as high as its font; without width or height for white space."""
        self._floats[0] = self._floats[1] = self._floats[2] = self._floats[3] = 0.0
        loose_box(self._handle, index, self._at)
        left, top, right, bottom = self._floats[:4]
        return self.frame.placing.box(left, bottom, right, top)

    def size(self, index: int) -> float:
        """Give the size of a character's font on the page, in points."""
        if not char_matrix(self._handle, index, self._at):
            return 0.0
        return float(font_size(self._handle, index)) * math.hypot(self._floats[2], self._floats[3])

    def quarters(self) -> int:
        """Give by how many quarters most of the text is turned clockwise in the frame of the page."""
        turns: Counter[int] = Counter()
        placing = self.frame.placing
        step = max(1, len(self.text) // SAMPLES)
        for index in range(0, len(self.text), step):
            if self.text[index].isspace() or not char_matrix(self._handle, index, self._at):
                continue
            a, b = self._floats[:2]
            across, down = placing.a * a + placing.c * b, placing.b * a + placing.d * b
            turns[round(math.atan2(down, across) / (math.pi / 2)) % 4] += 1
        (turn, count) = turns.most_common(1)[0] if turns else (0, 0)
        return turn if 2 * count > turns.total() else 0

    def weight(self, index: int) -> int:
        """Give the weight of a character's font: 400 regular, 700 bold; 0 or less if the font does not say."""
        return int(font_weight(self._handle, index))

    def object(self, index: int) -> int:
        """Give the address of the text object that a character belongs to; 0 for white space that PDFium made up."""
        return object_of_char(self._handle, index) or 0

    def mode(self, text_object: int) -> int:
        """Give how the letters of a text object are drawn: filled, as outlines, not at all."""
        return int(render_mode(text_object))

    def colour(self, index: int) -> tuple[int, int, int, int]:
        """Give red, green, blue and opacity of a character, 0..255; a pattern is taken as black."""
        if not char_colour(self._handle, index, *self._channels):
            return 0, 0, 0, 255
        red, green, blue, opacity = self._numbers
        return red, green, blue, opacity

    def within(self, index: int, edges: tuple[float, float, float, float]) -> bool:
        """Tell whether a character touches what lies between a left, bottom, right and top of the page."""
        if not tight_box(self._handle, index, *self._corners):
            return False
        left, right, bottom, top = self._doubles
        return max(left, edges[0]) < min(right, edges[2]) and max(bottom, edges[1]) < min(top, edges[3])


class Taken:
    """Characters that are not for the lines of a page: left out, or in a table."""

    def __init__(self, indexes: Iterable[int]) -> None:
        self._indexes = sorted(indexes)
        self._set = frozenset(self._indexes)

    def within(self, start: int, end: int) -> bool:
        """Tell whether any lies in a stretch."""
        return bisect_left(self._indexes, start) < bisect_right(self._indexes, end - 1)

    def __contains__(self, index: int) -> bool:
        return index in self._set
