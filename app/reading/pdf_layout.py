"""The lines of a page of a PDF -> paragraphs and headings, by their places and fonts."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from app.reading.pdf_parts import Line

MAX_HEADING_CHARS = 200
MAX_HEADING_LINES = 3
MAX_BOLD_HEADING_CHARS = 100
MAX_HEADINGS_SHARE = 0.35  # of a page's lines; beyond it they are its text
FEW_LINES = 8
LARGER = 1.15  # times the size of ordinary text: a heading
SIZE_LEVELS = (1.7, 1.35, LARGER)  # of headings, from level 1
NUMBERED_LEVEL, BOLD_LEVEL = 3, 6  # of bold headings in the size of the text: 3 and the depth of their number, or 6
SAME_SIZE = 0.04
MORE_GAP = 1.3  # times the usual distance of two lines: a new paragraph
WIDEST_PITCH = 2.4  # times the size: double spacing
INDENT = 0.9  # of the size: a line that begins so much further right
SHORT_LINE = 0.8  # of the usual length: the last line of a paragraph
BULLET = re.compile(
    r"\s*(?:[•▪●■◆○◦‣\uf0b7\uf0a7\uf0d8]\s*\S|[\-–*]\s+\S"
    r"|\(?\d{1,2}[)）、]\s*\S|\d{1,2}[.．](?:\s+\S|[\u3400-\u9fff])|[（(][一二三四五六七八九十\da-z][）)]\s*\S)"
)
NUMBERED = re.compile(
    r"(\d{1,2}(?:\.\d{1,2})*)\.?\s+\S|第[\d一二三四五六七八九十百]+[章节条篇部]|[一二三四五六七八九十]+、"
)
SENTENCE_END = re.compile("[。！？；：.!?:;”」』）)]$")
NO_HEADING_END = re.compile(r"[。，；、,;.]$")
CONTENTS_LINE = re.compile(r"(?:\.\s?|…|·\s?){4,}\s*\d*$")
BULLET_MARK = re.compile(r"\s*[•▪●■◆○◦‣☐☑☒\uf0b7\uf0a7\uf0d8\-–*]")
LETTERS = re.compile(r"[^\W\d_]")


class Sizes:
    """The sizes of a document's text, by how much is set in them."""

    def __init__(self) -> None:
        self._chars: Counter[float] = Counter()

    def add(self, lines: Iterator[Line]) -> None:
        """Count the lines of a page."""
        for line in lines:
            if line.size:
                self._chars[round(line.size * 2) / 2] += len(line.text)

    @property
    def body(self) -> float:
        """The size of ordinary text; 0 where sizes are not known."""
        return self._chars.most_common(1)[0][0] if self._chars else 0.0


def usual_pitch(lines: Sequence[Line]) -> float:
    """Give the usual distance from a line to the next one."""
    steps = [after.first.top - before.last.top for before, after in pairwise(lines)]
    down = [step for step in steps if step > 1]
    return median(down) if down else 0.0


def usual_length(lines: Sequence[Line]) -> int:
    """Give how many characters a full line has."""
    lengths = sorted(len(line.text) for line in lines)
    return lengths[len(lengths) * 3 // 4] if lengths else 0


def alike(one: Line, other: Line) -> bool:
    """Tell whether two lines are set in the same size."""
    return abs(one.size - other.size) <= SAME_SIZE * max(one.size, other.size)


class Paragraphs:
    """Groups the lines of a page."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._pitch = usual_pitch(lines)
        self._length = usual_length(lines)

    def group(self, lines: Sequence[Line]) -> Iterator[list[Line]]:
        """Give the lines of each paragraph."""
        group: list[Line] = []
        for line in lines:
            if group and self._begins(group, line):
                yield group
                group = []
            group.append(line)
        if group:
            yield group

    def _begins(self, group: list[Line], line: Line) -> bool:
        """Tell whether a line begins a paragraph."""
        before = group[-1]
        ended = SENTENCE_END.search(before.text) is not None
        if BULLET.match(line.text) or (ended and len(before.text) < SHORT_LINE * self._length):
            return True
        if not (before.size and line.size):
            return False
        step = line.first.top - before.last.top
        if step < -line.size:  # the next column; what comes in a line after it is its own
            return ended
        if abs(step) <= 0.5 * line.size:
            return False
        return (
            step > MORE_GAP * min(max(self._pitch, line.size), WIDEST_PITCH * line.size)
            or not 0.8 < line.size / before.size < 1.25
            or (ended and line.first.left - before.first.left > INDENT * line.size)
        )


def plausible(text: str) -> bool:
    """Tell whether these words may be a heading: letters for the most part, no sentence, item or line of contents."""
    return (
        len(text) <= MAX_HEADING_CHARS
        and 2 * len(LETTERS.findall(text)) > len("".join(text.split()))
        and not NO_HEADING_END.search(text)
        and not CONTENTS_LINE.search(text)
        and not BULLET_MARK.match(text)
    )


class Headings:
    """Finds the headings of a page by their fonts."""

    def __init__(self, body: float, lines: Sequence[Line]) -> None:
        self._body = body
        self._pitch = usual_pitch(lines)
        self._levels: dict[int, tuple[int, int]] = {}
        if body:
            self._find(lines)

    def at(self, line: Line) -> tuple[int, int]:
        """Give the level of the heading that begins with a line, and its number of lines; zeros if none does."""
        return self._levels.get(line.start, (0, 0))

    def _find(self, lines: Sequence[Line]) -> None:
        index = marked = 0
        while index < len(lines):
            run = 1
            while index + run < len(lines) and self._one(lines[index + run - 1], lines[index + run]):
                run += 1
            level = self._level(lines, index, run)
            if level:
                self._levels[lines[index].start] = level, run
                marked += run
            index += run
        if len(lines) > FEW_LINES and marked > MAX_HEADINGS_SHARE * len(lines):
            self._levels.clear()

    def _one(self, before: Line, line: Line) -> bool:
        """Tell whether two lines may be one heading."""
        step = line.first.top - before.last.top
        return alike(before, line) and before.bold == line.bold and 0 < step < 1.6 * line.size

    def _level(self, lines: Sequence[Line], index: int, run: int) -> int:
        line = lines[index]
        text = " ".join(one.text for one in lines[index : index + run])
        if run > MAX_HEADING_LINES or not plausible(text):
            return 0
        larger = line.size / self._body
        for level, least in enumerate(SIZE_LEVELS, 1):
            if larger >= least:
                return level
        return self._bold_level(lines, index, text) if line.bold and run == 1 and larger >= 1 - SAME_SIZE else 0

    def _bold_level(self, lines: Sequence[Line], index: int, text: str) -> int:
        """Give the level of a bold line in the size of the text: one with a number, or with room above it."""
        if len(text) > MAX_BOLD_HEADING_CHARS or text.endswith((":", "：")) or text.startswith(("(", "（")):
            return 0
        numbered = NUMBERED.match(text)
        if numbered:
            return NUMBERED_LEVEL + (numbered[1].count(".") + 1 if numbered[1] else 1)
        step = lines[index].first.top - lines[index - 1].last.top if index else 0.0
        return BOLD_LEVEL if step > MORE_GAP * max(self._pitch, lines[index].size) else 0
