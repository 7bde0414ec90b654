"""Workbooks of every kind; those that no library here can write are written byte by byte."""

import io
import re
import struct
import time
import zipfile
from datetime import date, datetime, timedelta
from datetime import time as moment

import openpyxl
import pytest

from app.errors import DocumentRefused
from app.reading import detect
from app.reading.contract import Reading
from app.reading.workbook import MAX_GRID_CELLS, read
from tests.unit.reading.office_files import with_member


def blocks_of(content):
    reading = Reading(max_pages=1)
    return [(block.kind, block.text) for block in read(content, reading)], reading


def xlsx_of(*sheets):
    """Write a workbook; each sheet is a function that fills it, or its rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, sheet in enumerate(sheets, start=1):
        filled = book.create_sheet(f"Sheet{number}")
        if callable(sheet):
            sheet(filled)
        else:
            for row in sheet:
                filled.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def table(*lines):
    width = lines[0].count("|") - 1
    return ("table", "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]]))


def test_each_sheet_is_a_section_of_its_own():
    content = xlsx_of([["物品", "数量"], ["手套", 1200]], [], [["Name", "Ward"], ["Ann", 3], ["Bob", 4]])

    assert blocks_of(content)[0] == [
        ("heading", "Sheet1"),
        table("| 物品 | 数量 |", "| 手套 | 1200 |"),
        ("heading", "Sheet3"),
        table("| Name | Ward |", "| Ann | 3 |", "| Bob | 4 |"),
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1200, "1200"),
        (0.1 + 0.2, "0.3"),
        (1.005, "1.005"),
        (123456789012, "123456789012"),
        (1e20, "1e+20"),
        (-3.0, "-3"),
        (True, "TRUE"),
        (date(2024, 1, 5), "2024-01-05"),
        (datetime.fromisoformat("2024-01-05T13:30"), "2024-01-05 13:30:00"),
        (moment(8, 15), "08:15:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
        ("two\nlines", "two lines"),
        ("  spaced  ", "spaced"),
    ],
)
def test_values_stand_as_a_person_sees_them(value, shown):
    found, _ = blocks_of(xlsx_of([["item", "value"], ["a", value], ["b", value]]))

    assert found[1] == table("| item | value |", f"| a | {shown} |", f"| b | {shown} |")


def test_a_formula_gives_the_value_that_was_stored_with_it():
    content = xlsx_of([["item", "sum"], ["a", "=1+1"], ["b", 3]])
    sum_of_one_and_one = re.compile(rb"<f>1\+1</f><v ?(?:/>|></v>)")
    stored = with_member(
        content, "xl/worksheets/sheet1.xml", lambda part: sum_of_one_and_one.sub(b"<f>1+1</f><v>2</v>", part)
    )

    assert blocks_of(stored)[0][1] == table("| item | sum |", "| a | 2 |", "| b | 3 |")


def test_title_lines_stand_above_the_table_as_paragraphs():
    rows = [["2024年耗材采购清单"], ["编制科室：器械科", None, None, "单位：元"], ["品名", "规格", "单价", "数量"]]
    rows += [["手套", "M", 0.5, 1200], ["口罩", "L", 0.8, 600], ["纱布", "S", 0.2, 300]]

    assert blocks_of(xlsx_of(rows))[0][1:4] == [
        ("paragraph", "2024年耗材采购清单"),
        ("paragraph", "编制科室：器械科 单位：元"),
        table(
            "| 品名 | 规格 | 单价 | 数量 |",
            "| 手套 | M | 0.5 | 1200 |",
            "| 口罩 | L | 0.8 | 600 |",
            "| 纱布 | S | 0.2 | 300 |",
        ),
    ]


def test_tables_below_and_beside_one_another_are_told_apart():
    def fill(sheet):
        for row, cells in enumerate([["Item", "Price"], ["Gloves", 5], ["Masks", 7], ["Gowns", 9]], start=1):
            sheet.cell(row, 2, cells[0])
            sheet.cell(row, 3, cells[1])
        for row, cells in enumerate([["Ward", "Beds"], ["North", 12], ["South", 14]], start=1):
            sheet.cell(row, 6, cells[0])
            sheet.cell(row, 7, cells[1])
        for row, cells in enumerate(
            [["Nurse", "Shift", "Phone"], ["Ann", "early", 123], ["Bob", "late", 456]], start=7
        ):
            for column, cell in enumerate(cells, start=2):
                sheet.cell(row, column, cell)

    assert blocks_of(xlsx_of(fill))[0][1:] == [
        table("| Item | Price |", "| Gloves | 5 |", "| Masks | 7 |", "| Gowns | 9 |"),
        table("| Ward | Beds |", "| North | 12 |", "| South | 14 |"),
        table("| Nurse | Shift | Phone |", "| Ann | early | 123 |", "| Bob | late | 456 |"),
    ]


def test_an_empty_column_within_a_table_does_not_tear_its_rows():
    rows = [["Item", "Unit", None, "2023", "2024"], ["Gloves", "box", None, 5, 6], ["Masks", "box", None, 7, 8]]

    assert blocks_of(xlsx_of(rows))[0][1:] == [
        table("| Item | Unit | 2023 | 2024 |", "| Gloves | box | 5 | 6 |", "| Masks | box | 7 | 8 |")
    ]


def test_rows_after_a_gap_go_on_under_the_headings_above():
    rows = [["Item", "Price"], [], ["Gloves", 5], ["Masks", 7], [], ["Gowns", 9], ["Caps", 11], [], ["Ward", "Head"]]
    rows += [["North", "Ann"], ["South", "Bob"]]

    assert blocks_of(xlsx_of(rows))[0][1:] == [
        table("| Item | Price |", "| Gloves | 5 |", "| Masks | 7 |", "| Gowns | 9 |", "| Caps | 11 |"),
        table("| Ward | Head |", "| North | Ann |", "| South | Bob |"),
    ]


def test_a_second_part_under_a_title_of_its_own_keeps_the_headings():
    rows = [["Item", "Price", "Unit"], ["Gloves", 5, "box"], ["Masks", 7, "box"], [], ["Second half"]]
    rows += [["Gowns", 9, "piece"], ["Caps", 11, "piece"]]

    assert blocks_of(xlsx_of(rows))[0][1:] == [
        table("| Item | Price | Unit |", "| Gloves | 5 | box |", "| Masks | 7 | box |"),
        ("paragraph", "Second half"),
        table("| Item | Price | Unit |", "| Gowns | 9 | piece |", "| Caps | 11 | piece |"),
    ]


def test_years_are_headings_and_headings_of_two_rows_are_one():
    def fill(sheet):
        for row in [["Item", 2023, None, 2024, None], [None, "plan", "actual", "plan", "actual"]]:
            sheet.append(row)
        sheet.append(["Gloves", 5, 6, 7, 8])
        sheet.append(["Masks", 1, 2, 3, 4])
        for cells in ("A1:A2", "B1:C1", "D1:E1"):
            sheet.merge_cells(cells)

    assert blocks_of(xlsx_of(fill))[0][1:] == [
        table(
            "| Item | 2023 plan | 2023 actual | 2024 plan | 2024 actual |",
            "| Gloves | 5 | 6 | 7 | 8 |",
            "| Masks | 1 | 2 | 3 | 4 |",
        )
    ]


def test_a_merged_group_is_said_in_every_row():
    def fill(sheet):
        for row in [
            ["科室", "姓名", "床位"],
            ["内科", "王芳", 1],
            [None, "李强", 2],
            ["外科", "张敏", 3],
            [None, None, None],
        ]:
            sheet.append(row)
        sheet.merge_cells("A2:A3")
        sheet.merge_cells("A4:A9")

    assert blocks_of(xlsx_of(fill))[0][1:] == [
        table("| 科室 | 姓名 | 床位 |", "| 内科 | 王芳 | 1 |", "| 内科 | 李强 | 2 |", "| 外科 | 张敏 | 3 |")
    ]


def test_a_form_becomes_lines_of_names_and_values():
    rows = [["姓名：", "王芳"], ["工号：", 1024], ["科室：", "心血管内科"], ["入职日期：", date(2020, 3, 1)]]

    assert blocks_of(xlsx_of(rows))[0][1:] == [
        ("list", "姓名： 王芳\n工号： 1024\n科室： 心血管内科\n入职日期： 2020-03-01")
    ]


def test_wide_records_name_each_value_and_leave_out_what_is_empty():
    names = [f"指标{number}" for number in range(1, 13)]
    found, _ = blocks_of(xlsx_of([names, [*range(11), None], [None, *range(11)]]))

    assert found[1][0] == "list"
    assert found[1][1].split("\n")[1].startswith("指标2: 0; 指标3: 1")


def test_a_hidden_sheet_is_read_and_noted():
    def fill(sheet):
        sheet.append(["secret", "value"])
        sheet.append(["a", 1])
        sheet.sheet_state = "veryHidden"

    found, reading = blocks_of(xlsx_of([["shown", "value"], ["b", 2]], fill))

    assert ("heading", "Sheet2") in found
    assert reading.notes == ["sheet 2 is hidden in the workbook; it was read all the same"]


def test_a_stray_cell_far_from_the_table_closes_its_sheet_alone():
    def far(sheet):
        sheet["A1"] = "near"
        sheet["XFD1048576"] = "far"

    found, reading = blocks_of(xlsx_of(far, [["Item", "Price"], ["Gloves", 5]]))

    assert found == [("heading", "Sheet2"), table("| Item | Price |", "| Gloves | 5 |")]
    assert reading.notes == ["sheet 1 was left out: its cells stand too far apart"]

    with pytest.raises(DocumentRefused, match="the cells of sheet 1 stand too far apart"):
        blocks_of(xlsx_of(far))


def test_empty_cells_that_were_only_formatted_do_not_count():
    def formatted(sheet):
        sheet["A1"] = "near"
        sheet["XFD1048576"].number_format = "0.00"

    began = time.perf_counter()
    found, reading = blocks_of(xlsx_of(formatted))

    assert (found, reading.notes) == ([("heading", "Sheet1"), ("paragraph", "near")], [])
    assert time.perf_counter() - began < 5


def test_a_table_down_to_the_last_row_of_excel_is_within_bounds():
    def tall(sheet):
        sheet["A1"] = "first"
        sheet["D1048576"] = "last"

    assert MAX_GRID_CELLS > 4 * 1_048_576
    assert blocks_of(xlsx_of(tall))[0][1:] == [("paragraph", "first"), ("paragraph", "last")]


def test_merged_cells_over_the_whole_sheet_do_not_multiply_its_text():
    content = with_member(
        xlsx_of([["word " * 300, "b"], ["x", "c"]]),
        "xl/worksheets/sheet1.xml",
        lambda part: part.replace(
            b"</sheetData>", b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
        ),
    )

    assert "".join(text for _, text in blocks_of(content)[0]).count("word") == 300


def test_the_title_of_the_metadata_is_taken_and_broken_metadata_are_not_missed():
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.properties.title = "采购清单"
    buffer = io.BytesIO()
    book.save(buffer)
    broken = with_member(buffer.getvalue(), "docProps/core.xml", lambda _: b"not xml")

    assert blocks_of(buffer.getvalue())[1].title == "采购清单"
    assert blocks_of(broken)[1].title == ""
    assert blocks_of(broken)[0] == [("heading", "Sheet"), ("paragraph", "a; b")]


def test_a_damaged_sheet_is_left_out_and_the_others_are_read():
    content = with_member(
        xlsx_of([["a", "b"]], [["Item", "Price"], ["Gloves", 5]]), "xl/worksheets/sheet1.xml", lambda part: part[:200]
    )
    found, reading = blocks_of(content)

    assert found == [("heading", "Sheet2"), table("| Item | Price |", "| Gloves | 5 |")]
    assert reading.notes == ["sheet 1 was left out: it is damaged"]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[: len(content) // 2],
        lambda content: with_member(content, "xl/workbook.xml", lambda _: b"<workbook"),
        lambda content: with_member(content, "xl/worksheets/sheet1.xml", lambda part: part[:200]),
    ],
)
def test_a_damaged_workbook_is_refused(change):
    with pytest.raises(DocumentRefused, match="damaged"):
        blocks_of(change(xlsx_of([["a", "b"]])))


def test_entities_are_refused():
    content = with_member(
        xlsx_of([["a", "b"]]), "xl/workbook.xml", lambda part: b'<!DOCTYPE a [<!ENTITY b "c">]>' + part
    )

    with pytest.raises(DocumentRefused, match="the workbook declares XML entities"):
        blocks_of(content)


def test_an_empty_workbook_gives_nothing_and_says_why():
    found, reading = blocks_of(xlsx_of([]))

    assert found == []
    assert "the workbook holds no readable text" in reading.empty_reason


# ODS

ODS_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
)


def ods_of(rows, manifest=""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", detect.ODS)
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f"{manifest}</manifest:manifest>",
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content {ODS_NAMES}><office:body><office:spreadsheet>'
            f'<table:table table:name="库存">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return buffer.getvalue()


def ods_row(*cells, repeated=1):
    return (
        f'<table:table-row table:number-rows-repeated="{repeated}">'
        + "".join(cell if cell.startswith("<") else ods_text(cell) for cell in cells)
        + "</table:table-row>"
    )


def ods_text(text, repeated=1):
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{repeated}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def test_an_open_document_spreadsheet_is_read_without_its_empty_end():
    number = (
        '<table:table-cell office:value-type="percentage" office:value="0.25"><text:p>25%</text:p></table:table-cell>'
    )
    lasts = '<table:table-cell office:value-type="time" office:time-value="PT26H30M05S"/>'
    empty = '<table:table-cell table:number-columns-repeated="16384"/>'
    content = ods_of(
        ods_row("物品", "份额", "时长") + ods_row("手套", number, lasts) + ods_row(empty, repeated=1_048_574)
    )

    assert detect.detect(content, "ods") == detect.ODS
    assert blocks_of(content)[0] == [
        ("heading", "库存"),
        table("| 物品 | 份额 | 时长 |", "| 手套 | 0.25 | 26:30:05 |"),
    ]


def test_a_spreadsheet_bomb_of_repeated_cells_is_refused():
    with pytest.raises(DocumentRefused, match="the workbook is damaged, or of a version that is not readable"):
        blocks_of(ods_of(ods_row(ods_text("bomb", repeated=16_384), repeated=1_048_576)))


def test_a_protected_spreadsheet_asks_for_its_password():
    manifest = (
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">'
        '<manifest:encryption-data manifest:checksum="x"/></manifest:file-entry>'
    )

    with pytest.raises(DocumentRefused, match="the workbook needs a password"):
        blocks_of(ods_of(ods_row("a"), manifest))


# XLSB


def binary_record(kind, payload=b""):
    number = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    return number + bytes([len(payload)]) + payload


def wide(text):
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb_of(rows):
    cells = b""
    for row, values in enumerate(rows):
        cells += binary_record(0x00, struct.pack("<I", row) + bytes(21))
        for column, value in enumerate(values):
            place = struct.pack("<II", column, 0)
            if isinstance(value, str):
                cells += binary_record(0x06, place + wide(value))
            else:
                cells += binary_record(0x05, place + struct.pack("<d", value))
    extent = struct.pack("<IIII", 0, len(rows) - 1, 0, max(map(len, rows)) - 1)
    sheet = (
        binary_record(0x81)
        + binary_record(0x94, extent)
        + binary_record(0x91)
        + cells
        + binary_record(0x92)
        + binary_record(0x82)
    )
    bundle = struct.pack("<II", 0, 1) + wide("rId1") + wide("Stock")
    book = binary_record(0x83) + binary_record(0x8F) + binary_record(0x9C, bundle) + binary_record(0x90)
    book += binary_record(0x84)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.bin", book)
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            '<Relationships><Relationship Id="rId1" Type="worksheet" Target="worksheets/sheet1.bin"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.bin", sheet)
    return buffer.getvalue()


def test_a_binary_workbook_is_read():
    content = xlsb_of([["Item", "Price"], ["手套", 5.0], ["Masks", 7.25]])

    assert detect.detect(content, "xlsb") == detect.XLSB
    assert blocks_of(content)[0] == [
        ("heading", "Stock"),
        table("| Item | Price |", "| 手套 | 5 |", "| Masks | 7.25 |"),
    ]


def test_a_fault_inside_the_parser_is_a_refusal_with_advice():
    # Nothing says where the sheet lies, at which the parser gives up its whole thread.
    content = with_member(xlsb_of([["a"]]), "xl/_rels/workbook.bin.rels", lambda _: b"<Relationships/>")

    with pytest.raises(DocumentRefused, match="of a version that is not readable") as caught:
        blocks_of(content)

    assert "save it as an Excel workbook" in caught.value.advice


# XLS


def biff(kind, payload=b""):
    return struct.pack("<HH", kind, len(payload)) + payload


def xls_of(rows, *, version, encoding, protected=False):
    """Write the records of a workbook, of Excel 5 (0x500) or 97 (0x600), into an OLE file."""
    old = version == 0x500

    def text(value):
        return value.encode(encoding) if old else b"\x01" + value.encode("utf-16-le")

    def length(value):
        return len(value.encode(encoding)) if old else len(value)

    def start(kind):
        return biff(0x809, struct.pack("<HHHH", version, kind, 0, 0) + (b"" if old else bytes(8)))

    head = start(0x05) + (biff(0x2F, bytes(4)) if protected else b"")
    head += biff(0x42, struct.pack("<H", {"cp1252": 1252, "gbk": 936}[encoding] if old else 1200))
    bound = bytes(2) + bytes([length("Stock")]) + text("Stock")
    head_size = len(head) + len(biff(0x85, bytes(4) + bound)) + 4
    stream = head + biff(0x85, struct.pack("<I", head_size) + bound) + biff(0x0A) + start(0x10)
    stream += biff(0x200, struct.pack("<HHHHH" if old else "<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0))
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            place = struct.pack("<HHH", row, column, 0)
            if isinstance(value, str):
                stream += biff(0x204, place + struct.pack("<H", length(value)) + text(value))
            else:
                stream += biff(0x203, place + struct.pack("<d", value))
    return ole_of("Book" if old else "Workbook", stream + biff(0x0A))


def ole_of(name, stream):
    """Put one stream into a compound file: its table of sectors, its directory, the stream."""
    stream = stream.ljust(4_096, b"\x00")
    sectors = -(-len(stream) // 512)
    chain = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + sectors), 0xFFFFFFFE]
    assert len(chain) <= 128

    def entry(called, kind, child, first, size):
        label = called.encode("utf-16-le") + b"\x00\x00"
        links = struct.pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, child)
        return (
            label.ljust(64, b"\x00")
            + struct.pack("<HBB", len(label), kind, 1)
            + links
            + bytes(36)
            + struct.pack("<IQ", first, size)
        )

    directory = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry(name, 2, 0xFFFFFFFF, 2, len(stream))
    header = detect.OLE + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4_096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0) + b"\xff" * 432
    table_of_sectors = struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")
    return header + table_of_sectors + directory.ljust(512, b"\x00") + stream.ljust(sectors * 512, b"\x00")


@pytest.mark.parametrize(
    ("version", "encoding", "item"),
    [(0x600, "utf-16-le", "手套"), (0x500, "cp1252", "Früchte")],
)
def test_an_old_excel_file_is_read(version, encoding, item):
    content = xls_of([["Item", "Price"], [item, 5.0], ["Masks", 7.25]], version=version, encoding=encoding)

    assert detect.detect(content, "xls") == detect.XLS
    assert blocks_of(content)[0] == [
        ("heading", "Stock"),
        table("| Item | Price |", f"| {item} | 5 |", "| Masks | 7.25 |"),
    ]


@pytest.mark.parametrize("version", [0x500, 0x600])
def test_a_protected_old_excel_file_asks_for_its_password(version):
    content = xls_of([["a", "b"]], version=version, encoding="cp1252", protected=True)

    with pytest.raises(DocumentRefused, match="the workbook needs a password"):
        blocks_of(content)


def test_an_excel_95_file_in_chinese_is_refused_rather_than_given_as_gibberish():
    content = xls_of([["物品", "单价"], ["手套", 5.0]], version=0x500, encoding="gbk")

    with pytest.raises(DocumentRefused, match=r"Excel 5\.0/95 workbook in a Chinese") as caught:
        blocks_of(content)

    assert "save it as an Excel workbook" in caught.value.advice
