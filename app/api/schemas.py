"""What requests and replies look like. Unknown request fields are ignored, so that newer clients go on working."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Name = Annotated[str, Field(min_length=1, max_length=100)]


class Filters(BaseModel):
    """Narrow a search: to documents by id."""

    document_ids: list[str] = Field(default_factory=list, max_length=1_000)


class SearchRequest(BaseModel):
    """A search."""

    query: str = Field(min_length=1)
    knowledge_base: Name | None = None
    limit: int | None = Field(default=None, ge=1, le=100)
    filters: Filters = Filters()
    mode: Literal["hybrid", "words", "vectors"] = "hybrid"


class IndexReply(BaseModel):
    """How far the documents are that the caller may read."""

    pending: int
    readable: int
    ready: int
    refused: int


class Hit(BaseModel):
    """A passage; ``highlights`` are [start, end) code points of ``text``.

    ``recognised``: how sure the recognition of its page is, 0..1; null if its text was not read from a picture.
    """

    rank: int
    chunk_id: str
    document_id: str
    external_id: str
    knowledge_base: str
    title: str
    page: int | None
    heading: str
    text: str
    highlights: list[tuple[int, int]]
    recognised: float | None


class SearchReply(BaseModel):
    """The hits of a search, best first; ``confidence`` (0..1) is how likely they answer the question."""

    hits: list[Hit]
    confidence: float
    index: IndexReply
    timings_ms: dict[str, float | str]
    request_id: str


class Turn(BaseModel):
    """An earlier question and its answer."""

    question: str
    answer: str


class AskRequest(BaseModel):
    """A question."""

    question: str = Field(min_length=1)
    knowledge_base: Name | None = None
    history: list[Turn] = Field(default_factory=list, max_length=50)
    filters: Filters = Filters()
    stream: bool = False


class SentenceReply(BaseModel):
    """A sentence of an answer with the numbers of its citations; ``supported`` is null where nothing was claimed.

    ``also_in``: label or extract of a further finding; ``differs``: it gives another number than the first finding.
    """

    text: str
    citations: list[int]
    supported: bool | None
    also_in: bool = False
    differs: bool = False


class CitationReply(BaseModel):
    """What a number in an answer points at; ``start`` and ``end`` are code points of the passage's text.

    ``recognised`` as of a hit.
    """

    n: int
    chunk_id: str
    document_id: str
    external_id: str
    title: str
    page: int | None
    quote: str
    start: int
    end: int
    recognised: float | None


class AskReply(BaseModel):
    """A whole answer."""

    answer: str
    answerable: bool
    sentences: list[SentenceReply]
    citations: list[CitationReply]
    model: str | None
    note: str
    index: IndexReply
    timings_ms: dict[str, float | str]
    usage: dict[str, int]
    request_id: str


class PassageReply(BaseModel):
    """The passage behind a citation; ``superseded_at`` says when a newer version replaced it.

    ``recognised`` as of a hit.
    """

    chunk_id: str
    document_id: str
    external_id: str
    knowledge_base: str
    title: str
    page: int | None
    heading: str
    kind: str
    text: str
    superseded_at: str | None
    recognised: float | None


Password = Annotated[str, Field(min_length=1, max_length=1_000)]


class SignInRequest(BaseModel):
    """A user name and a password."""

    username: Name
    password: Password


class SessionReply(BaseModel):
    """Who is signed in.

    ``csrf_token`` is there for a session alone: every request with its cookie, but GET and HEAD, carries it as the
    header X-CSRF-Token. A session ends after ``idle_minutes`` without a request.
    """

    username: str
    role: Literal["administrator", "member"]
    csrf_token: str | None = None
    idle_minutes: int


class PasswordRequest(BaseModel):
    """A change of one's own password."""

    old: Password
    new: Password


class NameRequest(BaseModel):
    """Something new by name."""

    name: Name


class UserRequest(BaseModel):
    """A new user."""

    name: Name
    role: Literal["administrator", "member"] = "member"
    password: str | None = None


class NewPasswordRequest(BaseModel):
    """A new password for a user; without one it is made."""

    password: Password | None = None


class ReadersRequest(BaseModel):
    """Readers as ``user:NAME`` or ``group:NAME``."""

    readers: list[str] = Field(max_length=1_000)


class KeyRequest(BaseModel):
    """A new API key."""

    user: Name
    name: Name
    expires_at: str | None = None
