"""Finding and reading the lines of text on a picture: RapidOCR's models, which lie in its wheel, on OpenVINO.

Most of the time goes into reading lines, and grows with their width. The model knows characters at half their width,
so a line is read as narrow as what its neighbour said allows, and read again wider where that was not clear.
"""

import ctypes
import math
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Its telemetry client must not be there when OpenVINO is imported: that is how Python marks a module as absent.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import rapidocr  # noqa: E402 - only after the line above
from rapidocr.ch_ppocr_rec.typings import TextRecInput  # noqa: E402

Picture = NDArray[np.uint8]  # rows, columns, blue-green-red
Corners = NDArray[np.float32]  # of a line, clockwise from where it begins: four times x, y

DETECTOR, READER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
# Lines are looked for on so many pixels, but at least at half the size: 5-point text on a page is found all the same.
SOUGHT_PIXELS = 1_000_000
LEAST_SCALE, MOST_SCALE = 0.5, 2.0
M_ARENA_MAX = -8
STRIDE = 32  # the detector's: sides are multiples of it
# Each new size of a picture or line takes memory for good, so that there are few: sides are rounded to these.
SIDE_STEP = 4 * STRIDE
LINE_HEIGHT = 48  # of the lines that the model was trained on
STEP_PIXELS = 8  # the reader gives one answer for each
LEAST_WIDTH, MOST_WIDTH = 96, 2_432
LEAST_INK = 0.004  # of a row, which speckles do not reach
THIN = frozenset(" .,;:il'|!()[]")
INK_HEIGHT = 0.9  # of the size of a font, from the highest to the lowest letter
WIDTH_STEP, MIDDLE_WIDTH = 32, 512  # wider ones are rounded to twice the step
# Answers a character needs: with 2 and 1.2 the errors begin, on clean pages; these leave room for bad ones.
WIDE_STEPS, NARROW_STEPS = 2.5, 1.5
FIRST_SQUEEZE, LEAST_SQUEEZE = 0.7, 0.4
SHORT_WIDTH = 320  # a line that is no wider is quickly read as it is, and has few characters to spare
MOST_DENSE = 0.75  # characters an answer; denser ones run into each other
SURE = 0.93  # a line that was squeezed and is less sure is read again
# Foreign words in a line of wide characters, which were read too narrow; they get at least this share of their width.
NARROW_RUN = re.compile(r"[A-Za-z][A-Za-z .,'-]{8,}")
NARROW_SQUEEZE = 0.65
TALL = 1.5  # times its width: a line that runs upwards or downwards


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line of text on a picture.

    Attributes:
        score: how sure its characters are on average, 0..1.
        corners: of what is dark in it, in pixels, clockwise from where it begins.
        size: of its font, in pixels, as well as height and width of its characters tell it.
    """

    text: str
    score: float
    corners: Corners
    size: float


def engine() -> Any:  # noqa: ANN401 - a library without types
    """Load the models, each with one thread; nothing is ever downloaded."""
    models = Path(rapidocr.__file__).parent / "models"
    openvino = rapidocr.EngineType.OPENVINO
    loaded = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "EngineConfig.openvino.inference_num_threads": 1,
            "EngineConfig.openvino.num_streams": 1,
            "EngineConfig.openvino.performance_hint": "LATENCY",
            "Det.engine_type": openvino,
            "Det.model_path": str(models / DETECTOR),
            "Det.limit_type": "max",
            "Det.limit_side_len": 1 << 20,  # the picture comes in the right size
            "Rec.engine_type": openvino,
            "Rec.model_path": str(models / READER),
            "Rec.rec_batch_num": 1,  # two lines at once take longer than one after the other
            "Rec.rec_img_shape": [3, LINE_HEIGHT, LEAST_WIDTH],
        }
    )
    white = np.full((STRIDE * 2, STRIDE * 2, 3), 255, np.uint8)
    loaded.use_rec = False
    loaded(white)  # loads the detector
    loaded.use_det, loaded.use_rec = False, True
    loaded(white)
    return loaded


def cut(picture: Picture, corners: Corners) -> Picture:
    """Cut a line out, made straight."""
    width = max(math.dist(corners[0], corners[1]), math.dist(corners[3], corners[2]))
    height = max(math.dist(corners[0], corners[3]), math.dist(corners[1], corners[2]))
    size = max(1, round(width)), max(1, round(height))
    target = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    turning = cv2.getPerspectiveTransform(corners, target)
    straight: Picture = cv2.warpPerspective(
        picture, turning, size, borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC
    )
    return straight


def ink_of(line: Picture) -> tuple[int, int, int, int]:
    """Give left, top, right and bottom of what is written in a cut-out line; all of it if nothing stands out."""
    height, width = line.shape[:2]
    _, ink = cv2.threshold(cv2.cvtColor(line, cv2.COLOR_BGR2GRAY), 0, 1, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    if 2 * int(ink.sum()) > ink.size:  # light on dark
        ink = 1 - ink
    rows = np.flatnonzero(ink.sum(axis=1) > LEAST_INK * width)
    columns = np.flatnonzero(ink.sum(axis=0))
    if rows.size < height / 4 or not columns.size:
        return 0, 0, width, height
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def within(corners: Corners, left: float, top: float, right: float, bottom: float) -> Corners:
    """Give the corners of a part of a line, told in shares of it."""

    def at(across: float, down: float) -> NDArray[np.float32]:
        upper = corners[0] + (corners[1] - corners[0]) * across
        lower = corners[3] + (corners[2] - corners[3]) * across
        place: NDArray[np.float32] = upper + (lower - upper) * down
        return place

    return np.array([at(left, top), at(right, top), at(right, bottom), at(left, bottom)], np.float32)


def ems(text: str) -> float:
    """Give how wide a text is in most fonts, in sizes of the font."""
    return sum(
        1.0
        if unicodedata.east_asian_width(character) in "WF"
        else 0.3
        if character in THIN
        else 0.62
        if character.isupper()
        else 0.53
        for character in text
    )


def rounded(side: float) -> int:
    """Give the side of a picture as the detector takes it."""
    step = SIDE_STEP if side > SIDE_STEP * 4 else STRIDE
    return max(STRIDE, round(side / step) * step)


def steps_of(text: str) -> float:
    """Give how many answers of the reader a text needs."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return WIDE_STEPS * wide + NARROW_STEPS * (len(text) - wide)


def placed(line: Picture, corners: Corners, text: str, score: float) -> SeenLine:
    """Tell where the words of a line stand, and how large they are."""
    height, width = line.shape[:2]
    left, top, right, bottom = ink_of(line)
    size = math.sqrt((bottom - top) / INK_HEIGHT * (right - left) / ems(text))
    return SeenLine(text, score, within(corners, left / width, top / height, right / width, bottom / height), size)


class LineReader:
    """Reads the lines of one picture, one after the other."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - a library without types
        self._model = model
        self._squeeze = FIRST_SQUEEZE

    def read(self, line: Picture) -> tuple[str, float]:
        """Give the text of a line that was cut out, and how sure it is; of a tall one as it stands or lies down."""
        height, width = line.shape[:2]
        if height < TALL * width:
            return self._read(line)
        return max(self._read(line), self._read(np.rot90(line)), key=lambda read: read[1])

    def _read(self, line: Picture) -> tuple[str, float]:
        natural = LINE_HEIGHT * line.shape[1] / line.shape[0]
        text, score, width = self._read_at(line, natural if natural <= SHORT_WIDTH else natural * self._squeeze)
        unclear = (
            score < SURE
            or len(text) * STEP_PIXELS > MOST_DENSE * width
            or (width < NARROW_SQUEEZE * natural and NARROW_RUN.search(text) is not None)
        )
        if unclear and width + WIDTH_STEP < min(natural, MOST_WIDTH):
            again, surer, _ = self._read_at(line, natural)
            text, score = (again, surer) if surer > score or len(again) > len(text) else (text, score)
        if natural > SHORT_WIDTH and len(text) > 1:
            needed = steps_of(text) * STEP_PIXELS / natural
            self._squeeze = min(1.0, max(LEAST_SQUEEZE, needed))
        return text, score

    def _read_at(self, line: Picture, wanted: float) -> tuple[str, float, int]:
        width = min(MOST_WIDTH, max(STEP_PIXELS, round(wanted)))
        if width > LEAST_WIDTH:
            step = WIDTH_STEP if width <= MIDDLE_WIDTH else 2 * WIDTH_STEP
            width = round(width / step) * step
        way = cv2.INTER_AREA if line.shape[0] > LINE_HEIGHT else cv2.INTER_LINEAR
        resized = cv2.resize(line, (width, LINE_HEIGHT), interpolation=way)
        read = self._model(TextRecInput(img=[resized]))
        return " ".join(read.txts[0].split()), float(read.scores[0]), max(width, LEAST_WIDTH)


class Recogniser:
    """Finds and reads lines; for one thread."""

    def __init__(self) -> None:
        cv2.setNumThreads(0)
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)  # else each thread reserves 64 MiB and more
        loaded = engine()
        self._detector: Any = loaded.text_det
        self._model: Any = loaded.text_rec

    def find(self, picture: Picture) -> list[Corners]:
        """Give the places of the lines on a picture, from top to bottom."""
        height, width = picture.shape[:2]
        scale = min(MOST_SCALE, max(LEAST_SCALE, math.sqrt(SOUGHT_PIXELS / (height * width))))
        size = rounded(width * scale), rounded(height * scale)
        sought = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        found = self._detector(sought).boxes
        if found is None:
            return []
        there = np.asarray(found, np.float32) * np.array([width / size[0], height / size[1]], np.float32)
        return sorted(there, key=lambda corners: float(corners[:, 1].mean()))

    def read(self, picture: Picture, places: list[Corners]) -> Iterator[SeenLine]:
        """Read the lines at these places, one after the other."""
        reader = LineReader(self._model)
        for corners in places:
            line = cut(picture, corners)
            text, score = reader.read(line)
            if text:
                yield placed(line, corners, text, score)
