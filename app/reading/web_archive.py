"""Web archive (.mht) -> blocks: the page that was saved, without the pictures and frames saved beside it."""

from collections.abc import Iterator

from app.errors import DocumentRefused
from app.reading import html
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.mail_part import Part, bytes_of, charset_of, field, parameter, parse

PAGES = ("text/html", "application/xhtml+xml")


def saved_page(archive: Part) -> Part | None:
    """Give the part that the archive calls its first, else its first page."""
    start = parameter(archive, "start", "content-type").strip(" <>")
    pages = [part for part in archive.walk() if part.get_content_type() in PAGES]
    named = (part for part in pages if start and field(part, "content-id").strip(" <>") == start)
    return next(named, pages[0] if pages else None)


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of the page.

    Raises:
        DocumentRefused: there is no page in it.
    """
    archive = parse(content)
    page = saved_page(archive)
    if page is None:
        raise DocumentRefused("the web archive holds no page", advice="Save the page again, as HTML or as PDF.")
    yield from html.page_blocks(html.decode_html(bytes_of(page), charset_of(page)), reading)
    reading.title = reading.title or field(archive, "Subject")
