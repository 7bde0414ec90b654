"""What requests and replies about documents look like: themselves, their jobs, and what was read of them."""

from pydantic import BaseModel, Field


class DocumentReply(BaseModel):
    """A document with its current version; ``may_change``: the caller may replace, restrict or delete it."""

    document_id: str
    knowledge_base: str
    source: str
    external_id: str
    state: str
    title: str
    version: int | None
    media_type: str | None
    language: str | None
    pages: int | None
    chunks: int
    size_bytes: int | None
    notes: list[str]
    refused: str | None
    created_at: str
    current_at: str | None
    may_change: bool


class DocumentsReply(BaseModel):
    """A page of documents."""

    documents: list[DocumentReply]
    next_cursor: str | None


class DocumentAccessRequest(BaseModel):
    """Readers of a document; null gives it back to all readers of its knowledge base."""

    readers: list[str] | None = Field(max_length=1_000)


class AcceptedReply(BaseModel):
    """What became of an upload; without a job the very document was there already."""

    document_ids: list[str]
    job_id: str | None


class JobReply(BaseModel):
    """A job: queued, running, readable (found by words), ready (by vectors too) or failed.

    ``chunks`` counts the passages written so far, ``vectors`` those that are found by meaning too; ``recognised``
    counts the pages whose picture was read so far, of ``to_recognise`` in all.
    """

    job_id: str
    state: str
    document_ids: list[str]
    file_name: str
    refused: list[dict[str, str]]
    documents: int
    created_at: str
    finished_at: str | None
    chunks: int
    vectors: int
    recognised: int
    to_recognise: int


class ReadChunkReply(BaseModel):
    """A chunk that ends in the text that is shown.

    ``spans`` are its parts of that text, [start, end) code points; ``cut``: some of it lies before that text.
    """

    chunk_id: str
    ordinal: int
    kind: str
    heading: str
    tokens: int
    spans: list[tuple[int, int]]
    cut: bool


class RecognisedReply(BaseModel):
    """A text that was read from a picture; ``confidence`` (0..1) is how sure its recognition is."""

    confidence: float


class PageTextReply(BaseModel):
    """What was read of a page: ``length`` characters, of which ``text`` is the stretch from ``start`` on.

    ``start`` of a request takes ``next_start`` or ``previous_start`` of a reply; ``margins`` is what is in no chunk;
    ``beside_pages``: page 0 holds text that belongs to no page, of attached files.
    """

    document_id: str
    version: int
    superseded_at: str | None
    page: int
    pages: int
    beside_pages: bool
    length: int
    start: int
    previous_start: int | None
    next_start: int | None
    text: str
    chunks: list[ReadChunkReply]
    margins: list[tuple[int, int]]
    recognised: RecognisedReply | None
    request_id: str
