"""The vectors of one knowledge base in RAM: exact search over any set of permitted rows.

Rows only ever grow at the end; a removed row keeps its place with rule slot 0, which nobody may read, until
``compacted``. So a search takes one ``View`` and is never disturbed by the writer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REMOVED_SLOT = 0
FIRST_CAPACITY = 256


@dataclass(frozen=True, slots=True)
class View:
    """The matrix as one search sees it.

    Attributes:
        vectors: float32 unit rows, shape (count, dimension).
        chunk_numbers: int64, shape (count,).
        rule_slots: uint32, shape (count,); 0 is a removed row.
        sequences: int64, shape (count,): the change that brought each row.
    """

    vectors: NDArray[np.float32]
    chunk_numbers: NDArray[np.int64]
    rule_slots: NDArray[np.uint32]
    sequences: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VectorHits:
    """Chunks near the question, best first: int64 numbers and float32 cosines, shape (n,)."""

    chunk_numbers: NDArray[np.int64]
    cosines: NDArray[np.float32]


NO_VECTOR_HITS = VectorHits(np.zeros(0, np.int64), np.zeros(0, np.float32))


class Matrix:
    """Float32 rows with their chunk numbers and rule slots. One thread writes; any number search."""

    def __init__(self, dimension: int) -> None:
        """Start empty."""
        self.dimension = dimension
        self._vectors = np.zeros((FIRST_CAPACITY, dimension), np.float32)
        self._numbers = np.zeros(FIRST_CAPACITY, np.int64)
        self._slots = np.zeros(FIRST_CAPACITY, np.uint32)
        self._sequences = np.zeros(FIRST_CAPACITY, np.int64)
        self._place: dict[int, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, chunk_number: int) -> bool:
        return chunk_number in self._place

    def view(self) -> View:
        """Return what is searchable now."""
        count = self._count
        return View(self._vectors[:count], self._numbers[:count], self._slots[:count], self._sequences[:count])

    def add(
        self,
        chunk_numbers: NDArray[np.int64],
        vectors: NDArray[np.float32],
        rule_slots: NDArray[np.uint32],
        sequences: NDArray[np.int64],
    ) -> None:
        """Append rows that are not there yet; shapes (n,), (n, dimension), (n,), (n,)."""
        fresh = np.array([number not in self._place for number in chunk_numbers.tolist()], bool)
        if not fresh.any():
            return
        first, count = self._count, self._count + int(fresh.sum())
        self._reserve(count)
        self._vectors[first:count] = vectors[fresh]
        self._numbers[first:count] = chunk_numbers[fresh]
        self._slots[first:count] = rule_slots[fresh]
        self._sequences[first:count] = sequences[fresh]
        self._place.update(zip(self._numbers[first:count].tolist(), range(first, count), strict=True))
        self._count = count

    def _reserve(self, count: int) -> None:
        capacity = len(self._numbers)
        if count <= capacity:
            return
        while capacity < count:
            capacity += max(capacity // 2, FIRST_CAPACITY)
        # New arrays, not resized ones: a search may hold a view of the old.
        for name in ("_vectors", "_numbers", "_slots", "_sequences"):
            old = getattr(self, name)
            new = np.zeros((capacity, *old.shape[1:]), old.dtype)
            new[: self._count] = old[: self._count]
            setattr(self, name, new)

    def remove(self, chunk_numbers: Iterable[int]) -> None:
        """Take rows out; unknown numbers are ignored."""
        for number in chunk_numbers:
            place = self._place.pop(number, None)
            if place is not None:
                self._slots[place] = REMOVED_SLOT
                self._vectors[place] = 0
        if self._count > FIRST_CAPACITY and self._count > 2 * len(self._place):
            self._compact()

    def _compact(self) -> None:
        kept = np.flatnonzero(self._slots[: self._count] != REMOVED_SLOT)
        for name in ("_vectors", "_numbers", "_slots", "_sequences"):
            setattr(self, name, getattr(self, name)[kept].copy())
        self._count = len(kept)
        self._place = {number: place for place, number in enumerate(self._numbers.tolist())}

    def set_rule(self, chunk_numbers: Iterable[int], rule_slot: int) -> None:
        """Change who may read some rows."""
        for number in chunk_numbers:
            place = self._place.get(number)
            if place is not None:
                self._slots[place] = rule_slot

    def cosines(self, chunk_numbers: NDArray[np.int64], question: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine of each chunk, NaN where there is no vector; shape (n,)."""
        view = self.view()
        places = np.array([self._place.get(number, -1) for number in chunk_numbers.tolist()], np.int64)
        found = (places >= 0) & (places < len(view.chunk_numbers))
        cosines = np.full(len(places), np.nan, np.float32)
        if found.any():
            cosines[found] = view.vectors[places[found]] @ question
        return cosines


def exact(
    view: View,
    question: NDArray[np.float32],
    *,
    permitted: NDArray[np.bool_] | None,
    limit: int,
    after_sequence: int | None = None,
) -> VectorHits:
    """Scan permitted rows and return the nearest.

    Args:
        view: what is searchable.
        question: unit vector, float32, shape (dimension,).
        permitted: by rule slot, which may be read; slot 0 must be False. None: all rows that are not removed.
        limit: number of hits, from 1.
        after_sequence: scan only rows brought by later changes.
    """
    if permitted is None:
        readable = view.rule_slots != REMOVED_SLOT
    else:
        # A rule made after the caller's permissions were read is not among them: not permitted.
        known = np.minimum(view.rule_slots, len(permitted))
        readable = np.append(permitted, [False])[known]
    if after_sequence is not None:
        readable &= view.sequences > after_sequence
    rows = np.flatnonzero(readable)
    if not len(rows):
        return NO_VECTOR_HITS
    # Gathering costs a copy of the rows; for most of the matrix a masked product is cheaper.
    few = len(rows) * 3 < len(readable)
    cosines = view.vectors[rows] @ question if few else (view.vectors @ question)[rows]
    if len(rows) > limit:
        best = np.argpartition(cosines, len(rows) - limit)[-limit:]
        rows, cosines = rows[best], cosines[best]
    order = np.argsort(-cosines, kind="stable")
    return VectorHits(view.chunk_numbers[rows[order]], cosines[order].astype(np.float32, copy=False))
