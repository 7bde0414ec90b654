"""The vector leg of a search in one base: who gives the candidates, Chroma or an exact scan; all are ranked exactly.

Chroma answers where the asker may read the whole collection and it is large enough to be worth it; the rows it does
not have yet are scanned. Filtered and small collections are scanned exactly (Chroma's ``where`` costs 10-20 times as
much), and so is one that Chroma is far behind on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.knowledge.base_index import BaseIndex
from app.knowledge.languages import LanguageBias
from app.knowledge.matrix import NO_VECTOR_HITS, VectorHits, exact

MOST_ROWS_BEHIND_CHROMA = 4_096
CHROMA_OVER_FETCH = 2


@dataclass(frozen=True, slots=True)
class Aim:
    """What the vectors are searched for: a unit vector, float32, shape (dimension,), and its language bias."""

    vector: NDArray[np.float32]
    bias: LanguageBias


def nearest(
    base: BaseIndex, aim: Aim, *, permitted: NDArray[np.bool_] | None, limit: int, chroma_from_rows: int
) -> tuple[VectorHits, str]:
    """Return the nearest permitted chunks of a base, and by what: chroma or exact.

    Args:
        base: where to search.
        aim: what for.
        permitted: by rule slot, which may be read; None for the whole base.
        limit: number of hits, from 1.
        chroma_from_rows: below this an exact scan is as fast.
    """
    if permitted is None and chroma_answers(base, chroma_from_rows):
        return through_chroma(base, aim, limit), "chroma"
    shifts = aim.bias.shifts
    return exact(base.matrix.view(), aim.vector, permitted=permitted, limit=limit, shifts=shifts), "exact"


def chroma_answers(base: BaseIndex, from_rows: int) -> bool:
    """Whether Chroma gives the candidates: a base worth it, and not far behind."""
    if len(base.matrix) < from_rows or not base.chroma_sequence:
        return False
    behind = int((base.matrix.view().sequences > base.chroma_sequence).sum())
    return behind <= MOST_ROWS_BEHIND_CHROMA


def through_chroma(base: BaseIndex, aim: Aim, limit: int) -> VectorHits:
    """Take Chroma's candidates and the rows it does not have yet, rank all exactly, drop what has left the matrix."""
    # Read before Chroma is asked: what it takes in meanwhile is then found by the scan.
    passed = base.chroma_sequence
    fetched = min(limit * CHROMA_OVER_FETCH, len(base.matrix))
    numbers = base.chroma.nearest(aim.vector, limit=fetched)
    if aim.bias.shifts.any():
        # Ranked by itself Chroma favours the question's language; a neutral question brings those of the other.
        numbers = np.union1d(numbers, base.chroma.nearest(aim.bias.neutral, limit=fetched))
    view, shifts = base.matrix.view(), aim.bias.shifts
    late = exact(view, aim.vector, permitted=None, limit=limit, after_sequence=passed, shifts=shifts)
    return ranked(base, np.union1d(numbers, late.chunk_numbers), aim, limit)


def within_documents(
    base: BaseIndex, aim: Aim, *, document_ids: tuple[str, ...], permitted: NDArray[np.bool_] | None, limit: int
) -> VectorHits:
    """Rank all chunks of chosen documents that may be read."""
    served = [base.documents[one] for one in document_ids if one in base.documents]
    readable = [one for one in served if permitted is None or bool(permitted[one.rule_slot : one.rule_slot + 1].any())]
    if not readable:
        return NO_VECTOR_HITS
    return ranked(base, np.concatenate([one.chunk_numbers for one in readable]), aim, limit)


def ranked(base: BaseIndex, numbers: NDArray[np.int64], aim: Aim, limit: int) -> VectorHits:
    """Rank chunks exactly; those without a vector are dropped."""
    cosines = base.matrix.cosines(numbers, aim.vector, aim.bias.shifts)
    known = ~np.isnan(cosines)
    numbers, cosines = numbers[known], cosines[known]
    order = np.argsort(-cosines, kind="stable")[:limit]
    return VectorHits(numbers[order], cosines[order])
