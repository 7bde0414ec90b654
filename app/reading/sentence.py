"""Where sentences end, in Chinese and English text; offsets only, the text stays as it is."""

import re
from collections.abc import Iterator

BORDER = re.compile(
    r"[。！？；…]+[”’」』）)】》〉\"']*"
    r"|[!?]+[\"'”’)\]」』]*(?=\s|$|[\u3400-\u9fff])"
    r"|\.+[\"'”’)\]]*(?=\s|$)"
    r"|\n+"
)
WORD_BEFORE = re.compile(r"[^\s(\[“\"']+$")
INITIALS = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]|\d{1,3}(?:\.\d{1,3})*")
ABBREVIATED = """
mr mrs ms dr prof st jr sr gen col capt sgt rev hon messrs vs etc cf al approx ca fig figs eq eqs sec ch no nos vol vols
pp ed eds inc ltd corp co dept univ assn bros jan feb mar apr jun jul aug sep sept oct nov dec tab ref art
"""
ABBREVIATIONS = frozenset(ABBREVIATED.split())
LINE_END = frozenset("。！？；：.!?:;…”」』）)")
LOOK_BACK_CHARS = 24
SHORT_LINE_SHARE = 0.6


def is_full_stop(text: str, dot: int, after: int) -> bool:
    """Tell whether the dot at ``dot`` ends a sentence, rather than an abbreviation, an initial or a list number."""
    follows = text[after : after + 16].lstrip()
    if follows and follows[0].islower():
        return False
    word = WORD_BEFORE.search(text, max(0, dot - LOOK_BACK_CHARS), dot)
    if word is None:
        return True
    if INITIALS.fullmatch(word[0]):
        # "in 2004." ends one; "3." at the start of a line numbers it; "J." and "U.S." are initials.
        at_line_start = not text[text.rfind("\n", 0, word.start()) + 1 : word.start()].strip()
        return not at_line_start if word[0][0].isdigit() else False
    return word[0].lower() not in ABBREVIATIONS


def is_line_border(text: str, start: int, end: int, longest: int) -> bool:
    """Tell whether a line end parts sentences, rather than wrapping one: it does unless the line is full."""
    if end - start > 1 or start == 0:
        return True
    before = text[start - 1]
    if before in LINE_END:
        return True
    length = start - (text.rfind("\n", 0, start) + 1)
    return length < SHORT_LINE_SHARE * longest or length < 12


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Give start and end of each sentence, white space around it left out.

    Every character that is not white space lies in exactly one.
    """
    longest = max(map(len, text.split("\n")))
    start = 0
    for match in BORDER.finditer(text):
        begins, end = match.span()
        first = text[begins]
        if first == "." and not is_full_stop(text, begins, end):
            continue
        if first == "\n" and not is_line_border(text, begins, end, longest):
            continue
        yield from trimmed(text, start, end)
        start = end
    yield from trimmed(text, start, len(text))


def lines(text: str) -> Iterator[tuple[int, int]]:
    """Give start and end of each line that is not empty."""
    start = 0
    for line in text.split("\n"):
        yield from trimmed(text, start, start + len(line))
        start += len(line) + 1


def trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the stretch without white space at its ends; nothing if it is all white space."""
    stretch = text[start:end]
    left = len(stretch) - len(stretch.lstrip())
    if left < len(stretch):
        yield start + left, start + len(stretch.rstrip())
