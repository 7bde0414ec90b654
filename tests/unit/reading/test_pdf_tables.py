"""Ruled tables of PDFs as Markdown, with the places of their words."""

import pytest

from tests.unit.reading.pdf_files import (
    CHINESE,
    HEIGHT,
    WIDTH,
    boxes,
    lines,
    pdf_of,
    read,
    ruled,
    text_at,
    thin_boxes,
    together,
)

ROWS = [["项目", "结果", "单位"], ["白细胞", "12.6", "10^9/L"], ["红细胞", "4.1", "10^12/L"]]
MARKDOWN = "| 项目 | 结果 | 单位 |\n| --- | --- | --- |\n| 白细胞 | 12.6 | 10^9/L |\n| 红细胞 | 4.1 | 10^12/L |"


def tables(content):
    return [block.text for block in read(content)[0] if block.kind == "table"]


@pytest.mark.parametrize("rule", [lines, thin_boxes, boxes])
def test_a_ruled_table_stands_among_the_text_in_its_place(rule):
    page = together(text_at(["检验报告如下。"]), ruled(ROWS, draw_lines=rule), text_at(["以上结果仅供参考。"], top=200))

    blocks, _ = read(pdf_of(page))

    assert [(block.kind, block.text) for block in blocks] == [
        ("paragraph", "检验报告如下。"),
        ("table", MARKDOWN),
        ("paragraph", "以上结果仅供参考。"),
    ]


def test_the_lines_of_a_cell_stay_in_it_though_the_page_writes_row_by_row():
    def draw(canvas):
        ruled([["Error", "Meaning", "What to do"], [None, None, None]], height=50)(canvas)
        canvas.setFont(CHINESE, 8)
        for row, across in enumerate([("163", "Flow error:", "Switch off"), ("", "warm rinsing", "and on again")]):
            for column, words in enumerate(across):
                canvas.drawString(75 + 120 * column, HEIGHT - 165 - 10 * row, words)

    (table,) = tables(pdf_of(draw))

    assert table.splitlines()[-1] == "| 163 | Flow error: warm rinsing | Switch off and on again |"


def test_lines_of_chinese_are_joined_without_a_space():
    (table,) = tables(pdf_of(ruled([["名称", "说明", "备注"], ["阀门", "用于控制\n蒸汽压力", "A-1\nB"]], height=25)))

    assert table.splitlines()[-1] == "| 阀门 | 用于控制蒸汽压力 | A-1 B |"


def test_a_cell_merged_downwards_is_said_in_each_row_and_one_merged_across_once():
    def rule(canvas, edges, levels, bottom):
        canvas.rect(edges[0], bottom, edges[-1] - edges[0], levels[0] - bottom)
        canvas.line(edges[1], levels[1], edges[1], bottom)
        canvas.line(edges[2], levels[0], edges[2], bottom)
        canvas.line(edges[0], levels[1], edges[-1], levels[1])
        canvas.line(edges[1], levels[2], edges[-1], levels[2])

    rows = [["部门和人员", None, "电话"], ["研发部", "甲", "1"], [None, "乙", "2"]]
    (table,) = tables(pdf_of(ruled(rows, draw_lines=rule)))

    assert table.splitlines() == [
        "| 部门和人员 |  | 电话 |",
        "| --- | --- | --- |",
        "| 研发部 | 甲 | 1 |",
        "| 研发部 | 乙 | 2 |",
    ]


def test_a_frame_around_the_page_and_a_box_around_a_paragraph_are_no_tables():
    def draw(canvas):
        canvas.rect(30, 30, WIDTH - 60, HEIGHT - 60)
        canvas.rect(60, HEIGHT - 130, 400, 90)
        canvas.line(30, HEIGHT - 140, WIDTH - 30, HEIGHT - 140)
        text_at(["注意：设备运行时请勿打开盖板。", "否则可能造成人身伤害。"])(canvas)
        text_at(["下面是正文。"], top=160)(canvas)

    assert tables(pdf_of(draw)) == []


def test_a_chart_with_grid_lines_is_no_table():
    def draw(canvas):
        lines(canvas, list(range(100, 401, 20)), list(range(500, 299, -20)), 300)
        canvas.setFont(CHINESE, 7)
        for number in range(5):
            canvas.drawString(102 + 60 * number, 310 + 40 * number, f"{number}%")

    blocks, _ = read(pdf_of(draw))

    assert [block.kind for block in blocks if block.kind == "table"] == []
    assert {line for block in blocks for line in block.text.split()} == {"0%", "1%", "2%", "3%", "4%"}


def test_lines_that_run_through_words_make_no_table():
    def draw(canvas):
        text_at(["The quick brown fox jumps over the lazy dog and runs away."] * 6, size=12)(canvas)
        for x in (72, 143, 211, 300):
            canvas.line(x, HEIGHT - 40, x, HEIGHT - 140)
        for y in (40, 78, 110, 140):
            canvas.line(72, HEIGHT - y, 300, HEIGHT - y)

    blocks, _ = read(pdf_of(draw))

    assert [block.kind for block in blocks] == ["paragraph"]


def test_columns_of_numbers_between_two_lines_are_rows():
    rows = [["Assets", "2023", "2022"], ["Cash\nStocks\nOther", "12\n(3)\n1,004", "11\n7\n-"], ["Total", "1,013", "18"]]
    (table,) = tables(pdf_of(ruled(rows, height=32)))

    assert table.splitlines()[2:] == [
        "| Cash | 12 | 11 |",
        "| Stocks | (3) | 7 |",
        "| Other | 1,004 | - |",
        "| Total | 1,013 | 18 |",
    ]


def test_a_table_over_pages_keeps_its_header():
    header = together(ruled([["编号", "名称", "数量"], ["1", "螺栓", "20"]], top=700))
    rest = ruled([["2", "螺母", "40"], ["3", "垫圈", "60"]], top=60)

    first, second = tables(pdf_of(header, rest))

    assert first.splitlines()[0] == second.splitlines()[0] == "| 编号 | 名称 | 数量 |"
    assert second.splitlines()[2:] == ["| 2 | 螺母 | 40 |", "| 3 | 垫圈 | 60 |"]


def test_a_header_that_the_next_page_says_again_is_said_once():
    one = ruled([["编号", "名称", "数量"], ["1", "螺栓", "20"]], top=700)
    two = ruled([["编号", "名称", "数量"], ["2", "螺母", "40"]], top=60)

    _, second = tables(pdf_of(one, two))

    assert second.splitlines()[2:] == ["| 2 | 螺母 | 40 |"]


def test_a_table_after_text_on_the_next_page_is_another_one():
    one = ruled([["编号", "名称", "数量"], ["1", "螺栓", "20"]], top=700)
    two = together(text_at(["另一张表格。"]), ruled([["2", "螺母", "40"], ["3", "垫圈", "60"]]))

    _, second = tables(pdf_of(one, two))

    assert second.splitlines()[0] == "| 2 | 螺母 | 40 |"


@pytest.mark.parametrize("page_turn", [0, 90, 180, 270])
@pytest.mark.parametrize("text_turn", [0, 90])
def test_the_boxes_of_a_table_lie_on_its_words_as_the_page_is_seen(page_turn, text_turn):
    width, height = (WIDTH, HEIGHT) if page_turn % 180 == 0 else (HEIGHT, WIDTH)  # before the page is turned

    def draw(canvas):
        canvas.setPageRotation(page_turn)
        if text_turn:
            canvas.translate(width, 0)
            canvas.rotate(90)
        canvas.translate(0, (width if text_turn else height) - HEIGHT)
        ruled([["项目", "a|b", "c"], ["1", "x\ny", "3"]], height=25)(canvas)

    (table,) = [block for block in read(pdf_of(draw))[0] if block.kind == "table"]
    centres = {
        table.text[box.start : box.end]: ((box.left + box.right) / 2, (box.top + box.bottom) / 2) for box in table.boxes
    }

    assert list(centres) == ["项目", "a\\|b", "c", "1", "x", "y", "3"]
    along, below = 72 + 120 + 3 + 2, 100 + 25 + 9 + 9 - 3  # of "y", in points from where its text begins
    x, y = (below / width, 1 - along / height) if text_turn else (along / width, below / height)
    expected = {0: (x, y), 90: (1 - y, x), 180: (1 - x, 1 - y), 270: (y, 1 - x)}[page_turn]
    assert centres["y"] == pytest.approx(expected, abs=0.01)


def test_a_table_within_a_frame_is_found_and_the_frame_is_layout():
    def draw(canvas):
        lines(canvas, [40, 300, 550], [HEIGHT - 30, HEIGHT - 50, 40], 40)
        ruled(ROWS, top=100, widths=(60, 60, 60))(canvas)
        text_at(["质量手册"], top=44, left=50)(canvas)
        text_at(["版本 2"], top=44, left=310)(canvas)

    assert tables(pdf_of(draw)) == [MARKDOWN]


def test_words_drawn_twice_to_look_bold_are_said_once():
    def draw(canvas):
        ruled(ROWS)(canvas)
        canvas.setFont(CHINESE, 8)
        for column, words in enumerate(ROWS[0]):
            canvas.drawString(75 + 120 * column + 0.3, HEIGHT - 109, words)

    assert tables(pdf_of(draw)) == [MARKDOWN]


def test_thousands_of_lines_are_a_figure_and_cost_little():
    def draw(canvas):
        for number in range(6_000):
            canvas.line(number % 500, number / 10, number % 500, number / 10 + 40)
            canvas.line(number % 500, number / 10, number % 500 + 40, number / 10)
        text_at(["图 1"])(canvas)

    blocks, _ = read(pdf_of(draw))

    assert [block.text for block in blocks] == ["图 1"]
