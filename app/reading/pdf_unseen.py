"""Which characters of a page of a PDF nobody sees: off the page, without ink, too small, white on white.

A text that is there for machines alone can tell a model what its reader does not know of.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from app.reading.pdf_chars import Chars
from app.reading.pdf_drawings import LIGHT, Drawings
from app.reading.pdf_place import Box

SAMPLE_STEP = 6  # characters; a stretch of so many is looked at at least once
TINIEST = 1.0  # points
PICTURE_SHARE = 0.5  # of the page; text without ink on so much picture is that of a scan
PICTURE_PIXELS = 1_200  # the longer side of the picture that white text is looked for on
MAX_COMPARED = 2_000_000  # characters by grounds, of one page
CONTRAST = 16  # of 255; a character of less is not seen
SPACES = re.compile(r"[\s\x00]+")


def unseen(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, look: "Look") -> set[int]:
    """Give the characters of a page that nobody sees."""
    hidden: set[int] = set()
    inside = text_page.get_text_bounded()
    if len(SPACES.sub("", inside)) != len(SPACES.sub("", look.chars.text)):
        hidden |= look.off_page(page.get_bbox())
    if look.suspicious():
        hidden |= look.without_ink() | look.tiny
        pale = look.pale - hidden
        if pale:
            hidden |= set(faint(page, look, pale))
    return hidden


class Kind(Enum):
    """How the letters of a text object may be invisible."""

    SEEN = auto()
    WITHOUT_INK = auto()
    TINY = auto()
    PALE = auto()


class Look:
    """A look at the characters of one page."""

    def __init__(self, chars: Chars, drawings: Drawings) -> None:
        self.chars = chars
        self.tiny: set[int] = set()
        self.pale: set[int] = set()
        self._drawings = drawings
        self._compared = 0

    def off_page(self, edges: tuple[float, float, float, float]) -> set[int]:
        """Give the characters outside the page's left, bottom, right and top."""
        return {
            index
            for index, character in enumerate(self.chars.text)
            if not character.isspace() and not self.chars.within(index, edges)
        }

    def suspicious(self) -> bool:
        """Tell by samples whether some text may be invisible."""
        seen = 0
        for index in range(0, len(self.chars.text), SAMPLE_STEP):
            found = self.chars.object(index)
            if not found or found == seen:
                continue
            seen = found
            mode = self.chars.mode(found)
            if mode in (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP) or self._light(index):
                return True
            if 0 < self.chars.box(index).height < TINIEST:
                return True
        return False

    def without_ink(self) -> set[int]:
        """Give the characters that are drawn in no way, and find the tiny and the pale ones on the way.

        Text without ink over a picture is what recognition found in a scan. It stays.
        """
        kinds: dict[int, Kind] = {}
        without: set[int] = set()
        for index in range(len(self.chars.text)):
            found = self.chars.object(index)
            if not found:
                continue
            kind = kinds.get(found)
            if kind is None:
                kind = kinds[found] = self._kind(index, found)
            if kind is Kind.WITHOUT_INK:
                without.add(index)
            elif kind is Kind.TINY:
                self.tiny.add(index)
            elif kind is Kind.PALE and self._on_paper(index):
                self.pale.add(index)
        return set() if self._recognised(without) else without

    def _kind(self, index: int, found: int) -> "Kind":
        """Tell how a text object may be invisible, by its first character."""
        mode = self.chars.mode(found)
        if mode == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
            return Kind.WITHOUT_INK
        if 0 < self.chars.size(index) < TINIEST:
            return Kind.TINY
        if mode == raw.FPDF_TEXTRENDERMODE_CLIP or (mode == raw.FPDF_TEXTRENDERMODE_FILL and self._light(index)):
            return Kind.PALE
        return Kind.SEEN

    def _on_paper(self, index: int) -> bool:
        """Tell whether nothing dark or pictured lies behind a character."""
        box = self.chars.box(index)
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        grounds = self._drawings.grounds
        self._compared += len(grounds)
        # Where there are too many, the page as it is drawn tells it alone.
        return self._compared > MAX_COMPARED or not any(ground.holds(x, y) for ground in grounds)

    def _light(self, index: int) -> bool:
        """Tell whether a character has the colour of paper, or none."""
        red, green, blue, opacity = self.chars.colour(index)
        return opacity == 0 or min(red, green, blue) >= LIGHT

    def _recognised(self, without: set[int]) -> bool:
        """Tell whether the text without ink is that of a scan: on a large picture, and most of the page's text."""
        frame = self.chars.frame
        page = Box(0, 0, frame.width, frame.height)
        covered = sum(picture.shared(page) for picture in self._drawings.pictures)
        written = sum(not character.isspace() for character in self.chars.text)
        return covered >= PICTURE_SHARE * frame.area and 2 * len(without) >= written


def faint(page: pypdfium2.PdfPage, look: Look, indexes: Iterable[int]) -> Iterator[int]:
    """Give those characters that do not stand out on the page as it is drawn, for what lies behind may be anything."""
    frame = look.chars.frame
    scale = PICTURE_PIXELS / max(frame.seen_width, frame.seen_height)
    width, height = max(1, round(frame.seen_width * scale)), max(1, round(frame.seen_height * scale))
    bitmap = pypdfium2.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGRx)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, raw.FPDF_RENDER_LIMITEDIMAGECACHE)
        picture: Image.Image = bitmap.to_pil().convert("L")
    finally:
        bitmap.close()
    for index in indexes:
        box = frame.share(look.chars.box(index))
        left, top = max(0, int(box.left * width)), max(0, int(box.top * height))
        right, bottom = min(width, int(box.right * width) + 1), min(height, int(box.bottom * height) + 1)
        if left >= right or top >= bottom:
            yield index
            continue
        shades = picture.crop((left, top, right, bottom)).tobytes()
        if max(shades) - min(shades) < CONTRAST:
            yield index
