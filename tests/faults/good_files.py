"""Small good files of every type that is read, made in code: the same bytes every time.

Their text is made of ``WORDS``, which no message of the product uses: a message that holds one of them has quoted the
document.
"""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage

from PIL import Image, ImageDraw

from tests.faults.good_office import docx, ods, odt, pptx, rtf, xls, xlsx
from tests.faults.good_pdf import pdf, pdf_scan, pdf_with_attachment
from tests.faults.words import BEACON, CHINESE, ENGLISH, ROWS, TEXT, TITLE

PASSWORD = "brontide-7"


@dataclass(frozen=True, slots=True)
class GoodFile:
    """A file that is read.

    Attributes:
        name: its extension is the hint that a reader gets.
        password: opens it; empty if it is open.
    """

    name: str
    content: bytes
    password: str = ""

    @property
    def kind(self) -> str:
        """What is counted under one name."""
        return self.name.rpartition(".")[2]


def html() -> bytes:
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    items = "".join(f"<li>{line}</li>" for line in TEXT)
    return (
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{TITLE}</title>"
        "<style>p { color: red }</style></head>"
        f"<body><nav><img src='{BEACON}' srcset='{BEACON} 2x'><a href='{BEACON}'>{ENGLISH}</a></nav>"
        f"<main><h1>{TITLE}</h1><p>{ENGLISH} &amp; {CHINESE}</p>"
        f"<ul>{items}</ul><table>{rows}</table><script>var a = 1;</script></main></body></html>"
    ).encode()


def markdown() -> bytes:
    table = "\n".join("| " + " | ".join(row) + " |" for row in (ROWS[0], ["---"] * len(ROWS[0]), *ROWS[1:]))
    listed = "\n".join(f"- {line}" for line in TEXT)
    return f"# {TITLE}\n\n{ENGLISH}\n\n## {CHINESE}\n\n{listed}\n\n{table}\n\n```\n{ENGLISH}\n```\n".encode()


def separated(mark: str) -> bytes:
    return "\r\n".join(mark.join(f'"{cell}"' for cell in row) for row in ROWS * 5).encode()


def json_text() -> bytes:
    entries = [dict(zip(ROWS[0], row, strict=True)) | {"more": {"lines": TEXT, "n": 4711, "f": 1.5e3}} for row in ROWS]
    return json.dumps({"title": TITLE, "entries": entries}, ensure_ascii=False, indent=1).encode()


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "a@example.org", "b@example.org"
    message["Subject"], message["Date"] = CHINESE, "Mon, 06 Jan 2025 08:00:00 +0000"
    message["Message-ID"] = "<1@example.org>"
    message.set_content("\n".join(TEXT))
    message.add_alternative(html().decode(), subtype="html")
    message.add_attachment(docx(), maintype="application", subtype="octet-stream", filename="letter.docx")
    message.add_attachment(separated(",").decode(), subtype="csv", filename="table.csv")
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=={number}==")
    return message.as_bytes()


def web_archive() -> bytes:
    page = html().decode()
    return (
        "From: <Saved by a browser>\r\nSubject: page\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related; type="text/html"; boundary="----B"\r\n\r\n'
        "------B\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        f"Content-Location: {BEACON}a.html\r\n\r\n{page}\r\n------B--\r\n"
    ).encode()


def archive() -> bytes:
    members = {
        "a/notes.txt": "\n".join(TEXT).encode(),
        "table.csv": separated(","),
        "page.html": html(),
        "w.docx": docx(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for name, content in members.items():
            written.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def picture(kind: str, **options: object) -> bytes:
    """Draw two lines of words."""
    image = Image.new("RGB", (320, 90), "white")
    drawing = ImageDraw.Draw(image)
    drawing.text((10, 10), ENGLISH, fill="black", font_size=22)
    drawing.text((10, 50), TITLE, fill="black", font_size=22)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pages_of_pictures(kind: str) -> bytes:
    frames = [Image.new("L", (200, 60), 255 - 60 * number) for number in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


BUILDERS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("utf8.txt", lambda: "\n\n".join(TEXT).encode()),
    ("gb18030.txt", lambda: "\r\n".join(TEXT).encode("gb18030")),
    ("utf16.txt", lambda: "\n".join(TEXT).encode("utf-16")),
    ("notes.md", markdown),
    ("page.html", html),
    ("table.csv", lambda: separated(",")),
    ("table.tsv", lambda: separated("\t")),
    ("entries.json", json_text),
    ("text.pdf", pdf),
    ("plain.pdf", lambda: pdf(compressed=False)),
    ("scan.pdf", pdf_scan),
    ("carrier.pdf", pdf_with_attachment),
    ("letter.docx", docx),
    ("slides.pptx", pptx),
    ("book.xlsx", xlsx),
    ("book.xls", xls),
    ("book.ods", ods),
    ("letter.eml", mail),
    ("page.mhtml", web_archive),
    ("files.zip", archive),
    ("photo.png", lambda: picture("PNG")),
    ("photo.jpg", lambda: picture("JPEG", quality=80)),
    ("photo.bmp", lambda: picture("BMP")),
    ("photo.webp", lambda: picture("WEBP", lossless=True)),
    ("fax.tiff", lambda: pages_of_pictures("TIFF")),
    ("moving.gif", lambda: pages_of_pictures("GIF")),
)


CONVERTED: tuple[tuple[str, Callable[[], bytes]], ...] = (("letter.rtf", rtf), ("letter.odt", odt))


def converted_files() -> list[GoodFile]:
    """Make one of each that is read by way of LibreOffice, a second each."""
    return [GoodFile(name, build()) for name, build in CONVERTED]


def good_files() -> list[GoodFile]:
    """Make one of each that is read."""
    made = [GoodFile(name, build()) for name, build in BUILDERS]
    return [*made, GoodFile("locked.pdf", pdf(password=PASSWORD), PASSWORD)]
