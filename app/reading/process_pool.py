"""Reading processes for one task: started when first needed, reused, replaced after a crash, a time-out or many files.

Why not a process per file: a start costs more than most files. What reuse risks: a file that takes over its process
could falsify the text of files read after it; it still reaches neither network nor keys.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from app.errors import DocumentRefused, StrongroomError
from app.reading.answers import ProcessGone
from app.reading.process import FILES_PER_PROCESS, ReadingProcess


class ProcessPool:
    """Lends processes of one kind; usable from several threads at once."""

    def __init__(self, start: Callable[[], ReadingProcess], places: int) -> None:
        """Lend at most ``places`` processes at once, which ``start`` makes."""
        self._new = start
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._idle: list[ReadingProcess] = []
        self._busy: set[ReadingProcess] = set()
        self._closed = threading.Event()
        self.isolation: dict[str, bool] = {}
        # The system ends a child with the *thread* that started it, so one thread starts them all.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader-starter")

    @property
    def closed(self) -> bool:
        """Whether no process is lent any more."""
        return self._closed.is_set()

    def close(self) -> None:
        """End all processes; what is at work sees the end of its own."""
        with self._lock:
            self._closed.set()
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.abort()
        for process in idle:
            process.end()
        self._starter.shutdown(wait=True)

    @contextmanager
    def lend(self) -> Iterator[ReadingProcess]:
        """Lend a process; one that did not come to the end of its answer is ended, the others wait for the next.

        Raises:
            DocumentRefused: the pool is closed.
            StrongroomError: no process can be started.
        """
        with self._places:
            process = self._take()
            try:
                yield process
            finally:
                with self._lock:
                    self._busy.discard(process)
                    fit = process.answered and process.files < FILES_PER_PROCESS and not self.closed
                    if fit:
                        self._idle.append(process)
                if not fit:
                    process.end()

    def _take(self) -> ReadingProcess:
        """Give an idle process, or a new one."""
        with self._lock:
            if self.closed:
                raise DocumentRefused("reading was stopped; send the file again")
            if self._idle:
                process = self._idle.pop()
                self._busy.add(process)
                return process
            starting = self._starter.submit(self._start)
        try:
            process = starting.result()
        except (ProcessGone, TimeoutError, OSError) as error:
            raise StrongroomError(
                "the reading process does not start", advice="Run 'python -m app doctor'; it names what is missing."
            ) from error
        with self._lock:
            self._busy.add(process)
            self.isolation = process.held
            if self._closed.is_set():
                process.abort()
        return process

    def _start(self) -> ReadingProcess:
        """Start a process and wait until its sandbox is closed."""
        process = self._new()
        try:
            process.wait_ready()
        except BaseException:
            process.end()
            raise
        return process
