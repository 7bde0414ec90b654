"""CSV files as people have them; nothing of them is lost."""

import csv
import io

import pytest

from app.errors import DocumentRefused
from app.reading.contract import Reading
from app.reading.csv_table import MAX_LINE_CHARS, MAX_RECORD_LINES, read


def blocks_of(content, extension="csv"):
    if isinstance(content, str):
        content = content.encode()
    return [(block.kind, block.text) for block in read(content, Reading(max_pages=1, extension=extension))]


def table(*lines):
    width = lines[0].count("|") - 1
    return ("table", "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]]))


STOCK = table("| 物品 | 数量 |", "| 手套 | 1200 |", "| 口罩 | 3,5 |")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encoding_delimiter_and_line_ends_are_found(encoding, delimiter, line_end):
    lines = [delimiter.join(cells) for cells in (("物品", "数量"), ("手套", "1200"), ("口罩", "3,5"))]

    assert blocks_of(line_end.join(lines).encode(encoding)) == [STOCK]


def test_commas_are_the_delimiter_where_semicolons_stand_in_the_cells():
    content = "name,tags\nann,red;blue\nbob,red;green\ncid,blue;green\ndan,x;y\neva,y;z\nfay,q;r\n"

    assert blocks_of(content)[0][1].startswith("| name | tags |\n| --- | --- |\n| ann | red;blue |")


def test_the_delimiter_that_excel_declares_is_taken_and_not_shown():
    assert blocks_of("sep=;\n物品;数量\n手套;1200\n口罩;3,5") == [STOCK]


def test_quoted_cells_keep_delimiters_quotes_and_line_ends_together():
    content = 'item,note\ngloves,"blue, ""latex""\nfree"\nmasks, "two, layers"\n'

    assert blocks_of(content) == [
        table("| item | note |", '| gloves | blue, "latex" free |', "| masks | two, layers |")
    ]


def test_a_formula_stays_text():
    assert blocks_of("a,b\nx,=1+1\ny,@SUM(A1)\n") == [table("| a | b |", "| x | =1+1 |", "| y | @SUM(A1) |")]


def test_ragged_rows_keep_every_cell():
    content = "name,ward\nann,1\nbob\ncid,3,late,again\ndan,4\n"

    assert blocks_of(content) == [
        table(
            "| name | ward |  |  |",
            "| ann | 1 |  |  |",
            "| bob |  |  |  |",
            "| cid | 3 | late | again |",
            "| dan | 4 |  |  |",
        )
    ]


def test_a_row_that_runs_beyond_its_table_far_below_keeps_every_cell():
    rows = [f"ann,{number}" for number in range(100)]

    assert blocks_of("\n".join(["name,ward", *rows, "cid,3,late,again", "dan,4"]))[1:] == [
        ("paragraph", "name: cid\nward: 3\nlate\nagain"),
        table("| name | ward |", "| dan | 4 |"),
    ]


def test_without_headings_no_row_is_made_one():
    assert blocks_of("1,2.5,2024-01-01\n2,3.5,2024-01-02\n") == [("list", "1; 2.5; 2024-01-01\n2; 3.5; 2024-01-02")]


def test_a_title_above_the_headings_is_a_paragraph():
    assert blocks_of("Stanley Cups,,\nTeam,Location,Cups\nBlues,STL,1\nFlyers,PHI,2\n") == [
        ("paragraph", "Stanley Cups"),
        table("| Team | Location | Cups |", "| Blues | STL | 1 |", "| Flyers | PHI | 2 |"),
    ]


def test_a_column_of_paragraphs_becomes_records_that_can_be_read():
    answer = "高血压患者首先要注意控制食盐摄入量，每天不超过六克。" * 12
    content = f"科室,问题,回答\n内科,高血压怎么办？,{answer}\n外科,伤口怎么处理？,保持干燥。\n"

    assert blocks_of(content) == [
        ("paragraph", f"科室: 内科\n问题: 高血压怎么办？\n回答: {answer}"),
        ("paragraph", "科室: 外科; 问题: 伤口怎么处理？; 回答: 保持干燥。"),
    ]


def test_many_columns_become_records_each_with_its_headings():
    names = [f"measure {number}" for number in range(12)]
    rows = [[str(number * row) for number in range(12)] for row in (1, 2)]
    kind, text = blocks_of("\n".join(",".join(row) for row in [names, *rows]))[0]

    assert kind == "list"
    assert text.split("\n")[1].startswith("measure 0: 0; measure 1: 2; measure 2: 4")


def test_headings_of_columns_that_are_empty_are_not_lost():
    text = "long enough to be a record of its own and not a row of a table " * 5

    assert blocks_of(f"item,remark,comment\na,{text.strip()},\nb,{text.strip()},\n")[0] == ("paragraph", "comment")


def test_a_text_without_a_delimiter_is_not_torn_at_its_commas():
    lines = ["Wash your hands, first.", "Then dry them.", "Put on gloves, then the mask, then the gown."]

    assert blocks_of("\n".join(lines)) == [("list", "\n".join(lines))]


def test_a_quote_that_is_never_closed_costs_no_row():
    rows = [f"item {number},{number}" for number in range(3 * MAX_RECORD_LINES)]
    rows[5] = '"item 5,5'
    text = "\n".join(text for _, text in blocks_of("name,count\n" + "\n".join(rows)))

    assert all(f"item {number} " in text for number in range(3 * MAX_RECORD_LINES))
    assert '| "item 5 | 5 |' in text


def test_quotes_left_open_again_and_again_take_no_more_than_linear_time():
    # Each is closed only by the next one, further off than a record may reach.
    rows = [
        '"open,1' if number % (MAX_RECORD_LINES + 1) == 0 else f"item {number},{number}" for number in range(50_000)
    ]

    text = "\n".join(text for _, text in blocks_of("name,count\n" + "\n".join(rows)))

    assert text.count("| item ") + text.count('| "open') == 50_000


def test_a_line_beyond_measure_is_given_in_stretches():
    found = blocks_of("a," * MAX_LINE_CHARS)

    assert sum(text.count("a") for _, text in found) == MAX_LINE_CHARS
    assert max(len(text) for _, text in found) <= 21_000


def test_hundreds_of_thousands_of_columns_are_read():
    width = 300_000
    content = ",".join(["h"] * width) + "\n" + ",".join(["7"] * width)

    assert sum(text.count("7") for _, text in blocks_of(content)) == width


def test_a_long_table_repeats_its_header_in_every_block():
    rows = [[f"item {number}", str(number)] for number in range(5_000)]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["name", "count"], *rows])
    found = blocks_of(buffer.getvalue())

    assert len(found) > 5
    assert all(text.startswith("| name | count |\n| --- | --- |\n") for _, text in found)
    assert max(len(text) for _, text in found) < 20_000
    assert sum(text.count("\n| item") for _, text in found) == 5_000


@pytest.mark.parametrize("line_end", ["\n\n", "\r\r\n"])
def test_a_file_with_every_line_ended_twice_is_one_table(line_end):
    rows = ["物品;数量", "手套;1200", "口罩;3,5"]

    assert blocks_of(line_end.join(rows)) == [STOCK]


def test_rows_that_are_all_the_same_are_given_all():
    assert blocks_of("x,y\n" * 100) == [("list", "\n".join(["x; y"] * 100))]


def test_headings_that_an_export_repeats_are_said_once():
    assert blocks_of("物品;数量\n手套;1200\n物品;数量\n口罩;3,5") == [STOCK]


def test_nothing_but_delimiters_and_white_space_gives_nothing():
    assert blocks_of(",,,\n , \n\n") == []


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DocumentRefused, match="binary data"):
        blocks_of(bytes(range(256)) * 40)
