import pytest

from app.reading.block import Block, TextBox
from app.reading.contract import Reading, clean_title, cut_long, markdown_table, stands_in, tidy


def test_controls_and_what_nobody_sees_go_and_all_other_characters_stay():
    (block,) = tidy(Block("paragraph", "\x00年\x07假\ud800\t十\r\n天\u200b\u202e\U000e0041，⼀ نمی\u200cخواهم"))

    assert block.text == "年假\t十\n天，⼀ نمی\u200cخواهم"


def test_boxes_stay_with_their_words_where_characters_are_left_out_and_a_text_is_cut():
    text = "\n\x00年假\r\n" + "字" * 20_000 + "终\u200b点"
    boxes = (TextBox(2, 4, 0.1, 0.1, 0.2, 0.2), TextBox(20_006, 20_009, 0.3, 0.3, 0.4, 0.4))

    first, *_, last = tidy(Block("table", text, 1, boxes=boxes))

    assert [first.text[box.start : box.end] for box in first.boxes] == ["年假"]
    assert [last.text[box.start : box.end] for box in last.boxes] == ["终点"]


def test_a_block_of_white_space_is_none():
    assert list(tidy(Block("paragraph", " \n\t\u3000"))) == []


def test_a_long_text_is_cut_without_losing_a_character():
    text = "这是一句话。" * 9_999

    stretches = list(cut_long(text))

    assert "".join(stretches) == text
    assert all(len(stretch) <= 20_000 and stretch.endswith("。") for stretch in stretches)


def test_a_title_that_is_only_a_file_name_is_none():
    assert [clean_title(title) for title in ("Microsoft Word - plan.docx", "untitled", "0001-23", "年度 报告")] == [
        "",
        "",
        "",
        "年度 报告",
    ]


def test_runs_of_pages_share_one_note():
    reading = Reading(max_pages=9, page_notes={3: "scan", 1: "scan", 2: "scan", 7: "scan"})

    assert reading.all_notes() == ["pages 1-3: scan", "page 7: scan"]


def test_a_table_loses_empty_rows_and_columns_and_keeps_bars():
    assert markdown_table([["a", "", "b|c"], ["", "", ""], ["d"]]) == "| a | b\\|c |\n| --- | --- |\n| d |  |"


@pytest.mark.parametrize(
    ("title", "stands"),
    [
        ("User Manual WMF 1500 S", True),
        ("UG", False),  # inside another word it does not stand
        ("临床试验 知情同意书 模板", False),
        ("The DatasheetArchive - Datasheet Search Engine", False),
        ("静脉输液泵操作规程", True),
    ],
)
def test_a_title_of_the_metadata_stands_in_the_opening(title, stands):
    opening = "User Manual WMF 1500 S\nRead this through before use.\n静脉输液泵操作规程 第一版\n"

    assert stands_in(title, opening) is stands
