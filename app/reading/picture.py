"""Picture files: a page for each frame of a TIFF, the first frame of all others; their text waits for recognition."""

import io
import math
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import DocumentRefused
from app.reading.block import Block
from app.reading.contract import Reading

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
# In memory: an A0 drawing of 600 dots an inch in black and white, a photograph of 100 million pixels.
MOST_BYTES = 600_000_000
GREY = frozenset({"1", "L"})  # modes of one byte a pixel; the others take four
MOST_OBLONG = 100  # the longer side by the shorter one
PICTURE = "a picture"
DAMAGED = "the picture is damaged or cut off; save it again"
TOO_LARGE = "a picture of {} x {} pixels, which is too large; save it smaller"

Image.MAX_IMAGE_PIXELS = None  # bounded here, by what a picture takes in memory
# What a decoder raises on bytes that are none of its own; SyntaxError is how PNG and TIFF say "broken".
BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError, EOFError, OverflowError)


def opened(content: bytes) -> Image.Image:
    """Open a picture; nothing but its head is read.

    Raises:
        DocumentRefused: it is none.
    """
    warnings.simplefilter("ignore")  # a decoder's warning may quote the file
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except (UnidentifiedImageError, *BROKEN) as error:
        raise DocumentRefused(DAMAGED) from error


def trouble_of(picture: Image.Image) -> str:
    """Give why the current frame cannot be taken; empty if it can."""
    width, height = picture.size
    if width < 1 or height < 1:
        return DAMAGED
    taken = width * height * (1 if picture.mode in GREY else 4)
    oblong = max(width, height) > MOST_OBLONG * min(width, height)
    return TOO_LARGE.format(width, height) if taken > MOST_BYTES or oblong else ""


def moved_to(picture: Image.Image, page: int) -> bool:
    """Go to a frame; False if there is none. Pages count from 1; only a TIFF has more than one.

    Raises:
        DocumentRefused: the file is broken there.
    """
    if page > 1 and picture.format != "TIFF":
        return False
    try:
        picture.seek(page - 1)
    except EOFError:
        return False
    except BROKEN as error:
        raise DocumentRefused(DAMAGED) from error
    return True


def frame_of(content: bytes, page: int, most_pixels: int) -> Image.Image:
    """Decode a frame as it is seen, upright and on white, made smaller where it has more pixels than ``most_pixels``.

    Raises:
        DocumentRefused: it is damaged, too large, or not there.
    """
    picture = opened(content)
    if not moved_to(picture, page):
        raise DocumentRefused(DAMAGED)
    if trouble := trouble_of(picture):
        raise DocumentRefused(trouble)
    width, height = picture.size
    try:
        if picture.format == "JPEG":  # its decoder makes it smaller while it reads
            shrink = math.sqrt(most_pixels / (width * height))
            if shrink < 1:
                picture.draft(None, (max(1, int(width * shrink)), max(1, int(height * shrink))))
        seen = smaller(on_white(picture), most_pixels)
        return ImageOps.exif_transpose(seen)
    except BROKEN as error:
        raise DocumentRefused(DAMAGED) from error


def on_white(picture: Image.Image) -> Image.Image:
    """Give the colours that are seen where a picture is looked through."""
    if picture.mode not in {"RGBA", "LA", "PA"} and "transparency" not in picture.info:
        return picture if picture.mode in GREY else picture.convert("RGB")
    clear = picture.convert("RGBA")
    seen = Image.new("RGB", clear.size, "white")
    seen.paste(clear, mask=clear.getchannel("A"))
    seen.info = dict(picture.info)
    return seen


def smaller(picture: Image.Image, most_pixels: int) -> Image.Image:
    """Make a picture smaller if it has too many pixels."""
    width, height = picture.size
    shrink = math.sqrt(most_pixels / (width * height))
    grey = picture.convert("L") if picture.mode == "1" else picture
    if shrink >= 1:
        return grey.convert("RGB")
    size = max(1, int(width * shrink)), max(1, int(height * shrink))
    return grey.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0).convert("RGB")


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Count the pages of a picture file; each waits for recognition, which says more of one that is damaged."""
    picture = opened(content)
    pages = 0
    while pages <= reading.max_pages and moved_to(picture, pages + 1):
        pages += 1
    if not pages:
        raise DocumentRefused(DAMAGED)
    if pages > reading.max_pages:
        raise DocumentRefused(f"more than {reading.max_pages} pages", advice="Split it, or raise ingest.max_pages.")
    moved_to(picture, 1)
    if pages == 1 and (trouble := trouble_of(picture)):
        raise DocumentRefused(trouble)
    reading.pages = pages
    reading.scanned.update(dict.fromkeys(range(1, pages + 1), PICTURE))
    yield from ()
