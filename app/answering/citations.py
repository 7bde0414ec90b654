"""Citations: read from a model's sentence, checked against the passages, and shown with a quote."""

import re
from collections.abc import Sequence

from app.answering.events import CitationEvent, SentenceEvent
from app.answering.figures import Evidence, all_figures_in
from app.answering.sentences import CITATION_MARK, Sentence, split_sentences
from app.answering.words import overlap, terms_of
from app.knowledge.passage import Passage

NUMBER_OR_RANGE = re.compile(r"(\d{1,4})(?:\s*[-–]\s*(\d{1,4}))?")
SPACE_LEFT_BY_A_MARK = re.compile(
    r"\s+(?=[.,;:!?。，；：！？])|(?<=[\u3400-\u9fff，。；：])\s+(?=[\u3400-\u9fff，。；：])"
)


def cited_numbers(sentence: str, *, known: int) -> tuple[int, ...]:
    """Return the passages, 1..``known``, that ``[1]``, ``[1, 3]``, ``[2-4]`` or ``【1】`` name."""
    numbers: set[int] = set()
    for mark in CITATION_MARK.findall(sentence):
        for first, last in NUMBER_OR_RANGE.findall(mark):
            numbers.update(range(int(first), min(int(last or first), known) + 1))
    return tuple(sorted(number for number in numbers if 1 <= number <= known))


def without_marks(sentence: str) -> str:
    """Return a sentence without its citation marks and the gaps that they leave."""
    bare, marks = CITATION_MARK.subn("", sentence)
    return SPACE_LEFT_BY_A_MARK.sub("", bare).strip() if marks else sentence.strip()


def page_at(passage: Passage, offset: int) -> int | None:
    """Return the page on which the code point at ``offset`` of the passage's text stands."""
    begin = 0
    for span in passage.spans:
        begin += span.end - span.start + 1  # a newline joins the spans
        if offset < begin:
            return span.page or None
    return passage.page


def best_sentence(text: str, claim: str) -> Sentence:
    """Return the sentence of ``text`` that shares most with ``claim``; all of it where none shares anything.

    A claim in another language than the passage meets it by its numbers and codes alone.
    """
    wanted = terms_of(claim)
    sentences = split_sentences(text)
    best, most = Sentence(0, len(text)), 0.0
    for sentence in sentences:
        shared = overlap(wanted, sentence.of(text))
        if shared > most:
            best, most = sentence, shared
    return best


def citation_of(passage: Passage, number: int, quote: Sentence) -> CitationEvent:
    """Return the event that shows ``quote`` of ``passage``."""
    return CitationEvent(
        n=number,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        external_id=passage.external_id,
        title=passage.title,
        page=page_at(passage, quote.start),
        quote=quote.of(passage.text),
        start=quote.start,
        end=quote.end,
        recognised=passage.recognised,
    )


class CitationChecker:
    """Turns a model's sentences into checked events; one for each answer."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        """Check against ``passages``, those that the model was shown, in the order of their numbers."""
        self._passages = passages
        self._evidence: dict[int, Evidence] = {}
        self._shown: set[tuple[int, int, int]] = set()

    def check(self, before: str, sentence: str) -> SentenceEvent | None:
        """Return the sentence with its known citations and whether they bear it out; None if it is only marks."""
        text = without_marks(sentence)
        if not any(character.isalnum() for character in text):
            return None
        numbers = cited_numbers(sentence, known=len(self._passages))
        supported = bool(numbers) and all_figures_in(text, [self._evidence_of(number) for number in numbers])
        return SentenceEvent(text, numbers, supported, before)

    def citations(self, sentence: SentenceEvent) -> list[CitationEvent]:
        """Return a citation for each passage of the sentence, those shown before left out."""
        found: list[CitationEvent] = []
        for number in sentence.citations:
            passage = self._passages[number - 1]
            quote = best_sentence(passage.text, sentence.text)
            place = (number, quote.start, quote.end)
            if place not in self._shown:
                self._shown.add(place)
                found.append(citation_of(passage, number, quote))
        return found

    def _evidence_of(self, number: int) -> Evidence:
        if number not in self._evidence:
            passage = self._passages[number - 1]
            self._evidence[number] = Evidence.of(f"{passage.title}\n{passage.heading}\n{passage.text}")
        return self._evidence[number]
