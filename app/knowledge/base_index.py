"""The indexes of one knowledge base: words, matrix and Chroma, and which version of each document they serve.

``documents`` is the switch: a chunk counts only if its version is the one served there. So a replacement is put in,
switched to by one assignment, and taken out afterwards, and no search sees both or neither.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.knowledge.chroma import ChromaVectors
from app.knowledge.languages import LANGUAGES
from app.knowledge.matrix import Matrix
from app.knowledge.words import WordIndex, WordRow


@dataclass(frozen=True, slots=True)
class ServedDocument:
    """The version of a document that searches see: chunk numbers int64, shape (n,)."""

    version_number: int
    rule_slot: int
    language: str
    chunk_numbers: NDArray[np.int64]

    @property
    def language_place(self) -> int:
        """Place of the language in ``LANGUAGES``."""
        return LANGUAGES.index(self.language)


@dataclass(frozen=True, slots=True)
class DocumentRows:
    """A current version as read from the catalogue, ready to be indexed.

    Attributes:
        texts: what is indexed for each chunk, in the order of ``chunk_numbers``; empty if words have it already.
        vector_numbers, vectors, vector_sequences: those that have a vector; shapes (m,), (m, dimension), (m,).
    """

    document_id: str
    served: ServedDocument
    texts: tuple[str, ...]
    vector_numbers: NDArray[np.int64]
    vectors: NDArray[np.float32]
    vector_sequences: NDArray[np.int64]


class BaseIndex:
    """One knowledge base in RAM. One thread writes; any number read."""

    def __init__(self, base_id: str, folder: Path | None, *, dimension: int) -> None:
        """Open empty indexes, or what a snapshot left in ``folder`` (in RAM; None: in memory)."""
        self.base_id = base_id
        self.folder = folder
        self.words = WordIndex(folder / "words" if folder else None)
        self.matrix = Matrix(dimension)
        self.chroma = ChromaVectors(folder / "vectors" if folder else None)
        self.chroma_sequence = 0
        self.documents: dict[str, ServedDocument] = {}
        self.switches = 0
        self.rule_slots: Counter[int] = Counter()
        self.languages: Counter[str] = Counter()
        # Bytes of deleted or replaced chunks may lie in the index files until they are built anew.
        self.holds_removed_bytes = False
        self._leaving_versions: list[int] = []

    def put(self, rows: list[DocumentRows]) -> None:
        """Index documents, switch to them, and take their former versions out."""
        leaving = self._leaving_versions
        self._leaving_versions = []
        word_rows = [
            WordRow(int(number), row.served.version_number, row.served.rule_slot, text)
            for row in rows
            for number, text in zip(row.served.chunk_numbers, row.texts, strict=bool(row.texts))
        ]
        if word_rows or leaving:
            self.words.replace(word_rows, removed_versions=leaving)
        for row in rows:
            slots = np.full(len(row.vector_numbers), row.served.rule_slot, np.uint32)
            self.matrix.add(row.vector_numbers, row.vectors, slots, row.vector_sequences, row.served.language_place)
        former = [(row, self.documents.get(row.document_id)) for row in rows]
        # All switches close together, and counted: a search that spans one looks again.
        replaced = any(before and before.version_number != row.served.version_number for row, before in former)
        self.switches += replaced
        for row in rows:
            self.documents[row.document_id] = row.served
            self.rule_slots[row.served.rule_slot] += 1
            self.languages[row.served.language] += 1
        self.switches += replaced
        self._forget([(before, row.served) for row, before in former if before is not None])

    def _forget(self, left: list[tuple[ServedDocument, ServedDocument | None]]) -> None:
        """Take out what is no longer served: (version, its successor)."""
        gone: list[int] = []
        for before, successor in left:
            self.rule_slots[before.rule_slot] -= 1
            self.languages[before.language] -= 1
            if successor is None or successor.version_number != before.version_number:
                self.holds_removed_bytes = True
                self._leaving_versions.append(before.version_number)
                gone += before.chunk_numbers.tolist()
        known = [number for number in gone if number in self.matrix]
        self.matrix.remove(known)
        if known:
            self.chroma.remove(known)

    def remove(self, document_id: str) -> None:
        """Take a deleted document out."""
        before = self.documents.pop(document_id, None)
        if before is not None:
            self._forget([(before, None)])

    def change_rule(self, row: DocumentRows) -> None:
        """Index a document again under another rule; its vectors stay."""
        before = self.documents.get(row.document_id)
        if before is None or before.version_number != row.served.version_number:
            return
        self.matrix.set_rule(row.served.chunk_numbers.tolist(), row.served.rule_slot)
        # Out and in again in one visible step: no search finds the document gone.
        self._leaving_versions.append(before.version_number)
        self.put([row])

    def add_vectors(
        self, document_id: str, numbers: NDArray[np.int64], vectors: NDArray[np.float32], sequence: int
    ) -> None:
        """Take in vectors that were filled later; shapes (n,), (n, dimension)."""
        served = self.documents.get(document_id)
        if served is None:
            return
        current = np.isin(numbers, served.chunk_numbers)
        numbers, vectors = numbers[current], vectors[current]
        slots = np.full(len(numbers), served.rule_slot, np.uint32)
        sequences = np.full(len(numbers), sequence, np.int64)
        self.matrix.add(numbers, vectors, slots, sequences, served.language_place)

    def sync_chroma(self, *, passed_sequence: int, most_rows: int) -> bool:
        """Bring Chroma nearer to the matrix; True when it has everything up to ``passed_sequence``."""
        view = self.matrix.view()
        waiting = np.flatnonzero((view.sequences > self.chroma_sequence) & (view.rule_slots > 0))
        waiting = waiting[np.argsort(view.sequences[waiting], kind="stable")]
        if len(waiting) > most_rows:
            last = view.sequences[waiting[most_rows - 1]]
            waiting = waiting[view.sequences[waiting] <= last]  # one change goes in whole
            sequence, complete = int(last), False
        else:
            sequence, complete = passed_sequence, True
        if len(waiting):
            self.chroma.add(view.chunk_numbers[waiting], view.vectors[waiting])
        self.chroma_sequence = sequence
        return complete

    def drop_stale_vectors(self) -> None:
        """Take out of Chroma, which came from an older snapshot, what the matrix does not hold any more."""
        stale = [number for number in self.chroma.chunk_numbers() if number not in self.matrix]
        if stale:
            self.holds_removed_bytes = True
            self.chroma.remove(stale)

    def flush(self) -> None:
        """Take versions that left out of the word index, if no later document did it on the way."""
        if self._leaving_versions:
            self.put([])

    def close(self) -> None:
        """Let go of all files."""
        self.chroma.close()
