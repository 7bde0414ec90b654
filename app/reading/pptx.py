"""PPTX -> blocks, one slide a page: its title, its shapes in reading order, then the speaker's notes.

The XML is walked as in Word documents. What a slide takes from its layout and master is where a shape stands and
whether its text is bulleted; text that stands on these themselves is decoration and is not read.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from app.errors import DocumentRefused
from app.reading import readers
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.office_drawings import CHART, DIAGRAM, A, drawing_blocks, line_of
from app.reading.office_package import check_package
from app.reading.office_parts import DAMAGED_PART, MC, Element, Package, R
from app.reading.office_tables import MOST_COLUMNS, Cell, table_blocks
from app.reading.pptx_layouts import MARGINS, TITLES, Layouts, P, box_in, kind_of, placeholder
from app.reading.pptx_order import Box, reading_order
from app.reading.pptx_text import frame_blocks

NOUN = "presentation"
DAMAGED = "the presentation is damaged or cut off; save it again"
DAMAGED_SLIDE = "the slide is damaged; what could not be read of it is missing"
NO_TEXT = "no readable text (a picture?)"
HIDDEN = "a hidden slide"
SHAPES = frozenset({P + "sp", P + "grpSp", P + "graphicFrame", P + "pic", P + "cxnSp"})
NOTES_TITLE = ("备注", "Notes")  # by whether the notes hold Chinese characters


class Deck:
    """A presentation, opened, and what was left out of it."""

    def __init__(self, package: Package, reading: Reading) -> None:
        self.package = package
        self.reading = reading
        self.hidden_shapes = 0
        self.comments = 0
        self.objects = 0
        self.layouts = Layouts(package)


class Slide:
    """One slide being read."""

    def __init__(self, deck: Deck, name: str, page: int) -> None:
        self._deck = deck
        self._page = page
        self._references = deck.package.references(name)
        self._layout = deck.layouts.of(self._references)
        self._margins: list[Block] = []
        self.root = deck.package.root(name)

    def blocks(self) -> Iterator[Block]:
        """Give title, shapes, margins, notes, then the files that the slide carries."""
        tree = None if self.root is None else self.root.find(f"{P}cSld/{P}spTree")
        if tree is None:
            return
        shapes = list(shapes_in(tree))
        titles = [shape for shape in shapes if kind_of(shape) in TITLES]
        for title in titles:
            body = title.find(P + "txBody")
            text = "" if body is None else "\n".join(line_of(line) for line in body.iterchildren(A + "p"))
            if text.strip():
                yield Block("heading", text, self._page, 1)
        yield from self._ordered([shape for shape in shapes if kind_of(shape) not in TITLES])
        yield from self._margins
        yield from self._notes()
        yield from self._carried()

    def _ordered(self, shapes: list[Element]) -> Iterator[Block]:
        """Give shapes in the order they are read."""
        boxes = [self._box(shape) for shape in shapes]
        for index in reading_order(boxes):
            yield from self._shape(shapes[index])

    def _box(self, shape: Element) -> Box:
        """Give where a shape stands; a placeholder may leave that to its layout."""
        own = box_in(shape)
        place = placeholder(shape)
        if own is None and place is not None and self._layout is not None:
            own = next(filter(None, map(box_in, self._layout.find(place))), None)
        return own or Box()

    def _shape(self, shape: Element) -> Iterator[Block]:
        """Give what a shape says."""
        if (
            any(one.get("hidden") in {"1", "true"} for one in shape[0].iterchildren(P + "cNvPr"))
            if len(shape)
            else True
        ):
            self._deck.hidden_shapes += len(shape) > 0
        elif shape.tag == P + "grpSp":
            yield from self._ordered(list(shapes_in(shape)))
        elif shape.tag == P + "graphicFrame":
            yield from self._graphic(shape)
        else:
            body = shape.find(P + "txBody")
            if body is not None:
                yield from self._text(shape, body)

    def _text(self, shape: Element, body: Element) -> Iterator[Block]:
        """Give the text of a shape; date, number and footer are kept for the end of the slide."""
        place = placeholder(shape)
        styles = [style for style in (body.find(A + "lstStyle"),) if style is not None]
        if place is not None and self._layout is not None:
            for above in self._layout.find(place):
                styles.extend(above.iterfind(f"{P}txBody/{A}lstStyle"))
            master = self._layout.master
            if master is not None and master.bullets is not None and kind_of(shape) in {"body", "obj"}:
                styles.append(master.bullets)
        found = frame_blocks(body, styles, self._page)
        if kind_of(shape) in MARGINS:
            self._margins.extend(replace(block, kind="margin") for block in found)
        else:
            yield from found

    def _graphic(self, frame: Element) -> Iterator[Block]:
        """Give a table, a chart or SmartArt."""
        for drawing in frame.iter(CHART, DIAGRAM):
            yield from drawing_blocks(drawing, self._deck.package, self._references, self._page)
        table = frame.find(f"{A}graphic/{A}graphicData/{A}tbl")
        if table is not None:
            yield from table_blocks([row_of(row) for row in table.iterchildren(A + "tr")], self._page)

    def _notes(self) -> Iterator[Block]:
        """Give the speaker's notes under a heading that says what they are."""
        for reference in self._references.values():
            root = self._deck.package.root(reference.target) if reference.kind == "notesSlide" else None
            for shape in () if root is None else root.iterfind(f"{P}cSld/{P}spTree/{P}sp"):
                body = shape.find(P + "txBody")
                if kind_of(shape) == "body" and body is not None:
                    found = list(frame_blocks(body, [], self._page))
                    if found:
                        chinese = any("\u4e00" <= letter <= "\u9fff" for block in found for letter in block.text)
                        yield Block("heading", NOTES_TITLE[0 if chinese else 1], self._page, 2)
                        yield from found

    def _carried(self) -> Iterator[Block]:
        """Give the files that the slide carries as objects; count what is not read."""
        kinds = [one.kind for one in self._references.values()]
        self._deck.objects += kinds.count("oleObject")
        self._deck.comments += kinds.count("comments")
        carried = dict.fromkeys(one.target for one in self._references.values() if one.kind == "package")
        for name in islice(carried, readers.MAX_ATTACHMENTS):
            content = self._deck.package.read(name)
            if content is not None:
                for block in readers.attached(self._deck.package.file_name(name), content, self._deck.reading):
                    yield replace(block, page=self._page)


def shapes_in(tree: Element) -> Iterator[Element]:
    """Give the shapes of a slide or group; of several renderings of one the first that is there."""
    for child in tree:
        if child.tag in SHAPES:
            yield child
        elif child.tag == MC + "AlternateContent":
            for rendering in child:
                found = [shape for shape in rendering if shape.tag in SHAPES]
                if found:
                    yield from found
                    break


def row_of(row: Element) -> list[Cell]:
    """Give the cells of a row; what is merged across stands in its first column."""
    line: list[Cell] = []
    for cell in row.iterchildren(A + "tc"):
        if cell.get("hMerge") in {"1", "true"} and line:
            line[-1].across = min(line[-1].across + 1, MOST_COLUMNS)
            continue
        continued = cell.get("vMerge") in {"1", "true"}
        lines = (line_of(paragraph).strip() for paragraph in cell.iterfind(f"{A}txBody/{A}p"))
        line.append(Cell("" if continued else " ".join(filter(None, lines)), continued=continued))
    return line


def slide_names(package: Package) -> list[str]:
    """Give the names of the slides in their order; empty for one that leads nowhere."""
    main = package.main("ppt/presentation.xml")
    root = package.root(main)
    if root is None:
        raise DocumentRefused(DAMAGED)
    references = package.references(main)
    found = (references.get(one.get(R + "id") or "") for one in root.iterfind(f"{P}sldIdLst/{P}sldId"))
    return [reference.target if reference else "" for reference in found]


def slide_blocks(deck: Deck, name: str, page: int) -> Iterator[Block]:
    """Give what a slide says, and note what is the matter with it."""
    slide = Slide(deck, name, page)
    said = False
    for block in slide.blocks():
        said = said or block.kind != "margin"
        yield block
    troubles = []
    if slide.root is None or name in deck.package.damaged:
        troubles.append(DAMAGED_SLIDE)
    elif not said and next(slide.root.iter(P + "pic"), None) is not None:
        troubles.append(NO_TEXT)
    if slide.root is not None and slide.root.get("show") in {"0", "false"}:
        troubles.append(HIDDEN)
    if troubles:
        deck.reading.page_notes[page] = "; ".join(troubles)
    deck.package.damaged.discard(name)


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a presentation."""
    check_package(content, NOUN)
    package = Package(content)
    names = slide_names(package)
    reading.pages = len(names)
    if not names:
        raise DocumentRefused("the presentation has no slides")
    if reading.pages > reading.max_pages:
        raise DocumentRefused(
            f"{reading.pages} slides, the limit is {reading.max_pages}", advice="Split it, or raise ingest.max_pages."
        )
    reading.title = package.title()
    reading.empty_reason = "no slide has text, only pictures; save it as PDF, whose pictures are recognised"
    deck = Deck(package, reading)
    for page, name in enumerate(names, 1):
        yield from slide_blocks(deck, name, page)
    if package.damaged:
        reading.notes.append(DAMAGED_PART)
    if deck.hidden_shapes:
        reading.notes.append(f"hidden shapes were left out ({deck.hidden_shapes})")
    if deck.comments:
        reading.notes.append(f"comments were left out ({deck.comments} slides)")
    if deck.objects:
        reading.notes.append(f"embedded objects were left out ({deck.objects})")
