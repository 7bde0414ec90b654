"""A sample text as a PDF: ruled tables, a running head, numbered pages, the same bytes every time.

Streams are left uncompressed, so that the bytes do not hang on the zlib at hand. Chinese is set in the CID font
STSong-Light, which is named and not embedded.
"""

from functools import partial
from io import BytesIO
from xml.sax.saxutils import escape

from markup import Block, Kind
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

MARGIN = 20 * mm
CHINESE_FONT = "STSong-Light"
HEADING_SIZES = {1: 18, 2: 13, 3: 11}


def write_pdf(blocks: list[Block], *, chinese: bool) -> bytes:
    """Return ``blocks`` set on A4 pages."""
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE_FONT))
    title = next(block.text for block in blocks if block.kind is Kind.HEADING)
    head = next((block.text for block in blocks if block.kind is Kind.RUNNING_HEAD), title)
    buffer = BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN + 6 * mm,
        bottomMargin=MARGIN,
        title=title,
        author="Strongroom samples",
        invariant=1,
        pageCompression=0,
    )
    flowables = [part for block in blocks for part in _flowables_of(block, chinese=chinese)]
    dress = partial(_dress_page, head=head, chinese=chinese)
    document.build(flowables, onFirstPage=dress, onLaterPages=dress)
    return buffer.getvalue()


def _style(size: float, *, chinese: bool, bold: bool = False, indent: float = 0) -> ParagraphStyle:
    latin = "Helvetica-Bold" if bold else "Helvetica"
    return ParagraphStyle(
        f"{size}-{bold}-{indent}",
        fontName=CHINESE_FONT if chinese else latin,
        fontSize=size,
        leading=size * 1.5,
        spaceBefore=size * 0.6 if bold else 0,
        spaceAfter=size * 0.5,
        leftIndent=indent,
        bulletIndent=indent / 3,
        keepWithNext=bold,
        wordWrap="CJK" if chinese else None,
    )


def _flowables_of(block: Block, *, chinese: bool) -> list[Flowable]:
    text = escape(block.text)
    if block.kind is Kind.HEADING:
        return [Paragraph(text, _style(HEADING_SIZES[block.level], chinese=chinese, bold=True))]
    if block.kind is Kind.PARAGRAPH:
        return [Paragraph(text, _style(10.5, chinese=chinese))]
    if block.kind is Kind.BULLET:
        return [Paragraph(text, _style(10.5, chinese=chinese, indent=12), bulletText="·")]
    if block.kind is Kind.TABLE:
        return [_table_of(block, chinese=chinese), Spacer(0, 8)]
    if block.kind is Kind.PAGE_BREAK:
        return [PageBreak()]
    return []


def _table_of(block: Block, *, chinese: bool) -> Table:
    weights = [max(min(len(cell), 24) + 3 for cell in column) for column in zip(*block.rows, strict=True)]
    width = A4[0] - 2 * MARGIN
    body = _style(9, chinese=chinese)
    top = _style(9, chinese=chinese, bold=True)
    cells = [[Paragraph(escape(cell), body if at else top) for cell in row] for at, row in enumerate(block.rows)]
    return Table(
        cells,
        colWidths=[width * weight / sum(weights) for weight in weights],
        repeatRows=1,
        style=[
            ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
            ("BACKGROUND", (0, 0), (-1, 0), colors.Color(0.9, 0.9, 0.9)),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ],
    )


def _dress_page(canvas: Canvas, _document: SimpleDocTemplate, *, head: str, chinese: bool) -> None:
    page = canvas.getPageNumber()
    canvas.saveState()
    canvas.setFont(CHINESE_FONT if chinese else "Helvetica", 8)
    canvas.drawString(MARGIN, A4[1] - 14 * mm, head)
    canvas.drawCentredString(A4[0] / 2, 10 * mm, f"第 {page} 页" if chinese else f"Page {page}")
    canvas.restoreState()
