"""The border to LangChain: our search as a ``BaseRetriever``, our embedder as ``Embeddings``.

Inside the house there are passages, here they become documents. Permissions are decided before: a retriever is made
for one asker, by the search it is given. Nothing of LangChain's is loaded, stored or traced.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from numpy.typing import NDArray
from pydantic import Field

from app.inference.embedder import Embedder
from app.knowledge.passage import Passage

Search = Callable[[str, int], Sequence[Passage]]  # (question, limit) -> passages that one asker may see, best first
AsyncSearch = Callable[[str, int], Awaitable[Sequence[Passage]]]


def to_document(passage: Passage) -> Document:
    """Return a passage as LangChain knows it; ``page`` is None where the format has no pages."""
    return Document(
        id=passage.chunk_id,
        page_content=passage.text,
        metadata={
            "chunk_id": passage.chunk_id,
            "document_id": passage.document_id,
            "external_id": passage.external_id,
            "title": passage.title,
            "page": passage.page,
            "heading": passage.heading,
            "knowledge_base": passage.knowledge_base,
        },
    )


class KnowledgeRetriever(BaseRetriever):
    """Searches on behalf of one asker.

    Attributes:
        search: the asker's own search, permissions and audit inside; may raise any error of ours.
        search_async: the same where it can be awaited; without it ``search`` runs in a thread.
        k: most documents, from 1.
    """

    search: Search = Field(exclude=True, repr=False)
    search_async: AsyncSearch | None = Field(default=None, exclude=True, repr=False)
    k: int = Field(default=10, ge=1, le=100)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        k: int | None = None,
    ) -> list[Document]:
        return [to_document(passage) for passage in self.search(query, self._limit(k))]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        k: int | None = None,
    ) -> list[Document]:
        if self.search_async is None:
            passages = await asyncio.to_thread(self.search, query, self._limit(k))
        else:
            passages = await self.search_async(query, self._limit(k))
        return [to_document(passage) for passage in passages]

    def _limit(self, k: int | None) -> int:
        return self.k if k is None else max(1, k)


class EmbedderEmbeddings(Embeddings):
    """Our embedder for LangChain's splitters and chains; whoever opened the embedder closes it."""

    def __init__(self, embedder: Embedder) -> None:
        """Use this embedder."""
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a unit vector for each passage.

        Raises:
            ModelUnavailable: the model does not answer.
        """
        return rows_of(self._embedder.embed_passages(texts))

    def embed_query(self, text: str) -> list[float]:
        """Return the unit vector of a question; raises as ``embed_documents``."""
        return rows_of(self._embedder.embed_queries([text]))[0]


def rows_of(vectors: NDArray[np.float32]) -> list[list[float]]:
    """Return the rows of a matrix as plain lists."""
    return [[float(value) for value in row] for row in vectors]
