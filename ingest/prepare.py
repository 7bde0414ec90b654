"""One document from bytes to a version ready to be written: read in the sandbox, laid out, split."""

import re
from dataclasses import dataclass

from app.errors import DocumentRefused
from app.inference.embedder import TokenCounter
from app.knowledge.languages import language_of
from app.knowledge.texts import embedded_text
from app.knowledge.writing import BULK, NewChunk, NewVersion
from app.reading.block import Block, ReadDocument
from app.reading.pool import ReaderPool
from app.settings import IngestSettings
from ingest.split import lay_out, split

READER_RECIPE = 1  # raised when reading or splitting changes what comes out, so that documents are read again
LONGEST_TITLE_CHARS = 300
PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A document that has come in and is not written yet.

    Attributes:
        shown: how the report names it.
        text: of a JSON line; None where the content must be read in the sandbox.
    """

    document_id: str
    shown: str
    file_name: str
    content: bytes
    title: str = ""
    text: str | None = None
    job_id: str | None = None
    priority: int = BULK


class Preparer:
    """Reads and splits; safe to call from several threads at once."""

    def __init__(self, readers: ReaderPool, counter: TokenCounter, settings: IngestSettings) -> None:
        """Use these reading processes and this tokenizer."""
        self._readers = readers
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

    def prepare(self, incoming: Incoming) -> NewVersion:
        """Return the version to be written.

        Raises:
            DocumentRefused: it cannot be taken in, with the reason.
        """
        read = self._read(incoming)
        pages, placed = lay_out(read.blocks)
        drafts = split(
            placed,
            pages,
            count_tokens=self._counter.count_tokens,
            chunk_tokens=self._settings.chunk_tokens,
            overlap_tokens=self._settings.overlap_tokens,
        )
        if not drafts:
            raise DocumentRefused("no text was found in it; if it is a scan, it needs OCR")
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
            job_id=incoming.job_id,
            priority=incoming.priority,
        )

    def _read(self, incoming: Incoming) -> ReadDocument:
        if incoming.text is None:
            return self._readers.read(incoming.content, file_name=incoming.file_name)
        if len(incoming.text) > self._settings.max_text_chars:
            raise DocumentRefused(f"more than {self._settings.max_text_chars:,} characters of text")
        blocks = tuple(Block("paragraph", part.strip("\n")) for part in PARAGRAPHS.split(incoming.text) if part.strip())
        return ReadDocument("application/json", incoming.title, 0, blocks, ())


def title_of(incoming: Incoming, read: ReadDocument) -> str:
    """Return the title: as given, as read, else the file's name without its ending.

    The first heading of a plain text is seldom its title ("Chapter 1"): there the file's name says more.
    """
    as_read = "" if read.media_type == "text/plain" else read.title
    title = incoming.title or as_read or incoming.file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return " ".join(title.split())[:LONGEST_TITLE_CHARS]
