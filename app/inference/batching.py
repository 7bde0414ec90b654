"""Embedding questions that wait together: one inference for many costs far less than one for each."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.errors import ModelUnavailable
from app.inference.embedder import Embedder

Waiting = tuple[str, "asyncio.Future[NDArray[np.float32]]"]


class QueryBatcher:
    """Gathers questions of one event loop and embeds them in one worker thread, one batch after the other.

    A question that is alone goes at once. While a batch is computed the next one gathers by itself;
    only a batch that already holds others waits up to ``wait_ms`` for more.
    """

    def __init__(self, embedder: Embedder, limit: int = 32, wait_ms: float = 2) -> None:
        """Keep the embedder, which its owner closes, and the largest batch and wait."""
        self.embedder = embedder
        self.limit = limit
        self.wait_s = wait_ms / 1_000
        self.waiting: list[Waiting] = []
        self.filled = asyncio.Event()
        self.runner: asyncio.Task[None] | None = None
        self.closed = False
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed-queries")

    async def __aenter__(self) -> Self:
        """Be ready."""
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Close."""
        await self.close()

    async def embed(self, text: str) -> NDArray[np.float32]:
        """Vector of one question, shape (dimension,), length 1.

        Raises:
            ModelUnavailable: the model does not answer, or this is closed.
        """
        if self.closed:
            raise ModelUnavailable("the embedder of questions is closed")
        if self.runner is None:
            self.runner = asyncio.create_task(self.run())
        answer: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        self.waiting.append((text, answer))
        self.filled.set()
        return await answer

    async def close(self) -> None:
        """Finish the batch under way, refuse those still waiting, end the thread; may be called twice."""
        self.closed = True
        self.filled.set()
        if self.runner is not None:
            await self.runner
            self.runner = None
        self.thread.shutdown(wait=False)

    async def run(self) -> None:
        """Take batches until closed."""
        while True:
            if not self.waiting and not self.closed:
                self.filled.clear()
                await self.filled.wait()
            elif 1 < len(self.waiting) < self.limit:
                await asyncio.sleep(self.wait_s)
            if self.closed:
                break
            batch, self.waiting = self.waiting[: self.limit], self.waiting[self.limit :]
            batch = [(text, answer) for text, answer in batch if not answer.done()]  # some have left
            if batch:
                await self.embed_batch(batch)
        for _, answer in self.waiting:
            if not answer.done():
                answer.set_exception(ModelUnavailable("the embedder of questions is closed"))
        self.waiting.clear()

    async def embed_batch(self, batch: list[Waiting]) -> None:
        """Embed one batch and hand each its vector, or to all what went wrong."""
        texts = [text for text, _ in batch]
        loop = asyncio.get_running_loop()
        try:
            vectors = await loop.run_in_executor(self.thread, self.embedder.embed_queries, texts)
            if len(vectors) != len(texts):
                raise ModelUnavailable("the embedding model gave another number of vectors")
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), vector in zip(batch, vectors, strict=True):
            if not answer.done():
                answer.set_result(vector)
