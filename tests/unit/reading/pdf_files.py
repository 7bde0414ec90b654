"""PDFs drawn line by line, so that a test says exactly what stands where."""

import io
import itertools

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from app.reading import pdf
from app.reading.contract import Reading, tidy

WIDTH, HEIGHT = A4
CHINESE = "STSong-Light"


def pdf_of(*pages, **options):
    """Write a PDF; each page is a function that draws on a canvas."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, **options)
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    for draw in pages:
        canvas.setFont(CHINESE, 10)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def read(content, **options):
    """Give the blocks as they leave the reading process."""
    reading = Reading(max_pages=3_000, **options)
    return [tidied for block in pdf.read(content, reading) for tidied in tidy(block)], reading


def text_at(lines, top=60, left=72, step=14, font=CHINESE, size=10):
    """Write lines below each other."""

    def draw(canvas):
        canvas.setFont(font, size)
        for row, line in enumerate(lines):
            canvas.drawString(left, HEIGHT - top - step * row, line)

    return draw


def ruled(rows, top=100, left=72, widths=(120, 120, 120), height=20, draw_lines=None):
    """Draw a table with all its lines; a cell may have several lines of text, None for none."""

    def draw(canvas):
        edges = [left + sum(widths[:index]) for index in range(len(widths) + 1)]
        bottom = HEIGHT - top - height * len(rows)
        levels = [HEIGHT - top - height * index for index in range(len(rows) + 1)]
        (draw_lines or lines)(canvas, edges, levels, bottom)
        canvas.setFont(CHINESE, 8)
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                for number, line in enumerate((cell or "").split("\n")):
                    canvas.drawString(edges[column] + 3, HEIGHT - top - height * row - 9 - 9 * number, line)

    return draw


def lines(canvas, edges, levels, bottom):
    """Rule a table by strokes."""
    for x in edges:
        canvas.line(x, bottom, x, levels[0])
    for y in levels:
        canvas.line(edges[0], y, edges[-1], y)


def thin_boxes(canvas, edges, levels, bottom):
    """Rule a table by filled boxes half a point thick, cell by cell, as word processors do."""
    for y in levels:
        for start, end in itertools.pairwise(edges):
            canvas.rect(start, y, end - start, 0.5, stroke=0, fill=1)
    for x in edges:
        for start, end in itertools.pairwise(levels):
            canvas.rect(x, end, 0.5, start - end, stroke=0, fill=1)


def boxes(canvas, edges, levels, bottom):
    """Rule a table by a stroked rectangle around each cell."""
    for left, right in itertools.pairwise(edges):
        for top, below in itertools.pairwise(levels):
            canvas.rect(left, below, right - left, top - below)


def together(*draws):
    """Draw several things on one page."""

    def draw(canvas):
        for one in draws:
            one(canvas)

    return draw
