"""Which module reads which type of file, and how a file inside another one is read. Runs in the reading process."""

import importlib
from collections.abc import Iterator

from app.errors import DocumentRefused
from app.reading import detect
from app.reading.block import Block
from app.reading.contract import Reader, Reading, tidy

# By name: a parser is imported with the first file that needs it.
READERS = {
    detect.PDF: "app.reading.pdf",
    detect.DOCX: "app.reading.docx",
    detect.PPTX: "app.reading.pptx",
    **dict.fromkeys(detect.WORKBOOKS, "app.reading.workbook"),
    detect.CSV: "app.reading.csv_table",
    detect.HTML: "app.reading.html",
    detect.MAIL: "app.reading.mail",
    detect.WEB_ARCHIVE: "app.reading.mail",
    detect.JSON: "app.reading.json_text",
    detect.MARKDOWN: "app.reading.markdown",
    detect.TEXT: "app.reading.text",
    **dict.fromkeys(detect.PICTURES, "app.reading.picture"),
}
MAX_ATTACHMENTS = 100
MAX_DEPTH = 1


def blocks_of(content: bytes, media_type: str, reading: Reading) -> Iterator[Block]:
    """Give the cleaned blocks of a file."""
    reader: Reader = importlib.import_module(READERS[media_type]).read
    for block in reader(content, reading):
        yield from tidy(block)


def attached(name: str, content: bytes, reading: Reading) -> Iterator[Block]:
    """Give what a file attached to another one says, under its name as a heading, without pages of its own.

    What cannot be read becomes a note of the file that carries it.
    """
    if reading.depth >= MAX_DEPTH:
        reading.notes.append("an attachment of an attachment was left out")
        return
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    inner = Reading(max_pages=reading.max_pages, extension=extension, depth=reading.depth + 1)
    began = False
    try:
        media_type = detect.detect(content, extension)
        if media_type == detect.ZIP:
            raise DocumentRefused("an archive")
        for block in blocks_of(content, media_type, inner):
            if not began:
                yield Block("heading", name, level=1)
                began = True
            level = block.level + 1 if block.kind == "heading" else 0
            yield Block(block.kind, block.text, level=level)
    except DocumentRefused as refusal:
        reading.notes.append(f"attachment left out: {refusal}")
    if inner.scanned:
        reading.notes.append(f"attachment: {len(inner.scanned)} pages are pictures, whose text was not recognised")
