"""PDF -> blocks, page by page, by PDFium; pypdf only where PDFium cannot open the file.

A page whose text layer is worthless (fonts without a Unicode map) gives no text but asks for recognition from its
picture: rubbish in the index is worse than a page that says it was not read.
"""

import contextlib
import io
from collections import deque
from collections.abc import Iterable, Iterator

import pypdfium2

from app.errors import DocumentLocked, DocumentRefused
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.pdf_blocks import Blocks
from app.reading.pdf_extras import Extras
from app.reading.pdf_margins import WINDOW, Ends, Margins, ends_of
from app.reading.pdf_outline import Outline
from app.reading.pdf_page import read_page
from app.reading.pdf_parts import Line, Page
from app.reading.pdf_text import unreadable, visible

FEW_CHARS = 20  # visible ones; a page with fewer on a picture is a scan with a stamp
PICTURE_SHARE = 0.5  # of the page
NO_TEXT = "no readable text (a scan?)"
RUBBISH = "its fonts do not say which characters they show, so its text was left out"
DAMAGED = "damaged page, left out"
UNSEEN = "{} characters that nobody sees on the page were left out"
PASSWORD = "the PDF needs a password"  # noqa: S105 - a message
WRONG_PASSWORD = "the password given does not open the PDF"  # noqa: S105 - a message


def check_pages(count: int, reading: Reading) -> None:
    """Refuse a document with too many pages."""
    reading.pages = count
    if count > reading.max_pages:
        raise DocumentRefused(
            f"{count} pages, the limit is {reading.max_pages}", advice="Split it, or raise ingest.max_pages."
        )


def trouble_of(page: Page) -> str:
    """Give why the text of a page must be recognised from its picture; empty if it need not."""
    text = page.text
    count = visible(text)
    if not count:
        return NO_TEXT if page.drawn else ""
    if count < FEW_CHARS and page.pictured >= PICTURE_SHARE:
        return NO_TEXT
    return RUBBISH if unreadable(text) else ""


def pages_of(document: pypdfium2.PdfDocument, extras: Extras, reading: Reading) -> Iterator[tuple[Page, list[Block]]]:
    """Read page after page, with the values of its forms; a damaged one is noted and left out."""
    for index in range(reading.pages):
        number = index + 1
        try:
            opened = document[index]
            try:
                page = read_page(opened, number)
                values = extras.of_page(opened, number)
            finally:
                opened.close()
        except pypdfium2.PdfiumError:
            reading.page_notes[number] = DAMAGED
            continue
        trouble = trouble_of(page)
        if trouble:
            reading.scanned[number] = trouble
            page.items = []
        elif page.unseen:
            reading.page_notes[number] = UNSEEN.format(page.unseen)
        yield page, values


Read = tuple[Page, list[Block], Ends]


def with_neighbours(pages: Iterable[tuple[Page, list[Block]]], blocks: Blocks) -> Iterator[tuple[Read, list[Read]]]:
    """Give each page with those before and after it, of which as few as possible are held."""
    held: deque[Read] = deque()
    waiting = 0  # of those held, the one whose turn it is
    for page, values in pages:
        blocks.learn(page)
        held.append((page, values, ends_of(page)))
        if len(held) - waiting > WINDOW:
            yield held[waiting], list(held)
            waiting += 1
        if waiting > WINDOW:
            held.popleft()
            waiting -= 1
    for index in range(waiting, len(held)):
        yield held[index], list(held)[max(0, index - WINDOW) :]


def read_pages(document: pypdfium2.PdfDocument, content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of all pages, then of what is attached."""
    check_pages(len(document), reading)
    with contextlib.suppress(UnicodeDecodeError):
        reading.title = document.get_metadata_value("Title")
    extras = Extras(document, content, reading)
    blocks, margins = Blocks(Outline(document), reading.pages), Margins(reading.pages)
    for (page, values, ends), around in with_neighbours(pages_of(document, extras, reading), blocks):
        others = [(other.number, their_ends) for other, _, their_ends in around if other is not page]
        yield from blocks.of(page, margins.of(page, ends, others, blocks.body))
        yield from values
    yield from extras.after_pages()


def read_with_pypdf(content: bytes, reading: Reading) -> Iterator[Block]:
    """Read what PDFium cannot open; slower, but it repairs more."""
    # Imported where needed: a third of a second that few files cost.
    from pypdf import PdfReader  # noqa: PLC0415
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        document = PdfReader(io.BytesIO(content), strict=False)
        if document.is_encrypted and not (document.decrypt(reading.password) or document.decrypt("")):
            raise DocumentLocked(WRONG_PASSWORD if reading.password else PASSWORD)
        check_pages(len(document.pages), reading)
        blocks = Blocks(None, reading.pages)
        for index in range(reading.pages):
            text = document.pages[index].extract_text()
            lines = [Line(line.rstrip(), start) for start, line in enumerate(text.splitlines()) if line.strip()]
            page = Page(index + 1, items=list(lines), drawn=True)
            trouble = trouble_of(page)
            if trouble:
                reading.scanned[index + 1] = trouble
            else:
                blocks.learn(page)
                yield from blocks.of(page, set())
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OSError,
        NotImplementedError,
    ) as error:
        raise DocumentRefused("the PDF is damaged or cut off; save or print it to PDF again") from error


def opened(content: bytes, password: str) -> pypdfium2.PdfDocument | None:
    """Open a PDF with PDFium; None if it cannot.

    Raises:
        DocumentLocked: it needs a password, or another one.
    """
    for attempt in dict.fromkeys((password, "")):  # one that is not needed is no trouble
        try:
            document = pypdfium2.PdfDocument(content, attempt or None)
            document.get_version()
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) != pypdfium2.raw.FPDF_ERR_PASSWORD:
                return None
        else:
            return document
    raise DocumentLocked(WRONG_PASSWORD if password else PASSWORD)


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a PDF."""
    reading.empty_reason = "no page has readable text (a scan?); run text recognition (OCR) on it and send the result"
    document = opened(content, reading.password)
    if document is None:
        yield from read_with_pypdf(content, reading)
        return
    try:
        yield from read_pages(document, content, reading)
    finally:
        document.close()
    if reading.pages == 0:
        raise DocumentRefused("the PDF has no pages")
