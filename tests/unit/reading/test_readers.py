"""Each reader on small files, in this process; the sandbox is in tests/integration/test_reading.py."""

import io
import zipfile

import docx
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from app.errors import DocumentRefused
from app.reading import docx as docx_reader
from app.reading import markdown, pdf, text
from app.reading.contract import Reading
from app.reading.pdf_text import Hyphens
from tests.unit.reading.office_files import with_member


def read(reader, content):
    reading = Reading(max_pages=100)
    return list(reader.read(content, reading)), reading


def shapes(blocks):
    return [(block.kind, block.text) for block in blocks]


def pdf_of(*pages, outline=(), **options):
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, **options)
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    for number, lines in enumerate(pages):
        canvas.setFont("STSong-Light", 12)
        for row, line in enumerate(lines):
            canvas.drawString(72, 770 - 18 * row, line)
        for title, level, page in outline:
            if page == number:
                canvas.bookmarkPage(title)
                canvas.addOutlineEntry(title, title, level)
        if not lines:
            canvas.rect(72, 72, 200, 200, fill=1)
        canvas.showPage()
    canvas.setTitle("年假制度")
    canvas.save()
    return buffer.getvalue()


def docx_of(build):
    document = docx.Document()
    build(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_a_pdf_gives_its_pages_title_and_outline_headings():
    content = pdf_of(["1 总则", "员工每年享有十天年假。"], ["Second page."], outline=[("总则", 0, 0)])

    blocks, reading = read(pdf, content)

    assert [(b.kind, b.text, b.page, b.level) for b in blocks] == [
        ("heading", "1 总则", 1, 1),
        ("paragraph", "员工每年享有十天年假。", 1, 0),
        ("paragraph", "Second page.", 2, 0),
    ]
    assert (reading.title, reading.pages) == ("年假制度", 2)


def test_a_pdf_page_without_text_asks_for_recognition():
    _, reading = read(pdf, pdf_of(["text"], []))

    assert reading.scanned == {2: "no readable text (a scan?)"}
    assert reading.all_notes() == []


def test_a_pdf_with_a_password_is_refused():
    from reportlab.lib.pdfencrypt import StandardEncryption

    with pytest.raises(DocumentRefused, match="needs a password"):
        read(pdf, pdf_of(["secret"], encrypt=StandardEncryption("user", "owner", canPrint=0)))


def test_a_pdf_that_only_restricts_printing_is_read():
    from reportlab.lib.pdfencrypt import StandardEncryption

    blocks, _ = read(pdf, pdf_of(["open"], encrypt=StandardEncryption("", "owner", canPrint=0)))

    assert shapes(blocks) == [("paragraph", "open")]


@pytest.mark.parametrize("content", [b"%PDF-1.7\n" + b"garbage " * 50, pdf_of(["a"])[:400]])
def test_a_damaged_pdf_is_refused(content):
    with pytest.raises(DocumentRefused, match=r"damaged|no pages"):
        read(pdf, content)


def test_a_pdf_with_too_many_pages_is_refused():
    with pytest.raises(DocumentRefused, match="101 pages, the limit is 100"):
        read(pdf, pdf_of(*[["a"]] * 101))


@pytest.mark.parametrize(
    ("page", "bad"),
    [
        ("An ordinary page, with 12.5 % figures and 汉字。", False),
        ("Contents . . . . . . . . . . . . . 12", False),
        ("\uf0b7 a bullet of the Symbol font\n\uf0b7 another", False),
        ("\x01\x03\x04\x05 \x0e\x0f\x10\x11 ab", True),
        ("/g18/g152/g23 /g7/g8/g9", True),
        ("\ue001\ue002\ue003 text \ue004\ue005", True),
        ("\ufffd\ufffd\ufffd some", True),
    ],
)
def test_a_text_layer_without_meaning_is_recognised(page, bad):
    assert pdf.unreadable(page) is bad


def test_hyphens_at_line_ends_follow_what_the_rest_of_the_page_writes():
    page = "They compile it. The mid-point is near. com\x02pile, mid\x02point, long\x02term"
    hyphens = Hyphens()
    hyphens.learn(page)

    assert hyphens.mend(page).endswith("compile, mid-point, longterm")


def test_a_word_document_gives_headings_lists_and_tables_in_order():
    def build(document):
        document.core_properties.title = "手册"
        document.add_heading("总则", 1)
        document.add_paragraph("员工每年享有十天年假。")
        document.add_paragraph("第一步", style="List Bullet")
        document.add_paragraph("第二步", style="List Number")
        table = document.add_table(2, 2)
        for cell, value in zip(table._cells, ["项目", "天数", "年|假", "10"], strict=True):
            cell.text = value
        document.add_paragraph("完。")

    blocks, reading = read(docx_reader, docx_of(build))

    assert shapes(blocks) == [
        ("heading", "总则"),
        ("paragraph", "员工每年享有十天年假。"),
        ("list", "- 第一步\n1. 第二步"),
        ("table", "| 项目 | 天数 |\n| --- | --- |\n| 年\\|假 | 10 |"),
        ("paragraph", "完。"),
    ]
    assert reading.title == "手册"


def test_a_cell_merged_downwards_is_said_in_each_row():
    def build(document):
        table = document.add_table(3, 2)
        for cell, value in zip(table._cells, ["部门", "人", "研发", "甲", "", "乙"], strict=True):
            cell.text = value
        table.cell(1, 0).merge(table.cell(2, 0))

    blocks, _ = read(docx_reader, docx_of(build))

    assert blocks[0].text.splitlines()[2:] == ["| 研发 | 甲 |", "| 研发 | 乙 |"]


def test_a_word_document_that_declares_entities_is_refused():
    bomb = b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;&b;">]>'
    content = with_member(docx_of(lambda d: d.add_paragraph("a")), "word/document.xml", lambda xml: bomb + xml[55:])

    with pytest.raises(DocumentRefused, match="entities"):
        read(docx_reader, content)


def test_a_zip_bomb_in_a_word_document_is_refused_before_it_expands():
    content = with_member(docx_of(lambda d: None), "word/document.xml", lambda _: b" " * 30_000_000)

    with pytest.raises(DocumentRefused, match="expands more than 100 times"):
        read(docx_reader, content)


def test_a_word_document_of_too_many_parts_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(5_001):
            archive.writestr(f"word/{number}", b"")

    with pytest.raises(DocumentRefused, match="5001 parts"):
        read(docx_reader, buffer.getvalue())


def test_a_word_document_cut_off_is_refused():
    with pytest.raises(DocumentRefused, match="damaged"):
        read(docx_reader, docx_of(lambda d: d.add_paragraph("a"))[:-200])


def test_markdown_keeps_its_own_characters():
    source = "---\ntitle: 手册\n---\n# 总则\n\n每年**十天**。\n\n- 甲\n  - 乙\n\n"
    source += "| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx = 1\n```\n"

    blocks, reading = read(markdown, source.encode())

    assert shapes(blocks) == [
        ("heading", "总则"),
        ("paragraph", "每年**十天**。"),
        ("list", "- 甲\n  - 乙"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("paragraph", "x = 1\n"),
    ]
    assert reading.title == "手册"


def test_plain_text_gives_paragraphs_lists_and_the_headings_without_doubt():
    source = "第一章 总则\n员工每年享有十天年假。\n第二天开始计算。\n\n"
    source += "1. 申请\n2. 批准\n\n3.2 标题\n\n3.2 公里外有一家医院，可以就诊。\n"

    blocks, _ = read(text, source.encode())

    assert [(b.kind, b.text, b.level) for b in blocks] == [
        ("heading", "第一章 总则", 2),
        ("paragraph", "员工每年享有十天年假。\n第二天开始计算。", 0),
        ("list", "1. 申请\n2. 批准", 0),
        ("heading", "3.2 标题", 2),
        ("paragraph", "3.2 公里外有一家医院，可以就诊。", 0),
    ]


def test_markup_within_markdown_gives_its_text_and_its_tables():
    source = "<div align=center>\n\n正文\n\n</div>\n\n<table><tr><th>a<th>b<tr><td>1<td>2</table>\n\n<!-- note -->\n"

    blocks, _ = read(markdown, source.encode())

    assert shapes(blocks) == [("paragraph", "正文"), ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |")]


def test_lists_nested_fifty_deep_in_markdown_are_read_whole():
    blocks, _ = read(markdown, "\n".join("  " * depth + f"- {depth}" for depth in range(50)).encode())

    assert blocks[-1].text.endswith("- 49")


def test_a_line_without_end_and_lines_without_paragraph_are_given_in_stretches():
    (line,), _ = read(text, b"word " * 1_000_000)
    stretches, _ = read(text, b"a line of text\n" * 100_000)

    assert len(line.text) == len(b"word " * 1_000_000) - 1
    assert max(len(block.text) for block in stretches) < 30_000
    assert sum(block.text.count("a line of text") for block in stretches) == 100_000


def test_a_text_of_empty_lines_is_nothing():
    assert read(text, b"\n \n" * 2_000_000)[0] == []


def test_text_from_right_to_left_stays_in_its_order():
    hebrew = "שלום עולם 123, abc"

    assert shapes(read(text, hebrew.encode("utf-8"))[0]) == [("paragraph", hebrew)]
