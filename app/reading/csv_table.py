"""CSV and TSV -> blocks: the delimiter by what the lines agree on, rows as ``app.reading.rows`` writes them.

Every file gives its words: a quote that is never closed, or a line beyond all measure, costs only its cells.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from app.reading.block import Block
from app.reading.contract import LINE_ENDS, MAX_BLOCK_CHARS, Reading
from app.reading.encoding import decode
from app.reading.rows import blocks_of_rows
from app.reading.table_plan import Row

# Best first, where lines agree equally well: commas stand in numbers and sentences, tabs hardly ever do.
DELIMITERS = "\t;|,"
SAMPLE_RECORDS = 100
SAMPLE_CHARS = 200_000
LEAST_AGREEMENT = 0.8
MAX_LINE_CHARS = 4_000_000  # longer ones are no row of a table
MAX_RECORD_CHARS = 1_000_000  # of a record of several lines; beyond it a quote was left open
MAX_RECORD_LINES = 1_000
MAX_OPEN_QUOTES = 20
DECLARED = re.compile(r"sep=(.)(?:\n|$)")  # Excel's own first line


class OpenQuoteError(Exception):
    """A quote that is not closed within measure."""


class Records:
    """The records of a text; a record may go over several lines where quotes hold them together."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._text = text
        self._delimiter = delimiter
        self._at = 0
        self._open_quotes = 0

    def __iter__(self) -> Iterator[Row]:
        """Give the records, cells without white space at their ends."""
        while (line := self._line()) is not None:
            if len(line) > MAX_LINE_CHARS:
                yield from ([line[at : at + MAX_BLOCK_CHARS]] for at in range(0, len(line), MAX_BLOCK_CHARS))
            else:
                yield [cell.strip() for cell in self._cells(line)]

    def _line(self) -> str | None:
        """Take the next line."""
        if self._at >= len(self._text):
            return None
        start, self._at = self._at, self._text.find("\n", self._at) + 1 or len(self._text)
        return self._text[start : self._at]

    def _cells(self, line: str) -> Row:
        """Cut a record that begins with this line into its cells."""
        if not self._delimiter:
            return [line]
        if '"' in line and self._open_quotes < MAX_OPEN_QUOTES:
            after = self._at
            try:
                return next(csv.reader(self._more(line), delimiter=self._delimiter, skipinitialspace=True))
            except (OpenQuoteError, csv.Error):
                self._open_quotes += 1
                self._at = after
        return line.split(self._delimiter)

    def _more(self, line: str) -> Iterator[str]:
        """Give the line, and those after it for as long as they are asked for."""
        chars, lines = 0, 0
        following: str | None = line
        while following is not None and lines < MAX_RECORD_LINES and (not lines or chars < MAX_RECORD_CHARS):
            yield following
            following = self._line()
            chars += len(following or "")
            lines += 1
        raise OpenQuoteError


def agreement(widths: list[int]) -> float:
    """Tell how well records agree on their number of cells: 1 if all do, 0 if they are no records at all.

    Cells left out at the ends of lines are common: they count for half, if the first record has several cells.
    """
    ((width, agreeing),) = Counter(widths).most_common(1)
    if width > 1 and agreeing >= LEAST_AGREEMENT * len(widths):
        return agreeing / len(widths)
    several = sum(width > 1 for width in widths)
    return several / len(widths) / 2 if widths[0] > 1 and several >= LEAST_AGREEMENT * len(widths) else 0.0


def delimiter_of(text: str, extension: str) -> str:
    """Find the delimiter: the one on whose number the records agree best; empty where there is none."""
    sample = text[:SAMPLE_CHARS]
    if len(text) > SAMPLE_CHARS:
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, most = "", 0.0
    for delimiter in DELIMITERS if extension != "tsv" else "\t":
        widths = [len(row) for row in islice(Records(sample, delimiter), SAMPLE_RECORDS) if any(row)]
        if not widths:
            return DELIMITERS[-1]
        share = agreement(widths)
        if share > most:
            best, most = delimiter, share
    return best


def spaced_out(text: str) -> bool:
    """Tell whether every other line is empty, as programs write it that end each line twice; no table ends there."""
    lines = text[:SAMPLE_CHARS].strip().split("\n", SAMPLE_RECORDS)[:SAMPLE_RECORDS]
    return len(lines) > 2 and not any(line.strip() for line in lines[1::2])


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a CSV file."""
    # For the whole process, as the library has it; the length of lines is bounded here.
    csv.field_size_limit(2 * (MAX_LINE_CHARS + MAX_RECORD_CHARS))
    text = LINE_ENDS.sub("\n", decode(content))
    declared = DECLARED.match(text)
    if declared:
        text = text[declared.end() :]
    records: Iterable[Row] = Records(text, declared[1] if declared else delimiter_of(text, reading.extension))
    yield from blocks_of_rows(filter(any, records) if spaced_out(text) else records)
