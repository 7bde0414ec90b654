import io
import zipfile

import pytest

from app.errors import DocumentRefused
from app.reading import detect


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "extension", "media_type"),
    [
        (b"%PDF-1.7\n", "txt", detect.PDF),
        (b"\x00" * 100 + b"%PDF-1.4", "", detect.PDF),
        (zipped(**{"word__document.xml": b"<w/>"}), "pdf", detect.DOCX),
        (b"\xef\xbb\xbf <!DOCTYPE html><p>a", "txt", detect.HTML),
        ("<html><body>a".encode("utf-16"), "", detect.HTML),
        (b"<?xml version='1.0'?>\n<!-- a --><html>", "", detect.HTML),
        (b"<p>a fragment</p>", "htm", detect.HTML),
        (b"a < b, and <p> is a tag", "txt", detect.TEXT),
        (b"# title", "md", detect.MARKDOWN),
        (b"# title", "", detect.TEXT),
        ("第一章".encode("gb18030"), "unknown", detect.TEXT),
        (b"\x89PNG\r\n\x1a\n", "pdf", "image/png"),
        (b"\xff\xd8\xff\xe0", "docx", "image/jpeg"),
        (b"RIFF\n\x00\x00\x00WEBPVP8 ", "", "image/webp"),
        (b"{\\rtf1 a}", "doc", detect.RTF),
        (zipped(**{"xl__workbook.xml": b"<w/>"}), "docx", detect.XLSX),
        (zipped(**{"xl__workbook.bin": b"w"}), "xlsx", detect.XLSB),
        (zipped(**{"ppt__presentation.xml": b"<w/>"}), "", detect.PPTX),
        (zipped(**{"a.txt": b"a"}), "zip", detect.ZIP),
        (zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "zip", detect.ODS),
        (detect.OLE + "WordDocument".encode("utf-16-le"), "doc", detect.DOC),
        (detect.OLE + "Workbook".encode("utf-16-le"), "doc", detect.XLS),
        (b"From: a@b\nTo: c@d\nSubject: e\nDate: f\n\ng", "", detect.MAIL),
        (b"a,b\n1,2\n", "csv", detect.CSV),
        (b'{"a": 1}', "json", detect.JSON),
    ],
)
def test_content_decides_and_the_extension_only_tells_text_formats_apart(content, extension, media_type):
    assert detect.detect(content, extension) == media_type


@pytest.mark.parametrize(
    ("content", "extension", "named"),
    [
        (detect.OLE + "EncryptedPackage".encode("utf-16-le"), "docx", "needs a password"),
        (detect.OLE + "__substg1.0_".encode("utf-16-le"), "msg", "Outlook"),
        (zipped(mimetype=b"application/epub+zip"), "epub", "EPUB"),
        (b"<svg xmlns='a'><text>b</text></svg>", "txt", "SVG"),
        (b"PK\x03\x04 cut off", "docx", "damaged or cut off"),
        (b"", "txt", "empty"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(content, extension, named):
    with pytest.raises(DocumentRefused, match=named):
        detect.detect(content, extension)
