"""The vectors of one knowledge base in RAM: exact search over any set of permitted rows.

Rows only ever grow at the end; a removed row keeps its place with rule slot 0, which nobody may read, until
``compacted``. So a search takes one ``View`` and is never disturbed by the writer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.knowledge.languages import NO_SHIFTS, LanguageSums

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
        languages: uint8, shape (count,): place in ``LANGUAGES``.
    """

    vectors: NDArray[np.float32]
    chunk_numbers: NDArray[np.int64]
    rule_slots: NDArray[np.uint32]
    sequences: NDArray[np.int64]
    languages: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class VectorHits:
    """Chunks near the question, best first: int64 numbers and float32 cosines, shape (n,)."""

    chunk_numbers: NDArray[np.int64]
    cosines: NDArray[np.float32]


NO_VECTOR_HITS = VectorHits(np.zeros(0, np.int64), np.zeros(0, np.float32))


@dataclass(slots=True)
class Rows:
    """The arrays of a matrix and what is used of them; growth and compaction make a new one and switch to it at once.

    Attributes:
        place: row of each chunk number.
        count: rows used, removed ones among them.
    """

    vectors: NDArray[np.float32]
    numbers: NDArray[np.int64]
    slots: NDArray[np.uint32]
    sequences: NDArray[np.int64]
    languages: NDArray[np.uint8]
    place: dict[int, int]
    count: int

    def taken(self, kept: NDArray[np.int64], *, capacity: int) -> "Rows":
        """Copy these rows, in order, into new arrays."""
        new = Rows(
            np.zeros((capacity, self.vectors.shape[1]), np.float32),
            np.zeros(capacity, np.int64),
            np.zeros(capacity, np.uint32),
            np.zeros(capacity, np.int64),
            np.zeros(capacity, np.uint8),
            {},
            len(kept),
        )
        for target, source in (
            (new.vectors, self.vectors),
            (new.numbers, self.numbers),
            (new.slots, self.slots),
            (new.sequences, self.sequences),
            (new.languages, self.languages),
        ):
            target[: len(kept)] = source[kept]
        live = np.flatnonzero(new.slots[: len(kept)] != REMOVED_SLOT).tolist()
        new.place = dict(zip(new.numbers[live].tolist(), live, strict=True))
        return new


class Matrix:
    """Float32 rows with their chunk numbers and rule slots. One thread writes; any number search."""

    def __init__(self, dimension: int) -> None:
        """Start empty."""
        self.dimension = dimension
        self.languages = LanguageSums.empty(dimension)
        none = (np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.uint8))
        empty = Rows(np.zeros((0, dimension), np.float32), *none, {}, 0)
        self._rows = empty.taken(np.zeros(0, np.int64), capacity=FIRST_CAPACITY)

    def __len__(self) -> int:
        return len(self._rows.place)

    def __contains__(self, chunk_number: int) -> bool:
        return chunk_number in self._rows.place

    def view(self) -> View:
        """Return what is searchable now."""
        return view_of(self._rows)

    def add(
        self,
        chunk_numbers: NDArray[np.int64],
        vectors: NDArray[np.float32],
        rule_slots: NDArray[np.uint32],
        sequences: NDArray[np.int64],
        language: int = 0,
    ) -> None:
        """Append rows that are not there yet; shapes (n,), (n, dimension), (n,), (n,); all in one language."""
        fresh = np.array([number not in self._rows.place for number in chunk_numbers.tolist()], bool)
        if not fresh.any():
            return
        first, count = self._rows.count, self._rows.count + int(fresh.sum())
        self._reserve(count)
        rows = self._rows
        rows.vectors[first:count] = vectors[fresh]
        rows.numbers[first:count] = chunk_numbers[fresh]
        rows.slots[first:count] = rule_slots[fresh]
        rows.sequences[first:count] = sequences[fresh]
        rows.languages[first:count] = language
        self.languages = self.languages.with_rows(vectors[fresh], language)
        rows.place.update(zip(rows.numbers[first:count].tolist(), range(first, count), strict=True))
        rows.count = count

    def _reserve(self, count: int) -> None:
        capacity = len(self._rows.numbers)
        if count <= capacity:
            return
        while capacity < count:
            capacity += max(capacity // 2, FIRST_CAPACITY)
        # New arrays, not resized ones: a search may hold a view of the old.
        self._rows = self._rows.taken(np.arange(self._rows.count), capacity=capacity)

    def remove(self, chunk_numbers: Iterable[int]) -> None:
        """Take rows out; unknown numbers are ignored."""
        rows = self._rows
        for number in chunk_numbers:
            place = rows.place.pop(number, None)
            if place is not None:
                rows.slots[place] = REMOVED_SLOT
                self.languages = self.languages.without_row(rows.vectors[place], int(rows.languages[place]))
                rows.vectors[place] = 0
        if rows.count > FIRST_CAPACITY and rows.count > 2 * len(rows.place):
            kept = np.flatnonzero(rows.slots[: rows.count] != REMOVED_SLOT)
            self._rows = rows.taken(kept, capacity=max(len(kept), FIRST_CAPACITY))

    def set_rule(self, chunk_numbers: Iterable[int], rule_slot: int) -> None:
        """Change who may read some rows."""
        for number in chunk_numbers:
            place = self._rows.place.get(number)
            if place is not None:
                self._rows.slots[place] = rule_slot

    def in_another_language(self, chunk_numbers: NDArray[np.int64], language: int) -> NDArray[np.bool_]:
        """Return which chunks are in another language; False where that is not known; shape (n,)."""
        rows = self._rows
        places = np.array([rows.place.get(number, -1) for number in chunk_numbers.tolist()], np.int64)
        another: NDArray[np.bool_] = np.logical_and(places >= 0, rows.languages[places] != language)
        return another

    def cosines(
        self, chunk_numbers: NDArray[np.int64], question: NDArray[np.float32], shifts: NDArray[np.float32] = NO_SHIFTS
    ) -> NDArray[np.float32]:
        """Return the cosine of each chunk less its language's shift, NaN where there is no vector; shape (n,)."""
        rows = self._rows
        view = view_of(rows)
        places = np.array([rows.place.get(number, -1) for number in chunk_numbers.tolist()], np.int64)
        found = (places >= 0) & (places < len(view.chunk_numbers))
        cosines = np.full(len(places), np.nan, np.float32)
        if found.any():
            cosines[found] = view.vectors[places[found]] @ question - shifts[view.languages[places[found]]]
        return cosines


def view_of(rows: Rows) -> View:
    """Return the rows in use."""
    count = rows.count
    return View(
        rows.vectors[:count], rows.numbers[:count], rows.slots[:count], rows.sequences[:count], rows.languages[:count]
    )


def exact(
    view: View,
    question: NDArray[np.float32],
    *,
    permitted: NDArray[np.bool_] | None,
    limit: int,
    after_sequence: int | None = None,
    shifts: NDArray[np.float32] = NO_SHIFTS,
) -> VectorHits:
    """Scan permitted rows and return the nearest.

    Args:
        view: what is searchable.
        question: unit vector, float32, shape (dimension,).
        permitted: by rule slot, which may be read; slot 0 must be False. None: all rows that are not removed.
        limit: number of hits, from 1.
        after_sequence: scan only rows brought by later changes.
        shifts: by language, what is taken off the cosine; float32, shape (languages,).
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
    if shifts.any():
        cosines = cosines - shifts[view.languages[rows]]
    if len(rows) > limit:
        best = np.argpartition(cosines, len(rows) - limit)[-limit:]
        rows, cosines = rows[best], cosines[best]
    order = np.argsort(-cosines, kind="stable")
    return VectorHits(view.chunk_numbers[rows[order]], cosines[order].astype(np.float32, copy=False))
