import asyncio
import threading

import pytest

from app.errors import ModelUnavailable
from app.inference.batching import QueryBatcher
from tests.hash_embedder import HashEmbedder


class WatchedEmbedder(HashEmbedder):
    """Notes the batches, and waits for a sign before it answers."""

    def __init__(self):
        super().__init__()
        self.batches = []
        self.sign = threading.Event()
        self.sign.set()
        self.failure = None

    def embed_queries(self, texts):
        self.batches.append(list(texts))
        self.sign.wait(5)
        if self.failure:
            raise self.failure
        return super().embed_queries(texts)


async def until_under_way(embedder, batches=1):
    while len(embedder.batches) < batches:  # noqa: ASYNC110 - filled by another thread
        await asyncio.sleep(0.001)


async def test_a_lone_question_goes_at_once():
    embedder = WatchedEmbedder()
    async with QueryBatcher(embedder, wait_ms=60_000) as batcher:
        vector = await asyncio.wait_for(batcher.embed("one"), 5)
    assert vector.tolist() == embedder.embed(["one"])[0].tolist()


async def test_questions_that_wait_go_together_and_each_gets_its_own_vector():
    embedder = WatchedEmbedder()
    embedder.sign.clear()
    async with QueryBatcher(embedder, limit=4) as batcher:
        first = asyncio.create_task(batcher.embed("first"))
        await until_under_way(embedder)
        texts = [f"question {number}" for number in range(6)]
        others = [asyncio.create_task(batcher.embed(text)) for text in texts]
        await asyncio.sleep(0.01)
        embedder.sign.set()
        vectors = await asyncio.gather(first, *others)
    assert embedder.batches == [["first"], texts[:4], texts[4:]]
    for text, vector in zip(texts, vectors[1:], strict=True):
        assert vector.tolist() == embedder.embed([text])[0].tolist()


async def test_a_failure_reaches_everyone_in_the_batch_and_the_next_goes_on():
    embedder = WatchedEmbedder()
    embedder.failure = ModelUnavailable("gone")
    async with QueryBatcher(embedder) as batcher:
        outcomes = await asyncio.gather(batcher.embed("a"), batcher.embed("b"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ModelUnavailable, ModelUnavailable]
        embedder.failure = None
        assert (await batcher.embed("c")).shape == (64,)


async def test_who_has_left_is_not_embedded():
    embedder = WatchedEmbedder()
    embedder.sign.clear()
    async with QueryBatcher(embedder) as batcher:
        first = asyncio.create_task(batcher.embed("first"))
        await until_under_way(embedder)
        gone, stays = (asyncio.create_task(batcher.embed(text)) for text in ("gone", "stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        embedder.sign.set()
        await asyncio.gather(first, stays)
    assert embedder.batches == [["first"], ["stays"]]


async def test_closing_finishes_the_batch_under_way_and_refuses_the_rest():
    embedder = WatchedEmbedder()
    embedder.sign.clear()
    batcher = QueryBatcher(embedder)
    first = asyncio.create_task(batcher.embed("first"))
    await until_under_way(embedder)
    second = asyncio.create_task(batcher.embed("second"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    embedder.sign.set()
    await closing
    assert (await first).shape == (64,)
    with pytest.raises(ModelUnavailable):
        await second
    with pytest.raises(ModelUnavailable):
        await batcher.embed("third")
    await batcher.close()
    assert not embedder.closed  # whoever opened it closes it


async def test_a_model_that_loses_a_text_is_an_error_not_a_hang():
    embedder = WatchedEmbedder()
    embedder.embed_queries = lambda texts: HashEmbedder().embed(texts)[1:]
    async with QueryBatcher(embedder) as batcher:
        with pytest.raises(ModelUnavailable):
            await asyncio.wait_for(batcher.embed("a"), 5)
