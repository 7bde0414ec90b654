"""Hostile text files: pages that call home, nests, endless lines, mails in mails, two types in one file."""

import json
from functools import partial

from tests.faults.attack import STOLEN, THEFT, Attack
from tests.faults.good_files import archive, mail, picture, separated
from tests.faults.good_office import docx, xlsx
from tests.faults.good_pdf import pdf
from tests.faults.hostile_archives import expanding
from tests.faults.words import BEACON, CHINESE, ENGLISH

NO_TEXT = "no readable text|no text"
FIELDS = (
    "From: a@example.org\r\nTo: b@example.org\r\nSubject: gabbro\r\n"
    "Date: Mon, 06 Jan 2025 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
)


def page(body: str, head: str = "") -> bytes:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}<p>{ENGLISH}</p></body></html>".encode()


def beacons() -> bytes:
    """Write a page that calls home in every way."""
    head = (
        f'<base href="{BEACON}"><meta http-equiv="refresh" content="0;url={BEACON}">'
        f'<link rel="stylesheet" href="{BEACON}">'
        f'<link rel="preload" href="{BEACON}"><link rel="dns-prefetch" href="{BEACON}">'
        f"<style>@import url({BEACON});</style>"
    )
    body = (
        f'<img srcset="{BEACON} 1x, {BEACON} 2x"><iframe src="{BEACON}"></iframe><object data="{BEACON}"></object>'
        f'<svg><image xlink:href="{BEACON}"/><use href="{THEFT}"/></svg><video poster="{BEACON}"></video>'
        f'<form action="{BEACON}"><input autofocus onfocus="x"></form><script src="{BEACON}"></script>'
        f'<div style="background:url({BEACON})"></div><iframe srcdoc="&lt;img src={BEACON}&gt;"></iframe>'
    )
    return page(body, head)


def svg() -> bytes:
    steal = f'<!DOCTYPE svg [<!ENTITY a SYSTEM "{THEFT}">]>'
    return f'<?xml version="1.0"?>{steal}<svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>'.encode()


def xhtml() -> bytes:
    steal = f'<!DOCTYPE html [<!ENTITY a SYSTEM "{THEFT}"><!ENTITY % p SYSTEM "{BEACON}"> %p;]>'
    return f'<?xml version="1.0"?>{steal}<html><body><p>{ENGLISH} &a;</p></body></html>'.encode()


def mails_in_mails(depth: int) -> bytes:
    opened = "".join(f"{FIELDS}Content-Type: message/rfc822\r\n\r\n" for _ in range(depth))
    return f"{opened}{FIELDS}Content-Type: text/plain\r\n\r\n{ENGLISH}\r\n".encode()


def parts_in_parts(depth: int) -> bytes:
    opened = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth))
    return f"{FIELDS}{opened}Content-Type: text/plain\r\n\r\n{ENGLISH}\r\n".encode()


def many_parts(count: int) -> bytes:
    parts = "--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\na\r\n" * count
    return f'{FIELDS}Content-Type: multipart/mixed; boundary="b"\r\n\r\n{parts}--b--\r\n'.encode()


def mail_with(content_type: str, body: str, more: str = "") -> bytes:
    return f"{FIELDS}Content-Type: {content_type}\r\n{more}\r\n{body}\r\n".encode()


def mail_carrying(name: str, content: bytes) -> bytes:
    """Attach a file to a mail."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "gabbro"
    message["Date"] = "Mon, 06 Jan 2025 08:00:00 +0000"
    message.set_content(ENGLISH)
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def polyglot() -> bytes:
    """Write a file that is a PDF, a ZIP archive and a page at once."""
    return pdf() + b"\n<!DOCTYPE html><html><body><script>alert(1)</script></body></html>\n" + archive()


PAGES = (
    Attack("a page that calls home in every way", "a.html", beacons, holds=ENGLISH),
    Attack("a hundred thousand nested elements", "a.html", lambda: page("<div>" * 100_000), holds=ENGLISH),
    Attack("a hundred thousand nested inline elements", "a.html", lambda: page("<b><i>" * 50_000)),
    Attack("ten thousand nested tables", "a.html", lambda: page("<table><tr><td>" * 10_000)),
    Attack("ten thousand nested lists", "a.html", lambda: page("<ul><li>" * 10_000)),
    Attack(
        "a cell of a billion columns and rows",
        "a.html",
        lambda: page(f"<table>{'<tr><td colspan=1000000000 rowspan=1000000000>a<td>b' * 50}</table>"),
    ),
    Attack(
        "an element of a hundred thousand attributes",
        "a.html",
        lambda: page("<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x</p>"),
        says="not read within",
        holds=ENGLISH,
    ),
    Attack("a comment without end", "a.html", lambda: page("<p>quokka</p><!--" + "-" * 10**6), holds="quokka"),
    Attack("a script without end", "a.html", lambda: page("<p>quokka</p><script>" + "</scrip" * 10**5), holds="quokka"),
    Attack("a million entities", "a.html", lambda: page("&lt;" * 10**6)),
    Attack("a million characters without a close", "a.html", lambda: page("<" * 10**6)),
    Attack("an SVG picture with an external entity", "a.svg", svg, says="SVG", never=STOLEN),
    Attack("an XHTML page with an external entity", "a.xhtml", xhtml, holds=ENGLISH, never=STOLEN),
    Attack(
        "a page that declares another encoding",
        "a.html",
        lambda: page("<p>踟蹰</p>", "<meta charset='utf-7'>"),
        holds="踟蹰",
    ),
)
TEXTS = (
    Attack(
        "a hundred thousand nested quotations",
        "a.md",
        lambda: b"> " * 100_000 + ENGLISH.encode(),
        says=NO_TEXT,
        holds=ENGLISH,
    ),
    Attack("a hundred thousand open brackets", "a.md", lambda: b"[" * 100_000 + ENGLISH.encode(), holds=ENGLISH),
    Attack("a hundred thousand open emphases", "a.md", lambda: b"*a _b " * 50_000 + ENGLISH.encode(), holds=ENGLISH),
    Attack(
        "fifty thousand link definitions",
        "a.md",
        lambda: b"".join(b"[a%d]: /x\n[a%d]\n" % (n, n) for n in range(50_000)) + b"\n" + ENGLISH.encode(),
        holds=ENGLISH,
    ),
    Attack(
        "a hundred thousand nested items",
        "a.md",
        lambda: b"\n".join(b" " * n + b"- a" for n in range(2_000)) + b"\n\n" + ENGLISH.encode(),
    ),
    Attack(
        "ten thousand back ticks of every length",
        "a.md",
        lambda: b" ".join(b"`" * n for n in range(1_500)) + ENGLISH.encode(),
    ),
    Attack("one line of twenty million characters", "a.txt", lambda: b"gabbro " * 2_800_000, holds="gabbro"),
    Attack("one word of ten million characters", "a.txt", lambda: b"g" * 10**7, holds="g" * 1_000),
    Attack("a million empty lines", "a.txt", lambda: b"\n" * 10**6 + ENGLISH.encode(), holds=ENGLISH),
    Attack(
        "only white space of every kind",
        "a.txt",
        lambda: " \t\r\n\u3000\u00a0\u2003\u200b\ufeff".encode() * 1_000,
        says=NO_TEXT,
    ),
    Attack(
        "only controls and marks of direction", "a.txt", lambda: "\u202e\u2066\u200b".encode() * 1_000, says=NO_TEXT
    ),
    Attack("only a byte order mark", "a.txt", lambda: b"\xef\xbb\xbf", says=NO_TEXT),
    Attack("half a character of UTF-16", "a.txt", lambda: b"\xff\xfe\x41", says=f"{NO_TEXT}|binary data"),
    Attack("an empty file", "a.txt", lambda: b"", says="empty"),
)
TABLES = (
    Attack(
        "a formula that starts a program",
        "a.csv",
        lambda: b"name,value\nquokka,\"=cmd|' /C calc'!A0\"\n+1,@SUM(A1)\n",
        holds="=cmd",
    ),
    Attack("a million columns", "a.csv", lambda: b",".join([b"a"] * 10**6) + b"\n" + b",".join([b"1"] * 10**6)),
    Attack("one field of ten million characters", "a.csv", lambda: b'a,b\n"' + b"g" * 10**7 + b'",1\n'),
    Attack("a quotation without end", "a.csv", lambda: b'a,b\n"' + b"gabbro,quokka\n" * 100_000, holds="gabbro"),
    Attack("a million quotation marks", "a.csv", lambda: b"a,b\n" + b'"' * 10**6 + b"\n1,2\n"),
    Attack("a table of zeros", "a.csv", lambda: b"a,b\n\0\0,1\n" * 10_000),
    Attack(
        "two hundred thousand rows of other lengths",
        "a.csv",
        lambda: b"".join(b"a" + b",b" * (n % 40) + b"\n" for n in range(200_000)),
    ),
    Attack("JSON a hundred thousand deep", "a.json", lambda: b"[" * 100_000 + b"]" * 100_000),
    Attack("JSON objects a hundred thousand deep", "a.json", lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    Attack("a number of a million digits", "a.json", lambda: b'{"a": ' + b"9" * 10**6 + b', "b": "quokka"}'),
    Attack("a number beyond all numbers", "a.json", lambda: b'{"a": 1e999999, "c": NaN, "b": "quokka"}'),
    Attack("a lone surrogate in JSON", "a.json", lambda: b'{"a": "\\ud800 quokka", "\\udfff": 1}', holds="quokka"),
    Attack(
        "a hundred thousand equal keys",
        "a.json",
        lambda: b"{" + b'"a": "quokka",' * 100_000 + b'"b": "quokka"}',
        holds="quokka",
    ),
    Attack("JSON cut off", "a.json", lambda: json.dumps({"a": [ENGLISH] * 50}).encode()[:-40]),
)
MAILS = (
    Attack("a thousand mails in mails", "a.eml", partial(mails_in_mails, 1_000)),
    Attack("a thousand parts in parts", "a.eml", partial(parts_in_parts, 1_000)),
    Attack("twenty thousand parts", "a.eml", partial(many_parts, 20_000)),
    Attack(
        "a body that lies elsewhere",
        "a.eml",
        lambda: mail_with(f'message/external-body; access-type=URL; URL="{BEACON}"', ENGLISH),
    ),
    Attack(
        "a body of an unknown encoding",
        "a.eml",
        lambda: mail_with("text/plain; charset=klingon", ENGLISH),
        holds="quokka",
    ),
    Attack("a body that calls itself rot13", "a.eml", lambda: mail_with("text/plain; charset=rot13", ENGLISH)),
    Attack(
        "a subject of a million characters",
        "a.eml",
        lambda: b"X-A: b\r\nSubject: " + b"=?utf-8?q?gabbro?= " * 60_000 + b"\r\n" + mail_with("text/plain", ENGLISH),
    ),
    Attack(
        "a hundred thousand header fields", "a.eml", lambda: b"X-A: b\r\n" * 100_000 + mail_with("text/plain", ENGLISH)
    ),
    Attack(
        "broken base64",
        "a.eml",
        lambda: mail_with("text/plain", "=A=B==C" * 1_000, "Content-Transfer-Encoding: base64\r\n"),
    ),
    Attack("a boundary that never comes", "a.eml", lambda: mail_with('multipart/mixed; boundary="b"', ENGLISH)),
    Attack("a mail with a bomb", "a.eml", lambda: mail_carrying("a.zip", expanding(60)), holds="quokka"),
    Attack(
        "a mail with a bomb in a Word file", "a.eml", lambda: mail_carrying("a.docx", expanding(60)), holds="quokka"
    ),
    Attack(
        "a mail with an attachment of a hostile name",
        "a.eml",
        lambda: mail_carrying("../../<img src=x>\u202e.txt", ENGLISH.encode()),
        holds="quokka",
    ),
    Attack(
        "a mail in a mail in a mail",
        "a.eml",
        lambda: mail_carrying("b.eml", mail_carrying("c.eml", mail())),
        holds="quokka",
    ),
)
DISGUISES = (
    Attack("a PDF that is called a text", "a.txt", pdf, holds="quokka"),
    Attack("a Word file that is called a PDF", "a.pdf", docx, holds="quokka"),
    Attack("a workbook that is called a page", "a.html", xlsx, holds="quokka"),
    Attack("a picture that is called a Word file", "a.docx", lambda: picture("PNG")),
    Attack("a page that is called a PDF", "a.pdf", lambda: page("<h1>quokka</h1>"), holds="quokka"),
    Attack("a table that is called a workbook", "a.xlsx", lambda: separated(","), holds="quokka"),
    Attack("a program that is called a text", "a.txt", lambda: b"MZ\x90\0" + ENGLISH.encode(), says="program"),
    Attack("a PDF, an archive and a page in one", "a.pdf", polyglot, holds="quokka", never="alert"),
    Attack("the same, called a page", "a.html", polyglot, holds="quokka", never="alert"),
    Attack("the same, called an archive", "a.docx", polyglot, holds="quokka", never="alert"),
    Attack("a file without an ending", "README", ENGLISH.encode, holds=ENGLISH),
    Attack("an ending of a thousand characters", "a." + "x" * 1_000, ENGLISH.encode, holds=ENGLISH),
    Attack(
        "text of fifty quotations in each other",
        "a.md",
        lambda: b"> " * 50 + ENGLISH.encode() + b"\n\nquokka",
        holds=ENGLISH,
    ),
    Attack(
        "text in GB18030 beyond the basic plane",
        "a.txt",
        lambda: CHINESE.encode("gb18030") + "𠮷𪚥".encode("gb18030"),
        holds="𠮷𪚥",
    ),
)
ATTACKS = PAGES + TEXTS + TABLES + MAILS + DISGUISES
LARGE = (
    Attack(
        "one line of 200 million bytes", "a.txt", lambda: b"gabbro " * (200 * 2**20 // 7), says="characters of text"
    ),
    Attack("one field of 200 million bytes", "a.csv", lambda: b'a,b\n"' + b"g" * (200 * 2**20 - 20) + b'",1\n'),
    Attack("one line of JSON of 200 million bytes", "a.json", lambda: b'["' + b"g" * (200 * 2**20 - 20) + b'"]'),
)
