"""XLSX, XLSB, XLS, ODS -> blocks: each sheet under its name, its rows as ``app.reading.rows`` writes them.

python-calamine parses; it holds one sheet at a time, as a dense grid of all cells between the first
and the last that are filled. What that costs is therefore looked at before a sheet is opened.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import python_calamine as calamine
from lxml import etree

from app.errors import DocumentRefused
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.office_package import PIECE_BYTES, check_package
from app.reading.rows import blocks_of_rows
from app.reading.table_plan import Row, filled

Value = int | float | str | bool | date | datetime | time | timedelta

NOUN = "workbook"
UNREADABLE = "the workbook is damaged, or of a version that is not readable"
SAVE_AGAIN = "Open it in Excel or LibreOffice, save it as an Excel workbook (.xlsx) and send that."
FAR_APART = "stand too far apart"
DELETE_FAR = "Delete the cells that stand far from the table, save the workbook and send it again."
# A cell of the grid takes up to 56 bytes while a sheet is opened; a gigabyte and a half in all.
MAX_GRID_CELLS = 28_000_000
MAX_SPREAD_CHARS = 200  # of a merged cell that is repeated as a heading; longer ones are text
MAX_MERGED_ABREAST = 1_000
HALF_SECOND = timedelta(milliseconds=500)  # moments are stored as parts of a day, a little off
EXACT_BELOW = 10**15  # a spreadsheet keeps 15 digits of a number; the rest is noise
ROW_NUMBER = re.compile(rb' r="(\d{1,20})"')
FAR_COLUMN = re.compile(rb' r="([A-Z]{2,3})\d')
FILLED_CELL = re.compile(rb'<(?:\w{1,20}:)?c [^<>]*?\br="([A-Z]{1,3})(\d{1,20})"[^<>]*(?<!/)>(?!</)')
DURATION = re.compile(r"PT(\d{1,6})H(\d{1,2})M(\d{1,2})(?:[.,]\d+)?S")
# The first record of an old file, and the one after it that says the rest is scrambled.
SCRAMBLED = re.compile(
    rb"\x09\x08(?:\x08\x00\x00\x05\x05\x00.{4}|\x10\x00\x00\x06\x05\x00.{12})(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL
)
# Excel 5 and 95 with a code page of several bytes a character, as in China and Japan: the parser takes each for two.
MANY_BYTES = re.compile(rb"\x09\x08\x08\x00\x00\x05\x05\x00.{4,200}?\x42\x00\x02\x00[\xa4\xa8\xb5\xb6]\x03", re.DOTALL)
WORKBOOK_STREAM = "Workbook".encode("utf-16-le")  # of Excel 97 and later; a file may hold both
PIECE_END_BYTES = 200
ODS_CONTENT = "content.xml"
ODS_MANIFEST = "META-INF/manifest.xml"
DC_TITLE = "{*}title"


def shown(value: Value) -> str:
    """Write a value as a person sees it, as far as the file tells."""
    if isinstance(value, str):
        duration = DURATION.fullmatch(value) if value.startswith("PT") else None
        return "{}:{:0>2}:{:0>2}".format(*duration.groups()) if duration else value.strip()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT_BELOW else f"{value:.15g}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return (value + HALF_SECOND).replace(microsecond=0).isoformat(" ")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return value.isoformat("seconds") if isinstance(value, time) else str(value)


def protected() -> DocumentRefused:
    """Build the refusal of a workbook with a password."""
    return DocumentRefused("the workbook needs a password", advice="Save a copy without a password and send that.")


@contextmanager
def named_trouble() -> Iterator[None]:
    """Turn what the parser raises into a refusal; a fault inside it is no ``Exception``, and would end the process."""
    try:
        yield
    except calamine.PasswordError as error:
        raise protected() from error
    except calamine.CalamineError as error:
        raise DocumentRefused(UNREADABLE, advice=SAVE_AGAIN) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DocumentRefused(UNREADABLE, advice=SAVE_AGAIN) from error


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged cell: its columns, its last row, and its text."""

    first: int
    last: int
    bottom: int
    text: str


def spread(rows: Iterator[Row], merged: list[tuple[tuple[int, int], tuple[int, int]]]) -> Iterator[Row]:
    """Repeat merged cells, which are headings of rows or columns, wherever the rest of the row holds something."""
    waiting = sorted(merged, reverse=True)
    active: list[Merged] = []
    for number, row in enumerate(rows):
        others = filled(row)
        active = [one for one in active if one.bottom >= number]
        while waiting and waiting[-1][0][0] <= number:
            (top, first), (bottom, last) = waiting.pop()
            if top != number or first >= len(row) or len(active) >= MAX_MERGED_ABREAST:
                continue
            if 0 < len(row[first]) <= MAX_SPREAD_CHARS:
                others -= 1
                active.append(Merged(first, min(last + 1, len(row)), bottom, row[first]))
        if others > 0 or len(active) > 1:
            for one in active:
                row[one.first : one.last] = [cell or one.text for cell in row[one.first : one.last]]
        yield row


def rows_of(sheet: calamine.CalamineSheet) -> Iterator[Row]:
    """Give the rows of a sheet from its top, from the first column in use."""
    # Empty rows are met by the million where a sheet was formatted far down.
    rows = ([shown(value) for value in row] if row.count("") < len(row) else [] for row in sheet.iter_rows())
    left = sheet.start[1] if sheet.start else 0
    merged = [
        ((top, first - left), (bottom, last - left))
        for (top, first), (bottom, last) in sheet.merged_cell_ranges or ()
        if first >= left
    ]
    return spread(rows, merged) if merged else rows


def column_number(letters: bytes) -> int:
    """Count a column's letters: A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def pieces_of(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Give a part in pieces that end before a tag."""
    rest = b""
    with archive.open(name) as part:
        while piece := part.read(PIECE_BYTES):
            whole, mark, rest = (rest + piece).rpartition(b"<")
            rest = mark + rest
            yield whole
    yield rest


def ends_with(archive: zipfile.ZipFile, name: str, ending: bytes) -> bool:
    """Tell whether a part is whole."""
    last = b""
    for piece in pieces_of(archive, name):
        last = (last + piece)[-PIECE_END_BYTES:]
    return last.rstrip().endswith(ending)


def spans_too_much(archive: zipfile.ZipFile, name: str) -> bool:
    """Tell whether the grid of a sheet would be too large: a few cells that stand far from the others.

    A first look takes every cell for filled; only where that is too much the filled ones are looked for.
    """
    bottom = right = 1
    for piece in pieces_of(archive, name):
        bottom = max(bottom, max(map(int, ROW_NUMBER.findall(piece)), default=1))
        right = max(right, max(map(column_number, set(FAR_COLUMN.findall(piece))), default=26))
    if bottom * right <= MAX_GRID_CELLS:
        return False
    rows: set[int] = set()
    columns: set[int] = set()
    for piece in pieces_of(archive, name):
        cells = FILLED_CELL.findall(piece)
        columns.update(map(column_number, {letters for letters, _ in cells}))
        numbers = {int(number) for _, number in cells}
        rows.update((min(numbers), max(numbers)) if numbers else ())
    return bool(rows) and (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1) > MAX_GRID_CELLS


def names_of(archive: zipfile.ZipFile, parts: set[str]) -> set[str]:
    """Give the names of the sheets that lie in these parts."""
    targets = {
        relation.get("Id"): "xl/" + (relation.get("Target") or "").removeprefix("/xl/")
        for relation in etree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    }
    book = etree.fromstring(archive.read("xl/workbook.xml"))
    names: set[str] = set()
    for sheet in book.iterfind("{*}sheets/{*}sheet"):
        identifier = next((value for key, value in sheet.items() if key.endswith("}id")), None)
        if targets.get(identifier) in parts:
            names.add(sheet.get("name") or "")
    return names


def title_in(metadata: bytes) -> str:
    """Take the title; metadata are often a little wrong, and not worth a refusal."""
    root = etree.fromstring(metadata, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    title = None if root is None else root.find(f".//{DC_TITLE}")
    return "" if title is None else title.text or ""


def check_old(content: bytes) -> None:
    """Refuse old files that the parser would give as gibberish."""
    if SCRAMBLED.search(content):
        raise protected()
    if MANY_BYTES.search(content) and WORKBOOK_STREAM not in content:
        raise DocumentRefused("Excel 5.0/95 workbook in a Chinese, Japanese or Korean code page", advice=SAVE_AGAIN)


def look_into(content: bytes, reading: Reading) -> set[str]:
    """Check the package, take its title, and give the names of the sheets that must not be opened."""
    check_package(content, NOUN)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = set(archive.namelist())
        if ODS_MANIFEST in parts and b"encryption-data" in archive.read(ODS_MANIFEST):
            raise protected()
        for name in parts & {"docProps/core.xml", "meta.xml"}:
            reading.title = title_in(archive.read(name)) or reading.title
        if ODS_CONTENT in parts and not ends_with(archive, ODS_CONTENT, b"document-content>"):
            raise DocumentRefused(UNREADABLE, advice=SAVE_AGAIN)  # the parser looks for its end for ever
        sheets = {name for name in parts if name.startswith("xl/worksheets/") and name.endswith(".xml")}
        large = {name for name in sheets if spans_too_much(archive, name)}
        return names_of(archive, large) if large else set()


def open_sheets(
    book: calamine.CalamineWorkbook, closed: set[str], reading: Reading
) -> Iterator[tuple[int, calamine.CalamineSheet]]:
    """Open one sheet after the other, each with its number; those that cannot be opened are noted.

    Raises:
        DocumentRefused: no sheet can be opened.
    """
    refusal: DocumentRefused | None = None
    opened = 0
    for number, known in enumerate(book.sheets_metadata, start=1):
        if known.typ != calamine.SheetTypeEnum.WorkSheet:
            continue  # a chart, or macros
        if known.name in closed:
            refusal = DocumentRefused(f"the cells of sheet {number} {FAR_APART}", advice=DELETE_FAR)
            reading.notes.append(f"sheet {number} was left out: its cells {FAR_APART}")
            continue
        try:
            with named_trouble():
                sheet = book.get_sheet_by_index(number - 1)
        except DocumentRefused as error:
            refusal = error
            reading.notes.append(f"sheet {number} was left out: it is damaged")
            continue
        opened += 1
        yield number, sheet
    if refusal is not None and not opened:
        raise refusal


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a workbook, its hidden sheets too: whoever has the file can show them."""
    closed: set[str] = set()
    reading.empty_reason = "the workbook holds no readable text: its sheets are empty, or hold pictures only"
    if content.startswith(b"PK"):
        try:
            closed = look_into(content, reading)
        except (etree.XMLSyntaxError, KeyError) as error:
            raise DocumentRefused(UNREADABLE, advice=SAVE_AGAIN) from error
    else:
        check_old(content)
    with named_trouble():
        book = calamine.load_workbook(io.BytesIO(content))
    for number, sheet in open_sheets(book, closed, reading):
        began = False
        for block in blocks_of_rows(rows_of(sheet)):
            if not began:
                yield Block("heading", sheet.name, level=1)
                began = True
            yield block
        if began and book.sheets_metadata[number - 1].visible != calamine.SheetVisibleEnum.Visible:
            reading.notes.append(f"sheet {number} is hidden in the workbook; it was read all the same")
