"""What an answer is made of, as a stream of frozen events, and their collection for a plain reply."""

from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from app.knowledge.passage import IndexState, Passage


@dataclass(frozen=True, slots=True)
class RetrievalEvent:
    """What the answer may draw on; always the first event.

    Attributes:
        passages: best first; citation ``n`` means ``passages[n - 1]``.
        index: how far the indexes are.
        timings_ms: the search's.
    """

    passages: tuple[Passage, ...]
    index: IndexState
    timings_ms: dict[str, float | str]


@dataclass(frozen=True, slots=True)
class ReasoningEvent:
    """A piece of the model's thinking: shown apart, never part of the answer, never checked."""

    text: str


@dataclass(frozen=True, slots=True)
class SentenceEvent:
    """A complete sentence of the answer, or a label over extracts.

    Attributes:
        text: without citation marks and without white space at its ends.
        citations: numbers of known passages, ascending, each once.
        supported: True when cited passages hold every figure of the sentence; False when they do not
            or none is cited; None for what claims nothing: labels and "not in the documents".
        before: white space between the sentence before and this one.
        also_in: belongs to a further finding: its label, or its extract.
        differs: that finding gives another number than the first; always ``also_in`` too.
    """

    text: str
    citations: tuple[int, ...]
    supported: bool | None
    before: str = ""
    also_in: bool = False
    differs: bool = False

    @property
    def marked(self) -> str:
        """The text with its citation marks, as it stands in a plain answer."""
        marks = "".join(f"[{number}]" for number in self.citations)
        return f"{self.text} {marks}" if marks else self.text


@dataclass(frozen=True, slots=True)
class CitationEvent:
    """Where a passage bears a sentence out; follows the sentence that cites it.

    A passage cited for different quotes comes once for each, under the same ``n``.

    Attributes:
        n: number of the passage, from 1.
        page: page of the quote, from 1; None where the format has no pages.
        quote: the sentence of the passage that matches best.
        start: first code point of the quote in the passage's text.
        end: one past its last.
        recognised: how sure the recognition of that page is, 0..1; None if its text was not read from a picture.
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
    recognised: float | None = None


@dataclass(frozen=True, slots=True)
class DoneEvent:
    """The end of an answer; always the last event.

    Attributes:
        answer: all sentences with their citation marks.
        answerable: whether the documents gave an answer.
        model: the chat model that wrote it; None for extracts and "not in the documents".
        usage: token counts as the model server gave them; empty without a model.
        note: a hint beside the answer in the language of the question; may be empty.
        timings_ms: of answering: until the prompt left, the first token, the end.
    """

    answer: str
    answerable: bool
    model: str | None
    usage: dict[str, int]
    note: str
    timings_ms: dict[str, float] = field(default_factory=dict)


Event = RetrievalEvent | ReasoningEvent | SentenceEvent | CitationEvent | DoneEvent


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: the fields of the plain reply."""

    answer: str
    answerable: bool
    sentences: tuple[SentenceEvent, ...]
    citations: tuple[CitationEvent, ...]
    model: str | None
    passages: tuple[Passage, ...]
    index: IndexState
    timings_ms: dict[str, float | str]
    usage: dict[str, int]
    note: str
    reasoning: str


def joined(sentences: list[SentenceEvent]) -> str:
    """Return the answer that the sentences make, with their citation marks."""
    return "".join(sentence.before + sentence.marked for sentence in sentences).strip()


async def collect(events: AsyncIterable[Event]) -> Answer:
    """Gather a stream of events into one answer.

    Raises:
        ValueError: the stream ended without its first or its last event.
    """
    retrieval: RetrievalEvent | None = None
    done: DoneEvent | None = None
    sentences: list[SentenceEvent] = []
    citations: list[CitationEvent] = []
    reasoning: list[str] = []
    async for event in events:
        match event:
            case RetrievalEvent():
                retrieval = event
            case ReasoningEvent():
                reasoning.append(event.text)
            case SentenceEvent():
                sentences.append(event)
            case CitationEvent():
                citations.append(event)
            case DoneEvent():
                done = event
    if retrieval is None or done is None:
        raise ValueError("an answer must begin with its retrieval and end with its done event")
    return Answer(
        answer=done.answer,
        answerable=done.answerable,
        sentences=tuple(sentences),
        citations=tuple(citations),
        model=done.model,
        passages=retrieval.passages,
        index=retrieval.index,
        timings_ms={**retrieval.timings_ms, **done.timings_ms},
        usage=done.usage,
        note=done.note,
        reasoning="".join(reasoning),
    )
