"""The text of a slide's shapes: which paragraphs are bulleted or numbered, and what stands before them."""

from collections.abc import Iterator

from app.reading.block import Block, Kind
from app.reading.office_drawings import A, line_of
from app.reading.office_numbers import written
from app.reading.office_parts import Element, whole

LEVELS = 9
NONE, BULLETS, NUMBERS = A + "buNone", (A + "buChar", A + "buBlip"), A + "buAutoNum"
# What an automatic number begins with -> how it is written; the longest first.
FORMS = (
    ("alphaLc", "lowerLetter"),
    ("alphaUc", "upperLetter"),
    ("romanLc", "lowerRoman"),
    ("romanUc", "upperRoman"),
    ("arabic", "decimal"),
    ("circleNum", "decimalEnclosedCircle"),
    ("ea1", "chineseCounting"),
)
ENDINGS = (("ParenBoth", "({})"), ("ParenR", "{})"), ("Period", "{}."), ("Minus", "- {} -"))


def numbered(kind: str, number: int) -> str:
    """Write an automatic number, such as ``(a)`` for alphaLcParenBoth."""
    form = next((form for start, form in FORMS if kind.startswith(start)), "decimal")
    shape = next((shape for ending, shape in ENDINGS if kind.endswith(ending)), "{}")
    return shape.format(written(form, number))


def mark_in(properties: Element | None) -> Element | None:
    """Give the bullet, number or absence of both that paragraph properties set; None if they set nothing."""
    if properties is None:
        return None
    return next((one for one in properties if one.tag in {NONE, NUMBERS, *BULLETS}), None)


def mark_of(paragraph: Element, level: int, styles: list[Element]) -> Element | None:
    """Give what stands before a paragraph: its own setting, else that of the nearest style that has one."""
    found = mark_in(paragraph.find(A + "pPr"))
    for style in styles:
        if found is not None:
            break
        found = mark_in(style.find(f"{A}lvl{level + 1}pPr"))
    return None if found is None or found.tag == NONE else found


class Counter:
    """Counts the automatic numbers of one text frame."""

    def __init__(self) -> None:
        self._counts: list[tuple[str, int]] = [("", 0)] * LEVELS

    def label(self, mark: Element | None, level: int) -> str:
        """Give what stands before a paragraph, empty for nothing; numbers below its level begin anew."""
        self._counts[level + 1 :] = [("", 0)] * (LEVELS - level - 1)
        if mark is None or mark.tag != NUMBERS:
            self._counts[level] = ("", 0)
            return "" if mark is None else "-"
        kind = mark.get("type") or "arabicPeriod"
        last, number = self._counts[level]
        number = number + 1 if last == kind else whole(mark.get("startAt"), 1)
        self._counts[level] = (kind, number)
        return numbered(kind, number)


def frame_blocks(body: Element, styles: list[Element], page: int) -> Iterator[Block]:
    """Give the text of a frame: bulleted paragraphs as a list, others together as they stand.

    Args:
        body: the frame.
        styles: where bullets are set, the nearest first.
        page: the slide.
    """
    counter = Counter()
    lines: list[tuple[Kind, str]] = []
    for paragraph in body.iterchildren(A + "p"):
        text = line_of(paragraph).strip()
        if not text:
            continue
        properties = paragraph.find(A + "pPr")
        level = 0 if properties is None else min(max(whole(properties.get("lvl")), 0), LEVELS - 1)
        label = counter.label(mark_of(paragraph, level, styles), level)
        item = "  " * level + f"{label} " + " ".join(text.split())
        lines.append(("list", item) if label else ("paragraph", text))
    if len(lines) == 1:
        lines = [("paragraph", lines[0][1].strip().removeprefix("- "))]
    start = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or lines[index][0] != lines[start][0]:
            yield Block(lines[start][0], "\n".join(text for _, text in lines[start:index]), page)
            start = index
