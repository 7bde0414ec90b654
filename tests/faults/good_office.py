"""Good Office files: DOCX, PPTX, XLSX by the libraries, ODS and XLS by hand, as no library at hand writes them."""

import io
import re
import struct
import zipfile
from datetime import UTC, datetime

import docx as python_docx
import openpyxl
import pptx as python_pptx
from PIL import Image

from tests.faults.words import CHINESE, ENGLISH, ROWS, TEXT, TITLE

WRITTEN_AT = datetime(2025, 1, 1, tzinfo=UTC).replace(tzinfo=None)
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SECTOR = 512
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def rewritten(package: bytes, **changes: bytes) -> bytes:
    """Write a ZIP file anew, without its dates; ``changes`` replaces members by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in dict.fromkeys([*old.namelist(), *changes]):
            content = changes[name] if name in changes else old.read(name)
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def small_picture() -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "gray").save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def docx() -> bytes:
    """Write headings, a list, a table, a header, a picture."""
    document = python_docx.Document()
    document.core_properties.title = TITLE
    document.core_properties.created = document.core_properties.modified = WRITTEN_AT
    document.sections[0].header.paragraphs[0].text = TITLE
    document.add_heading(TITLE, 1)
    document.add_paragraph(ENGLISH)
    for line in TEXT:
        document.add_paragraph(line, style="List Bullet")
    table = document.add_table(rows=len(ROWS), cols=len(ROWS[0]))
    for row, texts in zip(table.rows, ROWS, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_picture(small_picture())
    buffer = io.BytesIO()
    document.save(buffer)
    # The thumbnail would take many of the mutations.
    return rewritten(buffer.getvalue(), **{"docProps/thumbnail.jpeg": small_picture().getvalue()})


def pptx() -> bytes:
    """Write two slides with a list, a table, notes and a picture."""
    deck = python_pptx.Presentation()
    deck.core_properties.title = TITLE
    deck.core_properties.created = deck.core_properties.modified = WRITTEN_AT
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = TITLE
    slide.placeholders[1].text = "\n".join(TEXT)
    slide.notes_slide.notes_text_frame.text = CHINESE
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = CHINESE
    table = slide.shapes.add_table(len(ROWS), len(ROWS[0]), 0, 0, 3_000_000, 2_000_000).table
    for row, texts in enumerate(ROWS):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    slide.shapes.add_picture(small_picture(), 0, 0)
    buffer = io.BytesIO()
    deck.save(buffer)
    return rewritten(buffer.getvalue())


def xlsx() -> bytes:
    """Write two sheets, with a merged cell, a formula, a date and a comment."""
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = WRITTEN_AT
    sheet = book.active
    sheet.title = "gabbro"
    for row in ROWS * 4:
        sheet.append(row)
    sheet.merge_cells("A3:B3")
    sheet["D2"], sheet["E2"] = "=SUM(B2:B6)", WRITTEN_AT
    other = book.create_sheet("饕餮")
    other.append([CHINESE])
    buffer = io.BytesIO()
    book.save(buffer)
    return with_shared_strings(buffer.getvalue())


def with_shared_strings(book: bytes) -> bytes:
    """Keep the strings of the first sheet in a part of their own, as Excel does and openpyxl does not."""
    names = ("xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels", "[Content_Types].xml", "docProps/core.xml")
    with zipfile.ZipFile(io.BytesIO(book)) as package:
        sheet, relations, types, about = (package.read(name).decode() for name in names)
    found = re.findall(r't="inlineStr"[^>]*><is><t>([^<]*)</t></is>', sheet)
    for number in range(len(found)):
        sheet = re.sub(r't="inlineStr"([^>]*)><is><t>[^<]*</t></is>', rf't="s"\1><v>{number}</v>', sheet, count=1)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    strings = "".join(f"<si><t>{text}</t></si>" for text in found)
    size = f'count="{len(found)}" uniqueCount="{len(found)}"'
    added = f'<Relationship Id="rId99" Type="{RELATION}/sharedStrings" Target="sharedStrings.xml"/>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/>'
    about = re.sub(r"<dcterms:modified.*?</dcterms:modified>", "", about)  # the time of saving
    changed = {
        names[0]: sheet,
        names[1]: relations.replace("</Relationships>", f"{added}</Relationships>"),
        names[2]: types.replace("</Types>", f"{part}</Types>"),
        names[3]: about,
        "xl/sharedStrings.xml": f'<?xml version="1.0"?><sst xmlns="{main}" {size}>{strings}</sst>',
    }
    return rewritten(book, **{name: text.encode() for name, text in changed.items()})


def open_document(kind: str, body: str) -> bytes:
    """Pack what stands in an OpenDocument file as LibreOffice does."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names} office:version="1.2"><office:body>'
        f"{body}</office:body></office:document-content>"
    )
    manifest = (
        '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    members = {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, text in members.items():
            package.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def ods() -> bytes:
    """Write a sheet."""
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        )
        + "</table:table-row>"
        for row in ROWS
    )
    table = f'<table:table table:name="gabbro">{rows}</table:table>'
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return open_document(kind, f"<office:spreadsheet>{table}</office:spreadsheet>")


def odt() -> bytes:
    """Write a heading and paragraphs."""
    lines = "".join(f"<text:p>{line}</text:p>" for line in TEXT)
    heading = f'<text:h text:outline-level="1">{TITLE}</text:h>'
    return open_document("application/vnd.oasis.opendocument.text", f"<office:text>{heading}{lines}</office:text>")


def rtf() -> bytes:
    """Write paragraphs and a table row."""

    def escaped(text: str) -> str:
        return "".join(letter if letter.isascii() else f"\\u{ord(letter)}?" for letter in text)

    lines = "".join(f"\\pard {escaped(line)}\\par\n" for line in TEXT)
    cells = "".join(f"\\cellx{2_000 * number}" for number in range(1, 1 + len(ROWS[0])))
    rows = "".join(
        f"\\trowd{cells} " + "".join(f"\\intbl {escaped(cell)}\\cell " for cell in row) + "\\row\n" for row in ROWS
    )
    return f"{{\\rtf1\\ansi\\deff0{{\\fonttbl{{\\f0 Arial;}}}}{{\\info{{\\title {TITLE}}}}}\n{lines}{rows}}}".encode()


def record(number: int, content: bytes) -> bytes:
    """Write a record of a BIFF workbook."""
    return struct.pack("<HH", number, len(content)) + content


def xls() -> bytes:
    """Write a BIFF8 workbook of one sheet."""
    begin, end = 0x0809, 0x000A
    version = struct.pack("<HHHHII", 0x0600, 0, 0x0DBB, 0x07CC, 0, 6)
    name = "gabbro"

    def sheets(at: int) -> bytes:
        return record(0x0085, struct.pack("<IHBB", at, 0, len(name), 0) + name.encode())

    def book(at: int) -> bytes:
        return record(begin, version[:2] + b"\x05\x00" + version[4:]) + sheets(at) + record(end, b"")

    cells = b"".join(
        record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 1) + text.encode("utf-16-le"))
        for row, texts in enumerate(ROWS)
        for column, text in enumerate(texts)
    )
    sheet = record(begin, version[:2] + b"\x10\x00" + version[4:]) + cells + record(end, b"")
    return compound_file("Workbook", book(len(book(0))) + sheet)


def compound_file(name: str, stream: bytes) -> bytes:
    """Put one stream into an OLE container: header, table of sectors, folder, stream."""
    stream = stream.ljust(4_096, b"\0")  # a shorter one would lie in the small sectors
    stream += bytes(-len(stream) % SECTOR)
    count = len(stream) // SECTOR
    chain = [FAT, END, *range(3, 2 + count), END]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(SECTOR, b"\xff")
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    header += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4_096, END, 0, END, 0)
    header += struct.pack("<109I", 0, *[FREE] * 108)

    def entry(called: str, kind: int, child: int, start: int, size: int) -> bytes:
        raw = called.encode("utf-16-le") + b"\0\0"
        return (
            raw.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(raw), kind, 1, FREE, FREE, child)
            + bytes(36)
            + struct.pack("<IQ", start, size)
        )

    folder = entry("Root Entry", 5, 1, END, 0) + entry(name, 2, FREE, 2, len(stream))
    return header + table + folder.ljust(SECTOR, b"\0") + stream
