"""Passwords, forms, attached files of PDFs."""

import io

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, TextStringObject
from reportlab.lib.pdfencrypt import StandardEncryption

from app.errors import DocumentRefused
from tests.unit.reading.pdf_files import pdf_of, read, text_at

PAGE = text_at(["正文。"])


def written(build, *pages):
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of(*(pages or (PAGE,))))))
    build(writer)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def shapes(blocks):
    return [(block.kind, block.text, block.page) for block in blocks]


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
@pytest.mark.parametrize("password", ["user", "owner"])
def test_a_password_opens_a_pdf_for_its_user_and_for_its_owner(password, algorithm):
    content = written(lambda writer: writer.encrypt("user", "owner", algorithm=algorithm))

    blocks, _ = read(content, password=password)

    assert shapes(blocks) == [("paragraph", "正文。", 1)]


def test_a_wrong_password_is_named():
    content = pdf_of(PAGE, encrypt=StandardEncryption("user", "owner"))

    with pytest.raises(DocumentRefused, match="the password given does not open"):
        read(content, password="wrong")
    with pytest.raises(DocumentRefused, match="needs a password"):
        read(content)


@pytest.mark.parametrize("encrypt", [None, StandardEncryption("", "owner")])
def test_a_password_that_is_not_needed_is_no_trouble(encrypt):
    blocks, _ = read(pdf_of(PAGE, encrypt=encrypt), password="给错的密码")

    assert shapes(blocks) == [("paragraph", "正文。", 1)]


def form(canvas):
    PAGE(canvas)
    fields = canvas.acroForm
    fields.textfield(name="name", tooltip="姓名", value="", x=72, y=600)
    fields.textfield(name="secret", value="hunter2", x=72, y=560, fieldFlags="password")
    fields.checkbox(name="agree", tooltip="I agree", checked=True, x=72, y=520)
    fields.checkbox(name="refuse", tooltip="I refuse", checked=False, x=72, y=480)
    fields.choice(name="dish", tooltip="Dish", options=["Rice", "Noodles"], value="Noodles", x=72, y=440)


def test_the_values_of_a_form_follow_its_page_behind_the_names_of_its_fields():
    def fill(writer):
        writer.update_page_form_field_values(writer.pages[0], {"name": "Zhang Wei"})

    blocks, _ = read(written(fill, form))

    assert shapes(blocks) == [
        ("paragraph", "正文。", 1),
        ("paragraph", "姓名: Zhang Wei\nI agree: ✓\nDish: Noodles", 1),
    ]


def test_words_laid_over_a_page_are_said_unless_they_are_hidden():
    def annotate(writer):
        for text, flags in (("Checked on 3 May", 4), ("not for you", 2)):
            note = FreeText(text=text, rect=(100, 100, 300, 130))
            note[NameObject("/F")] = note[NameObject("/F")].__class__(flags) if "/F" in note else number(flags)
            writer.add_annotation(0, note)

    def number(value):
        from pypdf.generic import NumberObject

        return NumberObject(value)

    blocks, _ = read(written(annotate))

    assert shapes(blocks)[1:] == [("paragraph", "Checked on 3 May", 1)]


def xfa(packets, writer):
    parts = ArrayObject()
    for name, xml in packets.items():
        stream = DecodedStreamObject()
        stream.set_data(xml)
        parts += [TextStringObject(name), writer._add_object(stream)]
    fields = DictionaryObject({NameObject("/XFA"): parts, NameObject("/Fields"): ArrayObject()})
    writer.root_object[NameObject("/AcroForm")] = fields


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<data><姓名>张伟</姓名><empty/><age> 41 </age></data>", "姓名: 张伟\nage: 41"),
        ("<data><a>one</a><b>cut off", "a: one\nb: cut off"),
        ('<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><data><a>&f;</a><b>2</b></data>', "b: 2"),
        ("", None),
    ],
)
def test_the_data_of_a_form_in_xml_is_said_and_its_entities_are_not_followed(xml, expected):
    blocks, _ = read(written(lambda writer: xfa({"datasets": xml.encode()}, writer)))

    assert [block.text for block in blocks[1:]] == ([expected] if expected else [])


def test_attached_files_are_read_under_their_names():
    def attach(writer):
        writer.add_attachment("规定.txt", "病假另计。".encode("gb18030"))
        writer.add_attachment("inner.pdf", pdf_of(PAGE))
        writer.add_attachment("program.exe", b"MZ" + bytes(200))

    blocks, reading = read(written(attach))

    assert shapes(blocks) == [
        ("paragraph", "正文。", 1),
        ("heading", "inner.pdf", 0),
        ("paragraph", "正文。", 0),
        ("heading", "规定.txt", 0),
        ("paragraph", "病假另计。", 0),
    ]
    assert len(reading.notes) == 1
    assert "program" in reading.notes[0]


def test_more_attachments_than_are_read_are_noted():
    def attach(writer):
        for number in range(103):
            writer.add_attachment(f"{number}.txt", f"file {number}".encode())

    blocks, reading = read(written(attach))

    assert len([block for block in blocks if block.kind == "heading"]) == 100
    assert reading.notes == ["more than 100 attachments; the others were left out"]


def test_what_is_attached_to_an_attached_file_is_noted():
    inner = written(lambda writer: writer.add_attachment("deep.txt", b"deep"))

    blocks, reading = read(written(lambda writer: writer.add_attachment("inner.pdf", inner)))

    assert "deep" not in "".join(block.text for block in blocks)
    assert len(reading.notes) == 1
    assert "another attachment" in reading.notes[0]


def test_a_title_that_is_no_text_costs_only_the_title():
    content = pdf_of(lambda canvas: (PAGE(canvas), canvas.setTitle("年假制度")))
    start = content.index(b"/Title (") + len(b"/Title (\\376\\377")
    damaged = content[:start] + rb"\330\000" + content[start + 8 :]

    blocks, reading = read(damaged)

    assert (shapes(blocks), reading.title) == ([("paragraph", "正文。", 1)], "")
