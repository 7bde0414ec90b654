"""Sentences of Chinese and English text with their offsets, whole and as a stream grows.

A list item begins a sentence of its own, a table row is one, and a line break inside a wrapped
paragraph is none. A sentence takes its closing quotes and its citation marks with it.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from app.answering.words import HAN

LIST_ITEM = re.compile(
    r"""[^\S\n]*(?:
        [-*+•·●○■◆▪–—]\s+                                  # bullets
      | [\x80-\x9f\uf020-\uf0ff]\s*                          # bullets of symbol fonts, which PDFs give as they are
      | [（(]?\d{1,3}(?:[)）、]|[.．](?!\d))\s*              # 1.  1)  (1)  1、
      | [（(][a-zA-Z一二三四五六七八九十]{1,3}[)）]\s*        # (a)  （一）
      | [a-zA-Z][)）.]\s+                                    # a)  A.
      | [①-⑳⑴-⒇㈠-㈩]\s*
      | [一二三四五六七八九十]{1,3}[、．.]\s*
      | 第[一二三四五六七八九十\d]{1,3}[步条款项][：:、，\s]?
      | (?:Step|STEP|step|步骤)\s*[\d一二三四五六七八九十]+[.:：、]?\s*
    )(?=\S)""",
    re.VERBOSE,
)
TABLE_ROW = re.compile(r"[^\S\n]*(?:\|.*\||\S.*?(?:[^\S\n]\|[^\S\n]|\t).*)")
KEY_AND_VALUE = re.compile(r"\s*[^:：\n]{1,24}[:：]\s*\S")
CITATION_MARK = re.compile(r"(?:\[\d[\d,，、;\s–-]*\]|【\d[\d,，、;\s–-]*】)")
UNFINISHED_MARK = re.compile(r"\s*[\[【][\d,，、;\s–-]*\Z")
CITED_AND_CLOSED = re.compile(r"[\]】][.。！？!?]\Z")
TERMINAL = re.compile(r"[.．。｡!！?？]+")
ASIAN_TERMINALS = frozenset("。｡！？")
AFTER_TERMINAL = re.compile(rf"[”’」』）】》)\"']*(?:[^\S\n]*{CITATION_MARK.pattern})*[.。]?")
LAST_WORD = re.compile(r"[A-Za-z][A-Za-z.]*\Z")

_ABBREVIATIONS = """
dr mr mrs ms prof st vs e.g i.e cf al fig figs eq eqs sec ch vol pp ed eds approx ca dept est ref refs tab art gen gov
sen rep rev jan feb mar apr jun jul aug sep sept oct nov dec tel ext max min temp
"""
_MAY_END = """etc inc ltd co corp jr sr a.m p.m u.s u.k u.s.a ph.d b.c a.d"""
_OPENERS = """
the it this that these those in on at a an if when while for from he she they we you i as to there however but and its
his her their our your is are do does please note
"""
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
ABBREVIATIONS_THAT_MAY_END = frozenset(_MAY_END.split())
SENTENCE_OPENERS = frozenset(_OPENERS.split())
WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6"
    "\U0001f300-\U0001f64f\U0001f900-\U0001f9ff\U00020000-\U0003fffd]+"
)
# Narrower lines than this are not wrapped paragraphs: each stands for itself. A Han character counts two.
NARROW_COLUMNS = 40
ROW_BEGINS = re.compile(r"[A-Z]{0,3}-?\d{2,5}\s+(?:[A-Z][a-z]|[\u4e00-\u9fff])")  # a code and what it means
INNER_BREAK = re.compile(r"[ \t]*\n[ \t]*")
SHORT_LINE_SHARE = 0.55


@dataclass(frozen=True, slots=True)
class Sentence:
    """A stretch of a text, code points, end exclusive; never empty and never with white space at its ends."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return its characters."""
        return text[self.start : self.end]


def split_sentences(text: str, *, wrapped: bool = True) -> list[Sentence]:
    """Cut ``text`` into sentences, in order and without overlap.

    ``wrapped`` says that paragraphs may be broken over lines, as in print; a chat model's lines are not.
    """
    found: list[Sentence] = []
    for start, end, whole in paragraphs_of(text, wrapped=wrapped):
        cuts = [end] if whole else [*sentence_ends(text, start, end), end]
        begin = start
        for cut in cuts:
            stretch = trimmed(text, begin, cut)
            if stretch is not None:
                found.append(stretch)
            begin = cut
    return found


def trimmed(text: str, start: int, end: int) -> Sentence | None:
    """Return the stretch without white space at its ends, or None if nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Sentence(start, end) if start < end else None


def lines_of(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every line that is not blank, without its line break."""
    lines = re.finditer(r"[^\n\r\u2028\u2029\f\v]+", text)
    return [line.span() for line in lines if not line[0].isspace()]


def columns(line: str) -> int:
    """Printed width: wide characters count two."""
    return len(line) if line.isascii() else 2 * len(line) - len(WIDE.sub("", line))


def paragraphs_of(text: str, *, wrapped: bool) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, whole) of what no sentence crosses; ``whole`` for a table row, which is not cut."""
    lines = lines_of(text)
    widest = max((columns(text[start:end].strip()) for start, end in lines), default=0)
    begin: int | None = None
    for index, (start, end) in enumerate(lines):
        begin = start if begin is None else begin
        following = lines[index + 1] if index + 1 < len(lines) else None
        if following is None or not (wrapped and continues(text, (start, end), following, widest)):
            yield begin, end, TABLE_ROW.fullmatch(text, start, end) is not None
            begin = None


def continues(text: str, line: tuple[int, int], following: tuple[int, int], widest: int) -> bool:
    """Whether a paragraph goes on from ``line`` into ``following``."""
    if text[line[1] : following[0]].count("\n") > 1 or widest < NARROW_COLUMNS:
        return False
    here, there = text[line[0] : line[1]].strip(), text[following[0] : following[1]].strip()
    if TABLE_ROW.fullmatch(here) or TABLE_ROW.fullmatch(there) or LIST_ITEM.match(there):
        return False
    if LIST_ITEM.match(here) and ROW_BEGINS.match(there):
        return False
    if here[-1] in "。！？!?：:" or (KEY_AND_VALUE.match(here) and KEY_AND_VALUE.match(there)):
        return False
    return columns(here) >= SHORT_LINE_SHARE * widest or there[0].islower()


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Yield where sentences end inside the paragraph, its own end left out."""
    item = LIST_ITEM.match(text, start, end)
    position = item.end() if item else start
    while position < end:
        terminal = TERMINAL.search(text, position, end)
        if terminal is None:
            return
        closing = AFTER_TERMINAL.match(text, terminal.end(), end)
        after = closing.end() if closing else terminal.end()
        if after < end and ends_sentence(text, start, terminal, after, end):
            yield after
        position = max(after, terminal.end())


def ends_sentence(text: str, start: int, terminal: re.Match[str], after: int, end: int) -> bool:
    """Whether the punctuation ends a sentence, ``after`` being where closing marks end."""
    if set(terminal[0]) & ASIAN_TERMINALS:
        return text[after] not in "，、；,;"
    rest = text[after:end].lstrip()
    spaced = text[after].isspace()
    if not rest:
        return True
    if not spaced:
        return HAN.match(rest) is not None and not text[start : terminal.start()].strip().isdigit()
    if terminal[0][-1] in "!?":
        return not rest[0].islower()
    if rest[0].islower() or rest[0] in ",;:)":
        return False
    return not is_abbreviation(text[start : terminal.start()], rest)


def is_abbreviation(before: str, rest: str) -> bool:
    """Whether the full stop after ``before`` belongs to an abbreviation, an initial or a list number."""
    if before.strip().isdigit():
        return True
    match = LAST_WORD.search(before[-32:])
    if match is None or before.endswith(("°C", "°F")):
        return False
    word = match[0].lower()
    following = re.match(r"[A-Za-z]*", rest)
    opener = following is not None and following[0].lower() in SENTENCE_OPENERS
    if word == "no":
        return rest[0].isdigit()
    if word in ABBREVIATIONS:
        return True
    if word in ABBREVIATIONS_THAT_MAY_END:
        return "." in word and not opener
    initial = len(match[0].rsplit(".", 1)[-1]) == 1 and match[0][-1].isupper()
    return initial and rest[0].isupper() and not opener


def unwrapped(text: str, stretch: Sentence) -> str:
    """Return a stretch of text without the line breaks inside its sentences; between Han nothing stands instead.

    Table rows and list items keep their lines: each begins a sentence of its own.
    """
    pieces, at = [], stretch.start
    for sentence in split_sentences(text):
        start, end = max(sentence.start, at), min(sentence.end, stretch.end)
        if start < end:
            pieces += [text[at:start], INNER_BREAK.sub(rejoined, text[start:end])]
            at = end
    return "".join(pieces) + text[at : stretch.end]


def rejoined(line_break: re.Match[str]) -> str:
    """Return what stands for a line break inside a sentence."""
    text = line_break.string
    before, after = text[line_break.start() - 1 : line_break.start()], text[line_break.end() : line_break.end() + 1]
    return "" if is_wide(before) or is_wide(after) else " "


def is_wide(character: str) -> bool:
    """Whether a character is Han or full-width, between which no space is written."""
    return bool(character) and unicodedata.east_asian_width(character) in {"W", "F"}


class SentenceStream:
    """Cuts growing text into sentences, each given out as soon as nothing can be added to it."""

    def __init__(self) -> None:
        self._waiting = ""

    def feed(self, piece: str) -> list[tuple[str, str]]:
        """Take more text; return (white space before, sentence) for each that is now complete."""
        self._waiting += piece
        sentences = split_sentences(self._waiting, wrapped=False)
        if not sentences:
            return []
        last = sentences[-1].of(self._waiting)
        complete = sentences[:-1]
        if UNFINISHED_MARK.fullmatch(last):
            complete = complete[:-1]  # the mark that is being written may belong to the sentence before it
        elif CITED_AND_CLOSED.search(last) or "\n" in self._waiting[sentences[-1].end :]:
            complete = sentences
        return self._give(complete)

    def rest(self) -> list[tuple[str, str]]:
        """Return what is left once the text has ended."""
        return self._give(split_sentences(self._waiting, wrapped=False))

    def _give(self, sentences: list[Sentence]) -> list[tuple[str, str]]:
        given: list[tuple[str, str]] = []
        position = 0
        for sentence in sentences:
            given.append((self._waiting[position : sentence.start], sentence.of(self._waiting)))
            position = sentence.end
        self._waiting = self._waiting[position:]
        return given
