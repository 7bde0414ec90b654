"""Blocks -> the text that is stored of each page, and where on the page it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.knowledge.passage import Span
from app.knowledge.writing import Layout
from app.reading.block import Block

BLOCK_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class PageText:
    """The stored text of one page; page 0 where the format has none."""

    page: int
    text: str


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """A block, and where its text lies in the stored text."""

    block: Block
    span: Span


def lay_out(blocks: Sequence[Block]) -> tuple[list[PageText], list[PlacedBlock]]:
    """Give the text to store for each page, and where each block lies in it."""
    texts: dict[int, list[str]] = {}
    lengths: dict[int, int] = {}
    placed: list[PlacedBlock] = []
    for block in blocks:
        if not block.text:
            continue
        start = lengths[block.page] + len(BLOCK_GAP) if block.page in lengths else 0
        texts.setdefault(block.page, []).append(block.text)
        lengths[block.page] = start + len(block.text)
        placed.append(PlacedBlock(block, Span(block.page, start, start + len(block.text))))
    return [PageText(page, BLOCK_GAP.join(parts)) for page, parts in texts.items()], placed


def layouts_of(placed: Sequence[PlacedBlock], confidences: Mapping[int, float]) -> tuple[Layout, ...]:
    """Give what is to be kept of the pages whose own characters do not tell where their text stands."""
    boxes: dict[int, list[tuple[int, int, float, float, float, float]]] = {page: [] for page in confidences}
    for one in placed:
        for box in one.block.boxes:
            place = (box.left, box.top, box.right, box.bottom)
            start = one.span.start
            boxes.setdefault(one.block.page, []).append((start + box.start, start + box.end, *place))
    return tuple(Layout(page, confidences.get(page), tuple(boxes[page])) for page in sorted(boxes))
