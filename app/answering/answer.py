"""From a question and what was found to a checked answer with citations, as a stream of events.

One generator for all callers; the plain answer is its collection. Knows no web and no disk: the
caller has searched (with ``standalone_question``), decided who may read what, and serves the events.
"""

import asyncio
import re
import secrets
import time
import unicodedata
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from app.answering.citations import CitationChecker, citation_of, page_at
from app.answering.conversation import standalone_question
from app.answering.events import (
    Answer,
    CitationEvent,
    DoneEvent,
    Event,
    ReasoningEvent,
    RetrievalEvent,
    SentenceEvent,
    collect,
    joined,
)
from app.answering.findings import Finding, find_extracts
from app.answering.language import PHRASES, Phrases, phrases_for, place_of
from app.answering.prompt import Prompt, build_prompt
from app.answering.questions import beyond_extracts
from app.answering.sentences import SentenceStream
from app.inference.chat import Chat, ChatPiece
from app.knowledge.passage import Found, IndexState, Passage
from app.settings import AnswerSettings, ChatSettings

__all__ = [
    "Answer",
    "CitationEvent",
    "DoneEvent",
    "Event",
    "ReasoningEvent",
    "RetrievalEvent",
    "SentenceEvent",
    "answer",
    "collect",
    "standalone_question",
]

# A question that asks to compare or sum up names no single passage: less must do to show what it is about.
BEYOND_FLOOR_SHARE = 0.5
# Below the floor, but where most paraphrases of the samples lie and a third of the questions on other subjects:
# the nearest passages are named as what may hold it in other words.
NEAR_CONFIDENCE, NEAR_PLACES = 0.1, 3
COMPLETE = re.compile(r"[.。．｡!！?？…][”’」』）】》)\"'\]]*\Z")


async def answer(
    question: str,
    found: Found,
    *,
    chat: Chat | None,
    settings: AnswerSettings,
    chat_settings: ChatSettings,
    history: Sequence[tuple[str, str]] = (),
    cache_salt: str | None = None,
) -> AsyncGenerator[Event, None]:
    """Answer ``question`` from ``found``: by the chat model, or without one by extracts.

    ``history`` holds (role, text), oldest first. ``cache_salt`` names whose prefixes the model server may
    share, such as one user; without it nothing is shared.

    Raises:
        ModelUnavailable: the chat model failed; what was yielded before stands.
        TooBusy: the model server is at its limit.
        TooLarge: the question leaves no room for a passage.
    """
    passages = found.passages[: settings.passages]
    phrases = phrases_for(question)
    asked = standalone_question(question, history)
    beyond = chat is None and beyond_extracts(asked)
    floor = settings.confidence_floor * (BEYOND_FLOOR_SHARE if beyond else 1.0)
    if not passages or found.confidence < floor:
        yield RetrievalEvent(passages, found.index, found.timings_ms)
        near = passages[:NEAR_PLACES] if found.confidence >= NEAR_CONFIDENCE else ()
        for event in not_found(phrases, found.index, near):
            yield event
        return
    if chat is None:
        # In a thread: long passages take many milliseconds, in which others are answered.
        findings = await asyncio.to_thread(
            find_extracts, asked, passages, finding_chars=settings.finding_chars, around=found.around
        )
        passages = with_quoted(passages, findings)
        label = phrases.not_by_extracts if beyond else phrases.extracts
        yield RetrievalEvent(passages, found.index, found.timings_ms)
        for event in extracts(findings, passages, phrases, found.index, label=label, note=phrases.connect_model):
            yield event
        return
    yield RetrievalEvent(passages, found.index, found.timings_ms)
    writing = Writing(build_prompt(asked, passages, settings=chat_settings), phrases, found.index)
    async with aclosing(chat.stream(writing.prompt.text, cache_salt=cache_salt or secrets.token_hex(16))) as pieces:
        async for piece in pieces:
            for event in writing.take(piece):
                yield event
    if writing.sentences:
        yield writing.done(chat.model)
        return
    findings = await asyncio.to_thread(find_extracts, asked, passages, finding_chars=settings.finding_chars)
    for event in extracts(findings, passages, phrases, found.index, label=phrases.no_answer, usage=writing.usage):
        yield event


def documents_under_way(index: IndexState) -> int:
    """Return how many documents are not searchable in full: still unread, or found by words alone."""
    return index.pending + index.readable


def not_found_sentence(phrases: Phrases, index: IndexState) -> str:
    """Say that the documents do not tell; while some are being read, say that too."""
    under_way = documents_under_way(index)
    return phrases.still_reading.format(count=under_way) if under_way else phrases.not_found


def not_found(phrases: Phrases, index: IndexState, near: Sequence[Passage] = ()) -> Iterator[Event]:
    """Yield the answer for what is not in the documents; a note names the passages that come near."""
    sentence = SentenceEvent(not_found_sentence(phrases, index), (), None)
    places = dict.fromkeys(place_of(one.title, one.page, phrases) for one in near)
    note = phrases.near.format(places=phrases.between.join(places)) if places else ""
    yield sentence
    yield DoneEvent(sentence.text, answerable=False, model=None, usage={}, note=note)


def with_quoted(passages: Sequence[Passage], findings: Sequence[Finding]) -> tuple[Passage, ...]:
    """Return the passages, and behind them those around them that a finding quotes."""
    numbered = {passage.chunk_id: passage for passage in passages}
    for finding in findings:
        for passage, _ in finding.quotes:
            numbered.setdefault(passage.chunk_id, passage)
    return tuple(numbered.values())


def extracts(
    findings: Sequence[Finding],
    passages: Sequence[Passage],
    phrases: Phrases,
    index: IndexState,
    *,
    label: str,
    note: str = "",
    usage: dict[str, int] | None = None,
) -> Iterator[Event]:
    """Yield the best extract under ``label``, then where else to look, each under its own label."""
    if not findings:
        yield from not_found(phrases, index)
        return
    numbers = {passage.chunk_id: number for number, passage in enumerate(passages, start=1)}
    said: list[SentenceEvent] = []
    documents = {finding.passage.document_id: finding.passage.title for finding in findings}
    for finding in findings:
        passage, quote = finding.quotes[0]
        # Two documents of one title, as two versions of a procedure are, are told apart by their names.
        alike = list(documents.values()).count(passage.title) > 1
        title = f"{passage.title} ({passage.external_id})" if alike else passage.title
        place = place_of(title, page_at(passage, quote.start), phrases, heading=finding.passage.heading)
        shown = phrases.differs if finding.differs else phrases.also_in if said else label
        marks = {"also_in": bool(said), "differs": finding.differs}
        cited = tuple(sorted({numbers[quoted.chunk_id] for quoted, _ in finding.quotes}))
        head = SentenceEvent(shown.format(place=place), (), None, "\n\n" if said else "", **marks)
        extract = SentenceEvent(finding.text, cited, True, "\n", **marks)
        said += [head, extract]
        yield head
        yield extract
        for quoted, quote in finding.quotes:
            yield citation_of(quoted, numbers[quoted.chunk_id], quote)
    yield DoneEvent(joined(said), answerable=True, model=None, usage=usage or {}, note=note)


class Writing:
    """An answer that a model is writing: turns its pieces into events and remembers the whole."""

    def __init__(self, prompt: Prompt, phrases: Phrases, index: IndexState) -> None:
        self.prompt = prompt
        self.sentences: list[SentenceEvent] = []
        self.usage: dict[str, int] = {}
        self._phrases = phrases
        self._index = index
        self._checker = CitationChecker(prompt.passages)
        self._stream = SentenceStream()
        self._cut = False
        self._started = time.perf_counter()
        self._first_token_s: float | None = None

    def take(self, piece: ChatPiece) -> Iterator[Event]:
        """Yield the events that a piece completes."""
        if self._first_token_s is None:
            self._first_token_s = time.perf_counter() - self._started
        if piece.kind == "reasoning":
            yield ReasoningEvent(piece.text)
        elif piece.kind == "text":
            for before, sentence in self._stream.feed(piece.text):
                yield from self._say(before, sentence)
        else:
            yield from self._end(piece)

    def done(self, model: str) -> DoneEvent:
        """Return the last event; answerable if any sentence cites a passage."""
        answerable = any(sentence.citations for sentence in self.sentences)
        claims = any(sentence.supported is not None for sentence in self.sentences)
        unverified = self._phrases.unverified if claims and not answerable else ""
        return DoneEvent(
            answer=joined(self.sentences),
            answerable=answerable,
            model=model,
            usage=self.usage,
            note=" ".join(filter(None, (self._phrases.cut if self._cut else "", unverified))),
            timings_ms={
                "first_token": round(1_000 * (self._first_token_s or 0.0), 3),
                "answer": round(1_000 * (time.perf_counter() - self._started), 3),
            },
        )

    def _end(self, piece: ChatPiece) -> Iterator[Event]:
        self.usage = piece.usage or {}
        self._cut = piece.finish_reason == "length"
        for before, sentence in self._stream.rest():
            # A sentence cut inside may say something else than was meant: '5' of '50 mg'.
            if not self._cut or COMPLETE.search(sentence):
                yield from self._say(before, sentence)

    def _say(self, before: str, sentence: str) -> Iterator[Event]:
        before = before if self.sentences else ""
        if says_not_found(sentence):
            said = SentenceEvent(not_found_sentence(self._phrases, self._index), (), None, before)
            if not any(earlier.text == said.text for earlier in self.sentences):
                self.sentences.append(said)
                yield said
            return
        checked = self._checker.check(before, sentence)
        if checked is not None:
            self.sentences.append(checked)
            yield checked
            yield from self._checker.citations(checked)


def says_not_found(sentence: str) -> bool:
    """Whether a model's sentence is the one it was told to say, in either language."""
    bare = letters_of(sentence)
    return any(letters_of(phrases.not_found) in bare for phrases in PHRASES.values())


def letters_of(text: str) -> str:
    """Return letters and digits alone, in the form in which fixed sentences are compared."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
