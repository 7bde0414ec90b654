"""Tables that a page gives as plain lines, without marks between their cells: where they are, their header and rows.

A row may run over several lines. Where it cannot be told to which row a line belongs, it goes to the row
before it: a row may show a line too many, never one too few.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.answering.sentences import LIST_ITEM, TABLE_ROW, Sentence, columns, lines_of
from app.answering.words import HAN

LEAST_ROWS = 2
FULL_LINE = 0.5  # of the widest line: one that may have been broken at the edge
MOST_LINES = 200  # of one table
MOST_HEADER_COLUMNS = 64
MOST_CELL_CHARS = 12
NUMBERED_HEADING = re.compile(
    r"\s*(?:\d{1,2}(?:\.\d{1,2})*[.、]?\s+[A-Z][A-Za-z]{2}[A-Za-z' /,()-]*"
    r"|\d{1,2}(?:\.\d{1,2})*[.、]?\s*[\u4e00-\u9fff][^\d。；]*"
    r"|[一二三四五六七八九十壹貳參肆伍陸柒捌玖]{1,3}[、.．][^。；]*|第[一二三四五六七八九十\d]{1,3}[章节節]\s*\S*)"
)
HEADER_WORD = re.compile(r"[^\W\d_][^\W\d_'’/().·-]*(?:[-/·'’().][^\W\d_'’]*)*")
SENTENCE_INSIDE = re.compile(r"[。！？]|[.!?]\s+[A-Z]|[A-Za-z]{2,}[.!?]$")
CODE = re.compile(r"(?=[A-Za-z-]*\d)[A-Za-z]{1,5}-?\d{1,6}(?=\s)")
OPEN_END = re.compile(r"(?:[，、；：,;:（(–-]|\b(?:of|the|to|and|or|for|with|in|at|by))\s*\Z")
BROKEN_WORD = re.compile(r"[，,；;][^\s，,；;]{1,2}\Z")  # at the end of a full line
LONGEST_CELL_START = 14  # a line that opens with a longer run of Han characters is prose


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table of plain lines; all stretches are code points of the text it stands in.

    Attributes:
        start: of its first line.
        end: of its last.
        header: its first line; None where the rows alone were found, by their codes.
        rows: each with all its lines.
    """

    start: int
    end: int
    header: Sentence | None
    rows: tuple[Sentence, ...]


def printed_tables(text: str) -> Iterator[PrintedTable]:
    """Yield the printed tables of ``text``, in order and without overlap."""
    lines = [Sentence(start, end) for start, end in lines_of(text)]
    shown = [line.of(text).strip() for line in lines]
    ends = [ends_table(line) and not goes_on(shown, index) for index, line in enumerate(shown)]
    index = figures_from = 0
    while index < len(lines):
        if is_header(shown[index]):
            end = end_of_rows(shown, ends, index + 1)
            if not any(map(has_digit, shown[max(index + 1, figures_from) : end])):
                figures_from = max(figures_from, end)  # looked through: none of these lines makes a table
            else:
                starts = row_starts(shown[index + 1 : end], cells=len(shown[index].split()))
                if len(starts) >= LEAST_ROWS:
                    yield table_of(lines[index], lines[index + 1 : end], starts)
                    index = end
                    continue
        elif CODE.match(shown[index]):
            end = end_of_rows(shown, ends, index)
            starts = coded_starts(shown[index:end])
            if len(starts) > LEAST_ROWS:
                yield table_of(None, lines[index:end], starts)
                index = end
                continue
        index += 1


def table_of(header: Sentence | None, lines: Sequence[Sentence], starts: Sequence[int]) -> PrintedTable:
    """Put a table together; lines before its first row belong to it."""
    bounds = [*starts[1:], len(lines)]
    rows = [Sentence(lines[first].start, lines[after - 1].end) for first, after in zip(starts, bounds, strict=True)]
    rows[0] = Sentence(lines[0].start, rows[0].end)
    return PrintedTable(header.start if header else rows[0].start, rows[-1].end, header, tuple(rows))


def has_digit(line: str) -> bool:
    """Whether a line holds a digit."""
    return any(character.isdigit() for character in line)


def is_header(line: str) -> bool:
    """Whether a line may name columns: a few short words, no digit, no punctuation."""
    words = line.split()
    if not 2 <= len(words) <= 9 or columns(line) > MOST_HEADER_COLUMNS or TABLE_ROW.fullmatch(line):
        return False
    if not all(HEADER_WORD.fullmatch(word) and len(word) <= MOST_CELL_CHARS + 4 for word in words):
        return False
    if HAN.search(line):
        return len(words) >= 3 and all(len(word) <= MOST_CELL_CHARS for word in words)
    return words[0][0].isupper() and sum(word[0].isupper() for word in words) >= 2


def end_of_rows(shown: Sequence[str], ends: Sequence[bool], begin: int) -> int:
    """Return where the rows that begin at a line end: at a heading, a list, a ruled table or running text."""
    end, most = begin, min(len(shown), begin + MOST_LINES)
    while end < most and not ends[end]:
        end += 1
    if end < len(shown) and SENTENCE_INSIDE.search(shown[end]):
        end = begin_of_paragraph(shown, begin, end)
    if end > begin + 1 and end < len(shown) and is_caption(shown[end - 1]) and not is_heading(shown[end]):
        end -= 1
    return end


def ends_table(line: str) -> bool:
    """Whether a line cannot belong to a row."""
    if is_heading(line) or TABLE_ROW.fullmatch(line) or SENTENCE_INSIDE.search(line):
        return True
    return opens_prose(line) or (LIST_ITEM.match(line) is not None and not CODE.match(line))


def opens_prose(line: str) -> bool:
    """Whether a line opens with a longer run of Han characters than a cell holds."""
    return len(HAN.findall(line.split(maxsplit=1)[0])) > LONGEST_CELL_START


def goes_on(shown: Sequence[str], index: int) -> bool:
    """Whether a line that looks like prose is a long cell: more rows with codes follow, and no sentence ends before."""
    if is_heading(shown[index]) or TABLE_ROW.fullmatch(shown[index]) or not opens_prose(shown[index]):
        return False
    for line in shown[index : index + 3]:
        if CODE.match(line):
            return True
        if SENTENCE_INSIDE.search(line):
            return False
    return False


def is_heading(line: str) -> bool:
    """Whether a line is a numbered heading."""
    return columns(line) <= MOST_HEADER_COLUMNS and NUMBERED_HEADING.fullmatch(line) is not None


def is_caption(line: str) -> bool:
    """Whether a line is one short Han word: over running text it heads that."""
    return 2 <= len(line) <= 8 and all(HAN.match(character) for character in line)


def begin_of_paragraph(shown: Sequence[str], begin: int, end: int) -> int:
    """Return where the running text begins in which a sentence ends at line ``end``: after the last short line."""
    widest = max(columns(line) for line in shown[begin : end + 1])
    while end > begin + 1 and columns(shown[end - 1]) >= 0.75 * widest and not CODE.match(shown[end - 1]):
        if len(shown[end - 1].split()) > 4:  # many cells: a row
            break
        end -= 1
    return end


def row_starts(shown: Sequence[str], *, cells: int) -> list[int]:
    """Return the lines on which rows begin."""
    coded = coded_starts(shown)
    if len(coded) >= LEAST_ROWS and coded[0] == 0 and 6 * len(coded) >= len(shown):
        return coded
    if sum(1 for line in shown if HAN.search(line)) * 2 > len(shown):
        starts = {name_above(shown, index) for index, line in enumerate(shown) if opens_han_row(shown, index, cells)}
        return sorted(starts | {0} if shown else starts)
    broken = sum(1 for line in shown if line[0].islower() or len(line.split()) == 1)
    if 5 * broken < len(shown):
        return [index for index, line in enumerate(shown) if not continues_row(shown, index, line)]
    return anchored_starts(shown)


def coded_starts(shown: Sequence[str]) -> list[int]:
    """Return the lines that open with a code of the shape that most of them have: E-101, A7."""
    shapes = {index: re.sub(r"\d+", "0", match[0]) for index, line in enumerate(shown) if (match := CODE.match(line))}
    common = Counter(shapes.values()).most_common(1)
    return [index for index, shape in shapes.items() if shape == common[0][0]] if common else []


def continues_row(shown: Sequence[str], index: int, line: str) -> bool:
    """Whether a line goes on with the row before it, as far as its beginning and the line before tell."""
    if index == 0:
        return False
    before = shown[index - 1]
    if line[0] in "，。；：、）),;:." or line[0].islower() or OPEN_END.search(before):
        return True
    return BROKEN_WORD.search(before) is not None and columns(before) >= FULL_LINE * max(map(columns, shown))


def opens_han_row(shown: Sequence[str], index: int, cells: int) -> bool:
    """Whether a line of a Chinese table opens a row: a name, and as many words as the header has cells.

    Or the rest of one whose name is broken over the lines above.
    """
    words = shown[index].split()
    if continues_row(shown, index, shown[index]) or len(words) < min(cells, 4):
        return False
    name = words[1] if has_digit(words[0]) and len(words) > cells else words[0]
    return HAN.match(name) is not None or name_above(shown, index) < index


def name_above(shown: Sequence[str], index: int) -> int:
    """Return the line on which the broken name of a row begins whose figures open line ``index``; else ``index``."""
    if not has_digit(shown[index].split()[0]):
        return index
    begin = index
    while begin and is_caption(shown[begin - 1]):
        begin -= 1
    return begin if index - begin > 1 else index  # one short line alone ends the row above


def anchored_starts(shown: Sequence[str]) -> list[int]:
    """Return the lines on which rows begin, by the word that stands once in most rows, such as 'Every'."""
    counts = Counter(word for line in shown for word in set(line.split()) if word.isalpha() and word[0].isupper())
    twice = {word for line in shown for word, count in Counter(line.split()).items() if count > 1}
    words = [(count, word) for word, count in counts.items() if count > LEAST_ROWS and word not in twice]
    if not words:
        return [index for index, line in enumerate(shown) if not continues_row(shown, index, line)]
    anchor = max(words)[1]
    starts: list[int] = []
    for index, line in enumerate(shown):
        if anchor not in line.split():
            continue
        begin = index
        # Where the anchor opens its line, the cells before it stand in the lines above.
        while begin > (starts[-1] + 1 if starts else 0) and shown[begin].split()[0] == anchor:
            begin -= 1
            while begin > (starts[-1] + 1 if starts else 0) and continues_row(shown, begin, shown[begin]):
                begin -= 1
        starts.append(begin)
    return starts
