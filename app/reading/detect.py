"""Which kind of file this is: by its content; the extension only tells text formats apart.

What is not on the list of readable types is refused by its name, so that its owner knows what to convert.
"""

import io
import re
import zipfile

from app.errors import DocumentRefused

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML = "text/html"
MARKDOWN = "text/markdown"
TEXT = "text/plain"

HEAD_BYTES = 4_096
OLE = bytes.fromhex("d0cf11e0a1b11ae1")

# First bytes of types that are known and not readable.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n", "PNG picture"),
    (b"\xff\xd8\xff", "JPEG picture"),
    (b"GIF8", "GIF picture"),
    (b"II*\x00", "TIFF picture"),
    (b"MM\x00*", "TIFF picture"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"{\\rtf", "RTF document"),
    (b"%!PS", "PostScript file"),
    (b"AT&TFORM", "DjVu document"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ", "xz archive"),
    (b"7z\xbc\xaf'\x1c", "7z archive"),
    (b"Rar!", "RAR archive"),
    (b"(\xb5/\xfd", "zstd archive"),
    (b"\x7fELF", "program"),
    (b"MZ\x90", "program"),
    (b"SQLite format 3", "SQLite database"),
    (b"OggS", "sound file"),
    (b"ID3", "sound file"),
    (b"fLaC", "sound file"),
    (b"\x00\x05\x16\x00", "AppleSingle file"),
    (b"\x1aE\xdf\xa3", "video"),
)
RIFF = {b"WEBP": "WebP picture", b"WAVE": "sound file", b"AVI ": "video"}
# A stream's name in an OLE file, UTF-16 -> the type.
OLE_STREAMS = (
    ("WordDocument", "Word 97-2003 document (.doc)"),
    ("Workbook", "Excel 97-2003 workbook (.xls)"),
    ("Book", "Excel 5/95 workbook (.xls)"),
    ("PowerPoint Document", "PowerPoint 97-2003 presentation (.ppt)"),
    ("__substg1.0_", "Outlook message (.msg)"),
)
ZIP_MEMBERS = (
    ("xl/", "Excel workbook (.xlsx)"),
    ("ppt/", "PowerPoint presentation (.pptx)"),
    ("META-INF/container.xml", "EPUB book"),
    ("content.xml", "OpenDocument file"),
)
TEXT_EXTENSIONS = {"eml": "e-mail", "mht": "web archive", "mhtml": "web archive", "svg": "SVG picture"}
MAIL_FIELD = re.compile(rb"(?mi)^(from|to|date|subject|received|message-id|mime-version|return-path|delivered-to): ?\S")
HTML_START = re.compile(
    rb"(?is)^\s*(?:<\?xml.{0,200}?\?>\s*|<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b"
)
HTML_TAG = re.compile(rb"(?i)<(?:p|div|table|body|h[1-6]|ul|br|title|span|a)\b[^<>]{0,500}>")
SVG_START = re.compile(rb"(?is)^\s*(?:<\?xml.{0,200}?\?>\s*|<!--.{0,2000}?-->\s*|<!doctype svg.{0,300}?>\s*)*<svg\b")


def refuse(name: str) -> DocumentRefused:
    """Build the refusal of a known type."""
    return DocumentRefused(
        f"{name}: not readable yet",
        advice="Convert it to PDF, DOCX, HTML, Markdown or plain text and send that.",
    )


def in_zip(content: bytes) -> str:
    """Tell a Word document from other ZIP files; only the directory is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [info.filename for info in archive.infolist()[:10_000]]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        if b"word/" in content:
            raise DocumentRefused("the Word document is damaged or cut off; save it again") from error
        raise DocumentRefused("the ZIP container is damaged or cut off; save it again") from error
    if "word/document.xml" in names or any(name.startswith("word/") for name in names):
        return DOCX
    for member, name in ZIP_MEMBERS:
        if any(found.startswith(member) for found in names):
            raise refuse(name)
    raise refuse("ZIP archive")


def in_ole(content: bytes) -> DocumentRefused:
    """Name what an old Office container holds."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        return DocumentRefused(
            "the Office file needs a password", advice="Save a copy without a password and send that."
        )
    for stream, name in OLE_STREAMS:
        if stream.encode("utf-16-le") in content:
            return refuse(name)
    return refuse("old Office file")


def refuse_known(content: bytes) -> None:
    """Refuse what is recognised by its first bytes and cannot be read."""
    for signature, name in SIGNATURES:
        if content.startswith(signature):
            raise refuse(name)
    if content.startswith(OLE):
        raise in_ole(content)
    if content.startswith(b"RIFF"):
        raise refuse(RIFF.get(content[8:12], "media file"))
    if content.startswith(b"BM") and content[6:10] == bytes(4):
        raise refuse("BMP picture")
    if content[4:8] == b"ftyp":
        raise refuse("video or picture")


def detect(content: bytes, extension: str) -> str:
    """Give the media type.

    Raises:
        DocumentRefused: empty, or a type that is not readable. Unknown binary data passes as
            text here and is refused when it is decoded.
    """
    if not content:
        raise DocumentRefused("the file is empty")
    head = content[:HEAD_BYTES]
    if b"%PDF-" in content[:1_024]:
        return PDF
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return in_zip(content)
    refuse_known(content)
    if extension in TEXT_EXTENSIONS or len({found.lower() for found in MAIL_FIELD.findall(head)}) >= 4:
        raise refuse(TEXT_EXTENSIONS.get(extension, "e-mail"))
    plain = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")  # UTF-16 looks like ASCII without its zeros
    if SVG_START.match(plain):
        raise refuse("SVG picture")
    if HTML_START.match(plain):
        return HTML
    if extension in {"html", "htm", "xhtml", "shtml"} and HTML_TAG.search(plain):
        return HTML
    if extension in {"md", "markdown", "mdown", "mkd"}:
        return MARKDOWN
    return TEXT
