"""Picture files: a page for each frame of a TIFF, the first frame of all others; their text waits for recognition."""

import io
import math
import warnings
from collections.abc import Iterator
from typing import cast

from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import DocumentRefused
from app.reading.block import Block
from app.reading.contract import Reading

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
# In memory: an A0 drawing of 600 dots an inch in black and white, a photograph of 100 million pixels.
MOST_BYTES = 600_000_000
GREY = frozenset({"1", "L"})  # modes of one byte a pixel; the others take four
SHADES = frozenset({"L", "RGB", "CMYK", "YCbCr"})  # modes whose pixels can be averaged
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


def on_white(picture: Image.Image) -> Image.Image:
    """Give a picture in grey or in colours, what is transparent in it white."""
    if picture.mode in ("1", "L"):
        return picture.convert("L")
    if picture.mode.startswith(("I", "F")):  # shades of more than 8 bits, such as those of a radiograph
        darkest, lightest = cast(tuple[float, float], picture.getextrema())
        scale = 255 / ((lightest - darkest) or 1)
        return picture.point(lambda shade: shade * scale - darkest * scale).convert("L")
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        white.alpha_composite(seen)
        return white.convert("RGB")
    return picture.convert("RGB")


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
    try:
        width, height = picture.size
        shrink = math.sqrt(most_pixels / (width * height))
        if picture.format == "JPEG" and shrink < 1:  # its decoder makes it smaller while it reads
            picture.draft(None, (math.ceil(width * shrink), math.ceil(height * shrink)))
        picture.load()
        factor = int(math.sqrt(picture.width * picture.height / most_pixels))
        if picture.mode in SHADES and factor > 1:  # before it is copied
            picture = picture.reduce(factor)
        seen = ImageOps.exif_transpose(on_white(picture))
        shrink = math.sqrt(most_pixels / (seen.width * seen.height))
        if shrink < 1:
            size = max(1, int(seen.width * shrink)), max(1, int(seen.height * shrink))
            seen = seen.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        return seen.convert("RGB")
    except BROKEN as error:
        raise DocumentRefused(DAMAGED) from error


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Tell the pages of a picture file, all of which wait for recognition."""
    picture = opened(content)
    refused = ""
    while moved_to(picture, reading.pages + 1):
        reading.pages += 1
        if reading.pages > reading.max_pages:
            raise DocumentRefused(f"more than {reading.max_pages} pages", advice="Split it, or raise ingest.max_pages.")
        if trouble := trouble_of(picture):
            reading.page_notes[reading.pages] = refused = trouble
        else:
            reading.scanned[reading.pages] = PICTURE
    if not reading.scanned:
        raise DocumentRefused(refused or DAMAGED)
    yield from ()
