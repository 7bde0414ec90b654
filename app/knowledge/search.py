"""One search: permissions, words and vectors, fusion, and the join that reads text, in a single read transaction.

No score, count or candidate that the asker may not see leaves this function.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.database.connection import Connection
from app.database.store import Store
from app.knowledge.base_index import BaseIndex
from app.knowledge.bases import base_named
from app.knowledge.confidence import Evidence, codes_evidence, confidence, foreignness
from app.knowledge.fusion import Candidates, background_share, fuse, merged, raised
from app.knowledge.indexes import Indexes
from app.knowledge.languages import LANGUAGES, bias_of, language_of
from app.knowledge.matrix import NO_VECTOR_HITS
from app.knowledge.passage import Asker, Found, Passage
from app.knowledge.passage_rows import COLUMNS, JOINS, PassageRow
from app.knowledge.permissions import Permissions, Permit
from app.knowledge.readers import index_state
from app.knowledge.tokens import tokens_of
from app.knowledge.vector_leg import Aim, nearest, within_documents
from app.knowledge.words import NO_WORD_HITS, WordHits
from app.settings import RetrievalSettings
from app.vault.keys import OpaqueIds, Purpose

Mode = Literal["hybrid", "words", "vectors"]
JOIN_ROWS = 64  # candidates joined at once; few searches need a second round
MOST_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for.

    Attributes:
        text: the question, in its own words.
        vector: unit vector, float32, shape (dimension,); None to search words alone.
        knowledge_base: name of one base; None for all that the asker may read.
        document_ids: restrict to these documents; empty for all.
        limit: most passages, from 1.
    """

    text: str
    vector: NDArray[np.float32] | None
    limit: int
    knowledge_base: str | None = None
    document_ids: tuple[str, ...] = ()
    mode: Mode = "hybrid"


class Searcher:
    """Searches on behalf of askers."""

    def __init__(self, store: Store, indexes: Indexes, settings: RetrievalSettings) -> None:
        """Search ``indexes``, which follow ``store``."""
        self._store = store
        self._indexes = indexes
        self._settings = settings
        self._permissions = Permissions()
        self._ids = OpaqueIds(store.key(Purpose.CHUNK_IDS))

    def permit(self, connection: Connection, asker: Asker) -> Permit:
        """Return what an asker may read in this transaction."""
        return self._permissions.permit(connection, asker)

    def search(self, asker: Asker, question: Question) -> Found:
        """Return the passages that answer best, of those the asker may read.

        Raises:
            NotFound: the named knowledge base does not exist, or is not for this asker.
        """
        for _ in range(MOST_ATTEMPTS - 1):
            switches = self._switches()
            found = self._search(asker, question)
            # A document replaced meanwhile may have been missed in both its versions: look again.
            if self._switches() == switches:
                return found
        return self._search(asker, question)

    def _switches(self) -> int:
        return sum(base.switches for base in list(self._indexes.bases.values()))

    def _search(self, asker: Asker, question: Question) -> Found:
        clock = Clock()
        with self._store.catalogue.read() as connection:
            permit = self._permissions.permit(connection, asker)
            if question.knowledge_base is None:
                chosen = permit.knowledge_base_ids
            else:
                chosen = frozenset([base_named(connection, question.knowledge_base, permit)])
            clock.lap("permissions")
            # Copies, here and below: the follower may add a base or a rule meanwhile.
            bases = [base for base_id, base in list(self._indexes.bases.items()) if base_id in chosen]
            aim = aim_of(question, bases)
            found = [self._candidates(base, question, aim, permit, clock) for base in bases]
            candidates = merged([one.candidates for one in found]) if found else NOTHING.candidates
            passages = self._join(connection, candidates, permit, question.limit)
            clock.lap("join")
        evidence = evidence_of(question, aim, bases, found, passages)
        return Found(
            passages=tuple(passages),
            confidence=confidence(evidence) if passages else 0.0,
            index=index_state(self._indexes.counts, permit, chosen),
            timings_ms=clock.timings_ms | {"vectors_by": vectors_by(found)},
        )

    def _candidates(
        self, base: BaseIndex, question: Question, aim: Aim | None, permit: Permit, clock: "Clock"
    ) -> "BaseHits":
        mask = permit.mask()
        slots = [slot for slot, documents in list(base.rule_slots.items()) if documents > 0]
        whole = mask is None or all(slot < len(mask) and mask[slot] for slot in slots)
        permitted_slots = None if mask is None or whole else [slot for slot in slots if slot < len(mask) and mask[slot]]
        limit = max(self._settings.candidates, question.limit)
        words = NO_WORD_HITS
        if question.mode != "vectors":
            words = self._words(base, question, permitted_slots, limit)
            clock.lap("words")
        vectors, by = NO_VECTOR_HITS, "off"
        cosines = np.full(len(words.chunk_numbers), np.nan, np.float32)
        if aim is not None and len(base.matrix):
            permitted = None if whole else mask
            if question.document_ids:
                chosen = question.document_ids
                vectors = within_documents(base, aim, document_ids=chosen, permitted=permitted, limit=limit)
                by = "exact"
            else:
                from_rows = self._settings.chroma_from_rows
                vectors, by = nearest(base, aim, permitted=permitted, limit=limit, chroma_from_rows=from_rows)
            cosines = base.matrix.cosines(words.chunk_numbers, aim.vector, aim.bias.shifts)
            clock.lap("vectors")
        fused = fuse(words, vectors, cosines, weight=self._settings.words_weight)
        if aim is not None and aim.bias.shifts.any():
            foreign = base.matrix.in_another_language(fused.chunk_numbers, LANGUAGES.index(language_of(question.text)))
            fused = raised(fused, foreign, by=self._settings.words_weight * background_share(words))
        clock.lap("fusion")
        return BaseHits(fused, words, by)

    @staticmethod
    def _words(base: BaseIndex, question: Question, permitted_slots: list[int] | None, limit: int) -> WordHits:
        versions = None
        if question.document_ids:
            served = [base.documents[one] for one in question.document_ids if one in base.documents]
            versions = [one.version_number for one in served]
            if not versions:
                return NO_WORD_HITS
        return base.words.search(question.text, limit=limit, rule_slots=permitted_slots, versions=versions)

    def _join(self, connection: Connection, candidates: Candidates, permit: Permit, limit: int) -> list[Passage]:
        """Read candidates in order until ``limit`` are found that exist, are served and may be read."""
        passages: list[Passage] = []
        for start in range(0, len(candidates.chunk_numbers), JOIN_ROWS):
            part = slice(start, start + JOIN_ROWS)
            numbers = candidates.chunk_numbers[part].tolist()
            rows = {
                row[0]: row
                for row in connection.execute(
                    f"{COLUMNS} FROM json_each(?) wanted JOIN chunks c ON c.chunk_number = wanted.value{JOINS}",
                    (json.dumps(numbers),),
                )
            }
            for at, number in enumerate(numbers, start=start):
                found = rows.get(number)
                row = None if found is None else PassageRow(*found)
                if row is None or not row.readable(permit) or not self._served(row):
                    continue
                passages.append(self._passage(connection, row, candidates, at))
                if len(passages) == limit:
                    return passages
        return passages

    def _served(self, row: PassageRow) -> bool:
        base = self._indexes.bases.get(row.base_id)
        served = base.documents.get(row.document_id) if base else None
        return served is not None and served.version_number == row.version_number

    def _passage(self, connection: Connection, row: PassageRow, candidates: Candidates, at: int) -> Passage:
        cosine = float(candidates.cosines[at])
        return row.passage(
            connection,
            self._ids.show(row.number),
            similarity=None if np.isnan(cosine) else cosine,
            relevance=float(candidates.relevances[at]),
            word_share=float(candidates.word_shares[at]),
        )


@dataclass(frozen=True, slots=True)
class BaseHits:
    """What one base gave: fused candidates, its word hits, and which engine searched vectors."""

    candidates: Candidates
    words: WordHits
    vectors_by: str


NOTHING = BaseHits(fuse(NO_WORD_HITS, NO_VECTOR_HITS, np.zeros(0, np.float32), weight=0.0), NO_WORD_HITS, "off")


def aim_of(question: Question, bases: list[BaseIndex]) -> Aim | None:
    """Return what the vectors are searched for; None if words alone are."""
    if question.vector is None or question.mode == "words":
        return None
    return Aim(question.vector, bias_of(question.vector, (base.matrix.languages for base in bases)))


def vectors_by(found: list[BaseHits]) -> str:
    """Return chroma if any base was searched by it, else exact, else off."""
    engines = {one.vectors_by for one in found}
    return next((engine for engine in ("chroma", "exact") if engine in engines), "off")


def evidence_of(
    question: Question, aim: Aim | None, bases: list[BaseIndex], found: list[BaseHits], passages: list[Passage]
) -> Evidence:
    """Gather what the search knows about its own success, from what the asker may see alone."""
    relevances = [passage.relevance for passage in passages[:10]]
    rest = relevances[1:] or relevances
    known_share = max((one.words.known_share for one in found), default=0.0)
    language = language_of(question.text)
    documents = sum(base.languages.total() for base in bases)
    same_language = sum(base.languages[language] for base in bases) / documents if documents else 0.0
    cosines = [passage.similarity for passage in passages[:10] if passage.similarity is not None]
    codes = rarest_codes(one.words.codes for one in found)
    best = (
        set(tokens_of(f"{passages[0].title} {passages[0].heading} {passages[0].text}")) if codes and passages else set()
    )
    codes_found, codes_unknown = codes_evidence(codes, best)
    shift = float(aim.bias.shifts[LANGUAGES.index(language)]) if aim is not None else 0.0
    return Evidence(
        best_cosine=max(cosines) + shift if cosines else 0.0,
        best_share=max((passage.word_share for passage in passages[:10]), default=0.0),
        stand_out=relevances[0] - sum(rest) / len(rest) if relevances else 0.0,
        foreign=foreignness(same_language_share=same_language, known_share=known_share),
        codes_found=codes_found,
        codes_unknown=codes_unknown,
        has_vectors=bool(cosines),
    )


def rarest_codes(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Join the rarity of codes over several bases: one that any base knows is known."""
    joined: dict[str, float] = {}
    for part in parts:
        for code, rarity in part.items():
            joined[code] = min(rarity, joined.get(code, 1.0))
    return joined


class Clock:
    """Milliseconds by stage; stages that run more than once are added up."""

    def __init__(self) -> None:
        """Start."""
        self._last = time.perf_counter()
        self.timings_ms: dict[str, float | str] = {}

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to a stage."""
        present = time.perf_counter()
        before = self.timings_ms.get(stage, 0.0)
        self.timings_ms[stage] = round(float(before) + (present - self._last) * 1000, 3)
        self._last = present
