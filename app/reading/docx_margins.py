"""Headers and footers of a Word document: each text once, before the body.

What stands in the body as well, or is only a page number, is a margin: it repeats what can be found elsewhere. A
number of the document, its version or its owner often stands in the header alone, and who looks for it must find it:
that is a paragraph. It comes first because nothing but the whole document is its heading.
"""

import re
from collections.abc import Callable, Iterator

from lxml import etree

from app.reading.block import Block
from app.reading.docx_text import W, on
from app.reading.office_parts import Element, Package, R, Reference

MOST_COMPARED = 2_000  # parts of headers, with the whole text; no honest document has more
REFERENCES = {W + "headerReference": "header", W + "footerReference": "footer"}
PARTS = re.compile(r"\t|\n|\||\s{3,}")  # left, middle and right of a line, cells of a row
# Page 3 of 12, 第 3 页 共 12 页, - 3 -
PAGE_NUMBER = re.compile(r"(?:page|seite|of|第|共|页|頁|总|總|[\W\d_]|\b[ivxlc]+\b)*", re.IGNORECASE)


def squeezed(text: str) -> str:
    """Give a text without white space and case."""
    return "".join(text.split()).casefold()


def shown_parts(body: Element, references: dict[str, Reference], *, even: bool) -> list[str]:
    """Give the names of the headers and footers that are shown on some page, headers first."""
    current: dict[tuple[str, str], str] = {}
    found: dict[str, dict[str, None]] = {"header": {}, "footer": {}}
    for section in body.iter(W + "sectPr"):
        if section.getparent().tag == W + "sectPrChange":
            continue
        for one in section:
            reference = references.get(one.get(R + "id") or "") if one.tag in REFERENCES else None
            if reference is not None:
                current[REFERENCES[one.tag], one.get(W + "type") or "default"] = reference.target
        used = {"default", *(("first",) if on(section.find(W + "titlePg")) else ()), *(("even",) if even else ())}
        for (place, kind), name in current.items():
            if kind in used:
                found[place][name] = None
    return [*found["header"], *found["footer"]]


def margins(
    package: Package,
    references: dict[str, Reference],
    body: Element,
    settings: Element | None,
    blocks_of: Callable[[Element], Iterator[Block]],
) -> Iterator[Block]:
    """Give the headers and footers: what stands nowhere else as text, the rest as margins."""
    even = settings is not None and on(settings.find(W + "evenAndOddHeaders"))
    names = shown_parts(body, references, even=even)
    if not names:
        return
    elsewhere = squeezed(etree.tostring(body, method="text", encoding="unicode"))
    seen: set[str] = set()
    compared = 0
    for root in filter(lambda root: root is not None, map(package.root, names)):
        for block in blocks_of(root):
            if block.text in seen:
                continue
            parts = {squeezed(part) for part in PARTS.split(block.text) if not PAGE_NUMBER.fullmatch(part)}
            compared += len(parts)
            fresh = compared < MOST_COMPARED and any(part not in seen and part not in elsewhere for part in parts)
            seen |= parts | {block.text}
            yield Block("margin" if not fresh else "paragraph" if block.kind == "heading" else block.kind, block.text)
