"""The text on the pictures of pages: scans, pages whose text layer is worthless, picture files.

Loading this module loads the models, before the first file is seen. A page that lies on its side or stands on its head
is turned before it is read; where its words stand is told on the page as it is seen.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
import pypdfium2

from app.errors import DocumentRefused
from app.reading import detect
from app.reading.block import Block
from app.reading.page_picture import Canvas, drawn
from app.reading.pdf import opened
from app.reading.pdf_place import Box
from app.reading.picture import frame_of
from app.reading.recogniser import TALL, Corners, Picture, Recogniser, SeenLine
from app.reading.scan_blocks import ScanBlocks, Written

os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # questions and quick reading come first
RECOGNISER = Recogniser()
BEGUN = count()  # pages of this process

DOTS_PER_INCH = 200
# A page may claim any size, and be a picture of another: so many pixels show the smallest print of an A4 page and
# still take little memory.
LEAST_PIXELS, MOST_PIXELS = 2_000_000, 6_000_000
MOST_SIDE = 12_000
# Of 442 lines of clean and of bad scans the least sure had 0.73; below a half more characters are wrong than right, as
# of patterns and ornaments that were taken for lines.
LEAST_SCORE = 0.5
SAMPLE_LINES = 5  # the longest, which tell whether the page stands upright
LEAST_MERIT = 0.25  # of them; pages on their head had 0.05 at most, upright ones, bad scans too, 0.46 and more
DAMAGED = "this page is damaged, so its text was not recognised"
NO_MEMORY = "this page needs more memory than is allowed, so its text was not recognised"
FAILED = "the recognition of text failed on it"
NOT_OPENED = "the PDF is damaged or cut off; save or print it to PDF again"


def length_of(corners: Corners) -> float:
    """Give the longer side of a line."""
    return max(math.dist(corners[0], corners[1]), math.dist(corners[0], corners[3]))


def merit_of(lines: list[SeenLine]) -> float:
    """Give how much was understood of lines: characters above chance, for each that would have room."""
    understood = sum(len(line.text) * max(0.0, line.score - 0.5) for line in lines)
    room = sum(length_of(line.corners) / max(1.0, math.dist(line.corners[0], line.corners[3])) for line in lines)
    return understood / room if room else 0.0


def on_its_side(places: list[Corners]) -> bool:
    """Tell whether most of what is written runs upwards or downwards."""
    tall = [length_of(one) for one in places if math.dist(one[0], one[3]) > TALL * math.dist(one[0], one[1])]
    return 2 * sum(tall) > sum(map(length_of, places))


def back(x: float, y: float, quarters: int) -> tuple[float, float]:
    """Give where a place on a page that was turned to the left, in shares of it, was before."""
    return ((x, y), (1 - y, x), (1 - x, 1 - y), (y, 1 - x))[quarters]


class Attempt:
    """The lines of a page that was turned to the left by some quarters; the longest are read first."""

    def __init__(self, page: Picture, quarters: int, places: list[Corners] | None = None) -> None:
        self.quarters = quarters
        self.page: Picture = np.ascontiguousarray(np.rot90(page, quarters))
        self.places = RECOGNISER.find(self.page) if places is None else places
        by_length = sorted(range(len(self.places)), key=lambda at: -length_of(self.places[at]))
        self._rest = sorted(by_length[SAMPLE_LINES:])
        self._sample = self._read(sorted(by_length[:SAMPLE_LINES]))
        self.merit = merit_of(self._sample)

    def _read(self, which: list[int]) -> list[SeenLine]:
        return list(RECOGNISER.read(self.page, [self.places[at] for at in which]))

    def lines(self) -> list[SeenLine]:
        """Read all lines."""
        return self._sample + self._read(self._rest)


def upright(page: Picture) -> Attempt:
    """Give the page turned so that it can be read; as it is, if nothing helps."""
    places = RECOGNISER.find(page)
    best: Attempt | None = None
    for quarters in (1, 3, 0) if on_its_side(places) else (0, 2):
        attempt = Attempt(page, quarters, None if quarters else places)
        if best is None or attempt.merit > best.merit:
            best = attempt
        if best.merit >= LEAST_MERIT or not places:
            break
    return best  # type: ignore[return-value]  # there is one


def written(line: SeenLine, attempt: Attempt) -> Written:
    """Tell the place of a line in shares of its page."""
    height, width = attempt.page.shape[:2]
    corners = tuple((float(x) / width, float(y) / height) for x, y in line.corners)
    seen = [back(x, y, attempt.quarters) for x, y in corners]
    xs, ys = zip(*seen, strict=True)
    return Written(line.text, corners, Box(min(xs), min(ys), max(xs), max(ys)), line.size / width)


def recognised(page: Picture, number: int, blocks: ScanBlocks) -> tuple[list[Block], float]:
    """Give the blocks of a page, and how sure they are."""
    attempt = upright(page)
    lines = [line for line in attempt.lines() if line.score >= LEAST_SCORE]
    chars = sum(len(line.text) for line in lines)
    confidence = sum(len(line.text) * line.score for line in lines) / chars if chars else 0.0
    height, width = attempt.page.shape[:2]
    return list(blocks.of(number, [written(line, attempt) for line in lines], height / width)), confidence


def size_in_pixels(width: float, height: float) -> tuple[int, int]:
    """Give the size at which a page of so many points is read.

    Raises:
        DocumentRefused: the page has no size.
    """
    if not (math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0):
        raise DocumentRefused(DAMAGED)
    scale = DOTS_PER_INCH / 72
    pixels = min(max(width * height * scale**2, LEAST_PIXELS), MOST_PIXELS)
    scale = min(math.sqrt(pixels / (width * height)), MOST_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def page_of(document: pypdfium2.PdfDocument, number: int) -> Picture:
    """Draw a page of a PDF."""
    if not 0 < number <= len(document):
        raise DocumentRefused(DAMAGED)
    try:
        page = document[number - 1]
        try:
            canvas = Canvas(page, *size_in_pixels(page.get_width(), page.get_height()))
            return np.asarray(drawn(canvas))[:, :, ::-1]
        finally:
            page.close()
    except pypdfium2.PdfiumError as error:
        raise DocumentRefused(DAMAGED) from error


@contextmanager
def pages_drawn(content: bytes, extension: str, password: str) -> Iterator[Callable[[int], Picture]]:
    """Open a file; give what draws one of its pages.

    Raises:
        DocumentRefused: it cannot be opened, or has no pages.
    """
    media_type = detect.detect(content, extension)
    if media_type in detect.PICTURES:
        yield lambda number: np.asarray(frame_of(content, number, MOST_PIXELS))[:, :, ::-1]
        return
    document = opened(content, password) if media_type == detect.PDF else None
    if document is None:
        raise DocumentRefused(NOT_OPENED)
    try:
        yield lambda number: page_of(document, number)
    finally:
        document.close()


def pages_of(
    content: bytes, pages: list[int], extension: str, password: str
) -> Iterator[tuple[int, list[Block], float, str]]:
    """Recognise pages, one after the other: page, blocks, how sure they are, what is wrong with the page.

    Raises:
        DocumentRefused: the file cannot be opened.
    """
    with pages_drawn(content, extension, password) as draw:
        blocks = ScanBlocks(len(pages))
        for number in pages:
            began = next(BEGUN)
            try:
                found, confidence = recognised(draw(number), number, blocks)
            except DocumentRefused as refusal:
                yield number, [], 0.0, str(refusal)
            except Exception as error:  # noqa: BLE001 - libraries raise anything; the other pages go on
                if began:  # earlier pages may be to blame, as by the memory that they took: a new process tries it
                    os._exit(1)
                yield number, [], 0.0, NO_MEMORY if isinstance(error, MemoryError) else FAILED
            else:
                yield number, found, confidence, ""
