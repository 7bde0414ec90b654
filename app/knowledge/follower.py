"""The follower: the thread that keeps the indexes level with the catalogue's change feed."""

import threading

from app.errors import StoreError, StrongroomError
from app.knowledge.indexes import Indexes
from app.logs import get_log

POLL_S = 0.1
RETRY_S = 1.0

log = get_log(__name__)


class Follower:
    """The thread that keeps the indexes level with the feed."""

    def __init__(self, indexes: Indexes) -> None:
        """Follow for ``indexes``; ``start`` begins."""
        self._indexes = indexes
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._passed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.error: StrongroomError | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def nudge(self) -> None:
        """Something was written here: look at once instead of at the next poll."""
        self._indexes.expect_counts()
        self._wake.set()

    def wait_for(self, sequence: int, *, timeout_s: float) -> bool:
        """Wait until the indexes have passed an event; False on time-out."""
        self.nudge()
        with self._passed:
            return self._passed.wait_for(lambda: self._indexes.sequence >= sequence, timeout_s)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                moved = self._indexes.follow()
                with self._passed:
                    self._passed.notify_all()
                self._indexes.recount()
                complete = self._indexes.sync_chroma()
                if not moved and complete:
                    self._indexes.housekeep()
                    self._wake.wait(POLL_S)
                    self._wake.clear()
                self.error = None
            except StrongroomError as error:
                # The catalogue may be busy or the RAM folder full: what is served stays right, so keep trying.
                self.error = error
                log.error("follow failed", code=error.code)
                self._ending.wait(RETRY_S)
            except Exception as error:  # noqa: BLE001 - a thread's edge: it must not end without a word
                self.error = StoreError("the indexes cannot follow the catalogue")
                log.error("follow failed", reason_class=type(error).__name__)
                self._ending.wait(RETRY_S)

    def stop(self) -> None:
        """End after the step under way, and wait for it."""
        self._ending.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
