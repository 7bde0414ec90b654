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
from app.reading import html, markdown, pdf, text
from app.reading.contract import Reading


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


def with_member(content, name, replace):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, replace(old.read(info)) if info.filename == name else old.read(info))
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


def test_a_pdf_page_without_text_gives_a_note():
    _, reading = read(pdf, pdf_of(["text"], []))

    assert reading.all_notes() == ["page 2: no readable text (a scan?)"]


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

    assert pdf.Hyphens().mend(page).endswith("compile, mid-point, longterm")


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
        ("list", "- 第一步\n- 第二步"),
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


PAGE = """<html><head><title>请假</title><style>p{}</style></head><body>
<nav><a href=a>首页</a></nav><div class="sidebar">热门文章</div><h1>请假制度</h1>
<p>每年<b>十天</b>。<br>另有病假。</p><ul><li>甲<ul><li>乙</li></ul></li><li>丙</li></ul><ol><li>一</li><li>二</li></ol>
<table><tr><th>项目</th><th>天数</th></tr><tr><td>年假</td><td>10</td></tr></table>
<script>alert(1)</script><pre>a
  b</pre><p hidden>看不见</p><footer>版权</footer></body></html>"""


def test_a_page_gives_its_content_without_menus_and_scripts():
    blocks, reading = read(html, PAGE.encode())

    assert shapes(blocks) == [
        ("heading", "请假制度"),
        ("paragraph", "每年十天。\n另有病假。"),
        ("list", "- 甲\n  - 乙\n- 丙"),
        ("list", "1. 一\n2. 二"),
        ("table", "| 项目 | 天数 |\n| --- | --- |\n| 年假 | 10 |"),
        ("paragraph", "a\n  b"),
    ]
    assert reading.title == "请假"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_a_page_is_decoded_by_its_bytes_even_if_it_declares_something_else(encoding):
    declared = "gb2312" if encoding == "gb18030" else "iso-8859-1"
    page = PAGE.replace("<head>", f"<head><meta charset={declared}>")

    blocks, _ = read(html, page.encode(encoding))

    assert blocks[0].text == "请假制度"


def test_a_table_that_holds_tables_is_layout():
    blocks, _ = read(html, b"<table><tr><td>left<td><table><tr><td>a<td>b<tr><td>1<td>2</table></table>")

    assert shapes(blocks) == [("paragraph", "left"), ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |")]


def test_a_hundred_thousand_nested_elements_are_walked():
    blocks, _ = read(html, b"<body>" + b"<span>" * 100_000 + b"deep")

    assert shapes(blocks) == [("paragraph", "deep")]


def test_a_page_whose_menus_hold_everything_is_kept():
    blocks, _ = read(html, "<body><div class=menu>全部内容都在这里。</div></body>".encode())

    assert shapes(blocks) == [("paragraph", "全部内容都在这里。")]


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
