"""Packing: fills chunks with the sentences, items and rows of one section on one page.

Knows sizes and kinds alone, not the text; ``split`` makes the units and turns drafts into chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.reading.block import Block


@dataclass(slots=True)
class Unit:
    """What is not cut again: a sentence, an item, a row, a heading, or a piece of one."""

    page: int
    start: int
    end: int
    kind: str
    tokens: int = 0


@dataclass(slots=True)
class Group:
    """The units of one block."""

    block: Block
    page: int
    units: list[Unit]

    @property
    def tokens(self) -> int:
        """Sum over the units."""
        return sum(unit.tokens for unit in self.units)


@dataclass(slots=True)
class Draft:
    """A chunk being filled: ``repeated`` stands in an earlier chunk already, ``fresh`` only here."""

    repeated: list[Unit] = field(default_factory=list)
    fresh: list[Unit] = field(default_factory=list)
    body_tokens: int = 0
    tokens: int = 0

    def add(self, units: Sequence[Unit]) -> None:
        """Take units in."""
        self.fresh.extend(units)
        added = sum(unit.tokens for unit in units)
        self.tokens += added
        self.body_tokens += sum(unit.tokens for unit in units if unit.kind != "heading")

    def forget_repeated(self) -> None:
        """Make room for what is new."""
        self.tokens -= sum(unit.tokens for unit in self.repeated)
        self.repeated = []

    @property
    def has_body(self) -> bool:
        """More than headings."""
        return any(unit.kind != "heading" for unit in self.fresh)


class Packer:
    """Fills chunks with the groups of one section on one page."""

    def __init__(self, limit: int, overlap: int) -> None:
        self._limit = limit
        self._overlap = overlap
        self._tiny = limit // 8
        self._drafts: list[Draft] = []
        self._draft = Draft()

    def pack(self, headings: Sequence[Unit], groups: Sequence[Group]) -> list[Draft]:
        """Give the chunks; the section's headings stand at the front of the first."""
        self._drafts, self._draft = [], Draft()
        if sum(unit.tokens for unit in headings) > self._limit // 2:
            self._pieces(headings, ())
            self._flush()
        else:
            self._draft.add(headings)
        for group in groups:
            if group.block.kind == "table" and group.tokens >= self._tiny:
                self._table(group)
            else:
                self._group(group)
        self._flush()
        return self._merged()

    def _flush(self) -> None:
        """End the chunk."""
        if self._draft.fresh:
            self._drafts.append(self._draft)
        self._draft = Draft()

    def _next(self, header: Sequence[Unit] = ()) -> None:
        """End the chunk and begin the next with what it repeats: a table's header, or the last sentences."""
        ended = self._draft
        self._flush()
        repeated = list(header)
        if not header:
            left = self._overlap
            for unit in reversed(ended.fresh[1:]):
                left -= unit.tokens
                if left < 0 or unit.kind in {"table", "heading"}:
                    break
                repeated.insert(0, unit)
        self._draft.repeated = repeated
        self._draft.tokens = sum(unit.tokens for unit in repeated)

    def _fits(self, tokens: int) -> bool:
        return self._draft.tokens + tokens <= self._limit

    def _group(self, group: Group) -> None:
        """Add a paragraph or list: whole if there is room here or in a new chunk, else in pieces."""
        well_filled = self._draft.body_tokens >= self._limit // 2 or group.block.kind == "list"
        if not self._fits(group.tokens) and group.tokens <= self._limit and self._draft.has_body and well_filled:
            self._next()
            if not self._fits(group.tokens):
                self._draft.forget_repeated()
        if self._fits(group.tokens):
            self._draft.add(group.units)
        else:
            self._pieces(group.units, ())

    def _table(self, group: Group) -> None:
        """Add a table: a chunk of its own, or several that begin with its header."""
        if self._draft.has_body and (self._draft.body_tokens >= self._tiny or not self._fits(group.tokens)):
            self._next()
        if not self._fits(group.tokens):
            self._draft.forget_repeated()
        if self._fits(group.tokens):
            self._draft.add(group.units)
        else:
            header = group.units[:2] if group.block.text.startswith("|") else group.units[:1]
            small = sum(unit.tokens for unit in header) <= self._limit // 3
            self._pieces(group.units, header if small else ())
        self._flush()

    def _pieces(self, units: Sequence[Unit], header: Sequence[Unit]) -> None:
        """Add unit after unit, a new chunk whenever one is full."""
        for unit in units:
            if not self._fits(unit.tokens) and self._draft.has_body:
                self._next(header)
            if not self._fits(unit.tokens):
                self._draft.forget_repeated()
            if not self._fits(unit.tokens):
                self._flush()
            self._draft.add([unit])

    def _merged(self) -> list[Draft]:
        """Join chunks that are tiny with the one before or after."""
        kept: list[Draft] = []
        for draft in self._drafts:
            before = kept[-1] if kept else None
            fresh = sum(unit.tokens for unit in draft.fresh)
            small = before is not None and self._tiny > min(fresh, before.body_tokens)
            if before is not None and small and before.tokens + fresh <= self._limit:
                before.add(draft.fresh)
            else:
                kept.append(draft)
        return kept


def kind_of(draft: Draft) -> str:
    """Name what most of the chunk's own text is."""
    weights = {"text": 0, "table": 0, "list": 0}
    for unit in draft.fresh:
        if unit.kind != "heading":
            weights[unit.kind] += unit.tokens
    return max(weights, key=lambda kind: weights[kind])
