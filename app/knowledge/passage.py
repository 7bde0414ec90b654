"""What travels out of the knowledge base: who asks, what was found, and where it stands."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf a search runs; permissions are decided by this value alone.

    Attributes:
        user_id: the user, or None for the local administrator.
        group_ids: groups the user belongs to, by id.
        reads_everything: the local administrator, who holds the key of the store.
    """

    user_id: str | None
    group_ids: frozenset[str] = frozenset()
    reads_everything: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a version's stored text.

    Attributes:
        page: from 1; 0 where the format has no pages.
        start: first code point, from 0, within the page.
        end: one past the last code point.
    """

    page: int
    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse spans that cannot exist."""
        if self.page < 0 or not 0 <= self.start < self.end:
            raise ValueError(f"impossible span {self.page}:{self.start}-{self.end}")


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as the asker may see it, read in the transaction that checked the permission.

    Attributes:
        chunk_id: opaque id, the same for the life of the chunk.
        text: the chunk's original text; spans on several pages are joined by a newline.
        page: page of the first span, from 1; None where the format has no pages.
        heading: path of headings above the chunk, joined by `` > ``; empty without one.
        kind: ``text``, ``table`` or ``list``.
        similarity: cosine of question and chunk less what its language alone makes up, -1..1; None if the vector leg
            did not see it.
        relevance: fused value by which hits are ordered; higher is better, for this query only.
        word_share: BM25 as a share of what was attainable; 0 if the word leg did not see it.
        superseded_at: when a newer version replaced this one (ISO 8601, UTC); None if current.
        recognised: how sure the recognition of its page is, 0..1; None if its text was not read from a picture.
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
    spans: tuple[Span, ...] = ()
    similarity: float | None = None
    relevance: float = 0.0
    word_share: float = 0.0
    superseded_at: str | None = None
    recognised: float | None = None


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the indexes of the asker's knowledge bases are, in documents.

    Attributes:
        pending: accepted, but not yet findable.
        readable: findable by words.
        ready: findable by words and vectors.
        refused: could not be taken in.
    """

    pending: int = 0
    readable: int = 0
    ready: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of one search.

    Attributes:
        passages: best first.
        confidence: how likely it is that the passages answer the question, 0..1.
        timings_ms: milliseconds by stage; ``vectors_by`` is a word: chroma, exact or off.
        around: by chunk id, the chunks around a passage and itself, in reading order; empty unless it was read.
    """

    passages: tuple[Passage, ...]
    confidence: float
    index: IndexState
    timings_ms: dict[str, float | str] = field(default_factory=dict)
    around: dict[str, tuple[Passage, ...]] = field(default_factory=dict)
