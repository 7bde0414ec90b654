"""Headings and paragraphs of PDFs by fonts and places."""

import pytest

from app.reading.pdf_layout import Headings, Paragraphs
from app.reading.pdf_parts import Line
from app.reading.pdf_place import Box
from tests.unit.reading.pdf_files import HEIGHT, pdf_of, read, text_at, together

SENTENCE = "设备运行时请勿打开盖板，以免造成人身伤害或设备损坏，"


def line(text, top, *, left=72.0, size=10.0, bold=False, start=None):
    first = Box(left, top, left + size, top + size)
    last = Box(left + size * len(text), top, left + size * (len(text) + 1), top + size)
    return Line(text, int(top) if start is None else start, first, last, size, bold)


def groups(lines):
    return [[one.text for one in group] for group in Paragraphs(lines).group(lines)]


def levels(lines, body=10.0):
    headings = Headings(body, lines)
    return {one.text: headings.at(one)[0] for one in lines if headings.at(one)[0]}


def test_large_lines_are_headings_by_their_size_and_the_text_is_not():
    page = together(
        text_at(["设备手册"], top=40, size=20),
        text_at(["安全"], top=80, size=14),
        text_at([SENTENCE] * 4, top=110),
        text_at(["清洁"], top=180, size=12),
        text_at([SENTENCE] * 4, top=210),
    )

    blocks, _ = read(pdf_of(page))

    assert [(block.text, block.level) for block in blocks if block.kind == "heading"] == [
        ("设备手册", 1),
        ("安全", 2),
        ("清洁", 3),
    ]


def test_a_heading_of_two_lines_is_one():
    lines = [line("Among seniors, internet use", 100, size=14), line("drops off around age 75", 116, size=14)]

    assert Headings(10.0, lines).at(lines[0]) == (2, 2)


@pytest.mark.parametrize(
    "text",
    ["这是一整句话，它只是印得大一些。", "1.5 ........ 12", "• 要点", "12,345.67 89.1%", "安全；", "A" * 201],
)
def test_a_large_line_that_is_no_title_is_text(text):
    assert levels([line(text, 100, size=14)]) == {}


def test_four_large_lines_are_a_paragraph():
    assert levels([line(f"large line {number}", 100 + 16 * number, size=14) for number in range(4)]) == {}


def test_a_page_of_large_lines_has_no_headings():
    assert levels([line(f"item {number}", 100 + 40 * number, size=14) for number in range(12)]) == {}


def test_bold_lines_with_a_number_or_room_above_are_headings():
    lines = [line("text of the page goes on here", 100 + 12 * number) for number in range(4)]
    lines += [line("2.1 Scope", 148, bold=True), line("text after it", 160), line("more text", 172)]
    lines += [line("Cleaning", 204, bold=True), line("text again", 216), line("Note", 228, bold=True)]

    assert levels(lines) == {"2.1 Scope": 5, "Cleaning": 6}


def test_a_line_end_inside_a_sentence_does_not_cut_the_paragraph():
    lines = [line("For questions call the phone at the hospital of Qianfoshan", 100), line("6612 or write", 112)]

    assert groups(lines) == [[one.text for one in lines]]


def test_a_gap_a_bullet_an_indent_and_another_size_begin_paragraphs():
    lines = [
        line("First line of a paragraph that is long", 100),
        line("and goes on until here, where it ends ends.", 112),
        line("  An indented line begins the next one here", 124, left=96),
        line("and goes on.", 136),
        line("After a gap there is another one, as long", 166),
        line("1. A step that is to be done by the user", 178),
        line("2. Another step that comes after it all", 190),
        line("a remark set small below it", 202, size=7),
    ]

    assert [group[0] for group in groups(lines)] == [lines[index].text for index in (0, 2, 4, 5, 6, 7)]


def test_a_decimal_number_at_the_head_of_a_line_is_no_item():
    lines = [line("The dose for an adult is not more than", 100), line("12.5 mg a day, in two portions", 112)]

    assert len(groups(lines)) == 1


def test_a_paragraph_goes_on_in_the_next_column_unless_it_ended():
    going_on = [line("the sentence is not yet at its", 700), line("end when the column is", 60, left=320)]
    ended = [line("the sentence is now at its end.", 700), line("Another one begins here", 60, left=320)]

    assert len(groups(going_on)) == 1
    assert len(groups(ended)) == 2


def test_two_columns_are_read_one_after_the_other():
    left, right = [f"left column line {number}" for number in range(8)], [f"right {number}" for number in range(8)]
    blocks, _ = read(pdf_of(together(text_at(left), text_at(right, left=320))))

    text = "\n".join(block.text for block in blocks)

    assert text.index("left column line 7") < text.index("right 0")


def test_a_title_of_the_outline_over_two_lines_is_one_heading():
    def draw(canvas):
        for number, title in enumerate(["Cleaning the brewing unit after use", "Other", "More", "Last"]):
            canvas.bookmarkPage(title)
            canvas.addOutlineEntry(title, title, 0)
            text_at(["Cleaning the brewing", "unit after use"] if not number else [title], top=60 + 60 * number)(canvas)
            text_at(["This is what the chapter says about it."], top=90 + 60 * number)(canvas)

    blocks, _ = read(pdf_of(draw))

    assert [(block.text, block.level) for block in blocks if block.kind == "heading"] == [
        ("Cleaning the brewing unit after use", 1),
        ("Other", 1),
        ("More", 1),
        ("Last", 1),
    ]


def test_a_line_drawn_twice_to_look_bold_is_said_once():
    def draw(canvas):
        for shift in (0, 0.4):
            canvas.drawString(72 + shift, HEIGHT - 60, "安全须知")
        text_at([SENTENCE], top=100)(canvas)

    blocks, _ = read(pdf_of(draw))

    assert [block.text for block in blocks] == ["安全须知", SENTENCE]
