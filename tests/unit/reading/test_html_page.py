"""What is read of a page: its headings, lists and tables, in whatever encoding."""

import pytest

from app.reading import html
from app.reading.contract import Reading, tidy


def read(page):
    reading = Reading(max_pages=100)
    content = page if isinstance(page, bytes) else page.encode()
    return [block for whole in html.read(content, reading) for block in tidy(whole)], reading


def shapes(page):
    return [(block.kind, block.text) for block in read(page)[0]]


PAGE = """<html><head><title>请假</title><style>p{}</style></head><body>
<nav><a href=a>首页</a></nav><div class="sidebar">热门文章</div><h1>请假制度</h1>
<p>每年<b>十天</b>。<br>另有病假。</p><ul><li>甲<ul><li>乙</li></ul></li><li>丙</li></ul><ol><li>一</li><li>二</li></ol>
<table><tr><th>项目</th><th>天数</th></tr><tr><td>年假</td><td>10</td></tr></table>
<script>alert(1)</script><pre>a
  b</pre><p hidden>看不见</p><footer>版权</footer></body></html>"""


def test_a_page_gives_its_content_and_its_frame_as_margins():
    blocks, reading = read(PAGE)

    assert [(block.kind, block.text) for block in blocks] == [
        ("margin", "首页"),
        ("margin", "热门文章"),
        ("heading", "请假制度"),
        ("paragraph", "每年十天。\n另有病假。"),
        ("list", "- 甲\n  - 乙\n- 丙"),
        ("list", "1. 一\n2. 二"),
        ("table", "| 项目 | 天数 |\n| --- | --- |\n| 年假 | 10 |"),
        ("paragraph", "a\n  b"),
        ("margin", "版权"),
    ]
    assert reading.title == "请假"
    assert reading.notes == ["1 hidden pieces of text were left out"]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("gb18030", "gb2312"),
        ("gb18030", "utf-8"),
        ("utf-16", "iso-8859-1"),
        ("utf-16-le", "gb2312"),
        ("utf-16-be", "utf-16"),
        ("utf-8-sig", "iso-8859-1"),
        ("utf-8", "utf-16"),
        ("utf-8", "no-such-encoding"),
    ],
)
def test_a_page_is_decoded_by_its_bytes_even_if_it_declares_something_else(encoding, declared):
    page = PAGE.replace("<head>", f"<head><meta charset={declared}>")

    assert ("heading", "请假制度") in shapes(page.encode(encoding))


@pytest.mark.parametrize(
    "declaration",
    [
        "<meta charset=shift_jis>",
        '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=Shift_JIS">',
        "<meta content='text/html;charset = x-sjis' http-equiv=content-type>",
        '<?xml version="1.0" encoding="Shift_JIS"?>',
    ],
)
def test_a_declaration_is_found_however_it_is_written(declaration):
    page = f"{declaration}<p>これは日本語の文書です。"

    assert shapes(page.encode("cp932")) == [("paragraph", "これは日本語の文書です。")]


def test_entities_are_characters_and_signs_of_other_uses_stay():
    assert shapes("<p>5&nbsp;&lt; 6 &amp;amp; &#24180;&#x5047; &copy; a &b") == [
        ("paragraph", "5\u00a0< 6 &amp; 年假 © a &b")
    ]


def test_a_list_keeps_its_levels_its_numbers_and_the_code_in_its_steps():
    page = "<ol><li>停机<pre>stop\n  now</pre>再等<li><p>断电</p><p>挂牌</p><ul><li>红牌</ul></ol>"

    assert shapes(page) == [("list", "1. 停机\nstop\n  now 再等\n2. 断电 挂牌\n  - 红牌")]


def test_a_definition_list_gives_each_term_with_its_meaning():
    page = "<dl><dt>年假<dd>十天<dd>可分次<dt>病假：<dd>须附证明<dt>无</dl>"

    assert shapes(page) == [("list", "- 年假: 十天: 可分次\n- 病假： 须附证明\n- 无")]


def test_headings_in_lists_and_behind_buttons_are_headings():
    page = (
        "<ul><li>a<h3><button>如何请假？</button></h3><p>填表。</ul><details><summary>更多<p>细节</details><button>提交"
    )

    assert shapes(page) == [
        ("list", "- a"),
        ("heading", "如何请假？"),
        ("list", "- 填表。"),
        ("paragraph", "更多"),
        ("paragraph", "细节"),
    ]


def test_code_whose_lines_are_elements_is_one_block():
    assert shapes("<pre><div>if a:</div><div>  b</div><code><span>c</span></code></pre>") == [
        ("paragraph", "if a:\n  b\nc")
    ]


def test_a_formula_is_what_its_author_wrote():
    page = '<p>面积<math alttext="r^2"><mi>r</mi><mn>2</mn></math>与<math><semantics><mi>x</mi>'
    page += "<annotation>\\frac x</annotation></semantics></math>"

    assert shapes(page) == [("paragraph", "面积 r^2 与 \\frac x")]


def rows(page):
    ((kind, text),) = shapes(page)
    assert kind == "table"
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in text.splitlines() if "---" not in line]


def test_a_cell_that_spans_rows_is_said_in_each():
    page = "<table><tr><th>部门<th>人<tr><td rowspan=2>研发<td>甲<tr><td>乙<tr><td>销售<td>丙</table>"

    assert rows(page) == [["部门", "人"], ["研发", "甲"], ["研发", "乙"], ["销售", "丙"]]


def test_head_rows_are_joined_column_by_column():
    head = "<tr><th rowspan=2>项目<th colspan=2>产量<tr><th>计划<th>实际"
    body = "<tr><td>泵<td>1<td>2<tr><td colspan=2>合计<td>2"

    expected = [["项目", "产量 计划", "产量 实际"], ["泵", "1", "2"], ["合计", "", "2"]]
    assert rows(f"<table>{head}{body}</table>") == expected
    assert rows(f"<table>{head}{body}</table>".replace("th", "td")) == expected
    assert (
        rows(f"<table><thead>{head}</thead><tbody>{body}</table>".replace("<th", "<td")[:-6] + "</table>") == expected
    )


def test_a_caption_and_a_first_row_as_wide_as_the_table_stand_before_it():
    table = "<tr><td colspan=2>2024 年<tr><td>项目<td>值<tr><td>电压<td>380 V"

    assert shapes(f"<table><caption>表一</caption>{table}</table>") == [
        ("paragraph", "表一"),
        ("paragraph", "2024 年"),
        ("table", "| 项目 | 值 |\n| --- | --- |\n| 电压 | 380 V |"),
    ]


@pytest.mark.parametrize("span", ["0", "-1", "abc", "", "٣", "9" * 400])
def test_a_span_that_is_no_number_of_cells_does_no_harm(span):
    assert "| b |" in shapes(f"<table><tr><td colspan='{span}'>a<td>b<tr><td rowspan='{span}'>c<td>b</table>")[-1][1]


def test_a_table_that_holds_tables_headings_or_a_role_is_layout():
    inner = "<table><tr><td>a<td>b<tr><td>1<td>2</table>"

    assert shapes(f"<table><tr><td>left<td>{inner}</table>") == [
        ("paragraph", "left"),
        ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ]
    assert shapes("<table><tr><td>left<td><h2>标题</h2><p>正文</table>") == [
        ("paragraph", "left"),
        ("heading", "标题"),
        ("paragraph", "正文"),
    ]
    assert shapes("<table role=presentation><tr><td>a<td>b</table>") == [("paragraph", "a"), ("paragraph", "b")]


N = 100_000


@pytest.mark.parametrize(
    ("page", "last"),
    [
        (b"<span>" * N + b"deep", "deep"),
        (b"<div>" * N + b"deep" + b"</div>" * N + b"<p>after", "after"),
        (b"<blockquote>" * N + b"deep", "deep"),
        (b"<div class=menu>" * N + b"<h1>a</h1><p>deep", "deep"),
        (b"<div aria-hidden=true>" * N + b"long " * 100, ("long " * 100).strip()),
        (b"<table><tr><td>" * 20_000 + b"deep", "deep"),
    ],
)
def test_a_hundred_thousand_nested_elements_are_walked(page, last):
    assert shapes(page)[-1][1].endswith(last)


def test_lists_in_lists_without_end_are_not_indented_without_end():
    assert sum(len(text) for _, text in shapes(b"<ul><li>a" * 20_000)) < 1_000_000


@pytest.mark.parametrize(
    "table",
    [
        b"<tr><td colspan=1000>a<td>b" * 5_000,
        b"<tr>" + b"<td rowspan=60000>a" * 1_000 + b"<tr><td>x" * 5_000,
        b"<tr>" + b"<td>a" * N + b"<tr><td>b" * 5_000,
    ],
)
def test_a_table_whose_cells_span_everything_is_bounded(table):
    assert sum(len(text) for _, text in shapes(b"<table>" + table)) < 10_000_000
