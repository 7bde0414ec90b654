"""What of a Word document's text is read, and what is left out: fields, changes, hidden text, notes, boxes, imports."""

import pytest

from app.errors import DocumentRefused
from app.reading import docx
from app.reading.contract import Reading
from tests.unit.reading.office_files import OFFICE, p, package, part, relations, table, word


def read(content, *, depth=0):
    reading = Reading(max_pages=100, depth=depth)
    return [(block.kind, block.text) for block in docx.read(content, reading)], reading


def runs(*contents):
    return "<w:p>" + "".join(f"<w:r>{content}</w:r>" for content in contents) + "</w:p>"


def test_headings_come_from_names_outlines_and_ancestors_and_body_text_can_opt_out():
    styles = """
    <w:style w:styleId="H2"><w:name w:val="heading 2"/></w:style>
    <w:style w:styleId="Own"><w:name w:val="Chapter head"/><w:basedOn w:val="H2"/></w:style>
    <w:style w:styleId="Toc"><w:name w:val="TOC Heading"/><w:basedOn w:val="H2"/>
        <w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>
    <w:style w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>"""
    body = "".join(p(name, f'<w:pStyle w:val="{name}"/>') for name in ("H2", "Own", "Toc", "Loop", "Missing"))
    body += p("direct", '<w:outlineLvl w:val="0"/>') + p("body", '<w:pStyle w:val="H2"/><w:outlineLvl w:val="9"/>')
    reading = Reading(max_pages=1)

    found = [(block.text, block.level) for block in docx.read(word(body, styles=styles), reading)]

    assert found == [("H2", 2), ("Own", 2), ("Toc", 0), ("Loop", 0), ("Missing", 0), ("direct", 1), ("body", 0)]


def test_headings_are_told_by_their_words_only_where_no_style_tells_them():
    styles = '<w:style w:styleId="H"><w:name w:val="heading 1"/></w:style>'
    styles += '<w:style w:styleId="T"><w:name w:val="toc 1"/></w:style>'
    styles += '<w:style w:styleId="N"><w:name w:val="Title"/></w:style>'
    title, contents = p("手册", '<w:pStyle w:val="N"/>'), p("第一章 总则\t1", '<w:pStyle w:val="T"/>')
    text = p("第一章 总则") + p("第二条 员工应当按时到岗。")

    plain, _ = read(word(title + contents + text, styles=styles))
    styled, _ = read(word(p("手册", '<w:pStyle w:val="H"/>') + text, styles=styles))

    assert [kind for kind, _ in plain] == ["heading", "paragraph", "heading", "paragraph"]
    assert [kind for kind, _ in styled] == ["heading", "paragraph", "paragraph"]


def test_the_result_of_a_field_is_read_and_its_code_is_not():
    begin, separate, end = (f'<w:fldChar w:fldCharType="{kind}"/>' for kind in ("begin", "separate", "end"))
    code = "<w:instrText>IF </w:instrText>"
    nested = runs(
        "<w:t>a </w:t>", begin, code, begin, code, separate, "<w:t>inner</w:t>", end, separate, "<w:t>result</w:t>", end
    )
    broken = runs("<w:t>open</w:t>", begin, "<w:t> field</w:t>")

    blocks, _ = read(word(nested + broken + p("next")))

    assert blocks == [("paragraph", "a result"), ("paragraph", "open field"), ("paragraph", "next")]


def test_boxes_and_choices_of_a_form_are_read_as_they_stand():
    def field(data):
        return (
            f'<w:fldChar w:fldCharType="begin"><w:ffData>{data}</w:ffData></w:fldChar>',
            '<w:fldChar w:fldCharType="end"/>',
        )

    choice = '<w:ddList><w:result w:val="1"/><w:listEntry w:val="A 型"/><w:listEntry w:val="B 型"/></w:ddList>'
    body = runs(
        *field("<w:checkBox><w:checked/></w:checkBox>"), "<w:t>过敏</w:t>", *field("<w:checkBox/>"), *field(choice)
    )

    assert read(word(body))[0] == [("paragraph", "☒过敏☐B 型")]


def test_changes_are_read_as_accepted():
    changed = "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>"
    joined = p("one ", "<w:rPr><w:del/></w:rPr>") + p("two")
    rows = (
        table(["a", "b"], ["1", "2"]).replace("<w:tr>", "<w:tr><w:trPr><w:del/></w:trPr>", 1)
        + "<w:del>"
        + p("x")
        + "</w:del>"
    )

    box = f"<w:p><w:del><w:r><w:pict><w:txbxContent>{p('gone')}</w:txbxContent></w:pict></w:r></w:del></w:p>"

    blocks, reading = read(word(changed + joined + rows + box))

    assert blocks[:2] == [("paragraph", "new"), ("paragraph", "one two")]
    assert blocks[2:] == [("table", "| 1 | 2 |\n| --- | --- |")]
    assert reading.all_notes() == ["tracked changes were read as if accepted"]


def test_hidden_text_and_comments_are_left_out_and_counted():
    styles = """<w:style w:type="character" w:styleId="C"><w:name w:val="c"/><w:rPr><w:vanish/></w:rPr></w:style>
    <w:style w:styleId="P"><w:name w:val="p"/><w:rPr><w:vanish/></w:rPr></w:style>"""
    body = (
        p("seen", run='<w:vanish w:val="0"/>')
        + p("by run", run="<w:vanish/>")
        + p("by run style", run='<w:rStyle w:val="C"/>')
    )
    body += p("by style", '<w:pStyle w:val="P"/>') + p(
        "against style", '<w:pStyle w:val="P"/>', '<w:vanish w:val="false"/>'
    )
    body += runs('<w:commentReference w:id="0"/>')

    blocks, reading = read(word(body, styles=styles))

    assert blocks == [("paragraph", "seen"), ("paragraph", "against style")]
    assert reading.all_notes() == ["hidden text was left out (3 places)", "comments were left out (1)"]


def test_exponents_symbols_formulas_and_signs_keep_what_they_mean():
    raised = '<w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>9</w:t>'
    lowered = '<w:rPr><w:vertAlign w:val="subscript"/></w:rPr><w:t>2</w:t>'
    fraction = (
        "<m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>c</m:t></m:r></m:den></m:f></m:oMath>"
    )
    body = runs("<w:t>10</w:t>", raised, "<w:t>/L CO</w:t>", lowered)
    body += runs(
        '<w:sym w:font="Symbol" w:char="F0A3"/><w:t>5 </w:t><w:sym w:font="Symbol" w:char="F06D"/><w:t>g</w:t>'
    )
    body += runs(
        '<w:rPr><w:rFonts w:ascii="Wingdings"/></w:rPr><w:t>\uf0fe</w:t>',
        "<w:t>a</w:t><w:tab/><w:noBreakHyphen/><w:softHyphen/><w:br/><w:t>b</w:t>",
    )
    body += f"<w:p>{fraction}</w:p>"

    assert [text for _, text in read(word(body))[0]] == ["10⁹/L CO₂", "≤5 μg", "☑a\t-\nb", "(a+b)/c"]


def test_a_note_follows_what_refers_to_it_and_stands_once():
    notes = part(
        "footnotes",
        f'<w:footnote w:id="0">{p("separator")}</w:footnote><w:footnote w:id="2">{p("see act 5")}</w:footnote>',
    )
    reference = '<w:footnoteReference w:id="2"/>'
    body = runs("<w:t>first</w:t>", reference) + p("between") + runs("<w:t>again</w:t>", reference)

    blocks, _ = read(word(body, refers=[("f", "footnotes", "footnotes.xml")], parts={"word/footnotes.xml": notes}))

    assert [text for _, text in blocks] == ["first", "see act 5", "between", "again"]


def test_text_boxes_are_read_once_also_in_cells_and_in_each_other():
    inner = f"<w:txbxContent>{p('inner')}</w:txbxContent>"
    box = f"<w:txbxContent>{p('box')}<w:p><w:r><w:pict>{inner}</w:pict></w:r></w:p></w:txbxContent>"
    fallback = "<mc:Fallback><w:pict>{}</w:pict></mc:Fallback></mc:AlternateContent>"
    drawn = f"<mc:AlternateContent><mc:Choice><wps:txbx>{box}</wps:txbx></mc:Choice>" + fallback.format(box)
    only_old = "<mc:AlternateContent>" + fallback.format(f"<w:txbxContent>{p('old')}</w:txbxContent>")
    cells = table(["a", "b"]).replace(p("b"), runs("<w:t>b</w:t>", only_old))

    blocks, _ = read(word(runs("<w:t>text</w:t>", drawn) + cells))

    assert [text for _, text in blocks] == ["text", "box", "inner", "| a | b |\n| --- | --- |", "old"]


def test_controls_and_links_are_looked_through():
    control = f'<w:sdt><w:sdtPr><w:alias w:val="x"/></w:sdtPr><w:sdtContent>{p("in a control")}</w:sdtContent></w:sdt>'
    linked = "<w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink><w:smartTag><w:r><w:t>ed</w:t></w:r></w:smartTag>"
    row = (
        "<w:tbl><w:sdt><w:sdtContent><w:tr><w:sdt><w:sdtContent><w:tc>"
        + p("a")
        + "</w:tc></w:sdtContent></w:sdt><w:tc>"
        + p("b")
        + "</w:tc></w:tr></w:sdtContent></w:sdt></w:tbl>"
    )

    blocks, _ = read(word(control + f"<w:p>{linked}</w:p>" + row))

    assert [text for _, text in blocks] == ["in a control", "linked", "| a | b |\n| --- | --- |"]


def test_a_page_shown_in_the_text_is_read_as_html_and_no_deeper_than_once():
    page = "<html><body><h1>请假</h1><table><tr><td>a<td>b<tr><td>1<td>2</table></body></html>"
    chunk = {"refers": [("h", "aFChunk", "/word/page.html")], "parts": {"word/page.html": page}}
    content = word(p("before") + '<w:altChunk r:id="h"/><w:altChunk r:id="missing"/>' + p("after"), **chunk)

    blocks, reading = read(content)
    inner, _ = read(content, depth=1)

    assert blocks == [
        ("paragraph", "before"),
        ("heading", "请假"),
        ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("paragraph", "after"),
    ]
    assert len(reading.all_notes()) == 1
    assert [text for _, text in inner] == ["before", "after"]


def test_nothing_outside_the_package_is_opened():
    outside = [
        ("x", "aFChunk", "file:///etc/passwd", True),
        ("y", "aFChunk", "../../../etc/hostname"),
        ("z", "attachedTemplate", "http://127.0.0.1/t.dotm", True),
    ]
    content = word(p("text") + '<w:altChunk r:id="x"/><w:altChunk r:id="y"/>', refers=outside)

    blocks, reading = read(content)

    assert blocks == [("paragraph", "text")]
    assert len(reading.notes) == 2


def test_a_file_carried_as_an_object_is_read_under_its_name():
    carried = word(p("inside"))
    content = word(
        p("text"),
        refers=[("e", "package", "embeddings/Inner.docx"), ("o", "oleObject", "embeddings/o.bin")],
        parts={"word/embeddings/Inner.docx": carried, "word/embeddings/o.bin": b"x"},
    )

    blocks, reading = read(content)

    assert blocks == [("paragraph", "text"), ("heading", "Inner.docx"), ("paragraph", "inside")]
    assert reading.notes == ["embedded objects were left out (1)"]


@pytest.mark.parametrize("content", [
    package({"word/document.xml": part("document", f"<w:body>{p('text')}</w:body>")}),
    package({"_rels/.rels": "<broken", "Word\\Document.xml": part("document", f"<w:body>{p('text')}</w:body>")}),
    word(p("text"), refers=[("i", "image", "NULL"), ("j", "header", "media/gone.xml")]),
])  # fmt: skip
def test_a_package_whose_references_lead_nowhere_is_read(content):
    assert read(content)[0] == [("paragraph", "text")]


def test_a_strict_document_is_read():
    members = {
        "_rels/.rels": relations(("rId1", "officeDocument", "word/document.xml")).replace(
            OFFICE, "http://purl.oclc.org/ooxml/officeDocument/relationships"
        ),
        "word/document.xml": part("document", f"<w:body>{p('strict')}</w:body>").replace(
            "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            "http://purl.oclc.org/ooxml/wordprocessingml/main",
        ),
    }

    assert read(package(members))[0] == [("paragraph", "strict")]


def test_a_document_cut_off_inside_its_xml_gives_what_stands_before_with_a_note():
    whole = part("document", f"<w:body>{p('one')}{p('two')}{p('three')}</w:body>")

    blocks, reading = read(package({"word/document.xml": whole[: whole.index("three")]}))

    assert [text for _, text in blocks] == ["one", "two"]
    assert "damaged" in reading.all_notes()[0]


@pytest.mark.parametrize(
    "nest", ["<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>", "<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>"]
)
def test_ten_thousand_elements_in_each_other_are_read_as_far_as_they_can_be(nest):
    before, after = nest.split("{}")

    blocks, reading = read(word(p("text") + before * 10_000 + p("deep") + after * 10_000))

    assert blocks == [("paragraph", "text")]
    assert "nested too deeply" in reading.all_notes()[0]


@pytest.mark.parametrize(
    "content",
    [
        package({"word/other.xml": "<a/>"}),
        package({"word/document.xml": "no xml"}),
        package({"word/document.xml": "<a/>"}),
    ],
)
def test_a_package_without_a_body_is_refused(content):
    with pytest.raises(DocumentRefused, match="damaged"):
        read(content)


def test_a_document_of_pictures_says_so():
    content = word("<w:p/>", refers=[("i", "image", "media/a.png")], parts={"word/media/a.png": b"x"})

    blocks, reading = read(content)

    assert blocks == []
    assert "pictures" in reading.empty_reason
