"""Which module reads which type of file, and how a file inside another one is read. Runs in the reading process."""

import importlib
from collections.abc import Iterator

from app.errors import DocumentRefused
from app.reading import detect
from app.reading.block import Block
from app.reading.contract import Reader, Reading, clean, tidy

# By name: a parser is imported with the first file that needs it.
READERS = {
    detect.PDF: "app.reading.pdf",
    detect.DOCX: "app.reading.docx",
    detect.PPTX: "app.reading.pptx",
    **dict.fromkeys(detect.WORKBOOKS, "app.reading.workbook"),
    detect.CSV: "app.reading.csv_table",
    detect.HTML: "app.reading.html",
    detect.MAIL: "app.reading.mail",
    detect.WEB_ARCHIVE: "app.reading.web_archive",
    detect.JSON: "app.reading.json_text",
    detect.MARKDOWN: "app.reading.markdown",
    detect.TEXT: "app.reading.text",
    **dict.fromkeys(detect.PICTURES, "app.reading.picture"),
}
# Extension -> "module:Class" of the owner's own reader, which goes before those above; told when the process starts.
OWN_READERS: dict[str, str] = {}
UNKNOWN = "application/octet-stream"
MAX_ATTACHMENTS = 100
MAX_DEPTH = 1
MAX_NAME_CHARS = 200


def media_type_of(content: bytes, extension: str) -> str:
    """Give the media type; raises as ``detect`` where no own reader takes the file, whatever it is."""
    try:
        return detect.detect(content, extension)
    except DocumentRefused:
        if extension in OWN_READERS:
            return UNKNOWN
        raise


def blocks_of(content: bytes, media_type: str, reading: Reading) -> Iterator[Block]:
    """Give the cleaned blocks of a file."""
    reader: Reader
    if own := OWN_READERS.get(reading.extension):
        reader = importlib.import_module("app.reading.own_reader").reader_of(own)
    elif media_type in READERS:
        reader = importlib.import_module(READERS[media_type]).read
    elif media_type in detect.CONVERTED:
        raise DocumentRefused(f"{detect.CONVERTED[media_type][0]}: read only as a file of its own")
    else:
        raise DocumentRefused("an archive")
    for block in reader(content, reading):
        yield from tidy(block)


def attached(name: str, content: bytes, reading: Reading) -> Iterator[Block]:
    """Give what a file attached to another one says, under its name as a heading, without pages of its own.

    What cannot be read becomes a note of the file that carries it, which goes on.
    """
    name = " ".join(clean(name).split())[:MAX_NAME_CHARS] or "attachment"
    if reading.depth >= MAX_DEPTH:
        reading.notes.append(f"attachment {name}: lies in another attachment and was left out")
        return
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    inner = Reading(max_pages=reading.max_pages, extension=extension, depth=reading.depth + 1)
    began = False
    try:
        for block in blocks_of(content, media_type_of(content, extension), inner):
            if not began:
                yield Block("heading", name, level=1)
                began = True
            level = block.level + 1 if block.kind == "heading" else 0
            yield Block(block.kind, block.text, level=level)
    except DocumentRefused as refusal:
        inner.notes.append(f"left out: {refusal}")
    except MemoryError:
        raise  # the process is no longer fit; its edge says so
    except Exception:  # noqa: BLE001 - parsers raise anything on hostile bytes, and the file around is sound
        inner.notes.append("left out: it is damaged, or not what its name says")
    else:
        if not began and not inner.scanned:
            inner.notes.append(f"left out: {inner.empty_reason}")
    if inner.scanned:
        inner.notes.append(f"{len(inner.scanned)} pages are pictures, whose text was not recognised")
    reading.notes.extend(f"attachment {name}: {note}" for note in inner.all_notes())
