"""DOCX -> blocks in body order: headings by style, tables as Markdown, lists, text boxes, footnotes.

The package is opened by python-docx; the body is walked as XML, because a paragraph object and
a style look-up each cost more than the text itself in a document of a thousand pages.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from docx.opc.exceptions import OpcError
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.package import Package
from lxml import etree

from app.errors import DocumentRefused
from app.reading.block import Block
from app.reading.contract import Reading, markdown_table

MAX_MEMBERS = 5_000
MAX_EXPANDED_BYTES = 500 * 10**6
RATIO_FROM_BYTES = 10 * 10**6
MAX_RATIO = 100
MAX_DEPTH = 50  # tables in tables, controls in controls
DAMAGED = "the Word document is damaged or cut off; save it again"

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
# Deleted text, field codes and the second copy of a drawing are not what the reader of the page sees.
SKIPPED = frozenset({W + "del", W + "moveFrom", W + "instrText", W + "delText", W + "pPr", W + "rPr", FALLBACK})
NOTE_PARTS = ("/footnotes", "/endnotes")
ENTITY_MARKS = tuple(
    word.encode(encoding) for word in ("<!DOCTYPE", "<!ENTITY") for encoding in ("ascii", "utf-16-le", "utf-16-be")
)


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style means: the level of a heading (0 for none), and whether it is a list."""

    level: int = 0
    listed: bool = False


def check_package(content: bytes) -> None:
    """Refuse bombs before anything is expanded for good; a member never expands beyond its declared size."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise DocumentRefused(f"the Word document has {len(members)} parts, the limit is {MAX_MEMBERS}")
        if sum(member.file_size for member in members) > MAX_EXPANDED_BYTES:
            raise DocumentRefused("the Word document expands beyond 500 MB")
        for member in members:
            if member.flag_bits & 0x1:
                raise DocumentRefused("the Word document needs a password")
            if member.file_size > RATIO_FROM_BYTES and member.file_size > MAX_RATIO * max(member.compress_size, 1):
                raise DocumentRefused("a part of the Word document expands more than 100 times")
        for member in members:
            if member.filename.endswith((".xml", ".rels")):
                check_entities(archive, member)


def check_entities(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse a part that declares entities: Office never does, bombs and file thieves do."""
    tail = b""
    with archive.open(member) as part:
        while piece := part.read(1 << 20):
            window = tail + piece
            if any(mark in window for mark in ENTITY_MARKS):
                raise DocumentRefused("the Word document declares XML entities, which no Word writes")
            tail = window[-32:]


def root_of(part: Part) -> BaseOxmlElement:
    """Give a part's XML; parts of a template or a document with macros come unparsed."""
    return part.element if hasattr(part, "element") else parse_xml(part.blob)


def related(part: Part, *endings: str) -> Iterator[BaseOxmlElement]:
    """Give the XML of the parts inside the package that this one refers to by these types."""
    for relation in part.rels.values():
        if relation.reltype.endswith(endings) and not relation.is_external:
            yield root_of(relation.target_part)


def styles_of(part: Part) -> dict[str, Style]:
    """Read what each paragraph style means, inherited meaning included."""
    raw: dict[str, tuple[str, Style]] = {}
    for style in (style for root in related(part, "/styles") for style in root.iterchildren(W + "style")):
        name = style.find(W + "name")
        based = style.find(W + "basedOn")
        outline = style.find(f"{W}pPr/{W}outlineLvl")
        label = "" if name is None else (name.get(W + "val") or "").lower()
        level = 0
        if label == "title":
            level = 1
        elif label.startswith(("heading ", "标题 ")) and label[-1:].isdigit():
            level = int(label[-1])
        elif outline is not None and (outline.get(W + "val") or "").isdigit() and int(outline.get(W + "val")) < 9:
            level = int(outline.get(W + "val")) + 1
        listed = style.find(f"{W}pPr/{W}numPr") is not None or label.startswith("list ")
        raw[style.get(W + "styleId") or ""] = (
            "" if based is None else based.get(W + "val") or "",
            Style(level, listed),
        )
    found: dict[str, Style] = {}
    for identifier, (parent, style) in raw.items():
        level, listed, above = style.level, style.listed, parent
        for _ in range(10):
            if above not in raw or level:
                break
            above, inherited = raw[above]
            level, listed = inherited.level, listed or inherited.listed
        found[identifier] = Style(level, listed)
    return found


def text_of(element: BaseOxmlElement) -> str:
    """Give the visible text of a paragraph, without that of its text boxes."""
    pieces: list[str] = []
    stack = [element]
    while stack:
        node = stack.pop()
        tag = node.tag
        if tag in SKIPPED or tag == W + "txbxContent":
            continue
        if tag == W + "t":
            pieces.append(node.text or "")
        elif tag == W + "tab":
            pieces.append("\t")
        elif tag in {W + "br", W + "cr"}:
            pieces.append("\n")
        elif tag == W + "noBreakHyphen":
            pieces.append("-")
        else:
            stack.extend(reversed(node))
    return "".join(pieces)


class Walk:
    """One pass over a body: collects list items, gives everything else as it comes."""

    def __init__(self, styles: dict[str, Style]) -> None:
        self._styles = styles
        self._items: list[str] = []

    def blocks(self, parent: BaseOxmlElement, depth: int = 0) -> Iterator[Block]:
        """Give the blocks below an element, in order."""
        if depth > MAX_DEPTH:
            raise DocumentRefused("the Word document is nested too deeply")
        for child in parent:
            if child.tag == W + "p":
                yield from self.paragraph(child, depth)
            elif child.tag == W + "tbl":
                yield from self.end_list()
                yield from self.table(child, depth)
            elif child.tag not in SKIPPED and isinstance(child.tag, str):
                yield from self.blocks(child, depth + 1)
        if depth == 0:
            yield from self.end_list()

    def end_list(self) -> Iterator[Block]:
        """Give the list that was being collected."""
        if self._items:
            yield Block("list", "\n".join(self._items))
            self._items = []

    def paragraph(self, element: BaseOxmlElement, depth: int) -> Iterator[Block]:
        """Give a paragraph as heading, list item or text, then what its text boxes hold."""
        text = text_of(element)
        properties = element.find(W + "pPr")
        style = Style()
        indent = None
        if properties is not None:
            name = properties.find(W + "pStyle")
            style = self._styles.get("" if name is None else name.get(W + "val") or "", style)
            outline = properties.find(W + "outlineLvl")
            if outline is not None and (outline.get(W + "val") or "9") in "012345678":
                style = Style(int(outline.get(W + "val")) + 1, style.listed)
            numbering = properties.find(W + "numPr")
            if numbering is not None:
                level = numbering.find(W + "ilvl")
                indent = 0 if level is None else int(level.get(W + "val") or 0)
        if text.strip():
            if style.level:
                yield from self.end_list()
                yield Block("heading", text, level=style.level)
            elif indent is not None or style.listed:
                self._items.append("  " * min(indent or 0, 8) + "- " + " ".join(text.split()))
            else:
                yield from self.end_list()
                yield Block("paragraph", text)
        for box in element.iter(W + "txbxContent"):
            # The fallback drawing holds the same words again; a box in a box comes with its parent.
            if not any(above.tag in (FALLBACK, W + "txbxContent") for above in box.iterancestors()):
                yield from self.blocks(box, depth + 1)

    def table(self, element: BaseOxmlElement, depth: int) -> Iterator[Block]:
        """Give a table; one that only frames text (a single cell a row) gives that text."""
        rows = [list(row.iter(W + "tc")) for row in element.iterchildren(W + "tr")]
        if all(len(cells) <= 1 for cells in rows):
            for cell in (cell for cells in rows for cell in cells):
                yield from self.blocks(cell, depth + 1)
            return
        above: dict[int, str] = {}
        lines: list[list[str]] = []
        for row in element.iter(W + "tr"):
            line: list[str] = []
            for cell in row.iterchildren(W + "tc", W + "sdt"):
                self.cell(cell, line, above)
            lines.append(line)
        yield Block("table", markdown_table(lines))

    def cell(self, cell: BaseOxmlElement, line: list[str], above: dict[int, str]) -> None:
        """Add a cell to its row; one merged downwards repeats its text, so that each row says all."""
        text = " ".join(text_of(paragraph) for paragraph in cell.iter(W + "p")).strip()
        merged = cell.find(f"{W}tcPr/{W}vMerge")
        column = len(line)
        if merged is not None and merged.get(W + "val") != "restart":
            text = text or above.get(column, "")
        above[column] = text
        line.append(text)
        span = cell.find(f"{W}tcPr/{W}gridSpan")
        if span is not None and (span.get(W + "val") or "").isdigit():
            line.extend([""] * min(int(span.get(W + "val")) - 1, 200))


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a Word document."""
    try:
        check_package(content)
        package = Package.open(io.BytesIO(content))
        reading.title = package.core_properties.title or ""
        part = package.main_document_part
        body = root_of(part).find(W + "body")
        if body is None:
            raise DocumentRefused(DAMAGED)
        walk = Walk(styles_of(part))
        yield from walk.blocks(body)
        for notes in related(part, *NOTE_PARTS):
            yield from walk.blocks(notes)
    except (zipfile.BadZipFile, OpcError, etree.XMLSyntaxError, KeyError, ValueError, OSError, EOFError) as error:
        raise DocumentRefused(DAMAGED) from error
