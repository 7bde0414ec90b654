"""Headers and footers of Word documents: margins where they repeat, text where they alone say it."""

import pytest

from app.reading import docx
from app.reading.contract import Reading
from tests.unit.reading.office_files import p, part, table, word

BODY = p("质量手册") + p("Chapter one")


def read(headers, *, section="", settings=""):
    """Headers by their kind: default, first, even."""
    refers = [(f"h{number}", "header", f"header{number}.xml") for number, _ in enumerate(headers)]
    parts = {f"word/header{number}.xml": part("hdr", content) for number, (_, content) in enumerate(headers)}
    marks = "".join(
        f'<w:headerReference w:type="{kind}" r:id="h{number}"/>' for number, (kind, _) in enumerate(headers)
    )
    refers.append(("set", "settings", "settings.xml"))
    parts["word/settings.xml"] = part("settings", settings)
    content = word(BODY + f"<w:sectPr>{marks}{section}</w:sectPr>", refers=refers, parts=parts)
    found = [(block.kind, block.text) for block in docx.read(content, Reading(max_pages=1))]
    assert found[-2:] == [("paragraph", "质量手册"), ("paragraph", "Chapter one")]
    return found[:-2]


def test_a_number_that_stands_in_the_header_alone_is_text_before_the_body():
    assert read([("default", p("文件编号 QP-2024-001\t第 3 页 共 12 页"))]) == [
        ("paragraph", "文件编号 QP-2024-001\t第 3 页 共 12 页")
    ]


def test_what_the_body_says_too_is_a_margin():
    assert read([("default", p("质量 手册\tCHAPTER ONE\tPage 3 of 12"))]) == [
        ("margin", "质量 手册\tCHAPTER ONE\tPage 3 of 12")
    ]


@pytest.mark.parametrize("number", ["- 3 -", "第 3 页 共 12 页", "Page iv", "3/12"])
def test_a_page_number_is_a_margin(number):
    assert read([("default", p(number))]) == [("margin", number)]


def test_each_header_stands_once():
    same = p("QP-1") + table(["编号", "版本 2"])

    found = read([("default", same), ("first", same)], section="<w:titlePg/>")

    assert found == [("paragraph", "QP-1"), ("table", "| 编号 | 版本 2 |\n| --- | --- |")]


def test_headers_that_no_page_shows_are_not_read():
    headers = [("default", p("shown")), ("first", p("of the first page")), ("even", p("of even pages"))]

    assert read(headers) == [("paragraph", "shown")]
    assert len(read(headers, section="<w:titlePg/>", settings="<w:evenAndOddHeaders/>")) == 3
