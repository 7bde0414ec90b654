"""Answers without a chat model: the one best whole extract, and where else to look. Nothing is composed."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from app.answering.contexts import Context, context_of
from app.answering.differences import differ
from app.answering.extracts import Unit, opening_of, units_of
from app.answering.figures import figures_of
from app.answering.language import language_of
from app.answering.questions import ASKS_PERMISSION, ASKS_SCOPE, PERMITS, SCOPE, Wanted, figure_wanted, lacks_amount
from app.answering.sentences import Sentence
from app.answering.words import normalised, places_of, term_weight, terms_of, weights_among
from app.knowledge.passage import Passage

ALSO_IN_AT_MOST = 2
ALSO_IN_SHARE = 0.6  # a further extract is shown if it reaches this share of what the best one is worth and holds
SAME_SHARE = 0.85  # of the question's words that the best extract is about: enough to be about the same
RANK_DISCOUNT = 0.1  # what one place further down the search costs
KNOWN_SHARE = 0.5  # of the question's words: enough to be put before what the search found first
RANK_FLOOR = 0.15  # what the search's order is worth where no word is shared, as across languages
ABOVE_WEIGHT = 0.6  # of a word that stands only in title or heading
DOCUMENT_WEIGHT = 0.35  # of a word that stands elsewhere in what was found of the document
FULL_PAIRS = 2  # of a run of Han characters that is met: a word of three
LATER_PAIRS = 0.5  # what each further pair counts
PERMIT_BONUS = 0.12  # for an extract that allows or forbids, where that is asked for
KIND_BONUS = 0.18  # for an extract with a figure of the kind that is asked for
FIGURE_BONUS = 0.06  # for one with any other figure that the question does not hold
SENTENCE_COST = 0.08  # of each further sentence put to an extract
SCOPE_SHARE = 0.6  # what a sentence is worth that only says what a document is for


@dataclass(frozen=True, slots=True)
class Finding:
    """An extract.

    Attributes:
        passage: the one in which it was found.
        text: what is shown.
        quotes: the passages that bear it out, each with the stretch of its own text.
        differs: gives another number than the first finding for the same.
    """

    passage: Passage
    text: str
    quotes: tuple[tuple[Passage, Sentence], ...]
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit with what it is worth.

    Attributes:
        value: by which extracts are ordered.
        met: share of the question's words that it holds itself, 0..1.
        about: the same, those of title and headings too.
    """

    value: float
    met: float
    about: float
    context: Context
    unit: Unit

    @property
    def text(self) -> str:
        """Return what would be shown."""
        return self.unit.shown_of(self.context.text)


class Asked:
    """The words of a question and what each tells: what is rare among the passages tells most."""

    def __init__(self, question: str, passages: Sequence[Passage]) -> None:
        """Weigh the words of ``question`` among ``passages``."""
        rarity = weights_among(f"{passage.title} {passage.heading} {passage.text}" for passage in passages)
        self.terms = list(dict.fromkeys(terms_of(question)))
        self.wanted = frozenset(self.terms)
        self.known: dict[str, list[str]] = {}  # of words seen in texts: which of the terms they hold
        self.weights = [term_weight(term) * rarity.get(term, 1.0) for term in self.terms]
        # Whether a term overlaps the one before it: pairs of one run of Han characters.
        self.joined = [
            index > 0 and term[0] == self.terms[index - 1][-1] and not term.isascii()
            for index, term in enumerate(self.terms)
        ]
        self.total = sum(self.weights) or 1.0

    def met(self, terms: frozenset[str], above: frozenset[str], document: frozenset[str]) -> tuple[float, float, float]:
        """Return what is met of the question, 0..1: by a unit itself, with what stands around it, with its titles.

        A long name that is met counts less than its many pairs of characters would: it is one name.
        """
        inside = around = about = 0.0
        run = 0
        for term, weight, joined in zip(self.terms, self.weights, self.joined, strict=True):
            if term in terms:
                run = run + 1 if joined else 1
                gain = weight if run <= FULL_PAIRS else weight * LATER_PAIRS
                inside += gain
                around += gain
                about += gain
                continue
            run = 0
            if term in above:
                about += weight
                around += weight * ABOVE_WEIGHT
            elif term in document:
                around += weight * DOCUMENT_WEIGHT
        return inside / self.total, around / self.total, about / self.total


class Places:
    """Where a text holds the words of a question."""

    def __init__(self, text: str, asked_for: "Asked") -> None:
        """Look for the words in ``text``, once for all its units."""
        self._places = places_of(text, asked_for.wanted, asked_for.known)
        self._starts = [start for start, _ in self._places]

    def within(self, stretches: Iterable[Sentence]) -> frozenset[str]:
        """Return the terms that stand in any of the stretches."""
        found: set[str] = set()
        for one in stretches:
            first, last = bisect_left(self._starts, one.start), bisect_left(self._starts, one.end)
            found.update(term for _, term in self._places[first:last])
        return frozenset(found)


def find_extracts(
    question: str,
    passages: Sequence[Passage],
    *,
    finding_chars: int,
    around: Mapping[str, Sequence[Passage]] | None = None,
) -> tuple[Finding, ...]:
    """Return the best extract, then at most two more of other passages.

    Empty without passages, and where an amount of money is asked for and the best extract gives none.

    Args:
        question: in Chinese or English.
        passages: best first.
        finding_chars: units are put together up to this length.
        around: by chunk id, the chunks around a passage and itself, in reading order.
    """
    contexts = [context_of(passage, (around or {}).get(passage.chunk_id, ())) for passage in passages]
    asked_for = Asked(question, passages)
    places = [Places(context.text, asked_for) for context in contexts]
    documents: dict[str, frozenset[str]] = {}
    for context, place in zip(contexts, places, strict=True):
        held = place.within(Sentence(start, end) for start, end in context.own())
        document_id = context.passage.document_id
        documents[document_id] = documents.get(document_id, frozenset()) | held
    wanted = figure_wanted(question)
    best: list[Candidate] = []
    for rank, (context, place) in enumerate(zip(contexts, places, strict=True)):
        known = documents[context.passage.document_id]
        candidate = best_unit(question, context, place, asked_for, known, wanted, finding_chars)
        best.append(replace(candidate, value=candidate.value / (1 + RANK_DISCOUNT * rank)))
    best.sort(key=lambda one: -one.value)
    if best and best[0].met < KNOWN_SHARE and language_of(passages[0].text) != language_of(question):
        # Words cannot speak for a passage in the other language; the search, which put it first, can.
        best.sort(key=lambda one: one.context.passage is not passages[0])
    return chosen(question, best)


def best_unit(
    question: str,
    context: Context,
    places: Places,
    asked_for: Asked,
    document: frozenset[str],
    wanted: Wanted | None,
    finding_chars: int,
) -> Candidate:
    """Return the unit that fits the question best, of those that lie in the passage or run into it.

    Where no word is shared, as across languages, that is as much of the passage as may be shown.
    """
    passage, text = context.passage, context.text
    own = context.own()
    title = frozenset(terms_of(f"{passage.title} {passage.heading}"))
    headings = cache(lambda heading: frozenset(terms_of(heading)))
    asked = frozenset(re.findall(r"\d+", normalised(question)))
    asks_permission = ASKS_PERMISSION.search(question) is not None
    asks_scope = ASKS_SCOPE.search(question) is not None
    best: Candidate | None = None
    for unit in units_of(text, longest_chars=finding_chars):
        if not any(unit.core.start < end and start < unit.core.end for start, end in own):
            continue
        shown = unit.text_in(text)
        terms = places.within(unit.shown)
        above = title | headings(unit.heading)
        inside, met, about = asked_for.met(terms, above, document)
        value = met - SENTENCE_COST * (unit.sentences - 1)
        if about:
            value += RANK_FLOOR
            if best is None or value + KIND_BONUS + PERMIT_BONUS > best.value:
                value += figure_bonus(unit.core.of(text), wanted, asked)
            if asks_permission and PERMITS.search(unit.core.of(text)):
                value += PERMIT_BONUS
        if len(shown) > finding_chars:
            value /= 2
        if not asks_scope and SCOPE.match(shown):
            value *= SCOPE_SHARE
        if best is None or value > best.value:
            best = Candidate(value, inside, about, context, unit)
    if best is None or not best.about:
        start, end = (own[0][0], own[-1][1]) if own else (0, len(text))
        return Candidate(RANK_FLOOR, 0.0, 0.0, context, opening_of(text, start, end, longest_chars=finding_chars))
    return best


def figure_bonus(text: str, wanted: Wanted | None, asked: frozenset[str]) -> float:
    """Return what a text gains by holding a figure of the kind asked for, and not the question's own."""
    if wanted is None:
        return 0.0
    numbers = [(value, unit) for value, unit in figures_of(text).numbers if value not in asked]
    if wanted.units and any(unit in wanted.units or unit.partition("/")[0] in wanted.units for _, unit in numbers):
        return KIND_BONUS
    if numbers:
        return FIGURE_BONUS if wanted.units else KIND_BONUS
    return 0.0


def chosen(question: str, ranked: Sequence[Candidate]) -> tuple[Finding, ...]:
    """Return the first, then at most two more: those that differ from it in a number, then the next best."""
    if not ranked or lacks_amount(question, ranked[0].text):
        return ()
    first = ranked[0]
    kept = [first]
    seen = [bare(first.text)]
    marked = [finding_of(first)]
    others: list[tuple[bool, Candidate]] = []
    for other in ranked[1:]:
        about_the_same = first.about > 0 and other.about >= SAME_SHARE * first.about
        elsewhere = other.context.passage.document_id != first.context.passage.document_id
        contradicts = elsewhere and about_the_same and differ(first.text, other.text, question)
        as_good = other.value >= ALSO_IN_SHARE * first.value and other.met >= ALSO_IN_SHARE * first.met
        if contradicts or as_good:
            others.append((contradicts, other))
    for contradicts, other in sorted(others, key=lambda pair: not pair[0]):
        text = bare(other.text)
        repeats = any(text in one or one in text for one in seen) or any(overlap(one, other) for one in kept)
        if len(kept) <= ALSO_IN_AT_MOST and not repeats:
            kept.append(other)
            seen.append(text)
            marked.append(finding_of(other, differs=contradicts))
    return tuple(marked)


def overlap(first: Candidate, other: Candidate) -> bool:
    """Whether two candidates lie in one document and have a stretch of it in common."""
    if first.context.passage.document_id != other.context.passage.document_id:
        return False
    if not (first.context.passage.spans and other.context.passage.spans):
        return False
    return any(
        one.page == another.page and one.start < another.end and another.start < one.end
        for one in first.context.places(first.unit.core)
        for another in other.context.places(other.unit.core)
    )


def finding_of(candidate: Candidate, *, differs: bool = False) -> Finding:
    """Return the finding that a candidate makes, with its quotes: of the answer, and of what is shown above it."""
    context, unit = candidate.context, candidate.unit
    quotes = list(context.quotes(unit.core))
    cited = {chunk.chunk_id for chunk, _ in quotes}
    for stretch in unit.shown:
        if stretch != unit.core:
            quotes += [(chunk, part) for chunk, part in context.quotes(stretch) if chunk.chunk_id not in cited]
    return Finding(context.passage, candidate.text, tuple(quotes), differs)


def bare(text: str) -> str:
    """Return a text without white space, as repeats are recognised."""
    return re.sub(r"\s", "", normalised(text))
