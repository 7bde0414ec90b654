"""Tables of Word documents: merged cells, headers, tables in tables."""

import time

from app.reading import docx
from app.reading.contract import Reading
from tests.unit.reading.office_files import p, table, word


def blocks(body):
    return [(block.kind, block.text) for block in docx.read(word(body), Reading(max_pages=1))]


def rows(body):
    return [line for _, text in blocks(body) for line in text.split("\n") if not line.startswith("| ---")]


def across(text, columns):
    return text, f'<w:gridSpan w:val="{columns}"/>'


def down(text, first):
    return text, '<w:vMerge w:val="restart"/>' if first else "<w:vMerge/>"


def test_a_header_of_two_levels_becomes_one_that_says_both():
    body = table(
        [down("药品", True), across("剂量", 2)],
        [down("", False), "成人", "儿童"],
        ["阿莫西林", "0.5 g", "0.25 g"],
    )

    assert rows(body) == ["| 药品 | 剂量 成人 | 剂量 儿童 |", "| 阿莫西林 | 0.5 g | 0.25 g |"]


def test_a_form_with_a_label_beside_several_lines_keeps_its_lines():
    body = table(
        [down("基本情况", True), "姓名", across("张三", 2)],
        [down("", False), "科室", across("急诊", 2)],
        [down("", False), "年龄", "40", "岁"],
    )

    assert rows(body) == [
        "| 基本情况 | 姓名 | 张三 |  |",
        "| 基本情况 | 科室 | 急诊 |  |",
        "| 基本情况 | 年龄 | 40 | 岁 |",
    ]


def test_marked_headers_are_joined_and_a_row_across_the_table_is_its_caption():
    body = table([across("表 1", 2)], ["a", "b"], ["mg", "ml"], ["1", "2"])
    body = body.replace("<w:tr>", "<w:tr><w:trPr><w:tblHeader/></w:trPr>", 3)

    assert blocks(body)[0] == ("paragraph", "表 1")
    assert rows(body)[1:] == ["| a mg | b ml |", "| 1 | 2 |"]


def test_what_is_merged_downwards_stands_in_each_row_and_hidden_leftovers_do_not():
    body = table(["a", "b"], [down("x", True), "1"], [down("left over", False), "2"])

    assert rows(body) == ["| a | b |", "| x | 1 |", "| x | 2 |"]


def test_rows_that_begin_further_right_keep_their_columns():
    body = table(["a", "b"], ["1", "2"], ["3"])
    body = body[::-1].replace("<w:tr>"[::-1], '<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>'[::-1], 1)[::-1]

    assert rows(body) == ["| a | b |", "| 1 | 2 |", "|  | 3 |"]


def test_a_table_in_a_cell_follows_the_table_around_it():
    outer = table(["a", "b"], ["1", "2"]).replace(p("2"), p("2") + table(["x", "y"], ["8", "9"]))

    assert rows(outer) == ["| a | b |", "| 1 | 2 |", "| x | y |", "| 8 | 9 |"]


def test_a_table_that_only_frames_text_gives_the_text():
    framed = table(["a", "b"]).replace(p("b"), p("b") + table(["x", "y"], ["8", "9"]))

    assert blocks(table(["one"], ["two"])) == [("paragraph", "one"), ("paragraph", "two")]
    assert [kind for kind, _ in blocks(framed)] == ["paragraph", "paragraph", "table"]


def test_a_long_table_comes_in_blocks_that_each_have_the_header():
    found = blocks(table(["编号", "值"], *([str(number), "x" * 20] for number in range(2_000))))

    assert len(found) > 2
    assert all(text.startswith("| 编号 | 值 |\n| --- | --- |\n") and len(text) < 20_000 for _, text in found)
    assert sum(text.count("\n") - 1 for _, text in found) == 2_000


def test_cells_that_claim_a_million_columns_are_bounded():
    began = time.monotonic()

    found = rows(table(["a", "b"], *([across("x", 1_000_000), "y"] for _ in range(300))))

    assert found[:2] == ["| a | b |  |", "| x |  | y |"]
    assert time.monotonic() - began < 10
