"""An embedder for tests: no model, the same text gives the same vector, like texts give like ones.

It cheats: vectors only count character pairs and words, so texts are alike if they share letters.
Named ``tests.hash_embedder:HashEmbedder`` in ``embedding.model`` it also runs where a model would.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.errors import ModelUnavailable
from app.inference.embedder import Space, unit_rows
from app.settings import EmbeddingSettings

DIMENSION = 64
TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


class HashEmbedder:
    """Fits the protocol of an embedder."""

    space = Space("hash-64", DIMENSION, "hashed character pairs and words, for tests")

    def __init__(self, settings: EmbeddingSettings | None = None) -> None:
        self.closed = False

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.embed(texts)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.embed(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(TOKEN.findall(text)) for text in texts]

    def unknown_share(self, text: str) -> float:
        return 0.0

    def close(self) -> None:
        self.closed = True

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.closed:
            raise ModelUnavailable("the hash embedder is closed")
        vectors = np.zeros((len(texts), DIMENSION), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[0] = 0.1  # an empty text has a vector too
            for feature in features(text):
                digest = hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=4).digest()
                row[digest[0] % DIMENSION] += 1 if digest[1] % 2 else -1
        return unit_rows(vectors)


def features(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).lower()
    words = TOKEN.findall(folded)
    return words + [folded[start : start + 2] for start in range(len(folded) - 1)]
