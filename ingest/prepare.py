"""One document from bytes to a version ready to be written: read in the sandbox, laid out, split."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import inf

from app.errors import DocumentLocked, DocumentRefused
from app.inference.embedder import TokenCounter
from app.knowledge.languages import language_of
from app.knowledge.texts import embedded_text
from app.knowledge.writing import BULK, NewChunk, NewVersion
from app.reading.block import Block, ReadDocument
from app.reading.contract import clean_title, notes_by_page
from app.reading.pool import ReaderPool
from app.reading.tasks import RecognisedPage
from app.settings import IngestSettings
from ingest.layout import lay_out, layouts_of
from ingest.split import split

READER_RECIPE = 2  # raised when reading or splitting changes what comes out, so that documents are read again
UNFINISHED = "/text only"  # of a reading whose scanned pages still wait, so that they are not forgotten
LONGEST_TITLE_CHARS = 300
PARAGRAPHS = re.compile(r"\n\s*\n")
WAITS = "a picture, its text is being recognised"
NOTHING_THERE = "no text was found on its picture"
SURE = 0.9  # a heading read from a picture is the title only where the recognition is this sure


@dataclass(frozen=True, slots=True)
class Incoming:
    """A document that has come in and is not written yet.

    Attributes:
        shown: how the report names it.
        text: of a JSON line; None where the content must be read in the sandbox.
        passwords: to be tried if it is protected.
    """

    document_id: str
    shown: str
    file_name: str
    content: bytes
    title: str = ""
    text: str | None = None
    passwords: tuple[str, ...] = ()
    job_id: str | None = None
    priority: int = BULK


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of a document.

    Attributes:
        version: to be written; None where all its text is still on pictures.
        scans: pages whose pictures wait to be read; the version is then only what could be read without them.
    """

    version: NewVersion | None
    scans: int


class Preparer:
    """Reads and splits; safe to call from several threads at once."""

    def __init__(self, readers: ReaderPool, counter: TokenCounter, settings: IngestSettings) -> None:
        """Use these reading processes and this tokenizer."""
        self.readers = readers
        self._counter = counter
        self._settings = settings

    @property
    def reader(self) -> str:
        """Name and recipe of the reading."""
        return f"strongroom/{READER_RECIPE}"

    @property
    def splitter(self) -> str:
        """Settings of the splitting."""
        return f"{self._settings.chunk_tokens}/{self._settings.overlap_tokens}"

    def prepare(self, incoming: Incoming) -> Prepared:
        """Read what needs no recognition, which is quick.

        Raises:
            DocumentRefused: it cannot be taken in, with the reason.
        """
        read, password = self._read(incoming)
        if not read.scanned or not self._settings.ocr:
            return Prepared(self._version(incoming, without_scans(read), password), 0)
        if not read.blocks:
            return Prepared(None, len(read.scanned))
        waiting = notes_by_page(dict.fromkeys(read.scanned, WAITS))
        version = self._version(incoming, replace(read, notes=(*read.notes, *waiting)), password)
        return Prepared(replace(version, reader=self.reader + UNFINISHED), len(read.scanned))

    def recognise(self, incoming: Incoming, say: Callable[[], None]) -> NewVersion:
        """Read a document with its scanned pages; ``say`` is called after each page, from several threads.

        Raises:
            DocumentRefused: it cannot be taken in, with the reason.
        """
        read, password = self._read(incoming)
        pages = sorted(read.scanned)
        places = self._settings.readers

        def some(first: int) -> list[RecognisedPage]:
            done = []
            recognised = self.readers.recognise(
                incoming.content, pages[first::places], file_name=incoming.file_name, password=password
            )
            for page in recognised:
                done.append(page)
                say()
            return done

        with ThreadPoolExecutor(places) as threads:
            found = [page for share in threads.map(some, range(min(places, len(pages)))) for page in share]
        return self._version(incoming, with_recognised(read, found), password)

    def _version(self, incoming: Incoming, read: ReadDocument, password: str) -> NewVersion:
        pages, placed = lay_out(read.blocks)
        drafts = split(
            placed,
            pages,
            count_tokens=self._counter.count_tokens,
            chunk_tokens=self._settings.chunk_tokens,
            overlap_tokens=self._settings.overlap_tokens,
        )
        if not drafts:
            raise DocumentRefused("no text was found in it")
        title = title_of(incoming, read)
        texts = {page.page: page.text for page in pages}
        chunks = tuple(
            NewChunk(
                draft.kind,
                draft.heading,
                draft.spans,
                draft.tokens,
                embedded_text(
                    title, draft.heading, "\n".join(texts[span.page][span.start : span.end] for span in draft.spans)
                ),
            )
            for draft in drafts
        )
        return NewVersion(
            document_id=incoming.document_id,
            title=title,
            media_type=read.media_type,
            language=language_of("".join(page.text[:2_000] for page in pages[:50])),
            pages=read.pages,
            texts=tuple((page.page, page.text) for page in pages),
            chunks=chunks,
            content=incoming.content,
            reader=self.reader,
            splitter=self.splitter,
            notes=read.notes,
            layouts=layouts_of(placed, read.confidences),
            password=password,
            job_id=incoming.job_id,
            priority=incoming.priority,
        )

    def _read(self, incoming: Incoming) -> tuple[ReadDocument, str]:
        """Read a document; give also the password that opened it."""
        if incoming.text is not None:
            return self._read_line(incoming.text, incoming.title), ""
        for password in ("", *incoming.passwords):
            try:
                return self.readers.read(incoming.content, file_name=incoming.file_name, password=password), password
            except DocumentLocked as locked:
                refusal = locked
        raise refusal

    def _read_line(self, text: str, title: str) -> ReadDocument:
        if len(text) > self._settings.max_text_chars:
            raise DocumentRefused(f"more than {self._settings.max_text_chars:,} characters of text")
        blocks = tuple(Block("paragraph", part.strip("\n")) for part in PARAGRAPHS.split(text) if part.strip())
        return ReadDocument("application/json", title, 0, blocks, ())


def without_scans(read: ReadDocument) -> ReadDocument:
    """Give a document whose scanned pages stay unread.

    Raises:
        DocumentRefused: there is nothing else in it.
    """
    if not read.scanned:
        return read
    if not read.blocks:
        raise DocumentRefused(
            "its text is on pictures, and recognition is off", advice="Set ingest.ocr to true and send it again."
        )
    return replace(read, notes=(*read.notes, *notes_by_page(read.scanned)))


def with_recognised(read: ReadDocument, found: Sequence[RecognisedPage]) -> ReadDocument:
    """Give a document with what was recognised on its scanned pages, all pages in order.

    Raises:
        DocumentRefused: there is no text in it at all.
    """
    blocks = [*read.blocks, *(block for page in found for block in page.blocks)]
    if not blocks:
        raise DocumentRefused("no text was found in it, nor on the pictures of its pages")
    blocks.sort(key=lambda block: block.page or inf)  # what has no page, an attachment, comes last
    notes = {
        page.page: page.trouble
        or (f"read from a picture, {int(page.confidence * 100)}% sure" if page.blocks else NOTHING_THERE)
        for page in found
    }
    return replace(
        read,
        title=read.title or recognised_title(found),
        blocks=tuple(blocks),
        notes=(*read.notes, *notes_by_page(notes)),
        confidences={page.page: page.confidence for page in found if page.blocks},
    )


def recognised_title(found: Sequence[RecognisedPage]) -> str:
    """Give the first heading of the first page, if it was surely read."""
    first = next((page for page in found if page.page == 1 and page.confidence >= SURE), None)
    heading = next((block.text for block in first.blocks if block.kind == "heading"), "") if first else ""
    return clean_title(heading)


def title_of(incoming: Incoming, read: ReadDocument) -> str:
    """Return the title: as given, as read, else the file's name without its ending.

    The first heading of a plain text is seldom its title ("Chapter 1"): there the file's name says more.
    """
    as_read = "" if read.media_type == "text/plain" else read.title
    title = incoming.title or as_read or incoming.file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return " ".join(title.split())[:LONGEST_TITLE_CHARS]
