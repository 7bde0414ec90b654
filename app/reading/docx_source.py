"""A Word document, opened: its body, and what its styles, lists and notes are."""

from dataclasses import dataclass, field

from app.errors import DocumentRefused
from app.reading.contract import Reading
from app.reading.docx_numbering import Numbering
from app.reading.docx_styles import Styles
from app.reading.docx_text import W
from app.reading.office_package import check_package
from app.reading.office_parts import Element, Package, Reference

NOUN = "Word document"
DAMAGED = "the Word document is damaged or cut off; save it again"
NOTE_PARTS = {"footnotes": W + "footnote", "endnotes": W + "endnote"}


@dataclass(slots=True)
class Source:
    """A Word document, opened.

    Attributes:
        notes: footnotes and endnotes that were not yet referred to, by kind and id.
        plain: no paragraph has the style of a heading, so they are told by their words.
    """

    package: Package
    reading: Reading
    styles: Styles
    numbering: Numbering
    references: dict[str, Reference]
    notes: dict[str, Element] = field(default_factory=dict)
    plain: bool = False

    def root(self, kind: str) -> Element | None:
        """Give the part of a kind of which there is one."""
        return next((self.package.root(one.target) for one in self.references.values() if one.kind == kind), None)


def notes_of(source: Source) -> dict[str, Element]:
    """Give the footnotes and endnotes under what refers to them."""
    found: dict[str, Element] = {}
    for kind, tag in NOTE_PARTS.items():
        root = source.root(kind)
        for note in () if root is None else root.iterchildren(tag):
            found[f"{tag}Reference{note.get(W + 'id')}"] = note
    return found


def opened(content: bytes, reading: Reading) -> tuple[Source, Element]:
    """Open a Word document and give its body."""
    check_package(content, NOUN)
    package = Package(content)
    main = package.main("word/document.xml")
    root = package.root(main)
    body = None if root is None else root.find(W + "body")
    if body is None:
        raise DocumentRefused(DAMAGED)
    source = Source(package, reading, Styles(None), Numbering(None), package.references(main))
    source.styles, source.numbering = Styles(source.root("styles")), Numbering(source.root("numbering"))
    source.notes = notes_of(source)
    used = (source.styles[name.get(W + "val") or ""] for name in body.iter(W + "pStyle"))
    outlined = (one.getparent().tag == W + "pPr" for one in body.iter(W + "outlineLvl"))
    source.plain = not any(style.level and not style.title for style in used) and not any(outlined)
    reading.title = package.title()
    return source, body
