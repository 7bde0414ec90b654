"""Presentations: slides as pages, reading order, lists, tables, charts, SmartArt, notes, and what is damaged."""

import io
import time

import pptx as python_pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from app.errors import DocumentRefused
from app.reading import pptx
from app.reading.contract import Reading
from app.reading.pptx_order import Box, reading_order
from tests.unit.reading.office_files import P_NAMESPACES, p, package, relations, shape, slide_part, slides, word


def read(content, *, max_pages=100):
    reading = Reading(max_pages=max_pages)
    return [(block.kind, block.text) for block in pptx.read(content, reading)], reading


def saved(presentation):
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def test_a_slide_is_a_page_with_its_title_first_and_its_margins_last():
    first = slide_part(
        shape("7", kind='type="sldNum"')
        + shape("below", at=(0, 900))
        + shape("above", at=(0, 200))
        + shape("年度报告", kind='type="ctrTitle"', at=(0, 500))
    )
    second = slide_part(shape("2026", kind='type="title"') + shape("机密", kind='type="ftr"'), 'show="0"')
    reading = Reading(max_pages=9)

    found = [(block.kind, block.text, block.page, block.level) for block in pptx.read(slides(first, second), reading)]

    assert found == [
        ("heading", "年度报告", 1, 1),
        ("paragraph", "above", 1, 0),
        ("paragraph", "below", 1, 0),
        ("margin", "7", 1, 0),
        ("heading", "2026", 2, 1),
        ("margin", "机密", 2, 0),
    ]
    assert reading.pages == 2
    assert reading.all_notes() == ["page 2: a hidden slide"]


def test_shapes_written_by_powerpoint_are_read_with_tables_charts_and_notes():
    presentation = python_pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "用量"
    slide.placeholders[1].text = "第一点\n第二点"
    slide.placeholders[1].text_frame.paragraphs[1].level = 1
    grid = slide.shapes.add_table(3, 3, Inches(1), Inches(5), Inches(6), Inches(1)).table
    for row, texts in enumerate([["药品", "剂量", ""], ["", "成人", "儿童"], ["甲", "2", "1"]]):
        for column, text in enumerate(texts):
            grid.cell(row, column).text = text
    grid.cell(0, 1).merge(grid.cell(0, 2))
    grid.cell(0, 0).merge(grid.cell(1, 0))
    data = CategoryChartData(number_format="0%")
    data.categories = ["一月", "二月"]
    data.add_series("住院", (0.25, 0.5))
    data.add_series("门诊", (0.125, None))
    chart = slide.shapes.add_chart(
        XL_CHART_TYPE.BAR_CLUSTERED, Inches(1), Inches(6.5), Inches(4), Inches(1), data
    ).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "比例"
    slide.notes_slide.notes_text_frame.text = "记得说明来源"

    blocks, reading = read(saved(presentation))

    assert blocks == [
        ("heading", "用量"),
        ("list", "- 第一点\n  - 第二点"),
        ("table", "| 药品 | 剂量 成人 | 剂量 儿童 |\n| --- | --- | --- |\n| 甲 | 2 | 1 |"),
        ("paragraph", "比例"),
        ("table", "|  | 住院 | 门诊 |\n| --- | --- | --- |\n| 一月 | 25% | 12.5% |\n| 二月 | 50% |  |"),
        ("heading", "备注"),
        ("paragraph", "记得说明来源"),
    ]
    assert reading.all_notes() == []


def test_a_placeholder_stands_where_its_layout_puts_it():
    presentation = python_pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[4])  # comparison: two heads over two bodies
    for place, text in zip(slide.placeholders, ["标题", "左", "左文", "右", "右文"], strict=False):
        place.text = text
    slide.shapes._spTree[:] = [*slide.shapes._spTree[:2], *reversed(slide.shapes._spTree[2:])]

    assert [text for _, text in read(saved(presentation))[0]] == ["标题", "左", "左文", "右", "右文"]


def test_bullets_and_numbers_are_what_the_paragraphs_say():
    def line(text, how, level=0):
        return f'<a:p><a:pPr lvl="{level}">{how}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>'

    numbers = '<a:buAutoNum type="arabicPeriod" startAt="3"/>'
    text = "\n".join([
        line("intro", "<a:buNone/>"), line("a", numbers), line("x", '<a:buAutoNum type="alphaLcParenBoth"/>', 1),
        line("b", numbers), line("y", '<a:buAutoNum type="alphaLcParenBoth"/>', 1), line("dot", '<a:buChar char="•"/>'),
        line("end", ""),
    ])  # fmt: skip

    assert read(slides(slide_part(shape(text))))[0] == [
        ("paragraph", "intro"),
        ("list", "3. a\n  (a) x\n4. b\n  (a) y\n- dot"),
        ("paragraph", "end"),
    ]


def test_groups_are_read_as_one_and_alternatives_once():
    inside = shape("2", at=(0, 50)) + shape("1", at=(0, 0))
    place = '<a:xfrm><a:off x="0" y="100"/><a:ext cx="500" cy="100"/></a:xfrm>'
    group = f"<p:grpSp><p:nvGrpSpPr/><p:grpSpPr>{place}</p:grpSpPr>{inside}</p:grpSp>"
    choice = f"<mc:Choice/><mc:Fallback>{shape('3', at=(0, 600))}</mc:Fallback>"
    tree = (
        shape("4", at=(0, 900)) + f"<mc:AlternateContent>{choice}</mc:AlternateContent>" + group + shape("0", at=(0, 0))
    )

    assert [text for _, text in read(slides(slide_part(tree)))[0]] == ["0", "1", "2", "3", "4"]


def test_the_points_of_smartart_stand_under_what_they_belong_to():
    def point(key, text):
        return f'<dgm:pt modelId="{key}"><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>'

    links = [("0", "1", 1), ("0", "2", 0), ("2", "3", 0), ("3", "2", 0)]
    written = "".join(f'<dgm:cxn srcId="{a}" destId="{b}" srcOrd="{order}"/>' for a, b, order in links)
    points = point("3", "护士") + point("1", "药房") + point("2", "病区") + '<dgm:pt modelId="0" type="doc"/>'
    model = f"<dgm:ptLst>{points}</dgm:ptLst><dgm:cxnLst>{written}</dgm:cxnLst>"
    model = f"<dgm:dataModel {P_NAMESPACES}>{model}</dgm:dataModel>"
    graphic = '<a:graphic><a:graphicData><dgm:relIds r:dm="d"/></a:graphicData></a:graphic>'
    graphic = f"<p:graphicFrame><p:nvGraphicFramePr/>{graphic}</p:graphicFrame>"
    content = slides(
        slide_part(graphic),
        refers={1: [("d", "diagramData", "../diagrams/data1.xml")]},
        more={"ppt/diagrams/data1.xml": model},
    )

    assert read(content)[0] == [("list", "- 病区\n  - 护士\n- 药房")]


def test_exponents_breaks_and_hidden_shapes():
    raised = '<a:r><a:rPr baseline="30000"/><a:t>9</a:t></a:r>'
    text = f"<a:p><a:r><a:t>10</a:t></a:r>{raised}<a:br/><a:fld><a:t>x</a:t></a:fld></a:p>"
    hidden = shape("secret").replace("<p:cNvPr ", '<p:cNvPr hidden="1" ')

    blocks, reading = read(slides(slide_part(shape(text) + hidden)))

    assert blocks == [("paragraph", "10⁹\nx")]
    assert reading.all_notes() == ["hidden shapes were left out (1)"]


def test_a_file_on_a_slide_is_read_on_its_page():
    content = slides(
        slide_part(""),
        slide_part(shape("text")),
        refers={2: [("e", "package", "../embeddings/Inner.docx"), ("x", "package", "http://127.0.0.1/a.docx", True)]},
        more={"ppt/embeddings/Inner.docx": word(p("inside"))},
    )
    reading = Reading(max_pages=9)

    found = [(block.kind, block.text, block.page) for block in pptx.read(content, reading)]

    assert found == [("paragraph", "text", 2), ("heading", "Inner.docx", 2), ("paragraph", "inside", 2)]


def test_a_damaged_or_missing_slide_is_noted_and_the_others_are_read():
    whole = slide_part(shape("one", at=(0, 0)) + shape("two", at=(0, 500)))
    picture = slide_part("<p:pic><p:nvPicPr/></p:pic>")

    blocks, reading = read(slides(whole[: whole.index("two")], None, "no xml", picture, slide_part(shape("last"))))

    assert [text for _, text in blocks] == ["one", "last"]
    assert reading.all_notes() == [
        "pages 1-3: the slide is damaged; what could not be read of it is missing",
        "page 4: no readable text (a picture?)",
    ]


def test_more_slides_than_allowed_are_refused():
    with pytest.raises(DocumentRefused, match="3 slides, the limit is 2"):
        read(slides(*[slide_part("")] * 3), max_pages=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (package({"ppt/other.xml": "<a/>"}), "damaged"),
        (package({"ppt/presentation.xml": "no xml"}), "damaged"),
        (package({"_rels/.rels": relations(), "ppt/presentation.xml": "<a/>"}), "no slides"),
        (slides(slide_part(shape("text")))[:-40], "damaged"),
        (slides("<!DOCTYPE a [<!ENTITY b 'c'>]>" + slide_part(shape("&b;"))), "entities"),
    ],
)
def test_what_is_no_presentation_is_refused(content, message):
    with pytest.raises(DocumentRefused, match=message):
        read(content)


def test_ten_thousand_groups_in_each_other_are_read_as_far_as_they_can_be():
    deep = "<p:grpSp><p:nvGrpSpPr/><p:grpSpPr/>" * 10_000 + shape("deep") + "</p:grpSp>" * 10_000
    shallow = "<p:grpSp><p:nvGrpSpPr/><p:grpSpPr/>" * 240 + shape("shallow") + "</p:grpSp>" * 240

    blocks, reading = read(slides(slide_part(shape("before") + deep), slide_part(shallow)))

    assert [text for _, text in blocks] == ["before", "shallow"]
    assert "damaged" in reading.all_notes()[0]


def test_tens_of_thousands_of_shapes_are_read_in_seconds():
    began = time.monotonic()

    blocks, _ = read(slides(slide_part("".join(shape(str(number), at=(0, number * 200)) for number in range(30_000)))))

    assert [text for _, text in blocks] == [str(number) for number in range(30_000)]
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        # two columns of cards, the gap between them wider than that between the cards
        ([(0, 0, 40, 20), (60, 0, 100, 20), (0, 25, 40, 45), (60, 25, 100, 45)], [0, 2, 1, 3]),
        # rows of cards, wider apart than the cards beside each other
        ([(0, 0, 40, 20), (45, 0, 85, 20), (0, 60, 40, 80), (45, 60, 85, 80)], [0, 1, 2, 3]),
        # a line across two columns comes before both
        ([(60, 30, 100, 90), (0, 0, 100, 20), (0, 30, 40, 90)], [1, 2, 0]),
        # they overlap: from the top, then from the left
        ([(10, 12, 60, 60), (0, 10, 50, 58), (5, 50, 55, 90)], [1, 0, 2]),
        ([(0, 0, 0, 0)] * 3, [0, 1, 2]),
        ([], []),
    ],
)
def test_shapes_are_ordered_as_they_are_read(boxes, order):
    assert reading_order([Box(*box) for box in boxes]) == order


def test_many_shapes_on_a_diagonal_are_ordered_in_time():
    began = time.monotonic()

    assert reading_order([Box(n * 10, n * 10, n * 10 + 5, n * 10 + 5) for n in range(400)]) == list(range(400))
    assert time.monotonic() - began < 5
