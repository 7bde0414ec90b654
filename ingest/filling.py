"""Filling vectors: the embedder follows the catalogue and gives each chunk that waits its vector.

Whoever holds the embedding lock does this, alone. It computes in a child at idle priority; the commits are made here,
at normal priority, so that nobody holds a writer lock at idle priority.
"""

import threading
from collections.abc import Callable, Iterator
from itertools import groupby

from app.database.locks import FileLock
from app.database.store import Store
from app.errors import ModelUnavailable, StrongroomError
from app.inference.embedder import PROBES
from app.inference.embedding_child import EmbeddingChild
from app.knowledge.spaces import (
    KnownSpace,
    MissingVector,
    commit_vectors,
    ensure_space,
    missing_vectors,
    read_space,
    switch_if_complete,
)
from app.knowledge.writing import PERSON_WAITS
from app.logs import get_log
from app.settings import Settings

CHUNKS_PER_COMMIT = 64
IDLE_S = 0.2
RETRY_S = 5.0
WAIT_S = 0.5

log = get_log(__name__)


class VectorFiller:
    """Fills vectors in a thread of its own until it is stopped."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Fill for ``store``; ``start`` begins."""
        self._store = store
        self._settings = settings
        self._lock = FileLock(store.lock_file("embedding"))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="filler", daemon=True)
        self._started = False
        self.filled = 0
        self.seconds = 0.0
        self.error: StrongroomError | None = None

    def start(self) -> bool:
        """Begin, if no other process fills already; False if one does. Once begun, nothing."""
        if self._started:
            return True
        if not self._lock.acquire(wait=False):
            return False
        self._thread.start()
        self._started = True
        return True

    def _run(self) -> None:
        try:
            with EmbeddingChild(self._settings.embedding, self._settings.models_dir) as child:
                while not self._ending.is_set():
                    self._try_step(child)
        except StrongroomError as error:
            self.error = error
            log.error("filling stopped", code=error.code)

    def _try_step(self, child: EmbeddingChild) -> None:
        try:
            if not self.step(child):
                self._ending.wait(IDLE_S)
            self.error = None
        except StrongroomError as error:
            # Nothing is lost: what waits stays in the catalogue and is tried again.
            self.error = error
            log.error("filling failed", code=error.code)
            self._ending.wait(RETRY_S)
        except Exception as error:  # noqa: BLE001 - a thread's edge: it must not end without a word
            self.error = ModelUnavailable("filling vectors failed")
            log.error("filling failed", reason_class=type(error).__name__)
            self._ending.wait(RETRY_S)

    def step(self, child: EmbeddingChild) -> int:
        """Fill one window of chunks; return how many."""
        if not self._anything_waits(child.space.space_id):
            return 0
        space = ensure_space(self._store, child.space, child.embed(PROBES))
        window = missing_vectors(self._store, space)
        filled = 0
        for batch in batches(window):
            if self._ending.is_set() or (batch[0].priority > PERSON_WAITS and self._person_waits(space)):
                break
            vectors = child.embed([missing.text for missing in batch])
            numbers = [missing.chunk_number for missing in batch]
            commit_vectors(self._store, space, batch[0].knowledge_base_id, numbers, vectors)
            filled += len(batch)
            self.filled += len(batch)
        switch_if_complete(self._store, space)
        return filled

    def _anything_waits(self, space_id: str) -> bool:
        with self._store.catalogue.read() as connection:
            space = read_space(connection, space_id=space_id)
            if space is None or space.state == "retired":
                return connection.execute("SELECT 1 FROM chunks LIMIT 1").fetchone() is not None
            waits = connection.execute(
                "SELECT 1 FROM missing_vectors WHERE space_number = ? LIMIT 1", (space.space_number,)
            ).fetchone()
            return waits is not None or space.state == "filling"

    def _person_waits(self, space: KnownSpace) -> bool:
        """Whether chunks that a person waits for came after a window of others was read."""
        with self._store.catalogue.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM missing_vectors WHERE space_number = ? AND priority = ? LIMIT 1",
                (space.space_number, PERSON_WAITS),
            ).fetchone()
        return row is not None

    @property
    def ended(self) -> bool:
        """Whether it has given up: the embedder could not be started."""
        return self.error is not None and not self._thread.is_alive()

    def stop(self) -> None:
        """End after the batch under way, and give the lock back."""
        self._ending.set()
        if self._started:
            self._thread.join()
            self._lock.release()
        self._lock.close()


def batches(window: list[MissingVector]) -> Iterator[list[MissingVector]]:
    """Cut a window, which is sorted by priority, base and length, into batches that never span two bases."""
    for _, group in groupby(window, key=lambda missing: (missing.priority, missing.knowledge_base_id)):
        of_base = list(group)
        for start in range(0, len(of_base), CHUNKS_PER_COMMIT):
            yield of_base[start : start + CHUNKS_PER_COMMIT]


def wait_until_filled(store: Store, base_id: str, filler: VectorFiller, say: Callable[[int], None]) -> None:
    """Wait until no current chunk of a knowledge base waits for a vector of the active space.

    Another process may be the one that fills; when it ends, this one takes over.

    Raises:
        ModelUnavailable: the embedder has failed for good.
    """
    pause = threading.Event()
    while True:
        waiting, space_is_there = count_missing(store, base_id)
        if not waiting and space_is_there:
            return
        if filler.error is not None and filler.ended:
            raise filler.error
        filler.start()
        say(waiting)
        pause.wait(WAIT_S)


def count_missing(store: Store, base_id: str) -> tuple[int, bool]:
    """Return how many chunks of a base wait, and whether there is a space at all (or nothing to embed)."""
    with store.catalogue.read() as connection:
        space = read_space(connection)
        if space is None:
            return 0, connection.execute("SELECT 1 FROM chunks LIMIT 1").fetchone() is None
        waiting = connection.execute(
            "SELECT count(*) FROM missing_vectors m JOIN chunks c ON c.chunk_number = m.chunk_number"
            " JOIN versions v ON v.version_number = c.version_number JOIN documents d ON d.document_id = v.document_id"
            " WHERE m.space_number = ? AND d.knowledge_base_id = ?",
            (space.space_number, base_id),
        ).fetchone()[0]
    return int(waiting), True
