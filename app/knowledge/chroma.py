"""Chroma as the vector store of one knowledge base and space: ids and vectors only, never text.

A ``PersistentClient`` in the RAM folder (sealed as a snapshot at rest), or an in-memory client without one. It gives
candidates; what is shown is ranked exactly by the matrix and joined with the catalogue, so a row that Chroma still
holds after a deletion can not appear.
"""

import gc
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from chromadb.config import Settings as ChromaSettings
from numpy.typing import NDArray

BATCH_ROWS = 2_000
COLLECTION = "vectors"


class ChromaVectors:
    """One collection. One thread writes; any number query."""

    def __init__(self, folder: Path | None) -> None:
        """Open the collection in a folder of a RAM file system, or in memory without one."""
        options = ChromaSettings(anonymized_telemetry=False, allow_reset=False)
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._client: Any = chromadb.PersistentClient(path=str(folder), settings=options)
            name = COLLECTION
        else:
            # Ephemeral clients of one process share one store: the name tells them apart.
            self._client = chromadb.EphemeralClient(settings=options)
            name = f"{COLLECTION}-{id(self)}"
        self._collection: Any = self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "ip", "ef_search": 100}}
        )

    def __len__(self) -> int:
        return int(self._collection.count())

    def add(self, chunk_numbers: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace rows; shapes (n,), (n, dimension)."""
        for start in range(0, len(chunk_numbers), BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            ids = [str(number) for number in chunk_numbers[part].tolist()]
            self._collection.upsert(ids=ids, embeddings=vectors[part])

    def chunk_numbers(self) -> list[int]:
        """Return the numbers of all rows."""
        return [int(shown) for shown in self._collection.get(include=[])["ids"]]

    def remove(self, chunk_numbers: list[int]) -> None:
        """Mark rows as deleted; Chroma keeps their bytes until the index is built anew."""
        for start in range(0, len(chunk_numbers), BATCH_ROWS):
            self._collection.delete(ids=[str(number) for number in chunk_numbers[start : start + BATCH_ROWS]])

    def nearest(self, question: NDArray[np.float32], *, limit: int) -> NDArray[np.int64]:
        """Return the chunk numbers of about the ``limit`` nearest rows; shape (n,)."""
        found = self._collection.query(query_embeddings=[question], n_results=limit, include=[])
        return np.array([int(shown) for shown in found["ids"][0]], np.int64)

    def close(self) -> None:
        """Let go of all files, so that the folder can be copied or removed."""
        self._collection = None
        self._client.close()
        gc.collect()
