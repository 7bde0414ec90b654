"""DOCX -> blocks in body order: headings, paragraphs, numbered lists, tables, text boxes, notes.

The XML is walked, because a paragraph object and a style look-up each cost more than the text itself in a document of
a thousand pages. Comments and deleted or hidden text are not what the document says: they are left out, and counted
in a note.
"""

from collections.abc import Iterator
from itertools import islice

from app.errors import DocumentRefused
from app.reading import detect, readers
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.docx_margins import margins
from app.reading.docx_source import Source, opened
from app.reading.docx_styles import Style, outline_level
from app.reading.docx_text import DELETED, Inline, W, on, value
from app.reading.office_drawings import CHART, DIAGRAM, drawing_blocks
from app.reading.office_parts import DAMAGED_PART, Element, R, shown, whole
from app.reading.office_tables import MOST_COLUMNS, Cell, table_blocks
from app.reading.text import heading_level

ONLY_PICTURES = "the Word document holds pictures and no text; save it as PDF, whose pictures are recognised"
BOX = W + "txbxContent"
PASSED = DELETED | {W + "pPr", W + "tblPr", W + "tcPr", W + "sdtPr", W + "sdtEndPr", W + "sectPr"}
DEEPEST_INDENT = 8


class Walk:
    """One pass over a document: collects list items, gives everything else as it comes."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._items: list[str] = []
        self._carried = ""  # of paragraphs whose end was deleted: they run on into the next
        self.inline = Inline(source.styles.hidden_runs)

    def all_blocks(self, parent: Element) -> Iterator[Block]:
        """Give the blocks of a whole part."""
        yield from self.blocks(parent)
        yield from self.end_text()

    def blocks(self, parent: Element) -> Iterator[Block]:
        """Give the blocks below an element, in order; the last list or paragraph may still be open."""
        for child in parent:
            tag = child.tag
            if tag == W + "p":
                yield from self.paragraph(child)
            elif tag == W + "tbl":
                yield from self.end_text()
                yield from self.table(child)
            elif tag == W + "altChunk":
                yield from self.end_text()
                yield from self.imported(child)
            elif tag in DELETED:
                self.inline.changed = True
            elif tag not in PASSED and shown(child):
                yield from self.blocks(child)

    def end_text(self) -> Iterator[Block]:
        """Give what is still open, and the notes that it refers to."""
        if self._items:
            yield Block("list", "\n".join(self._items))
            self._items = []
        if self._carried.strip():
            yield Block("paragraph", self._carried)
        self._carried = ""
        referred, self.inline.notes = self.inline.notes, []
        for note in referred:
            element = self._source.notes.pop(note, None)  # a note is given once, wherever else it is referred to
            if element is not None:
                yield from self.all_blocks(element)

    def paragraph(self, element: Element) -> Iterator[Block]:
        """Give a paragraph as heading, list item or text, then what its text boxes hold."""
        properties = element.find(W + "pPr")
        style = self._source.styles["" if properties is None else value(properties, W + "pStyle")]
        text = self._carried + self.inline.text_of(element, hidden=style.hidden)
        self._carried = ""
        if properties is not None and properties.find(f"{W}rPr/{W}del") is not None:
            self._carried, self.inline.changed = text, True
        else:
            yield from self.told(text, properties, style)
        yield from self.boxes(element)

    def told(self, text: str, properties: Element | None, style: Style) -> Iterator[Block]:
        """Give a paragraph's text as what it is."""
        own = outline_level(properties)
        level = style.level if own is None else own
        label, indent = self.label(properties, style)
        if not text.strip():
            return
        if not level and self._source.plain and not style.contents:
            level = heading_level((label or "") + text.strip(), alone=not label)
        if level:
            yield from self.end_text()
            yield Block("heading", (label or "") + text, level=level)
        elif label:
            self._items.append("  " * min(indent, DEEPEST_INDENT) + label + " ".join(text.split()))
            return  # its notes follow the list
        else:
            yield from self.end_text() if self._items else ()
            yield Block("paragraph", text)
        yield from self.end_text()

    def label(self, properties: Element | None, style: Style) -> tuple[str | None, int]:
        """Count a paragraph in its list; give what is drawn before it, if anything, and its level."""
        list_id, index = style.list_id, style.list_level
        numbering = None if properties is None else properties.find(W + "numPr")
        if numbering is not None:
            list_id = value(numbering, W + "numId") or list_id
            inner = value(numbering, W + "ilvl")
            index = whole(inner) if inner else index
        if not list_id:
            return None, 0
        if index is None:
            name = "" if properties is None else value(properties, W + "pStyle")
            index = self._source.numbering.level_for(list_id, name)
        return self._source.numbering.label(list_id, index), index

    def boxes(self, element: Element) -> Iterator[Block]:
        """Give what text boxes, charts and SmartArt in an element say; what is in a box comes with the box."""
        for box in element.iter(BOX, CHART, DIAGRAM):
            above = box.getparent()
            while above is not element and above.tag != BOX and above.tag not in DELETED and shown(above):
                above = above.getparent()
            if above is not element:
                continue
            yield from self.end_text()
            if box.tag == BOX:
                yield from self.all_blocks(box)
            else:
                yield from drawing_blocks(box, self._source.package, self._source.references, 0)

    def table(self, element: Element) -> Iterator[Block]:
        """Give a table, then the tables, boxes and notes in it; one that only frames text gives that text."""
        every = list(inside(element, W + "tr"))
        kept = [row for row in every if row.find(f"{W}trPr/{W}del") is None]
        self.inline.changed |= len(kept) < len(every)
        rows = [(row, list(inside(row, W + "tc"))) for row in kept]
        cells = [cell for _, found in rows for cell in found]
        framed = len(rows) == 1 and any(next(inside(cell, W + "tbl"), None) is not None for cell in cells)
        if framed or all(len(found) <= 1 for _, found in rows):
            for cell in cells:
                yield from self.all_blocks(cell)
            return
        lines = [self.row(row, found) for row, found in rows]
        marked = 0
        while marked < len(rows) and on(rows[marked][0].find(f"{W}trPr/{W}tblHeader")):
            marked += 1
        yield from table_blocks(lines, marked_headers=marked)
        for cell in cells:
            for table in inside(cell, W + "tbl"):
                yield from self.table(table)
            for paragraph in inside(cell, W + "p"):
                yield from self.boxes(paragraph)
        yield from self.end_text()

    def row(self, row: Element, cells: list[Element]) -> list[Cell]:
        """Give the cells of a row, with empty ones where it begins further right than the others."""
        skipped = whole(value(row, f"{W}trPr/{W}gridBefore"))
        line = [Cell("", min(skipped, MOST_COLUMNS))] if skipped > 0 else []
        for cell in cells:
            merged = cell.find(f"{W}tcPr/{W}vMerge")
            continued = merged is not None and merged.get(W + "val") != "restart"
            if value(cell, f"{W}tcPr/{W}hMerge") == "continue" and line:
                line[-1].across += 1
                continue
            across = whole(value(cell, f"{W}tcPr/{W}gridSpan"), 1)
            text = "" if continued else " ".join(filter(None, map(self.cell_line, inside(cell, W + "p"))))
            line.append(Cell(text, max(1, min(across, MOST_COLUMNS)), continued))
        return line

    def cell_line(self, element: Element) -> str:
        """Give a paragraph of a cell; a number that Word counts may be all it holds."""
        properties = element.find(W + "pPr")
        style = self._source.styles["" if properties is None else value(properties, W + "pStyle")]
        label, _ = self.label(properties, style)
        text = self.inline.text_of(element, hidden=style.hidden).strip()
        return text if not label else label + text if text else label.strip("- ")

    def imported(self, chunk: Element) -> Iterator[Block]:
        """Give a file that Word shows as part of the text, such as a page of HTML."""
        reading = self._source.reading
        reference = self._source.references.get(chunk.get(R + "id") or "")
        content = self._source.package.read(reference.target) if reference else None
        if content is None or reading.depth >= readers.MAX_DEPTH:
            reading.notes.append("a file that was to be shown in the text is missing, or in another such file")
            return
        extension = reference.target.rpartition(".")[2] if reference else ""
        inner = Reading(reading.max_pages, extension, depth=reading.depth + 1)
        try:
            yield from readers.blocks_of(content, detect.detect(content, extension), inner)
        except (DocumentRefused, KeyError) as refusal:
            reading.notes.append(f"a file shown in the text was left out: {refusal}")
        reading.notes.extend(inner.all_notes())


def inside(parent: Element, wanted: str) -> Iterator[Element]:
    """Give the rows, cells or paragraphs of an element, through controls and marked changes, not through each other."""
    for child in parent:
        tag = child.tag
        if tag == wanted:
            yield child
        elif tag not in PASSED and tag not in {W + "tbl", W + "tr", W + "tc", W + "p"} and shown(child):
            yield from inside(child, wanted)


def embedded(source: Source) -> Iterator[Block]:
    """Give what the files say that the document carries as objects."""
    carried = [one.target for one in source.references.values() if one.kind == "package"]
    for name in islice(dict.fromkeys(carried), readers.MAX_ATTACHMENTS):
        content = source.package.read(name)
        if content is not None:
            yield from readers.attached(source.package.file_name(name), content, source.reading)


def note_what_is_missing(source: Source, inline: Inline) -> None:
    """Say what of the document was left out."""
    notes = source.reading.notes
    if source.package.damaged:
        notes.append(DAMAGED_PART)
    if inline.hidden:
        notes.append(f"hidden text was left out ({inline.hidden} places)")
    if inline.comments:
        notes.append(f"comments were left out ({inline.comments})")
    if inline.changed:
        notes.append("tracked changes were read as if accepted")
    objects = sum(one.kind == "oleObject" for one in source.references.values())
    if objects:
        notes.append(f"embedded objects were left out ({objects})")


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a Word document."""
    source, body = opened(content, reading)
    if any(one.kind == "image" for one in source.references.values()):
        reading.empty_reason = ONLY_PICTURES
    walk = Walk(source)
    yield from margins(source.package, source.references, body, source.root("settings"), walk.all_blocks)
    yield from walk.all_blocks(body)
    yield from embedded(source)
    note_what_is_missing(source, walk.inline)
