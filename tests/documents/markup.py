"""The little Markdown in which the sample texts are written, as a list of blocks.

Knows headings, a running head (``> ``), paragraphs, bullets, pipe tables and ``<!-- page -->``. Knows no file format;
see write_pdf.py and write_docx.py.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a block is."""

    HEADING = "heading"
    RUNNING_HEAD = "running head"
    PARAGRAPH = "paragraph"
    BULLET = "bullet"
    TABLE = "table"
    PAGE_BREAK = "page break"


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a sample text."""

    kind: Kind
    text: str = ""
    level: int = 0  # of a heading, from 1
    rows: tuple[tuple[str, ...], ...] = ()  # of a table, the head first


def parse(source: str) -> list[Block]:
    """Return the blocks of ``source``; each line that is no table row is a block of its own."""
    blocks: list[Block] = []
    rows: list[tuple[str, ...]] = []
    for line in [*source.splitlines(), ""]:
        if line.startswith("|"):
            if not re.fullmatch(r"[|\-: ]+", line):
                rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
            continue
        if rows:
            blocks.append(Block(Kind.TABLE, rows=tuple(rows)))
            rows = []
        if line.strip():
            blocks.append(_block_of(line))
    return blocks


def _block_of(line: str) -> Block:
    if line == "<!-- page -->":
        return Block(Kind.PAGE_BREAK)
    if heading := re.fullmatch(r"(#+) (.+)", line):
        return Block(Kind.HEADING, heading[2], level=len(heading[1]))
    if line.startswith("> "):
        return Block(Kind.RUNNING_HEAD, line[2:])
    if line.startswith("- "):
        return Block(Kind.BULLET, line[2:])
    return Block(Kind.PARAGRAPH, line)
