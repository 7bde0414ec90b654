"""Running headers, footers and page numbers of PDFs."""

import pytest

from tests.unit.reading.pdf_files import HEIGHT, pdf_of, read, ruled, text_at, together

WORDS = ["山", "水", "火", "木", "金", "土", "日", "月", "风", "云", "雨", "雪", "霜", "露", "石", "沙"]


def body(number):
    return text_at(
        [f"{WORDS[number]}字开头的正文第一行，说明设备的操作方法。", f"{WORDS[number]}字之后的第二行。"], top=90
    )


def book(pages, *, header=None, footer=None, left=lambda number: 72):
    def page(number):
        parts = [body(number)]
        if header:
            parts.insert(0, text_at([header(number + 1)], top=30, left=left(number)))
        if footer:
            parts.append(text_at([footer(number + 1)], top=HEIGHT - 40, left=left(number)))
        return together(*parts)

    return pdf_of(*[page(number) for number in range(pages)])


def margins(content):
    found = {}
    for block in read(content)[0]:
        if block.kind == "margin":
            found.setdefault(block.page, []).append(block.text)
    return found


@pytest.mark.parametrize(
    "footer",
    [
        lambda page: f"Page {page} of 8",
        lambda page: f"文件编号 QP-07 第 {page} 页 共 8 页",
        lambda page: str(page + 117),
        lambda page: f"- {page} -",
        lambda page: ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii"][page - 1],
    ],
)
def test_a_footer_with_the_number_of_the_page_is_a_margin_of_each_page(footer):
    found = margins(book(8, footer=footer))

    assert found == {page: [footer(page)] for page in range(1, 9)}


def test_headers_that_alternate_from_left_to_right_are_margins():
    def header(page):
        return "质量管理手册" if page % 2 else "某某医院"

    found = margins(book(8, header=header, left=lambda number: 72 if number % 2 else 400))

    assert found == {page: [header(page)] for page in range(1, 9)}


def test_the_title_of_a_chapter_beside_the_page_number_is_a_margin_even_in_a_short_chapter():
    def header(page):
        return f"{'甲' if page < 5 else '乙' if page < 7 else '丙'}章 {page}"

    found = margins(book(8, header=header))

    assert found[5] == ["乙章 5"]
    assert found[8] == ["丙章 8"]


def test_a_title_that_stands_once_at_the_head_of_a_page_stays_a_heading():
    def page(number):
        title = text_at([f"{WORDS[number]}之章"], top=40, size=20)
        return together(title, body(number), text_at([str(number + 1)], top=HEIGHT - 40))

    blocks, _ = read(pdf_of(*[page(number) for number in range(6)]))

    assert [(block.text, block.level) for block in blocks if block.kind == "heading"] == [
        (f"{word}之章", 1) for word in WORDS[:6]
    ]
    assert [block.text for block in blocks if block.kind == "margin"] == ["1", "2", "3", "4", "5", "6"]


def test_figures_at_the_same_place_of_three_pages_are_text():
    assert margins(book(6, footer=lambda page: f"温度 {[20, 37, 41, 12, 5, 88][page - 1]} 度")) == {}


def test_text_on_two_of_many_pages_is_text():
    assert margins(book(8, header=lambda page: "安全须知" if page in (3, 4) else f"{WORDS[page]}、说明")) == {}


def test_two_pages_of_a_letter_share_their_header():
    assert margins(book(2, header=lambda page: "某某医院 检验科")) == {1: ["某某医院 检验科"], 2: ["某某医院 检验科"]}


def test_a_page_with_nothing_but_what_repeats_keeps_it():
    blocks, _ = read(pdf_of(*[text_at(["本页留白"], top=30)] * 5))

    assert [(block.kind, block.text) for block in blocks] == [("paragraph", "本页留白")] * 5


def test_a_ruled_header_with_the_number_of_the_page_is_a_margin():
    def page(number):
        head = ruled([["某某医院", "标准操作规程"], ["编号 A-1", f"第 {number + 1} 页"]], top=25, widths=(150, 250))
        return together(head, body(number))

    blocks, _ = read(pdf_of(*[page(number) for number in range(4)]))

    assert [block.kind for block in blocks] == ["margin", "paragraph"] * 4
    assert blocks[2].text == "| 某某医院 | 标准操作规程 |\n| --- | --- |\n| 编号 A-1 | 第 2 页 |"
    assert blocks[2].boxes


def test_pages_come_in_order_whatever_their_number():
    blocks, _ = read(book(16, footer=lambda page: f"第 {page} 页"))

    assert [block.page for block in blocks if block.kind == "paragraph"] == list(range(1, 17))
    assert len([block for block in blocks if block.kind == "margin"]) == 16
