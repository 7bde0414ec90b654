"""What reading gives: the blocks of a document in reading order. Values only, no parser."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["heading", "paragraph", "table", "list"]


@dataclass(frozen=True, slots=True)
class Block:
    """A unit of a document's text, with the document's own characters.

    Attributes:
        text: lines are parted by a newline; a table is Markdown, a list one line an item.
        page: from 1; 0 where the format has no pages.
        level: of a heading, from 1; 0 for everything else.
    """

    kind: Kind
    text: str
    page: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """One file, read.

    Attributes:
        media_type: decided by content, such as ``application/pdf``.
        title: of the metadata, else the first heading; empty without either.
        pages: number of pages; 0 where the format has none.
        notes: warnings for the ingest report; never text of the document.
    """

    media_type: str
    title: str
    pages: int
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
