"""A passage together with the chunks around it, as one text without repeats and without page furniture.

Units of text are looked for here, where a list or a row is whole; what is shown of them is cited by the
passages it comes from, each with its own offsets.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.answering.sentences import Sentence, lines_of, trimmed
from app.knowledge.passage import Passage, Span

PAGE_NUMBER = re.compile(
    r"\s*(?:[Pp]age\s+\d+(?:\s*(?:of|/)\s*\d+)?|第\s*\d+\s*页(?:\s*[,，/]?\s*共\s*\d+\s*页)?|[-–—]\s*\d+\s*[-–—]|\d+\s*/\s*\d+)\s*"
)
FURNITURE_LINES = 3  # a page number stands in the first lines of its page under its running titles, or in the last


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a context that lies in one page of the document.

    Attributes:
        start: where it begins in the context's text.
        span: where it lies in the document.
    """

    start: int
    span: Span

    @property
    def end(self) -> int:
        """Return one past its last code point in the context's text."""
        return self.start + self.span.end - self.span.start


@dataclass(frozen=True, slots=True)
class Context:
    """A passage and what stands around it.

    Attributes:
        passage: the one that was found.
        chunks: it and its neighbours, in reading order.
        text: their text, each stretch once.
        pieces: where the text lies in the document, in order.
    """

    passage: Passage
    chunks: tuple[Passage, ...]
    text: str
    pieces: tuple[Piece, ...]

    def own(self) -> list[tuple[int, int]]:
        """Return the stretches of the text that belong to the passage itself."""
        found = []
        for piece in self.pieces:
            for span in spans_of(self.passage):
                start, end = max(span.start, piece.span.start), min(span.end, piece.span.end)
                if span.page == piece.span.page and start < end:
                    shift = piece.start - piece.span.start
                    found.append((start + shift, end + shift))
        return found

    def places(self, stretch: Sentence) -> list[Span]:
        """Return where a stretch of the text lies in the document."""
        found = []
        for piece in self.pieces:
            at, end = max(stretch.start, piece.start), min(stretch.end, piece.end)
            if at < end:
                shift = piece.start - piece.span.start
                found.append(Span(piece.span.page, at - shift, end - shift))
        return found

    def quotes(self, stretch: Sentence) -> Iterator[tuple[Passage, Sentence]]:
        """Yield the passages that bear a stretch of the text out, each with the part of its own text.

        As few as can be: the passage itself where it holds all of it, then what reaches furthest.
        """
        order = [self.passage, *(chunk for chunk in self.chunks if chunk.chunk_id != self.passage.chunk_id)]
        parts: list[tuple[Passage, Sentence]] = []
        for place in self.places(stretch):
            at = place.start
            while at < place.end:
                chunk, first, at = furthest(order, place.page, at, place.end)
                parts.append((chunk, first))
        yield from joined(parts)


def spans_of(passage: Passage) -> tuple[Span, ...]:
    """Return a passage's spans; one made up where it has none."""
    return passage.spans or ((Span(passage.page or 0, 0, len(passage.text)),) if passage.text else ())


def furthest(chunks: Sequence[Passage], page: int, start: int, end: int) -> tuple[Passage, Sentence, int]:
    """Return the first chunk that holds all from ``start``, else the one that holds most, with its own offsets."""
    best: tuple[Passage, Sentence, int] | None = None
    for chunk in chunks:
        offset = 0
        for span in spans_of(chunk):
            if span.page == page and span.start <= start < span.end:
                last = min(span.end, end)
                if best is None or last > best[2]:
                    best = chunk, Sentence(offset + start - span.start, offset + last - span.start), last
            offset += span.end - span.start + 1  # a newline joins the spans
        if best is not None and best[2] == end:
            break
    if best is None:
        raise ValueError("a context holds nothing but its chunks")
    return best


def joined(parts: Sequence[tuple[Passage, Sentence]]) -> Iterator[tuple[Passage, Sentence]]:
    """Yield the parts, those of one passage that follow each other as one, without white space at the ends."""
    merged: list[tuple[Passage, Sentence]] = []
    for chunk, part in parts:
        if merged and merged[-1][0].chunk_id == chunk.chunk_id and merged[-1][1].end <= part.start:
            before = merged[-1][1]
            if not chunk.text[before.end : part.start].strip():
                merged[-1] = chunk, Sentence(before.start, part.end)
                continue
        merged.append((chunk, part))
    for chunk, part in merged:
        bare = trimmed(chunk.text, part.start, part.end)
        if bare is not None:
            yield chunk, bare


def context_of(passage: Passage, chunks: Sequence[Passage] = ()) -> Context:
    """Lay a passage and the chunks around it out as one text; without them, the passage alone."""
    around = tuple(chunks) or (passage,)
    begins = Counter(line for _, line in set().union(*map(first_lines, around)))
    parts: list[str] = []
    pieces: list[Piece] = []
    length = 0
    reached: dict[int, int] = {}  # by page
    for chunk in around:
        offset = 0
        for number, span in enumerate(spans_of(chunk)):
            text = chunk.text[offset : offset + span.end - span.start]
            offset += span.end - span.start + 1
            known = reached.get(span.page, span.start)
            start = max(span.start, known)
            reached[span.page] = max(known, span.end)
            rest = without_furniture(text, span, begins) if start == span.start else (start - span.start, len(text))
            if rest[0] >= rest[1]:
                continue
            gap = "" if not pieces else gap_between(pieces[-1].span, span.page, start, within=number > 0)
            pieces.append(Piece(length + len(gap), Span(span.page, span.start + rest[0], span.start + rest[1])))
            parts += [gap, text[rest[0] : rest[1]]]
            length += len(gap) + rest[1] - rest[0]
    return Context(passage, around, "".join(parts), tuple(pieces))


def gap_between(before: Span, page: int, start: int, *, within: bool) -> str:
    """Return what stands between two pieces: white space that no chunk holds."""
    if before.page != page or within:
        return "\n"
    return "\n" * min(2, max(0, start - before.end))


def first_lines(chunk: Passage) -> set[tuple[int, str]]:
    """Return (page, first line) of each page that a chunk begins, digits made alike."""
    offset, found = 0, set()
    for span in spans_of(chunk):
        if span.page and span.start == 0:
            first = chunk.text[offset : offset + span.end - span.start].strip().partition("\n")[0]
            found.add((span.page, masked(first)))
        offset += span.end - span.start + 1
    return found


def masked(line: str) -> str:
    """Return a line with all numbers made alike."""
    return re.sub(r"\d+", "0", line.strip())


def without_furniture(text: str, span: Span, begins: Counter[str]) -> tuple[int, int]:
    """Return (start, end) of a page's text without running titles and page numbers."""
    lines = lines_of(text)
    start, end = 0, len(text)
    if not span.page or not lines:
        return start, end
    head = lines[:FURNITURE_LINES] if span.start == 0 else []
    for index, (first, last) in enumerate(head):
        line = text[first:last]
        numbered = PAGE_NUMBER.fullmatch(line) is not None
        if numbered or (index == 0 and begins[masked(line)] > 1):
            if numbered and any(text[b - 1] in ".。!！?？" for _, b in head[:index]):
                break
            start = last
    first, last = lines[-1]
    if PAGE_NUMBER.fullmatch(text[first:last]):
        end = first
    while start and start < end and text[start].isspace():
        start += 1  # what stood above is gone, and its line break with it
    return start, max(start, end)
