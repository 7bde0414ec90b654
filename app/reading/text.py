"""Plain text -> blocks: paragraphs by empty lines, lists by their marks, headings where there is no doubt."""

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from app.reading.block import Block
from app.reading.contract import MAX_BLOCK_CHARS, Reading, clean
from app.reading.encoding import decode

MAX_HEADING_CHARS = 60
# 第三章 总则 / 第三节: the number must be followed by a space, a colon, or end the line.
CHINESE_HEADING = re.compile(
    r"[ \u3000]*第[\d〇零一二三四五六七八九十百千两]{1,8}(?P<rank>[卷部篇编章回节])(?:[ \u3000:：、].*|)"
)
ENGLISH_HEADING = re.compile(
    r"\s*(?P<rank>BOOK|PART|CHAPTER|SECTION|Book|Part|Chapter|Section)"
    r"\s+(?:\d{1,4}|[IVXLC]{1,8}|[A-Z][a-z]{2,10}|[A-Z]{3,10})\b[.:]?.*"
)
NUMBERED_HEADING = re.compile(r"(?P<number>\d{1,2}(?:\.\d{1,3}){1,4})\.?[ \t\u3000]+(?=[^\W\d_]).*")
RANKS = dict.fromkeys(("卷", "部", "篇", "编", "book", "part"), 1)
RANKS |= dict.fromkeys(("章", "回", "chapter"), 2) | dict.fromkeys(("节", "section"), 3)
SENTENCE_END = re.compile(r"[。！？；，,.!?;]\s*$")
BLANK_LINES = re.compile(r"[ \t\u3000\n]*\n")
ITEM = re.compile(r"\s*(?:[-*•·●▪◦]\s+|\d{1,3}[.)、）]\s*|[（(][一二三四五六七八九十\d]{1,3}[）)])\S")


def heading_level(line: str, *, alone: bool) -> int:
    """Give the level of a heading line, 0 for others.

    Args:
        line: without its line end.
        alone: empty lines (or the ends of the file) stand before and after it.
    """
    if len(line) > MAX_HEADING_CHARS:
        return 0
    chinese = CHINESE_HEADING.fullmatch(line)
    if chinese and not SENTENCE_END.search(line):
        return RANKS[chinese["rank"]]
    if not alone:
        return 0
    english = ENGLISH_HEADING.fullmatch(line)
    if english and not re.search(r"[,;!?]\s*$", line):
        return RANKS[english["rank"].lower()]
    numbered = NUMBERED_HEADING.fullmatch(line)
    if numbered and not SENTENCE_END.search(line):
        return numbered["number"].count(".") + 1
    return 0


def paragraph(lines: list[str]) -> Block:
    """Make a block of a group of lines; a list if each begins with a mark."""
    listed = len(lines) > 1 and all(ITEM.match(line) for line in lines)
    return Block("list" if listed else "paragraph", "\n".join(lines))


def lines_of(text: str) -> Iterator[str]:
    """Give the lines one after the other, runs of blank ones as one.

    A list of all lines may need ten times the memory of the text.
    """
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        blank = BLANK_LINES.match(text, start)
        start = blank.end() if blank else end + 1
    yield text[start:]


def blocks(text: str) -> Iterator[Block]:
    """Give the blocks of a text."""
    group: list[str] = []
    size = 0
    after_blank = True
    for line, following in pairwise(chain(lines_of(clean(text)), [""])):
        blank = not line.strip()
        level = 0 if blank else heading_level(line, alone=after_blank and not following.strip())
        if group and (blank or level or size > MAX_BLOCK_CHARS):
            yield paragraph(group)
            group, size = [], 0
        if level:
            yield Block("heading", line, level=level)
        elif not blank:
            group.append(line.rstrip())
            size += len(line)
        after_blank = blank or level > 0
    if group:
        yield paragraph(group)


def read(content: bytes, reading: Reading) -> Iterator[Block]:  # noqa: ARG001 - the contract of all readers
    """Give the blocks of a text file."""
    yield from blocks(decode(content))
