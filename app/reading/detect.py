"""Which kind of file this is: by its content; the extension only tells text formats apart.

What nobody here can read is refused by its name, so that its owner knows what to convert.
"""

import io
import re
import zipfile
import zlib

from app.errors import DocumentRefused

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
XLS = "application/vnd.ms-excel"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
WORKBOOKS = (XLSX, XLSB, XLS, ODS)
CSV = "text/csv"
HTML = "text/html"
MAIL = "message/rfc822"
WEB_ARCHIVE = "multipart/related"
JSON = "application/json"
ZIP = "application/zip"
PICTURES = ("image/png", "image/jpeg", "image/tiff", "image/bmp", "image/webp", "image/gif")
MARKDOWN = "text/markdown"
TEXT = "text/plain"

HEAD_BYTES = 4_096
OLE = bytes.fromhex("d0cf11e0a1b11ae1")

# What LibreOffice turns into a type that is read, where it is installed: media type -> (what it is, what it becomes).
DOC, PPT, RTF = "application/msword", "application/vnd.ms-powerpoint", "application/rtf"
ODT, ODP = "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.presentation"
WPS = "application/vnd.ms-works"
CONVERTED = {
    DOC: ("Word 97-2003 document (.doc)", "docx"),
    PPT: ("PowerPoint 97-2003 presentation (.ppt)", "pptx"),
    RTF: ("RTF document", "docx"),
    ODT: ("OpenDocument text (.odt)", "docx"),
    ODP: ("OpenDocument presentation (.odp)", "pptx"),
    WPS: ("Works or WPS document (.wps)", "docx"),
}

# First bytes of what is read.
STARTS = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8"), "image/gif"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "image/tiff"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"BM.{4}\x00{4}", re.DOTALL), "image/bmp"),
    (re.compile(rb"\{\\rtf"), RTF),
)
# First bytes of types that are known and not readable.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x00\x00\x01\x00", "icon"),
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
RIFF = {b"WAVE": "sound file", b"AVI ": "video"}
# A stream's name in an OLE file, UTF-16 -> the type.
OLE_STREAMS = (
    ("WordDocument", DOC),
    ("Workbook", XLS),
    ("Book", XLS),
    ("PowerPoint Document", PPT),
    ("MatOST", WPS),
    ("CONTENTS", WPS),
)
OUTLOOK = "__substg1.0_"
OPEN_DOCUMENTS = {ODT.encode(): ODT, ODS.encode(): ODS, ODP.encode(): ODP}
HTML_EXTENSIONS = frozenset({"html", "htm", "xhtml", "shtml"})
TEXT_TYPES = {"csv": CSV, "tsv": CSV, "json": JSON} | dict.fromkeys(("md", "markdown", "mdown", "mkd"), MARKDOWN)
MOST_MEMBERS = 10_000
MAIL_FIELD = re.compile(rb"(?mi)^(from|to|date|subject|received|message-id|mime-version|return-path|delivered-to): ?\S")
HTML_START = re.compile(
    rb"(?is)^\s*(?:<\?xml.{0,200}?\?>\s*|<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b"
)
HTML_TAG = re.compile(rb"(?i)<(?:p|div|table|body|h[1-6]|ul|br|title|span|a)\b[^<>]{0,500}>")
SVG_START = re.compile(rb"(?is)^\s*(?:<\?xml.{0,200}?\?>\s*|<!--.{0,2000}?-->\s*|<!doctype svg.{0,300}?>\s*)*<svg\b")


def refuse(name: str) -> DocumentRefused:
    """Build the refusal of a known type."""
    return DocumentRefused(
        f"{name}: not readable",
        advice="Convert it to PDF, DOCX, HTML, Markdown or plain text and send that.",
    )


def in_zip(content: bytes) -> str:
    """Tell Office documents from other ZIP files; only the directory and one short member are read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {info.filename for info in archive.infolist()[:MOST_MEMBERS]}
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    kind = file.read(100).strip()
                if kind in OPEN_DOCUMENTS:
                    return OPEN_DOCUMENTS[kind]
                raise refuse("EPUB book" if kind == b"application/epub+zip" else "OpenDocument file")
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError, zlib.error) as error:
        for member, name in ((b"word/", "Word document"), (b"xl/", "Excel workbook"), (b"ppt/", "presentation")):
            if member in content:
                raise DocumentRefused(f"the {name} is damaged or cut off; save it again") from error
        raise DocumentRefused("the ZIP container is damaged or cut off; save it again") from error
    if any(name.startswith("word/") for name in names):
        return DOCX
    if any(name.startswith("xl/") for name in names):
        return XLSB if "xl/workbook.bin" in names else XLSX
    return PPTX if any(name.startswith("ppt/") for name in names) else ZIP


def in_ole(content: bytes) -> str:
    """Tell what an old Office container holds."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise DocumentRefused(
            "the Office file needs a password", advice="Save a copy without a password and send that."
        )
    if OUTLOOK.encode("utf-16-le") in content:
        raise DocumentRefused("Outlook message (.msg): not readable", advice="Save it as EML or PDF and send that.")
    for stream, media_type in OLE_STREAMS:
        if stream.encode("utf-16-le") in content:
            return media_type
    raise refuse("old Office file")


def is_picture(content: bytes) -> bool:
    """Tell by its first bytes whether a file is a picture whose text is recognised."""
    return any(start.match(content) and media_type in PICTURES for start, media_type in STARTS)


def by_first_bytes(content: bytes) -> str | None:
    """Give the type of what its first bytes tell; None for what may be text.

    Raises:
        DocumentRefused: it is known and cannot be read.
    """
    for start, media_type in STARTS:
        if start.match(content):
            return media_type
    if content.startswith(OLE):
        return in_ole(content)
    for signature, name in SIGNATURES:
        if content.startswith(signature):
            raise refuse(name)
    if content.startswith(b"RIFF"):
        raise refuse(RIFF.get(content[8:12], "media file"))
    if content[4:8] == b"ftyp":
        raise refuse("video or picture")
    return None


def in_text(content: bytes, extension: str) -> str:
    """Tell text formats apart; unknown binary data passes as text here and is refused when it is decoded."""
    head = content[:HEAD_BYTES]
    plain = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")  # UTF-16 looks like ASCII without its zeros
    fields = {found.lower() for found in MAIL_FIELD.findall(plain)}
    if extension in {"mht", "mhtml"}:
        return WEB_ARCHIVE
    if extension == "eml" or (len(fields) >= 4 and extension not in {"txt", "md"}):
        return MAIL
    if SVG_START.match(plain):
        raise refuse("SVG picture")
    if HTML_START.match(plain) or (extension in HTML_EXTENSIONS and HTML_TAG.search(plain)):
        return HTML
    return TEXT_TYPES.get(extension, TEXT)


def detect(content: bytes, extension: str) -> str:
    """Give the media type.

    Raises:
        DocumentRefused: empty, or a type that is not readable.
    """
    if not content:
        raise DocumentRefused("the file is empty")
    if b"%PDF-" in content[:1_024]:
        return PDF
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return in_zip(content)
    return by_first_bytes(content) or in_text(content, extension)
