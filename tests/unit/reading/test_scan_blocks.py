"""The lines that were seen on a picture, put in order: columns, rows with their cells, paragraphs; places kept."""

import math

import pytest

from app.reading.pdf_place import Box
from app.reading.scan_blocks import ScanBlocks, Written
from app.reading.scan_order import level, slope_of

WIDTH, HEIGHT = 1_000, 1_400
SIZE = 20


def line(text, x, y, size=SIZE, lean=0.0):
    """A line whose characters are as wide as high, its upper left corner at x, y; it leans about the page's corner."""
    cosine, sine = math.cos(lean), math.sin(lean)
    right, bottom = x + size * len(text), y + size
    corners = [(x, y), (right, y), (right, bottom), (x, bottom)]
    turned = [((a * cosine - b * sine) / WIDTH, (a * sine + b * cosine) / HEIGHT) for a, b in corners]
    xs, ys = zip(*turned, strict=True)
    return Written(text, tuple(turned), Box(min(xs), min(ys), max(xs), max(ys)), size / WIDTH)


def blocks_of(*lines, pages=1):
    return list(ScanBlocks(pages).of(1, lines, HEIGHT / WIDTH))


def column(x, y, texts, step=30):
    return [line(text, x, y + step * number) for number, text in enumerate(texts)]


LEFT = [
    "左栏第一行写满了这一栏的宽度并且",
    "继续写到左栏的第二行仍然没有写完",
    "左栏第三行也是同样的长度和内容一",
    "左栏第四行在这里结束了这一段文字",
]
RIGHT = [
    "右栏第一行在左栏之后才可以读到的",
    "右栏第二行的长度与左栏完全是一样",
    "右栏第三行也是同样的长度和内容一",
    "右栏第四行在这里结束了这一段文字",
]


@pytest.mark.parametrize("lean", [0.0, 0.02, -0.02])
def test_columns_are_read_one_after_the_other_under_a_title_that_goes_across_however_the_page_leans(lean):
    title = line("横跨两栏的标题写在最上面的位置", 200, 100, size=36, lean=lean)
    lines = [line(one.text, round(one.corners[0][0] * WIDTH), round(one.corners[0][1] * HEIGHT), lean=lean)
             for pair in zip(column(100, 200, LEFT), column(560, 200, RIGHT), strict=True) for one in pair]  # fmt: skip
    heading, *texts = blocks_of(title, *lines)

    assert (heading.kind, heading.text) == ("heading", title.text)
    assert "\n".join(block.text for block in texts) == "\n".join(LEFT + RIGHT)


@pytest.mark.parametrize("lean", [0.0, 0.02])
def test_the_cells_of_a_row_stay_together_in_a_table(lean):
    rows = [("项目", "结果", "单位"), ("WBC", "12.6", "10^9/L"), ("PLT", "210", "10^9/L")]
    lines = [
        line(cell, 100 + 300 * at, 200 + 40 * number, lean=lean)
        for number, row in enumerate(rows)
        for at, cell in enumerate(row)
    ]
    (table,) = blocks_of(*lines)

    assert table.kind == "table"
    assert table.text.splitlines()[2] == "| WBC | 12.6 | 10^9/L |"
    assert [table.text[box.start : box.end] for box in table.boxes] == [cell for row in rows for cell in row]


def test_an_empty_cell_leaves_its_column_empty_and_a_cell_of_two_lines_is_one():
    lines = [
        *(line(cell, 100 + 300 * at, 200) for at, cell in enumerate(("名称", "用途", "备注"))),
        line("滤芯", 100, 240), line("每二百五十小时", 400, 240), line("无", 700, 240),
        line("更换一次", 400, 264),
        line("皮带", 100, 310), line("必要时", 700, 310),
    ]  # fmt: skip
    (table,) = blocks_of(*lines)

    assert table.text.splitlines()[2:] == ["| 滤芯 | 每二百五十小时更换一次 | 无 |", "| 皮带 |  | 必要时 |"]


def test_the_fields_of_a_form_above_a_table_are_no_row_of_it():
    form = [line("姓名：张三", 100, 100), line("性别：男", 380, 100), line("年龄：45", 620, 100)]
    rows = [("项目", "结果", "单位", "参考"), ("WBC", "12.6", "G/L", "3-9")]
    cells = [line(cell, 100 + 220 * at, 150 + 40 * n) for n, row in enumerate(rows) for at, cell in enumerate(row)]
    first, table = blocks_of(*form, *cells)

    assert (first.kind, first.text) == ("paragraph", "姓名：张三  性别：男  年龄：45")
    assert table.text.splitlines()[0] == "| 项目 | 结果 | 单位 | 参考 |"


def test_lines_become_paragraphs_and_each_word_keeps_its_place():
    texts = ["这是第一段的第一行写满了整行的宽度", "这是第一段的最后一行。", "第二段离得更远一些写在下面的位置"]
    lines = [line(texts[0], 100, 200), line(texts[1], 100, 230), line(texts[2], 100, 330)]
    first, second = blocks_of(*lines)

    assert (first.text, second.text) == ("\n".join(texts[:2]), texts[2])
    assert [first.text[box.start : box.end] for box in first.boxes] == texts[:2]
    assert first.boxes[1].top == pytest.approx(230 / HEIGHT)
    assert first.boxes[1].right == pytest.approx((100 + SIZE * len(texts[1])) / WIDTH)


def test_notes_that_fill_most_of_a_page_do_not_make_its_text_a_heading():
    text = column(100, 100, ["正文的字比脚注的字要大一些而且在上面", "正文的第二行也是这样的大小而且在上面"])
    notes = [line("脚注的字比较小一些但是写满了页面的大部分地方", 100, 600 + 24 * n, size=16) for n in range(4)]

    assert {block.kind for block in blocks_of(*text, *notes)} == {"paragraph"}


def test_a_line_that_comes_back_on_every_page_is_a_margin():
    blocks = ScanBlocks(6)
    kinds = []
    for page in range(1, 7):
        header = line("设备维护手册", 100, 30)
        text = column(100, 500, [f"这一页写的是第{page}项工作的具体内容", "以及这项工作应当注意的所有事项"])
        kinds.append(next(blocks.of(page, [header, *text], HEIGHT / WIDTH)).kind)

    assert kinds[-1] == "margin"


def test_the_characters_of_a_word_that_is_set_wide_stay_together_and_what_stands_apart_does_not():
    (text,) = blocks_of(line("第一章 商", 100, 100), line("品", 220, 100), line("第13页", 700, 100))

    assert text.text == "第一章 商品  第13页"
    assert [text.text[box.start : box.end] for box in text.boxes] == ["第一章 商", "品", "第13页"]


def test_nothing_seen_is_nothing_said():
    assert blocks_of() == []


def test_short_and_steep_lines_do_not_tell_how_the_page_leans():
    corners = [(0.0, 0.0), (500.0, 400.0), (500.0, 420.0), (0.0, 20.0)]

    assert slope_of([corners]) == 0
    assert level([[(0, 0), (10, 0), (10, 20), (0, 20)]])[0].box == Box(0, 0, 10, 20)
