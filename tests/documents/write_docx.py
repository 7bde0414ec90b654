"""A sample text as a Word file: styled headings, real tables, a page header, the same bytes every time.

The parts are stored, not deflated, so that the bytes do not hang on the zlib at hand; the styles nobody uses are
dropped, or each file would weigh 800 KB.
"""

import zipfile
from datetime import UTC, datetime
from io import BytesIO

from docx import Document
from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from markup import Block, Kind

WRITTEN_AT = datetime(2025, 1, 1, tzinfo=UTC)
HEADING_STYLES = {1: "Title", 2: "Heading 1", 3: "Heading 2"}
USED_STYLES = {"Normal", *HEADING_STYLES.values(), "List Bullet", "Table Grid", "Header"}


def write_docx(blocks: list[Block], *, chinese: bool) -> bytes:
    """Return ``blocks`` as a .docx."""
    document = Document()
    if chinese:
        _set_chinese_font(document, "SimSun")
    for block in blocks:
        _add(document, block)
    _drop_ballast(document)
    about = document.core_properties
    about.title = next(block.text for block in blocks if block.kind is Kind.HEADING)
    about.author = about.last_modified_by = "Strongroom samples"
    about.language = "zh-CN" if chinese else "en-GB"
    about.comments = ""
    about.created = about.modified = WRITTEN_AT
    buffer = BytesIO()
    document.save(buffer)
    return _with_fixed_dates(buffer.getvalue())


def _set_chinese_font(document: WordDocument, name: str) -> None:
    for style in ("Normal", *HEADING_STYLES.values()):
        properties = document.styles[style].element.get_or_add_rPr()
        properties.get_or_add_rFonts().set(qn("w:eastAsia"), name)


def _drop_ballast(document: WordDocument) -> None:
    used = {document.styles[name].element for name in USED_STYLES}
    wanted = {
        reference.get(qn("w:val"))
        for style in used
        for reference in (style.basedOn, style.find(qn("w:link")), style.next)
        if reference is not None
    }
    for style in list(document.styles.element):
        named = style.tag == qn("w:style") and style not in used
        if named and style.get(qn("w:default")) is None and style.get(qn("w:styleId")) not in wanted:
            document.styles.element.remove(style)
    for owner in (document.part, document.part.package):
        for key, relation in list(owner.rels.items()):
            if relation.reltype.endswith(("/stylesWithEffects", "/thumbnail")):
                owner.rels.pop(key)


def _add(document: WordDocument, block: Block) -> None:
    if block.kind is Kind.HEADING:
        document.add_paragraph(block.text, style=HEADING_STYLES[block.level])
    elif block.kind is Kind.RUNNING_HEAD:
        document.sections[0].header.paragraphs[0].text = block.text
    elif block.kind is Kind.PARAGRAPH:
        document.add_paragraph(block.text)
    elif block.kind is Kind.BULLET:
        document.add_paragraph(block.text, style="List Bullet")
    elif block.kind is Kind.TABLE:
        _add_table(document, block)
    else:
        document.add_page_break()


def _add_table(document: WordDocument, block: Block) -> None:
    table = document.add_table(rows=len(block.rows), cols=len(block.rows[0]), style="Table Grid")
    for row, texts in zip(table.rows, block.rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    for cell in table.rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True
    document.add_paragraph()


def _with_fixed_dates(package: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(package)) as read, zipfile.ZipFile(buffer, "w") as written:
        for name in read.namelist():
            entry = zipfile.ZipInfo(name, date_time=WRITTEN_AT.timetuple()[:6])
            entry.create_system = 0
            entry.external_attr = 0
            written.writestr(entry, read.read(name))
    return buffer.getvalue()
