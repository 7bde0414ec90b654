"""Blocks -> chunks, as spans of the stored text: nothing is rewritten, so every citation can be shown in place.

A chunk lies in one section and on one page. Paragraphs, lists and tables stay whole where they
fit; what does not fit is cut between sentences, items or rows, and only then at commas, spaces
or characters. Tokens are counted for all sentences of a document at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.knowledge.passage import Span
from app.reading.sentence import lines, sentences, trimmed
from ingest.layout import PageText, PlacedBlock
from ingest.pack import Group, Packer, Unit, kind_of

CountTokens = Callable[[Sequence[str]], list[int]]

MAX_HEADING_CHARS = 200
HEADING_LINK = " > "
# Where a sentence that is too long is cut, best first.
CUT_MARKS = ("\n", "，,、；;：:", " \t\u3000")


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A chunk before it has an id.

    Attributes:
        ordinal: position in the document, from 0.
        kind: ``text``, ``table`` or ``list``, by what most of it is.
        heading: path of headings above it, its section's own the last.
        spans: in reading order, all on one page; a table that goes on repeats its header's span first.
        tokens: sum over its sentences, repeated ones too.
    """

    ordinal: int
    kind: str
    heading: str
    spans: tuple[Span, ...]
    tokens: int


def group_of(placed: PlacedBlock) -> Group:
    """Cut a block into its units."""
    block, span = placed.block, placed.span
    if block.kind == "heading":
        ranges: Iterator[tuple[int, int]] = trimmed(block.text, 0, len(block.text))
    elif block.kind == "paragraph":
        ranges = sentences(block.text)
    else:
        ranges = lines(block.text)
    kind = "text" if block.kind == "paragraph" else block.kind
    return Group(block, span.page, [Unit(span.page, span.start + a, span.start + b, kind) for a, b in ranges])


def cut(unit: Unit, text: str, limit: int) -> Iterator[Unit]:
    """Cut a unit that is too long into pieces of about a quarter of the limit, at the best marks."""
    target = max(1, (unit.end - unit.start) * limit // (unit.tokens * 4))
    start = unit.start
    while start < unit.end:
        end = min(start + target, unit.end)
        if end < unit.end:
            for marks in CUT_MARKS:
                found = max(text.rfind(mark, start + target // 3, end) for mark in marks)
                if found > start:
                    end = found + 1
                    break
        for a, b in trimmed(text, start, end):
            yield Unit(unit.page, a, b, unit.kind)
        start = end


def measure(groups: Sequence[Group], texts: dict[int, str], count_tokens: CountTokens, limit: int) -> None:
    """Count all units at once, cut those beyond the limit, and count the pieces, until all fit."""
    waiting = [unit for group in groups for unit in group.units]
    while waiting:
        counts = count_tokens([texts[unit.page][unit.start : unit.end] for unit in waiting])
        for unit, tokens in zip(waiting, counts, strict=True):
            unit.tokens = tokens
        waiting = []
        for group in groups:
            if any(unit.tokens > limit and unit.end - unit.start > 1 for unit in group.units):
                units: list[Unit] = []
                for unit in group.units:
                    long = unit.tokens > limit and unit.end - unit.start > 1
                    pieces = list(cut(unit, texts[unit.page], limit)) if long else [unit]
                    waiting.extend(pieces if long else ())
                    units.extend(pieces)
                group.units = units


class Splitter:
    """Walks through a document's groups section by section and page by page."""

    def __init__(self, texts: dict[int, str], packer: Packer) -> None:
        self.chunks: list[ChunkDraft] = []
        self._texts = texts
        self._packer = packer
        self._path: list[tuple[int, str]] = []
        self._headings: list[Group] = []  # not yet in a chunk
        self._body: list[Group] = []

    def heading(self, group: Group) -> None:
        """Begin a section."""
        level = max(1, group.block.level)
        if self._body:
            self.end_run()
        if self._headings:
            above = self._headings[-1]
            if above.page != group.page or max(1, above.block.level) >= level:
                self.end_run()
        while self._path and self._path[-1][0] >= level:
            self._path.pop()
        self._path.append((level, " ".join(group.block.text.split())[:MAX_HEADING_CHARS]))
        self._headings.append(group)

    def body(self, group: Group) -> None:
        """Go on with a section."""
        last = self._body[-1] if self._body else self._headings[-1] if self._headings else None
        if last is not None and last.page != group.page:
            self.end_run()
        self._body.append(group)

    def end_run(self) -> None:
        """Make the chunks of what was collected: all of one section and page."""
        headings = [unit for group in self._headings for unit in group.units]
        heading = HEADING_LINK.join(text for _, text in self._path)
        for draft in self._packer.pack(headings, self._body):
            units = draft.repeated + draft.fresh
            tokens = sum(unit.tokens for unit in units)
            self.chunks.append(
                ChunkDraft(len(self.chunks), kind_of(draft), heading, spans_of(units, self._texts), tokens)
            )
        self._headings, self._body = [], []


def spans_of(units: Sequence[Unit], texts: dict[int, str]) -> tuple[Span, ...]:
    """Give the stretches, those with only white space between them as one."""
    spans: list[tuple[int, int, int]] = []
    for unit in units:
        if spans:
            page, start, end = spans[-1]
            if page == unit.page and end <= unit.start and not texts[page][end : unit.start].strip():
                spans[-1] = (page, start, unit.end)
                continue
        spans.append((unit.page, unit.start, unit.end))
    return tuple(Span(page, start, end) for page, start, end in spans)


def split(
    placed: Sequence[PlacedBlock],
    pages: Sequence[PageText],
    *,
    count_tokens: CountTokens,
    chunk_tokens: int,
    overlap_tokens: int,
) -> list[ChunkDraft]:
    """Cut a document into chunks.

    Args:
        placed: blocks in reading order, as ``lay_out`` placed them.
        pages: the texts in which they lie.
        count_tokens: counts of many texts at once, special tokens not counted.
        chunk_tokens: most tokens of a chunk; only a single character may have more.
        overlap_tokens: most tokens of whole sentences that a chunk repeats of the one before it.
    """
    texts = {page.page: page.text for page in pages}
    groups = [group for block in placed if block.block.kind != "margin" and (group := group_of(block)).units]
    measure(groups, texts, count_tokens, chunk_tokens)
    splitter = Splitter(texts, Packer(chunk_tokens, min(overlap_tokens, chunk_tokens // 2)))
    for group in groups:
        if group.block.kind == "heading":
            splitter.heading(group)
        else:
            splitter.body(group)
    splitter.end_run()
    return splitter.chunks
