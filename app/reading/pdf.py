"""PDF -> blocks, page by page, by PDFium; pypdf only where PDFium cannot open the file.

A page whose text layer is worthless (fonts without a Unicode map) gives a note instead of text:
rubbish in the index is worse than a page that says it was not read.
"""

import io
import itertools
import re
from collections.abc import Iterator

import pypdfium2

from app.errors import DocumentRefused
from app.reading.block import Block
from app.reading.contract import Reading

MAX_OUTLINE_ENTRIES = 20_000
MAX_UNREADABLE_SHARE = 0.12
MAX_HEADING_CHARS = 200
NO_TEXT = "no readable text (a scan?)"
RUBBISH = "its fonts do not say which characters they show, so its text was left out"
DAMAGED = "damaged page, left out"
PASSWORD = "the PDF needs a password"  # noqa: S105 - a message
PASSWORD_ADVICE = "Save a copy without a password and send that."  # noqa: S105 - a message

GLYPH_NAMES = re.compile(r"(?:/(?:g|G|c|C|cid|glyph|uni)\d{1,5}){2,}|(?:\(cid:\d+\)){2,}")
# PDFium's line-end hyphen is U+0002 and stands for itself; other controls mean a font without a map.
BAD = re.compile("[\x00\x01\x03-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff\U000f0000-\U0010fffd]")
SPACES = re.compile(r"\s+")
BULLET_PRIVATE = re.compile("[\uf000-\uf0ff](?=\\s)")  # Symbol font bullets: harmless
HYPHEN = re.compile("(\\w+)\x02(?:\r?\n)?(\\w+)")
WORD = re.compile(r"\w+(?:-\w+)*")
BULLET = re.compile(
    r"\s*(?:[•▪●■◆○◦‣\uf0b7\uf0a7\uf0d8\-–*]|\(?\d{1,2}[.)、）]|[（(][一二三四五六七八九十\da-z][）)])\s*\S"
)
NUMBER = re.compile(r"^(?:第[\d一二三四五六七八九十百]+[章节篇部]|[\da-z]{1,3}(?:\.\d{1,3})*\.?)")
SENTENCE_END = re.compile("[。！？；：.!?:;”」』）)]$")


def unreadable(text: str) -> bool:
    """Tell whether too much of a page's text is controls, private characters or glyph names."""
    visible = len(SPACES.sub("", text))
    names = sum(len(match.group()) for match in GLYPH_NAMES.finditer(text))
    bad = len(BAD.findall(BULLET_PRIVATE.sub("", text)))
    return bad + names > MAX_UNREADABLE_SHARE * visible


class Hyphens:
    """Puts words together that a line end had parted, as the rest of the document writes them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def mend(self, text: str) -> str:
        """Give the page's text without PDFium's hyphen marks."""
        marks = text.count("\x02")
        if not marks:
            return text
        self._seen.update(word.lower() for word in WORD.findall(text))

        def join(match: re.Match[str]) -> str:
            whole, parted = match[1] + match[2], f"{match[1]}-{match[2]}"
            if parted.lower() in self._seen:
                return parted
            # A page set with hyphenation has several; a single one is most often a true hyphen.
            return whole if whole.lower() in self._seen or (marks > 2 and match[2].islower()) else parted

        return HYPHEN.sub(join, text).replace("\x02", "-")


def squeeze(text: str) -> str:
    """Give what is compared when an outline title is looked for on its page."""
    return SPACES.sub("", text).lower().rstrip(".:：")


def outline_of(document: pypdfium2.PdfDocument) -> dict[int, dict[str, int]]:
    """Read the outline: page index -> squeezed title -> level from 1."""
    headings: dict[int, dict[str, int]] = {}
    try:
        for entry in itertools.islice(document.get_toc(max_depth=8), MAX_OUTLINE_ENTRIES):
            target = entry.get_dest()
            index = None if target is None else target.get_index()
            title = squeeze(entry.get_title())
            if index is not None and index >= 0 and title:
                headings.setdefault(index, {}).setdefault(title, entry.level + 1)
    except (pypdfium2.PdfiumError, ValueError, RecursionError):
        pass  # the outline is an extra: without it the text is still there
    return headings


def heading_level(line: str, headings: dict[str, int]) -> int:
    """Give the level if this line is a title of the outline, with or without its number; else 0."""
    if not headings or len(line) > MAX_HEADING_CHARS:
        return 0
    squeezed = squeeze(line)
    return headings.get(squeezed, 0) or headings.get(NUMBER.sub("", squeezed), 0)


def paragraphs(lines: list[str]) -> Iterator[str]:
    """Group a page's lines: a paragraph ends at an empty line, a short last line, or before a bullet."""
    lengths = sorted(len(line) for line in lines if line.strip())
    usual = lengths[len(lengths) * 3 // 4] if lengths else 0
    group: list[str] = []
    for line in lines:
        if not line.strip():
            if group:
                yield "\n".join(group)
                group = []
            continue
        if group and BULLET.match(line):
            yield "\n".join(group)
            group = []
        group.append(line)
        if len(line) < 0.8 * usual and SENTENCE_END.search(line):
            yield "\n".join(group)
            group = []
    if group:
        yield "\n".join(group)


def page_blocks(text: str, page: int, headings: dict[str, int]) -> Iterator[Block]:
    """Give the blocks of one page; each outline title becomes a heading once."""
    open_titles = dict(headings)
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.rstrip()
        level = heading_level(line, open_titles)
        if not level:
            lines.append(line)
            continue
        for paragraph in paragraphs(lines):
            yield Block("paragraph", paragraph, page)
        lines = []
        open_titles = {title: depth for title, depth in open_titles.items() if not squeeze(line).endswith(title)}
        yield Block("heading", line, page, level)
    for paragraph in paragraphs(lines):
        yield Block("paragraph", paragraph, page)


def page_text(document: pypdfium2.PdfDocument, index: int) -> tuple[str, bool]:
    """Give a page's text, and whether anything at all is drawn on it."""
    page = document[index]
    try:
        text_page = page.get_textpage()
        try:
            text = text_page.get_text_bounded()
        finally:
            text_page.close()
        drawn = bool(text) or pypdfium2.raw.FPDFPage_CountObjects(page.raw) > 0
    finally:
        page.close()
    return text, drawn


def check_pages(count: int, reading: Reading) -> None:
    """Refuse a document with too many pages."""
    reading.pages = count
    if count > reading.max_pages:
        raise DocumentRefused(
            f"{count} pages, the limit is {reading.max_pages}", advice="Split it, or raise ingest.max_pages."
        )


def read_pages(document: pypdfium2.PdfDocument, reading: Reading) -> Iterator[Block]:
    """Read page after page; a damaged one is noted and left out."""
    check_pages(len(document), reading)
    reading.title = document.get_metadata_dict(skip_empty=True).get("Title", "")
    outline, hyphens = outline_of(document), Hyphens()
    for index in range(reading.pages):
        try:
            text, drawn = page_text(document, index)
        except pypdfium2.PdfiumError:
            reading.page_notes[index + 1] = DAMAGED
            continue
        if not text.strip():
            if drawn:
                reading.page_notes[index + 1] = NO_TEXT
        elif unreadable(text):
            reading.page_notes[index + 1] = RUBBISH
        else:
            yield from page_blocks(hyphens.mend(text), index + 1, outline.get(index, {}))


def read_with_pypdf(content: bytes, reading: Reading) -> Iterator[Block]:
    """Read what PDFium cannot open; slower, but it repairs more."""
    # Imported where needed: a third of a second that few files cost.
    from pypdf import PdfReader  # noqa: PLC0415
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        document = PdfReader(io.BytesIO(content), strict=False)
        if document.is_encrypted and not document.decrypt(""):
            raise DocumentRefused(PASSWORD, advice=PASSWORD_ADVICE)
        check_pages(len(document.pages), reading)
        for index in range(reading.pages):
            text = document.pages[index].extract_text()
            if unreadable(text) or not text.strip():
                reading.page_notes[index + 1] = RUBBISH if text.strip() else NO_TEXT
            else:
                yield from page_blocks(text, index + 1, {})
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        raise DocumentRefused("the PDF is damaged or cut off; save or print it to PDF again") from error


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a PDF."""
    reading.empty_reason = "no page has readable text (a scan?); run text recognition (OCR) on it and send the result"
    try:
        document = pypdfium2.PdfDocument(content)
        document.get_version()
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise DocumentRefused(PASSWORD, advice=PASSWORD_ADVICE) from error
        yield from read_with_pypdf(content, reading)
        return
    try:
        yield from read_pages(document, reading)
    finally:
        document.close()
    if reading.pages == 0:
        raise DocumentRefused("the PDF has no pages")
