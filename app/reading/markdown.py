"""Markdown -> blocks. The text stays as it was written: only its structure is taken from the parser."""

import re
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt

from app.reading import html
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.encoding import decode

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
TITLE = re.compile(r"(?m)^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$")
MAX_NESTING = 200  # what is nested deeper is lost; a list in a list takes two
CONTAINERS = {"table_open": "table", "bullet_list_open": "list", "ordered_list_open": "list"}


def parser() -> MarkdownIt:
    """Build a parser of blocks alone: the text inside them is kept, so it need not be parsed."""
    markdown = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable("table")
    markdown.core.ruler.enableOnly(["normalize", "block"])
    return markdown


def without_margin(lines: list[str]) -> str:
    """Take a common margin off, as of a list inside a quotation."""
    margin = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines).rstrip()


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a Markdown file; tables and lists come whole."""
    text = decode(content).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    front = FRONT_MATTER.match(text)
    if front:
        title = TITLE.search(front[1])
        reading.title = title[1] if title else ""
        text = text[front.end() :]
    lines = text.split("\n")
    tokens: list[Any] = parser().parse(text)
    skip_to = -1
    for index, token in enumerate(tokens):
        if index <= skip_to:
            continue
        if token.type in CONTAINERS:
            skip_to = closing(tokens, index)
            yield Block("table" if token.type == "table_open" else "list", without_margin(lines[slice(*token.map)]))
        elif token.type == "heading_open":
            yield Block("heading", tokens[index + 1].content, level=int(token.tag[1]))
        elif token.type == "paragraph_open":
            yield Block("paragraph", tokens[index + 1].content)
        elif token.type in {"fence", "code_block"}:
            yield Block("paragraph", token.content)
        elif token.type == "html_block":
            yield from html.page_blocks(token.content, Reading(max_pages=reading.max_pages))


def closing(tokens: list[Any], index: int) -> int:
    """Give the index of the token that closes the one at ``index``."""
    level = tokens[index].level
    for later in range(index + 1, len(tokens)):
        if tokens[later].nesting == -1 and tokens[later].level == level:
            return later
    return len(tokens) - 1
