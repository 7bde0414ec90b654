"""One page of a PDF or picture file as a PNG picture, the cited words marked. Runs in the reading process alone.

The stored text of a page was made of PDFium's characters: some were taken out, white space and hyphens changed. So both
are squeezed of all that may differ, and what is left tells which characters of the page a stretch of text is.
"""

import ctypes
import io
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pypdfium2
from PIL import Image, ImageChops, ImageDraw
from pypdfium2 import raw

from app.errors import DocumentLocked, DocumentRefused
from app.reading.contract import UNWANTED
from app.reading.detect import is_picture
from app.reading.pdf import PASSWORD
from app.reading.picture import frame_of

MOST_PIXELS = 8_000_000  # 32 MB of bitmap, whatever size a page claims
MOST_SIDE = 8_000
MOST_OBLONG = 1e6  # the longer side by the shorter one; beyond it a page is drawn squeezed
MARK_COLOUR = (255, 234, 110)
MARK_EDGE_PIXELS = 1
FEW_COLOURS = 3_000  # a page of text with its smoothed edges; a photograph has more and keeps them all
PALETTE_COLOURS = 256
WORD_GAP = 1.2  # in heights of the line; what is further apart is two marks, as in the cells of a table
HYPHENS = frozenset("-\u00ad\x02")  # PDFium's sign of a parted word became a hyphen or nothing
FIRST_HALVES, SECOND_HALVES = range(0xD800, 0xDC00), range(0xDC00, 0xE000)
DAMAGED = "this page is damaged, so it cannot be shown"
DAMAGED_ADVICE = "Download the original, or print it to PDF again and send that."


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the picture, in pixels from its upper left corner."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    def continued_by(self, following: "Box") -> bool:
        """Tell whether the box of the following characters lies in the same line, close by."""
        shared = min(self.bottom, following.bottom) - max(self.top, following.top)
        height = max(self.height, following.height)
        gap = following.left - self.right
        return 2 * shared > min(self.height, following.height) and abs(gap) <= WORD_GAP * height

    def joined(self, other: "Box") -> "Box":
        """Give the smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class Canvas:
    """A page and the size in pixels at which it is drawn."""

    page: pypdfium2.PdfPage
    width: int
    height: int

    def place(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Give the box on the picture of a rectangle on the page, which may be cropped and turned."""
        xs, ys = [], []
        x, y = ctypes.c_int(), ctypes.c_int()
        for across, up in ((left, bottom), (right, top)):
            raw.FPDF_PageToDevice(self.page, 0, 0, self.width, self.height, 0, across, up, x, y)
            xs.append(x.value)
            ys.append(y.value)
        return Box(min(xs), min(ys), max(xs), max(ys))


def size_in_pixels(page_width: float, page_height: float, width: int) -> tuple[int, int]:
    """Give width and height of the picture; a page that is very high or claims no sane size is scaled down.

    Raises:
        DocumentRefused: the page has no size at all.
    """
    if not (math.isfinite(page_width) and math.isfinite(page_height) and page_width > 0 and page_height > 0):
        raise DocumentRefused(DAMAGED, advice=DAMAGED_ADVICE)
    height = min(max(page_height / page_width, 1 / MOST_OBLONG), MOST_OBLONG) * width
    shrink = min(1.0, MOST_SIDE / height, math.sqrt(MOST_PIXELS / (width * height)))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def squeeze(characters: Iterable[str]) -> tuple[str, list[int]]:
    """Give the characters that stored text and page have in common, and the position of each."""
    kept: list[str] = []
    positions: list[int] = []
    for position, character in enumerate(characters):
        if not (character.isspace() or character in HYPHENS or UNWANTED.match(character)):
            kept.append(character)
            positions.append(position)
    return "".join(kept), positions


def nearest(text: str, wanted: str, expected: int) -> int | None:
    """Give where ``wanted`` stands in ``text``, nearest to where it is expected; None if nowhere."""
    best: int | None = None
    at = text.find(wanted) if wanted else -1
    while at >= 0 and (best is None or abs(at - expected) < abs(best - expected)):
        best, at = at, text.find(wanted, at + 1)
    return best


def stretches(stored: str, cited: Iterable[list[int]], shown: str) -> Iterator[range]:
    """Give the places in ``shown`` of what is cited.

    Args:
        stored: the page's text as it was stored.
        cited: [start, end, first, last]: a span of the stored text, and the part of it that is to be marked.
        shown: the squeezed text of the page.
    """
    squeezed, positions = squeeze(stored)
    for span in cited:
        start, end, first, last = (bisect_left(positions, place) for place in span)
        # The two differ where another release read the page: then the span is looked for.
        at = start if squeezed == shown else nearest(shown, squeezed[start:end], start)
        if at is not None:
            yield range(at + first - start, at + last - start)


def characters_of(text_page: pypdfium2.PdfTextPage, edges: tuple[float, float, float, float]) -> Iterator[str]:
    """Give the page's characters by PDFium's index; NUL, which is squeezed out, for one that was not stored.

    Stored is what is seen: ``edges`` are the left, bottom, right and top of the page.
    """
    left, bottom, right, top = (ctypes.c_double() for _ in edges)
    half = 0
    for index in range(text_page.count_chars()):
        number = raw.FPDFText_GetUnicode(text_page, index)
        if half and number in SECOND_HALVES:  # PDFium gives a character beyond 16 bits as two in one place
            number = 0x10000 + (half - FIRST_HALVES.start << 10) + number - SECOND_HALVES.start
        half = number if number in FIRST_HALVES else 0
        raw.FPDFText_GetCharBox(text_page, index, left, right, bottom, top)
        seen = (
            max(left.value, edges[0]) < min(right.value, edges[2])
            and max(bottom.value, edges[1]) < min(top.value, edges[3])
        )  # fmt: skip
        yield chr(number) if seen and 0 < number <= 0x10FFFF else "\x00"


def boxes_of(canvas: Canvas, text_page: pypdfium2.PdfTextPage, indexes: Iterable[int]) -> Iterator[Box]:
    """Give the boxes around these characters, those in one line as one."""
    open_box: Box | None = None
    corners = raw.FS_RECTF()
    for index in indexes:
        if not raw.FPDFText_GetLooseCharBox(text_page, index, corners):
            continue
        box = canvas.place(corners.left, corners.bottom, corners.right, corners.top)
        if open_box is not None and open_box.continued_by(box):
            open_box = open_box.joined(box)
            continue
        if open_box is not None:
            yield open_box
        open_box = box
    if open_box is not None:
        yield open_box


def marks_of(canvas: Canvas, stored: str, cited: list[list[int]]) -> list[Box]:
    """Give the boxes of the cited words; none where the page has no text that they could lie in."""
    text_page = canvas.page.get_textpage()
    try:
        shown, indexes = squeeze(characters_of(text_page, canvas.page.get_bbox()))
        return [
            box
            for stretch in stretches(stored, cited, shown)
            for box in boxes_of(canvas, text_page, (indexes[place] for place in stretch))
        ]
    finally:
        text_page.close()


def drawn(canvas: Canvas) -> Image.Image:
    """Draw the page on white."""
    size = canvas.width, canvas.height
    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGRx, rev_byteorder=True)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER | raw.FPDF_RENDER_LIMITEDIMAGECACHE
        raw.FPDF_RenderPageBitmap(bitmap, canvas.page, 0, 0, *size, 0, flags)
        picture: Image.Image = bitmap.to_pil().convert("RGB")
        return picture
    finally:
        bitmap.close()


def lay_marks(picture: Image.Image, boxes: Iterable[Box]) -> None:
    """Mark as a felt pen does: light ground and light words turn yellow, dark words stay as dark as they are."""
    mask = Image.new("1", picture.size)
    draw = ImageDraw.Draw(mask)
    for box in boxes:
        edge = MARK_EDGE_PIXELS
        draw.rectangle((box.left - edge, box.top - edge, box.right + edge, box.bottom + edge), fill=1)
    picture.paste(ImageChops.multiply(picture, Image.new("RGB", picture.size, MARK_COLOUR)), mask=mask)


def png_of(picture: Image.Image) -> bytes:
    """Write a picture, one of few colours with a palette: a quarter of the bytes."""
    file = io.BytesIO()
    if picture.getcolors(FEW_COLOURS) is not None:
        picture = picture.quantize(PALETTE_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    picture.save(file, "PNG")
    return file.getvalue()


def picture_of(
    content: bytes,
    *,
    page: int,
    width: int,
    stored: str,
    cited: list[list[int]],
    boxes: list[list[float]],
    password: str = "",
) -> bytes:
    """Draw one page.

    Args:
        content: the PDF or picture.
        page: from 1.
        width: of the picture, in pixels.
        stored: the page's text as it was stored.
        cited: what is to be marked in it, see ``stretches``.
        boxes: further places to be marked: left, top, right, bottom as shares (0..1) of the page as it is seen.
        password: opens the PDF if it is protected; empty for none.

    Raises:
        DocumentRefused: it cannot be shown; the message says why.
    """
    if is_picture(content):
        return png_of(marked(scaled(frame_of(content, page, MOST_PIXELS), width), boxes))
    try:
        document = pypdfium2.PdfDocument(content, password or None)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD:
            raise DocumentLocked(PASSWORD) from error
        raise DocumentRefused(DAMAGED, advice=DAMAGED_ADVICE) from error
    try:
        opened = document[page - 1]
        canvas = Canvas(opened, *size_in_pixels(opened.get_width(), opened.get_height(), width))
        picture = drawn(canvas)
        if cited:
            lay_marks(picture, marks_of(canvas, stored, cited))
        return png_of(marked(picture, boxes))
    except pypdfium2.PdfiumError as error:
        raise DocumentRefused(DAMAGED, advice=DAMAGED_ADVICE) from error
    finally:
        document.close()


def scaled(picture: Image.Image, width: int) -> Image.Image:
    """Give a picture file at a width in pixels; it is not blown up beyond twice its own."""
    size = size_in_pixels(*picture.size, min(width, 2 * picture.width))
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def marked(picture: Image.Image, boxes: list[list[float]]) -> Image.Image:
    """Mark places given in shares of the page: left, top, right, bottom."""
    width, height = picture.size
    places = [
        Box(round(left * width), round(top * height), round(right * width), round(bottom * height))
        for left, top, right, bottom in boxes
    ]
    if places:
        lay_marks(picture, places)
    return picture
