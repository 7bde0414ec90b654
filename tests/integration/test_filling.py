"""Waiting for vectors that somebody else fills."""

import threading
from concurrent.futures import ThreadPoolExecutor

from app.database.locks import FileLock
from app.knowledge.passage import Asker
from app.reading.pool import ReaderPool
from ingest.discover import discover
from ingest.filling import VectorFiller, count_missing, wait_until_filled
from ingest.pipeline import Pipeline, ensure_base, open_run
from ingest.prepare import Preparer
from ingest.report import Report
from tests.e2e.machine import HASH_MODEL
from tests.hash_embedder import HashEmbedder


def test_who_waits_takes_over_when_the_one_that_fills_ends(settings, store, tmp_path):
    settings = settings.model_copy(update={"embedding": settings.embedding.model_copy(update={"model": HASH_MODEL})})
    (tmp_path / "leave.md").write_text("# Leave\n\nTen days.", encoding="utf-8")
    base_id = ensure_base(store, "default", actor="test", asker=Asker(None, reads_everything=True))
    with ReaderPool(settings.ingest) as readers, open_run(store, actor="test") as writer:
        preparer = Preparer(readers, HashEmbedder(), settings.ingest)
        pipeline = Pipeline(store, writer, preparer, settings.ingest, base_id, Report())
        pipeline.take(discover([tmp_path / "leave.md"], source=None), prune=False)
    other = FileLock(store.lock_file("embedding"))
    assert other.acquire(wait=False)
    filler, seen = VectorFiller(store, settings), threading.Event()
    assert not filler.start(), "another process fills"

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(wait_until_filled, store, base_id, filler, lambda _: seen.set())
        assert seen.wait(10)
        assert not waiting.done()
        other.release()
        waiting.result(timeout=60)

    filler.stop()
    other.close()
    assert count_missing(store, base_id) == (0, True)
