"""The word index of one knowledge base: BM25 by tantivy, in RAM, one per base so that statistics never leak.

Holds tokens and numbers, no stored text. One writer thread of 15 MB; each batch opens and commits a writer.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray

from app.knowledge.tokens import codes_of, tokens_of

WRITER_BYTES = 15_000_000
MOST_QUERY_TOKENS = 512  # a longer question adds cost and no aim
MOST_RULE_TERMS = 200  # beyond this many rule terms, over-fetch and mask instead
OVER_FETCH = 8
WORDS_RECIPE = 3  # raised when tokens or fields change, so that snapshots of another make are not opened


@dataclass(frozen=True, slots=True)
class WordRow:
    """One chunk to be indexed."""

    chunk_number: int
    version_number: int
    rule_slot: int
    text: str


@dataclass(frozen=True, slots=True)
class WordHits:
    """Chunks that hold words of the question, best first.

    Attributes:
        chunk_numbers: int64, shape (n,).
        scores: BM25, float32, shape (n,).
        attainable: what a passage of mean length would score that holds every word of the question once.
        known_share: share of the question's weight that stands in any passage at all, 0..1.
        codes: rarity of each code in the question, 0..1; 1 is in no passage at all.
    """

    chunk_numbers: NDArray[np.int64]
    scores: NDArray[np.float32]
    attainable: float
    known_share: float
    codes: Mapping[str, float]


NO_WORD_HITS = WordHits(np.zeros(0, np.int64), np.zeros(0, np.float32), 0.0, 0.0, {})


def schema() -> tantivy.Schema:
    """Return the fields: tokens to search, numbers to find, filter and delete by."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("body", stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("version", indexed=True)
    builder.add_unsigned_field("rule", indexed=True, fast=True)
    return builder.build()


class WordIndex:
    """Words of one knowledge base. One thread writes; any number search."""

    def __init__(self, folder: Path | None) -> None:
        """Open the index in a folder of a RAM file system, or in memory without one."""
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._index = tantivy.Index(schema(), path=str(folder), reuse=True)
        else:
            self._index = tantivy.Index(schema())
        self._schema = self._index.schema
        self._index.reload()

    def replace(self, rows: Iterable[WordRow], *, removed_versions: Sequence[int] = ()) -> None:
        """Take chunks in and versions out, in one visible step."""
        writer = self._index.writer(heap_size=WRITER_BYTES, num_threads=1)
        for version_number in removed_versions:
            writer.delete_documents_by_query(tantivy.Query.term_query(self._schema, "version", version_number))
        for row in rows:
            document = tantivy.Document()
            document.add_text("body", " ".join(tokens_of(row.text)))
            document.add_unsigned("chunk", row.chunk_number)
            document.add_unsigned("version", row.version_number)
            document.add_unsigned("rule", row.rule_slot)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    @property
    def rows(self) -> int:
        """Chunks in the index."""
        return int(self._index.searcher().num_docs)

    def search(
        self, question: str, *, limit: int, rule_slots: Sequence[int] | None, versions: Sequence[int] | None = None
    ) -> WordHits:
        """Return the best chunks for a question.

        Args:
            question: any text; it is never parsed as query syntax.
            limit: number of hits, from 1.
            rule_slots: rule slots that may be read; None for all.
            versions: search these versions alone; None for all.
        """
        searcher = self._index.searcher()
        rows = int(searcher.num_docs)
        counts = Counter(tokens_of(question)[:MOST_QUERY_TOKENS])
        if not rows or not counts:
            return NO_WORD_HITS
        weights = {token: inverse_frequency(rows, searcher.doc_freq("body", token)) for token in counts}
        largest = inverse_frequency(rows, 0)
        attainable = sum(weights.values())
        known = sum(weight for weight in weights.values() if weight < largest)
        codes = {token: weights[token] / largest for token in codes_of(question) if token in weights}
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "body", token, index_option="freq"))
                for token, weight in weights.items()
                if weight < largest
            ]
        )
        many_rules = rule_slots is not None and len(rule_slots) > MOST_RULE_TERMS
        for field, allowed in (("rule", None if many_rules else rule_slots), ("version", versions)):
            if allowed is not None:
                kept = tantivy.Query.term_set_query(self._schema, field, list(allowed))
                kept = tantivy.Query.const_score_query(kept, 0.0)
                query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, kept)])
        if many_rules:
            hits = masked_hits(searcher, query, limit=limit, rule_slots=rule_slots or ())
        else:
            hits = searcher.search(query, limit=limit, count=False).hits
        if not hits:
            return WordHits(NO_WORD_HITS.chunk_numbers, NO_WORD_HITS.scores, attainable, known / attainable, codes)
        numbers = searcher.fast_field_values("chunk", [address for _, address in hits])
        return WordHits(
            chunk_numbers=np.array(numbers, np.int64),
            scores=np.array([score for score, _ in hits], np.float32),
            attainable=attainable,
            known_share=known / attainable,
            codes=codes,
        )


def masked_hits(
    searcher: tantivy.Searcher, query: tantivy.Query, *, limit: int, rule_slots: Sequence[int]
) -> list[tuple[float, tantivy.DocAddress]]:
    """Fetch more and more hits until ``limit`` of them have one of many rule slots, or there are no more."""
    fetched = limit * OVER_FETCH
    while True:
        hits = searcher.search(query, limit=fetched, count=False).hits
        slots = searcher.fast_field_values("rule", [address for _, address in hits]) if hits else []
        kept = np.flatnonzero(np.isin(slots, rule_slots))[:limit].tolist()
        if len(kept) == limit or len(hits) < fetched:
            return [hits[place] for place in kept]
        fetched *= OVER_FETCH


def inverse_frequency(rows: int, with_token: int) -> float:
    """Return BM25's idf as Lucene and tantivy compute it.

    ``with_token`` may count rows that were removed but not merged away yet; the idf must not fall below zero by that.
    """
    known = min(with_token, rows)
    return math.log(1 + (rows - known + 0.5) / (known + 0.5))
