"""The numbers and bullets of Word's lists, as their reader sees them."""

import pytest

from app.reading import docx
from app.reading.contract import Reading
from app.reading.office_numbers import written
from tests.unit.reading.office_files import p, table, word


def lines(content):
    return "\n".join(block.text for block in docx.read(content, Reading(max_pages=1))).split("\n")


def level(index, form, text, more=""):
    how = f'<w:start w:val="1"/>{more}<w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/>'
    return f'<w:lvl w:ilvl="{index}">{how}</w:lvl>'


def defined(*levels, lists='<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'):
    return f'<w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>{lists}'


def item(text, index=0, number=1):
    return p(text, f'<w:numPr><w:ilvl w:val="{index}"/><w:numId w:val="{number}"/></w:numPr>')


def test_levels_count_for_themselves_and_begin_anew_below():
    numbering = defined(level(0, "decimal", "%1."), level(1, "lowerLetter", "(%2)"), level(2, "decimal", "%1.%2.%3"))
    body = item("a") + item("b", 1) + item("c", 1) + item("d", 2) + item("e") + item("f", 1)

    assert lines(word(body, numbering=numbering)) == ["1. a", "  (a) b", "  (b) c", "    1.b.1 d", "2. e", "  (a) f"]


def test_a_level_skipped_counts_as_begun_and_one_may_go_on_counting():
    numbering = defined(
        level(0, "decimal", "%1"),
        level(1, "lowerLetter", "%1.%2"),
        level(2, "upperRoman", "%1.%2.%3", '<w:lvlRestart w:val="1"/>'),
    )
    body = item("") + item("x", 2) + item("y", 1) + item("z", 2) + item("") + item("again", 2)

    assert lines(word(body, numbering=numbering)) == ["    1.a.I x", "  1.b y", "    1.b.II z", "    2.a.I again"]


def test_two_lists_of_one_definition_count_on_unless_one_says_where_to_begin():
    lists = "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="0"/>{override}</w:num>'
        for number, override in enumerate(
            ["", "", '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'], 1
        )
    )
    body = item("a") + item("b", number=2) + item("c", number=3) + item("d", number=3)

    assert lines(word(body, numbering=defined(level(0, "decimal", "%1)"), lists=lists))) == [
        "1) a",
        "2) b",
        "7) c",
        "8) d",
    ]


def test_articles_are_numbered_as_headings_and_without_a_gap_after_full_width_signs():
    counted = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = f'<w:style w:styleId="H"><w:name w:val="heading 1"/>{counted}</w:style>'
    styles += f'<w:style w:styleId="A"><w:name w:val="article"/>{counted}</w:style>'
    numbering = defined(
        level(0, "chineseCountingThousand", "第%1章", '<w:pStyle w:val="H"/>'),
        level(1, "chineseCounting", "%2、", '<w:pStyle w:val="A"/>'),
    )
    body = p("总则", '<w:pStyle w:val="H"/>') + p("目的", '<w:pStyle w:val="A"/>') + p("附则", '<w:pStyle w:val="H"/>')
    body += p("不编号", '<w:pStyle w:val="A"/><w:numPr><w:numId w:val="0"/></w:numPr>')

    assert lines(word(body, styles=styles, numbering=numbering)) == [
        "第一章 总则",
        "  一、目的",
        "第二章 附则",
        "不编号",
    ]


def test_a_chapter_that_a_list_counts_is_a_heading_where_no_style_tells_headings():
    numbering = defined(level(0, "chineseCounting", "第%1章"), level(1, "decimal", "%2."))
    content = word(item("总则") + item("步骤", 1), numbering=numbering)

    found = [(block.kind, block.text) for block in docx.read(content, Reading(max_pages=1))]

    assert found == [("heading", "第一章 总则"), ("list", "  1. 步骤")]


def test_bullets_are_one_sign_and_what_no_list_defines_is_text():
    numbering = defined(level(0, "bullet", "\uf0b7"), level(1, "bullet", ""))

    assert lines(word(item("a") + item("b", 1) + item("c", 5) + item("d", number=9), numbering=numbering)) == [
        "- a",
        "b",
        "c",
        "d",
    ]


def test_numbers_that_fill_cells_are_read():
    numbering = defined(level(0, "decimal", "%1"))
    rows = table(["序号", "项目"], ["", "甲"], ["", "乙"]).replace(p(""), item(""))

    assert lines(word(rows, numbering=numbering))[2:] == ["| 1 | 甲 |", "| 2 | 乙 |"]


@pytest.mark.parametrize(
    ("form", "number", "expected"),
    [
        ("chineseCountingThousand", 10, "十"), ("chineseCountingThousand", 12, "十二"),
        ("chineseCountingThousand", 20, "二十"), ("chineseCountingThousand", 105, "一百零五"),
        ("chineseCountingThousand", 1_010, "一千零一十"), ("chineseLegalSimplified", 15, "壹拾伍"),
        ("ideographTraditional", 3, "丙"), ("decimalEnclosedCircle", 12, "⑫"), ("decimalEnclosedCircle", 21, "21"),
        ("decimalFullWidth", 10, "１０"), ("lowerRoman", 49, "xlix"), ("upperRoman", 4_000, "4000"),
        ("upperLetter", 28, "BB"), ("lowerLetter", 10**9, "1000000000"), ("lowerLetter", 0, "0"),
        ("ordinal", 112, "112th"), ("ordinal", 3, "3rd"), ("decimalZero", 7, "07"), ("001, 002, 003, ...", 12, "012"),
        ("none", 5, ""), ("unheardOf", 5, "5"), ("chineseCounting", -1, "-1"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_office_writes_them(form, number, expected):
    assert written(form, number) == expected


def test_lists_that_refer_to_themselves_or_are_out_of_range_are_survived():
    numbering = '<w:abstractNum w:abstractNumId="0"><w:numStyleLink w:val="L"/></w:abstractNum>'
    numbering += '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    numbering += defined(level(77, "decimal", "%9%9"), lists='<w:num w:numId="2"><w:abstractNumId w:val="0"/></w:num>')

    assert lines(word(item("a") + item("b", 77, 2) + item("c", -1, 2), numbering=numbering)) == ["a", "b", "c"]
