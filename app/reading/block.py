"""What reading gives: the blocks of a document in reading order. Values only, no parser."""

from dataclasses import dataclass, field
from typing import Literal

# A margin is what the page's frame repeats (running header and footer, page number): kept, but never in a chunk.
Kind = Literal["heading", "paragraph", "table", "list", "margin"]


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a stretch of a block's text, within one line, stands on its page as it is seen.

    Attributes:
        start: first code point, from 0, within the block's text; ``end`` is one past the last.
        left: share of the page's width, 0..1 from its left edge; ``right`` likewise.
        top: share of the page's height, 0..1 from its upper edge; ``bottom`` likewise.
    """

    start: int
    end: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Block:
    """A unit of a document's text, with the document's own characters.

    Attributes:
        text: lines are parted by a newline; a table is Markdown, a list one line an item.
        page: from 1; 0 where the format has no pages.
        level: of a heading, from 1; 0 for everything else.
        boxes: where its words stand on the page, in order; empty where the page's own characters tell it,
            because the text keeps their order.
    """

    kind: Kind
    text: str
    page: int = 0
    level: int = 0
    boxes: tuple[TextBox, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """One file, read.

    Attributes:
        media_type: decided by content, such as ``application/pdf``.
        title: of the metadata, else the first heading; empty without either.
        pages: number of pages; 0 where the format has none.
        notes: warnings for the ingest report; never text of the document.
        scanned: page -> why its text must be recognised from its picture; nothing was read from these pages.
        confidences: page -> how sure the recognition of its text is, 0..1; pages whose text was not recognised
            from a picture are not in it.
    """

    media_type: str
    title: str
    pages: int
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    scanned: dict[int, str] = field(default_factory=dict)
    confidences: dict[int, float] = field(default_factory=dict)
