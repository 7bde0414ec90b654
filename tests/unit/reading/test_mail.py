"""Mail and saved pages in this process; the sandbox is in tests/integration/test_reading.py."""

import base64
import io
import zipfile
from email.message import EmailMessage

import pytest

from app.errors import DocumentRefused
from app.reading import mail, web_archive
from app.reading.contract import Reading, tidy


def read(content, reader=mail):
    reading = Reading(max_pages=100, extension="eml")
    blocks = [block for whole in reader.read(content, reading) for block in tidy(whole)]
    return blocks, reading


def texts(content):
    return [block.text for block in read(content)[0]]


def mail_of(text="每年十天。", **fields):
    message = EmailMessage()
    for name, value in ({"From": "a@b.cn", "To": "c@d.cn", "Subject": "年假"} | fields).items():
        message[name] = value
    if text is not None:
        message.set_content(text)
    return message


def with_head(*lines, body=b"text"):
    return b"\r\n".join((*lines, b"", body))


def test_a_mail_gives_its_subject_its_head_and_its_text():
    message = mail_of("第一段。\n\n> 引用\n> 仍是引用\n", Cc="王 <e@f.cn>", Date="Fri, 16 Dec 2022 17:04:16 +0800")

    blocks, reading = read(message.as_bytes())

    assert [(block.kind, block.text, block.level) for block in blocks] == [
        ("heading", "年假", 1),
        ("paragraph", "From: a@b.cn\nTo: c@d.cn\nCc: 王 <e@f.cn>\nDate: Fri, 16 Dec 2022 17:04:16 +0800", 0),
        ("paragraph", "第一段。", 0),
        ("paragraph", "> 引用\n> 仍是引用", 0),
    ]
    assert reading.title == "年假"


def word(text, charset, kind="B"):
    return b"=?%s?%s?%s?=" % (charset.encode(), kind.encode(), base64.b64encode(text))


GB = "关于年假的通知".encode("gb18030")


@pytest.mark.parametrize(
    ("field", "subject"),
    [
        (word(GB, "gb2312"), "关于年假的通知"),
        (word("镕基".encode("gb18030"), "GB2312"), "镕基"),  # beyond what it declares
        (word(GB, "x-unknown"), "关于年假的通知"),
        (word(GB[:5], "gbk") + b"\r\n " + word(GB[5:], "gbk"), "关于年假的通知"),  # a character in two words
        (word(GB[:4], "gbk") + word(GB[4:], "gbk"), "关于年假的通知"),
        (word("請假規定".encode("big5"), "big5"), "請假規定"),
        (word("請假規定".encode(), "big5"), "請假規定"),  # declared wrongly
        (b"Re: " + word("年假".encode(), "utf-8") + b" (2)", "Re: 年假 (2)"),
        (word("年假".encode(), "utf-8").replace(b"?=", b"!!?="), "年假"),
        (b"=?utf-8?Q?=E5=B9=B4=E5=81=87_10?=", "年假 10"),
        (b"=?utf-8*zh?Q?=E5=B9=B4?=", "年"),
        (b"=?utf-8?B?5bm", "=?utf-8?B?5bm"),
        (GB, "关于年假的通知"),  # never encoded
        ("关于年假".encode(), "关于年假"),
        ("日本語の件名".encode("iso2022_jp") + b"", "日本語の件名"),
    ],
)
def test_a_subject_is_read_as_mail_programs_write_it(field, subject):
    if subject == "日本語の件名":
        field = word(field, "iso-2022-jp")

    assert read(with_head(b"From: a@b.cn", b"Subject: " + field))[1].title == subject


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("gb2312", "gb18030"),
        ("GBK", "gb18030"),
        ("us-ascii", "gb18030"),
        ("iso-8859-1", "utf-8"),
        ("utf-16", "utf-8"),
        ("no-such", "gb18030"),
        ("", "gb18030"),
        ('"UTF-8"Content-Transfer-Encoding: 8bit', "utf-8"),
        ("utf-8", "gb18030"),
    ],
)
def test_a_text_is_decoded_whatever_is_declared(declared, encoding):
    text = "员工每年享有十天年假，其中㐂字罕见。病假须附证明。"
    content = with_head(
        b"Subject: a", f"Content-Type: text/plain; charset={declared}".encode(), body=text.encode(encoding)
    )

    assert texts(content)[-1] == text


def test_a_mail_in_utf_16_is_read():
    assert texts("From: a@b.cn\nSubject: 年假\n\n每年十天。".encode("utf-16")) == ["年假", "From: a@b.cn", "每年十天。"]


def test_a_transfer_encoding_written_carelessly_is_undone():
    content = with_head(b"Content-Transfer-Encoding: BASE64 ", body=base64.b64encode("十天".encode()))

    assert texts(content) == ["十天"]


def test_lines_that_only_their_width_parted_are_joined():
    message = mail_of(None)
    message.set_content("It goes \non here.\n> quoted \n-- \nname")
    message.set_param("format", "flowed")

    assert texts(message.as_bytes())[-1] == "It goes on here.\n> quoted\n--\nname"


def alternatives(plain, page):
    message = mail_of(plain)
    message.add_alternative(page, subtype="html")
    return message.as_bytes()


def test_of_two_forms_of_a_text_the_plain_one_is_read():
    assert texts(alternatives("每年十天年假。", "<p>每年<b>十天</b>年假。"))[2:] == ["每年十天年假。"]


def test_the_page_is_read_where_the_plain_form_is_a_stub_or_a_table_would_be_torn():
    page = "<h2>规定</h2><p>员工每年享有十天年假，病假须附证明。"
    table = "<p>表：<table><tr><th>项目<th>天数<tr><td>年假<td>10</table>"

    assert texts(alternatives("请用 HTML 查看。", page))[2:] == ["规定", "员工每年享有十天年假，病假须附证明。"]
    assert texts(alternatives("表：项目 天数 年假 10", table))[3] == "| 项目 | 天数 |\n| --- | --- |\n| 年假 | 10 |"


def test_what_is_hidden_in_a_page_is_left_out_and_said():
    page = '<div style="display:none">secret</div><p>员工每年享有十天年假。<span style="color:#fff">ignore</span>'

    blocks, reading = read(alternatives("", page))

    assert [block.text for block in blocks][2:] == ["员工每年享有十天年假。"]
    assert reading.notes == ["2 hidden pieces of text were left out"]


def packed(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_attachments_are_read_under_their_names_and_all_names_are_found():
    message = mail_of()
    message.add_attachment("# 规定\n\n病假须附证明。", filename="规定.md")
    message.add_attachment(b"%PDF-1.7 garbage", maintype="application", subtype="pdf", filename="坏.pdf")
    message.add_attachment(packed(a="a"), maintype="application", subtype="zip", filename="包.zip")
    message.add_attachment(bytes(range(256)) * 4, maintype="application", subtype="octet-stream", filename="d.bin")

    blocks, reading = read(message.as_bytes())

    assert blocks[1].text.endswith("Attachments: 规定.md, 坏.pdf, 包.zip, d.bin")
    assert [(block.text, block.level) for block in blocks[3:]] == [("规定.md", 2), ("规定", 3), ("病假须附证明。", 0)]
    assert [note.partition(": ")[0] for note in reading.notes] == [
        f"attachment {n}" for n in ("坏.pdf", "包.zip", "d.bin")
    ]


@pytest.mark.parametrize(
    "disposition",
    [
        b"attachment; filename*=UTF-8''%E8%A7%84%E5%AE%9A.txt",
        b"attachment; filename*=gb2312'zh'%B9%E6%B6%A8.txt",
        b"attachment; filename*0*=UTF-8''%E8%A7%84; filename*1*=%E5%AE%9A.txt",
        b'attachment; filename="=?gb2312?B?uea2qC50eHQ=?="',
        b'attachment; filename="' + "规定.txt".encode("gb18030") + b'"',
        b'attachment; filename="' + "规定.txt".encode() + b'"',
    ],
)
def test_a_name_is_read_in_each_way_to_write_it(disposition):
    content = with_head(b"Content-Disposition: " + disposition)

    assert texts(content)[1] == "规定.txt"


def test_pictures_in_the_text_and_signatures_are_no_attachments():
    message = mail_of()
    message.add_attachment(
        b"\x89PNG", maintype="image", subtype="png", disposition="inline", cid="<a>", filename="x.png"
    )
    message.add_attachment(b"0", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")

    assert texts(message.as_bytes()) == ["年假", "From: a@b.cn\nTo: c@d.cn", "每年十天。"]


def test_a_file_of_outlooks_own_is_named():
    message = mail_of()
    message.add_attachment(b'x\x9f>"', maintype="application", subtype="ms-tnef", filename="winmail.dat")

    assert "winmail.dat" in read(message.as_bytes())[1].notes[0]


def test_a_forwarded_mail_is_read_with_its_own_head_and_attachments():
    inner = mail_of("原文。", Subject="原件", From="x@y.cn")
    inner.add_attachment("附件正文。", filename="附件.txt")
    message = mail_of("见附件。")
    message.add_attachment(inner)

    blocks, _ = read(message.as_bytes())

    assert [(block.text, block.level) for block in blocks[2:]] == [
        ("见附件。", 0),
        ("原件", 2),
        ("From: x@y.cn\nTo: c@d.cn\nAttachments: 附件.txt", 0),
        ("原文。", 0),
        ("附件.txt", 3),
        ("附件正文。", 0),
    ]


def test_a_forwarded_mail_in_base64_is_read():
    inner = base64.encodebytes(b"Subject: inner\n\ninner text")
    content = with_head(
        b"Subject: a", b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", body=inner
    )

    assert texts(content) == ["a", "inner", "inner text"]


def test_a_digest_gives_its_mails():
    one = b"--x\n\nSubject: first\n\none\n--x\n\nSubject: second\n\ntwo\n--x--"

    assert texts(b"Subject: all\nContent-Type: multipart/digest; boundary=x\n\n" + one) == [
        "all",
        "first",
        "one",
        "second",
        "two",
    ]


def test_a_report_on_delivery_is_read():
    head = b"Content-Type: multipart/report; boundary=x\n\n--x\n\nNot delivered.\n--x\n"
    report = b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nAction: failed\n--x--"

    assert texts(head + report)[-1] == "Action: failed"


def test_an_encrypted_mail_says_so():
    content = with_head(b"Subject: a", b"Content-Type: application/pkcs7-mime; name=smime.p7m", body=b"MIIB")

    assert "encrypted" in read(content)[1].notes[0]


def test_a_file_that_is_only_white_space_gives_nothing():
    blocks, reading = read(b"  \n\n   ")

    assert blocks == []
    assert reading.empty_reason == "the mail holds no text"


def test_text_without_headers_is_read_as_a_body():
    assert texts("没有抬头的一行。\n\n第二段。".encode()) == ["没有抬头的一行。", "第二段。"]


HEAD = b"Subject: a\nContent-Type: multipart/mixed; boundary=x\n\n"


def test_a_hundred_thousand_parts_are_bounded():
    blocks, reading = read(HEAD + b"--x\n\nabc\n" * 100_001 + b"--x--")

    assert len(blocks) <= 100_001
    assert "parts beyond 100000" in reading.notes[0]


def test_ten_thousand_attachments_are_bounded_and_named():
    part = b"--x\nContent-Disposition: attachment; filename=a.txt\n\nabc\n"

    blocks, reading = read(HEAD + part * 10_000 + b"--x--")

    assert sum(block.text == "abc" for block in blocks) == 100
    assert reading.notes[-1] == "of 10000 attachments only the first 100 were read"


def test_parts_in_parts_end_somewhere():
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(200))

    assert "nested deeper" in read(b"Subject: a\n" + nested + b"\ndeep")[1].notes[0]


def test_mails_forwarded_within_each_other_end_somewhere():
    blocks, reading = read(b"Subject: a\nContent-Type: message/rfc822\n\n" * 100 + b"deep")

    assert max(block.level for block in blocks) == 10
    assert "forwarded more than 10 times" in reading.notes[0]


@pytest.mark.parametrize("field", [b"Content-Type: text/plain", b"Content-Disposition: attachment", b"To: x"])
@pytest.mark.parametrize("filling", [b"; a=b", b'; name="\\";', b"; filename*0*=b", b"=?utf-8?Q?a?= "])
def test_a_header_of_a_million_signs_takes_no_time(field, filling):
    assert texts(field + filling * (1_000_000 // len(filling)) + b"\n\ntext")[-1] == "text"


MHT = b"""From: <Saved by Blink>\r
Subject: =?utf-8?Q?=E5=B9=B4=E5=81=87?=\r
MIME-Version: 1.0\r
Content-Type: multipart/related; type="text/html"; boundary="x"; start="<b@m>"\r
\r
--x\r
Content-Type: text/html; charset=gb2312\r
Content-ID: <a@m>\r
Content-Transfer-Encoding: 8bit\r
\r
<p>frame\r
--x\r
Content-Type: text/html; charset="gb2312"\r
Content-ID: <b@m>\r
Content-Transfer-Encoding: quoted-printable\r
\r
<h1>=C4=EA=BC=D9</h1><p style=3D"color:red">=\r
=CA=AE=CC=EC\r
--x\r
Content-Type: image/png\r
Content-Transfer-Encoding: base64\r
\r
iVBORw0KGgo=\r
--x--\r
"""


def test_a_saved_page_gives_the_page_that_it_calls_its_first():
    blocks, reading = read(MHT, web_archive)

    assert [(block.kind, block.text) for block in blocks] == [("heading", "年假"), ("paragraph", "十天")]
    assert reading.title == "年假"


def test_a_saved_page_without_a_first_gives_its_first_page():
    blocks, _ = read(MHT.replace(b"start=", b"begin="), web_archive)

    assert [block.text for block in blocks] == ["frame"]


def test_a_web_archive_without_a_page_is_refused():
    with pytest.raises(DocumentRefused, match="holds no page"):
        read(b"Content-Type: image/png\n\nx", web_archive)
