"""What both engines share: texts go through the model folder's own tokenizer and prompts."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.inference.prepared import PreparedModel
from app.inference.tokens import FolderTokens


class FolderEmbedder(ABC):
    """An embedder over a prepared model folder; calls from several threads take turns."""

    def __init__(self, prepared: PreparedModel) -> None:
        """Load the tokenizer.

        Raises:
            ModelUnavailable: it does not load.
        """
        self.folder = prepared.folder
        self.space = prepared.space
        self.tokens = FolderTokens(prepared.folder)
        self.turn = threading.Lock()

    @abstractmethod
    def embed(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        """Vectors of texts behind ``prompt``, in the order of the texts.

        Raises:
            ModelUnavailable: the model is closed, or fails.
        """

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of questions, shape (n, dimension), rows of length 1."""
        return self.embed(texts, self.folder.query_prompt)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages, shape (n, dimension), rows of length 1."""
        return self.embed(texts, self.folder.passage_prompt)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without special tokens and prompts."""
        return self.tokens.count_tokens(texts)

    def unknown_share(self, text: str) -> float:
        """Share (0..1) of tokens that the model does not know."""
        return self.tokens.unknown_share(text)
