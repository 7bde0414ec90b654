"""What a PDF carries beside its pages: values of forms, words laid over a page, attached files."""

import contextlib
import ctypes
import io
import itertools
from collections.abc import Callable, Iterator

import pypdfium2
from lxml import etree
from pypdfium2 import raw

from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.readers import MAX_ATTACHMENTS, attached

MAX_ANNOTATIONS = 2_000  # of one page
MAX_VALUE_BYTES = 100_000
MAX_FORM_BYTES = 4_000_000  # of a form in XML
MAX_FORM_FIELDS = 5_000
MAX_ATTACHED_BYTES = 256 << 20  # of all attached files together
HIDDEN_FLAGS = 0x02 | 0x20  # hidden, no view
PASSWORD_FLAG = 1 << 13
WITH_TEXT = frozenset({raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX})
CHECKED = frozenset({raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON})

Ask = Callable[..., int]  # takes a space and its length in bytes, gives the length needed


class Extras:
    """Reads what lies beside the pages of one document; bounded in all."""

    def __init__(self, document: pypdfium2.PdfDocument, content: bytes, reading: Reading) -> None:
        self._content = content
        self._document = document
        self._reading = reading
        self._files: list[pypdfium2.PdfAttachment] = []
        self._said: set[tuple[str, str]] = set()
        self._form = None
        if document.get_formtype() != raw.FORMTYPE_NONE:
            with contextlib.suppress(pypdfium2.PdfiumError):
                document.init_forms()
                self._form = document.formenv

    def of_page(self, page: pypdfium2.PdfPage, number: int) -> list[Block]:
        """Give the values of the form fields on a page, and the words that were laid over it."""
        texts: list[str] = []
        count = raw.FPDFPage_GetAnnotCount(page)
        for index in range(min(count, MAX_ANNOTATIONS)):
            annotation = raw.FPDFPage_GetAnnot(page, index)
            if not annotation:
                continue
            try:
                text = self._words(annotation)
            finally:
                raw.FPDFPage_CloseAnnot(annotation)
            if text.strip():
                texts.append(text)
        return [Block("paragraph", "\n".join(texts), number)] if texts else []

    def _words(self, annotation: object) -> str:
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if kind == raw.FPDF_ANNOT_FILEATTACHMENT:
            handle = raw.FPDFAnnot_GetFileAttachment(annotation)
            if handle and len(self._files) < MAX_ATTACHMENTS:
                self._files.append(pypdfium2.PdfAttachment(handle, self._document))
            return ""
        if raw.FPDFAnnot_GetFlags(annotation) & HIDDEN_FLAGS:
            return ""
        if kind == raw.FPDF_ANNOT_FREETEXT:
            return string_of(lambda *space: raw.FPDFAnnot_GetStringValue(annotation, b"Contents", *space))
        if kind == raw.FPDF_ANNOT_WIDGET and self._form is not None and len(self._said) < MAX_FORM_FIELDS:
            return self._field(annotation)
        return ""

    def _field(self, annotation: object) -> str:
        form = self._form
        kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
        if raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & PASSWORD_FLAG and kind in WITH_TEXT:
            return ""
        value = ""
        if kind in WITH_TEXT:
            value = string_of(lambda *space: raw.FPDFAnnot_GetFormFieldValue(form, annotation, *space))
        elif kind in CHECKED and raw.FPDFAnnot_IsChecked(form, annotation):
            value = "✓"
        if not value.strip():
            return ""
        label = string_of(lambda *space: raw.FPDFAnnot_GetFormFieldAlternateName(form, annotation, *space))
        label = label or string_of(lambda *space: raw.FPDFAnnot_GetFormFieldName(form, annotation, *space))
        if (label, value) in self._said:
            return ""  # one field may stand on every page
        self._said.add((label, value))
        return f"{label}: {value}" if label else value

    def after_pages(self) -> Iterator[Block]:
        """Give the values of a form in XML, then what the attached files say."""
        yield from self._xml_form()
        left = MAX_ATTACHED_BYTES
        known: set[bytes] = set()
        count = min(self._document.count_attachments(), MAX_ATTACHMENTS)
        files = self._files[:]
        for index in range(count):
            with contextlib.suppress(pypdfium2.PdfiumError):  # named, but not there
                files.append(self._document.get_attachment(index))
        for file in files[:MAX_ATTACHMENTS]:
            name = ""
            try:
                name = file_name(file.get_name())
                content = bytes(file.get_data())
            except (pypdfium2.PdfiumError, UnicodeDecodeError):
                content = self._by_pypdf(name)
            if not content:
                self._reading.notes.append("a damaged attachment was left out")
            if not content or content in known:
                continue
            left -= len(content)
            if left < 0:
                self._reading.notes.append("the attachments are too large together; some were left out")
                return
            known.add(content)
            yield from attached(name or "attachment", content, self._reading)
        if self._document.count_attachments() + len(self._files) > MAX_ATTACHMENTS:
            self._reading.notes.append(f"more than {MAX_ATTACHMENTS} attachments; the others were left out")

    def _by_pypdf(self, name: str) -> bytes:
        """Give an attached file that PDFium finds too poorly described; empty if pypdf cannot take it out either."""
        from pypdf import PdfReader  # noqa: PLC0415
        from pypdf.errors import PyPdfError  # noqa: PLC0415

        try:
            document = PdfReader(io.BytesIO(self._content), password=self._reading.password or None)
            return b"".join(document.attachments.get(name, [])[:1])
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, NotImplementedError):
            return b""

    def _xml_form(self) -> Iterator[Block]:
        """Give what a form says that its maker wrote as XML (XFA), where the pages do not say it.

        PDFium shows of some a single page, which says that it cannot show them.
        """
        wanted = {b"datasets": values_of} if not self._said else {}
        if self._document.get_formtype() == raw.FORMTYPE_XFA_FULL:
            wanted[b"template"] = captions_of
        for index in range(max(0, raw.FPDF_GetXFAPacketCount(self._document))):
            name = bytes_of(lambda *space, at=index: raw.FPDF_GetXFAPacketName(self._document, at, *space))
            lines_of = wanted.pop(name.rstrip(b"\0"), None)
            if lines_of is None:
                continue
            length = ctypes.c_ulong()
            raw.FPDF_GetXFAPacketContent(self._document, index, None, 0, length)
            if not 0 < length.value <= MAX_FORM_BYTES:
                continue
            content = ctypes.create_string_buffer(length.value)
            if raw.FPDF_GetXFAPacketContent(self._document, index, content, length.value, length):
                lines = list(itertools.islice(lines_of(content.raw), MAX_FORM_FIELDS))
                if lines:
                    yield Block("paragraph", "\n".join(lines), 1 if self._reading.pages else 0)


def file_name(name: str) -> str:
    """Give a name that PDFium took byte by byte as it was meant: UTF-16 or UTF-8."""
    try:
        written = name.encode("latin-1")
        return written.decode("utf-16" if written.startswith((b"\xfe\xff", b"\xff\xfe")) else "utf-8")
    except UnicodeError:
        return name


def elements_of(xml: bytes) -> Iterator[etree._Element]:
    """Give the elements of an XML text, damaged or not; entities stay as they are."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    with contextlib.suppress(etree.XMLSyntaxError):
        root = etree.fromstring(xml, parser)
        if root is not None:
            yield from (element for element in root.iter() if isinstance(element.tag, str))


def values_of(xml: bytes) -> Iterator[str]:
    """Give the values in the data of a form, each behind the name of its field."""
    for element in elements_of(xml):
        value = " ".join((element.text or "").split())
        if value and not len(element):
            yield f"{local_name(element)}: {value}"


def captions_of(xml: bytes) -> Iterator[str]:
    """Give the words that a form shows beside its fields."""
    for element in elements_of(xml):
        if local_name(element) in ("text", "exData") and shown(element):
            words = " ".join(" ".join(element.itertext()).split())
            if words:
                yield words


def local_name(element: etree._Element) -> str:
    """Give the name of an element without its namespace; a damaged one may hold anything."""
    return str(element.tag).rpartition("}")[2]


def shown(element: etree._Element) -> bool:
    """Tell whether a text of a form stands beside a field or alone on the page."""
    above = [local_name(parent) for parent in itertools.islice(element.iterancestors(), 2)]
    return above[:1] == ["value"] and above[1:] in (["caption"], ["draw"])


def bytes_of(ask: Ask) -> bytes:
    """Take bytes from a function of PDFium that fills a space and says how much there is."""
    length = ask(None, 0)
    if not 0 < length <= MAX_VALUE_BYTES:
        return b""
    space = ctypes.create_string_buffer(length)
    ask(space, length)
    return space.raw


def string_of(ask: Ask) -> str:
    """Take a text from a function of PDFium that fills a space with UTF-16."""
    length = ask(None, 0)
    if not 2 < length <= MAX_VALUE_BYTES:
        return ""
    space = (ctypes.c_ushort * ((length + 1) // 2))()
    ask(space, length)
    return bytes(space).decode("utf-16-le", "replace").rstrip("\0").replace("\r", "\n")
