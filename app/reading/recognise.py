"""Pages that are pictures -> blocks: drawn by PDFium or decoded, turned upright, read line by line.

Runs in a reading process of its own kind, which loads the models at its start.
"""

import os
from collections.abc import Iterator

import cv2
import numpy as np
import pypdfium2
from PIL import Image

from app.errors import DocumentRefused
from app.reading import pdf, picture
from app.reading.block import Block
from app.reading.detect import PDF, PICTURES, detect
from app.reading.pdf_place import Box
from app.reading.recogniser import Corners, Picture, Recogniser, SeenLine
from app.reading.scan_blocks import ScanBlocks, Written

DPI = 200
POINTS = 72  # an inch
MOST_PIXELS = 10_000_000  # of the picture that is read; A4 at 200 dpi has 3.9 million
LEAST_SCORE = 0.5  # of a line; below it stand ornaments, stamps, handwriting
UPRIGHT = 0.8  # mean score from which a page is not turned
TRIED_LINES = 6
TURNS = (1, 3, 2)  # quarters, anticlockwise; upside down is rarest
DAMAGED = "its picture cannot be drawn"

os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # questions and quick reading come first
RECOGNISER = Recogniser()


def pages_of(
    content: bytes, pages: list[int], extension: str, password: str
) -> Iterator[tuple[int, list[Block], float, str]]:
    """Recognise pages: (page, blocks, confidence 0..1, why it could not be read or empty).

    Args:
        content: a PDF or a picture.
        pages: from 1.
        extension: a hint.
        password: opens the PDF; empty for none.

    Raises:
        DocumentRefused: the file cannot be opened at all.
    """
    media_type = detect(content, extension)
    if media_type not in {PDF, *PICTURES}:
        raise DocumentRefused("only PDF documents and pictures are recognised")
    document = pdf.opened(content, password) if media_type == PDF else None
    if media_type == PDF and document is None:
        raise DocumentRefused("the PDF is damaged or cut off; save or print it to PDF again")
    blocks = ScanBlocks(len(pages))
    try:
        for page in pages:
            try:
                image = picture.frame_of(content, page, MOST_PIXELS) if document is None else drawn(document, page)
                written, confidence, shape = recognised(image)
                yield page, list(blocks.of(page, written, shape)), confidence, ""
            except DocumentRefused as refusal:
                yield page, [], 0.0, str(refusal)
            except (pypdfium2.PdfiumError, cv2.error, RuntimeError, ValueError):
                yield page, [], 0.0, DAMAGED
    finally:
        if document is not None:
            document.close()


def drawn(document: pypdfium2.PdfDocument, page: int) -> Image.Image:
    """Draw a page of a PDF."""
    opened = document[page - 1]
    try:
        width, height = opened.get_size()
        scale = min(DPI / POINTS, (MOST_PIXELS / max(width * height, 1.0)) ** 0.5)
        image: Image.Image = opened.render(scale=scale).to_pil().convert("RGB")
        return image
    finally:
        opened.close()


def recognised(image: Image.Image) -> tuple[list[Written], float, float]:
    """Give the lines on a picture, how sure they are, and the shape of the upright page: its height by its width."""
    seen: Picture = np.asarray(image)[:, :, ::-1].copy()  # the models were made for blue, green, red
    turn, lines = read_upright(seen)
    height, width = seen.shape[:2] if turn % 2 == 0 else seen.shape[1::-1]
    lines = [line for line in lines if line.score >= LEAST_SCORE]
    return [written(line, width, height, turn) for line in lines], mean_score(lines), height / width


def read_upright(seen: Picture) -> tuple[int, list[SeenLine]]:
    """Read the lines of a picture, turned by so many quarters, anticlockwise, if it does not stand upright."""
    places = RECOGNISER.find(seen)
    lines = list(RECOGNISER.read(seen, places))
    if not places or (mean_score(lines) >= UPRIGHT and not stands(places)):
        return 0, lines
    best, best_turn = 0.0 if stands(places) else mean_score(lines), 0
    for turn in TURNS:
        turned = np.ascontiguousarray(np.rot90(seen, turn))
        found = RECOGNISER.find(turned)
        longest = sorted(found, key=lambda corners: float(np.ptp(corners[:, 0])), reverse=True)[:TRIED_LINES]
        tried = mean_score(list(RECOGNISER.read(turned, longest)))
        if tried > best and not stands(found):
            best, best_turn, places = tried, turn, found
        if best >= UPRIGHT:
            break
    if best_turn:
        lines = list(RECOGNISER.read(np.ascontiguousarray(np.rot90(seen, best_turn)), places))
    return best_turn, lines


def stands(places: list[Corners]) -> bool:
    """Whether most lines are higher than wide, as on a page that lies on its side."""
    high = sum(bool(np.ptp(corners[:, 1]) > 1.5 * np.ptp(corners[:, 0])) for corners in places)
    return 2 * high > len(places)


def mean_score(lines: list[SeenLine]) -> float:
    """Give the mean score of the characters of lines; 0 without any."""
    chars = sum(len(line.text) for line in lines)
    return sum(line.score * len(line.text) for line in lines) / chars if chars else 0.0


def written(line: SeenLine, width: int, height: int, turn: int) -> Written:
    """Tell where a line stands in shares of the page, upright and as it is seen."""
    shares = line.corners / np.array([width, height], np.float32)
    (left, top), (right, bottom) = shares.min(axis=0), shares.max(axis=0)
    place = turned_back(Box(float(left), float(top), float(right), float(bottom)), turn)
    corners = tuple((float(x), float(y)) for x, y in shares)
    return Written(line.text, corners, place, line.size / width)


def turned_back(box: Box, turn: int) -> Box:
    """Give the place on the page as it is seen of one on the page turned by so many quarters, anticlockwise."""
    left, top, right, bottom = box
    for _ in range(turn):
        left, top, right, bottom = 1 - bottom, left, 1 - top, right
    return Box(left, top, right, bottom)
