"""Good PDF files: text with an outline and a table, a scan, one that carries a file, one with a password."""

import io

from PIL import Image, ImageDraw
from pypdf import PdfWriter
from reportlab.lib.pagesizes import A5
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from tests.faults.words import BEACON, CHINESE, ENGLISH, ROWS, TEXT, TITLE

FONT = "STSong-Light"


def pdf(*, compressed: bool = True, password: str = "") -> bytes:
    """Write two pages: a heading that the outline names, lines, a ruled table, a link, a picture."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    buffer = io.BytesIO()
    lock = StandardEncryption(password, password, strength=128) if password else None
    canvas = Canvas(buffer, pagesize=A5, invariant=1, pageCompression=int(compressed), encrypt=lock)
    canvas.setTitle(TITLE)
    canvas.setFont(FONT, 10)
    canvas.bookmarkPage("top")
    canvas.addOutlineEntry(TITLE, "top", 0)
    canvas.drawString(40, 560, TITLE)
    for row, line in enumerate(TEXT):
        canvas.drawString(40, 530 - 16 * row, line)
    canvas.linkURL(BEACON, (40, 500, 200, 520))
    canvas.showPage()
    canvas.setFont("Helvetica", 9)
    canvas.grid([40, 140, 240, 340], [300 + 20 * line for line in range(len(ROWS) + 1)])
    for row, cells in enumerate(ROWS):
        for column, cell in enumerate(cells):
            canvas.setFont(FONT, 9)
            canvas.drawString(44 + 100 * column, 306 + 20 * (len(ROWS) - 1 - row), cell)
    canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "gray")), 40, 100, 60, 60)
    canvas.drawString(40, 60, CHINESE)
    canvas.save()
    return buffer.getvalue()


def pdf_scan() -> bytes:
    """Write a page that is only a picture."""
    image = Image.new("L", (420, 200), 255)
    ImageDraw.Draw(image).text((20, 40), ENGLISH, fill=0, font_size=20)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(210, 100), invariant=1)
    canvas.drawImage(ImageReader(image), 0, 0, 210, 100)
    canvas.save()
    return buffer.getvalue()


def pdf_with_attachment() -> bytes:
    """Put a text file into a PDF."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf()))
    writer.add_attachment("notes.txt", "\n".join(TEXT).encode())
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
