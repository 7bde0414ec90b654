"""Pictures of pages for people who look at them now: at most two are drawn at once, each in a process of its own.

A process that has seen one document's page draws no other: what a hostile PDF may have made of it could keep what it
sees, and hand it out in its own next picture. So that nobody waits for a start, one fresh process stands by while
pictures are asked for.
"""

import asyncio
import json
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from app.errors import DocumentRefused, StrongroomError, TooBusy
from app.reading import tasks
from app.reading.answers import ProcessGone
from app.reading.process import ReadingProcess
from app.settings import IngestSettings

AT_ONCE = 2
MOST_WAITING = 16
MOST_EACH = 4  # of one person, so that nobody takes all places
IDLE_S = 300.0
MOST_SECONDS = 20.0  # a person waits
STOPPING = "the service is stopping; ask again"
ADVICE = "Download the original; this page is beyond what is shown here."


@dataclass(frozen=True, slots=True)
class PageAsked:
    """A page to be drawn.

    Attributes:
        content: the PDF or picture.
        page: from 1.
        stored: the page's text as it was stored; cited passages lie in it.
        cited: spans of it, each with the part that is to be marked: (start, end, first, last) in code points.
        boxes: further places to be marked: left, top, right, bottom as shares (0..1) of the page as it is seen.
        password: opens the PDF if it is protected.
    """

    content: bytes
    page: int
    stored: str = ""
    cited: tuple[tuple[int, int, int, int], ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    password: str = ""


class PagePictures:
    """Draws pages in sandboxed processes; called from one event loop."""

    def __init__(self, settings: IngestSettings) -> None:
        self._memory_bytes = settings.reader_memory_bytes
        self._timeout_s = min(MOST_SECONDS, settings.file_timeout_s)
        self._drawers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="page-picture")
        # The system ends a child with the *thread* that started it, so one thread starts them all.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="page-picture-starter")
        self._lock = threading.Lock()
        self._spare: Future[ReadingProcess] | None = None
        self._at_work: set[ReadingProcess] = set()
        self._closed = threading.Event()
        self._asked: Counter[str] = Counter()
        self._idle: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes, those at work too."""
        self.close()

    def close(self) -> None:
        """End all processes; a page that is being drawn is refused."""
        if self._idle is not None:
            self._idle.cancel()
        with self._lock:
            self._closed.set()
            for process in self._at_work:
                process.abort()
        self._drawers.shutdown(wait=True, cancel_futures=True)
        self.end_spare()
        self._starter.shutdown(wait=True)

    async def draw(self, find: Callable[[], PageAsked], *, width: int, asker: str) -> bytes:
        """Return a page as PNG, about ``width`` pixels wide.

        Args:
            find: gets the page when its turn has come, in a thread: no more originals are in memory than are drawn.
            width: of the picture; a page that is very high comes smaller.
            asker: who looks.

        Raises:
            DocumentRefused: it cannot be shown; the message says why.
            TooBusy: too many wait already.
        """
        if self._asked[asker] >= MOST_EACH or self._asked.total() >= AT_ONCE + MOST_WAITING:
            raise TooBusy("too many pages are being drawn")
        self._asked[asker] += 1
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._drawers, lambda: self._draw(find(), width))
        finally:
            self._asked -= Counter((asker,))  # also forgets who waits no longer
            if self._idle is not None:
                self._idle.cancel()
            self._idle = loop.call_later(IDLE_S, self.end_spare)

    def _draw(self, asked: PageAsked, width: int) -> bytes:
        """Draw with a fresh process, and end it."""
        marks = json.dumps({"stored": asked.stored, "cited": asked.cited, "boxes": asked.boxes}).encode()
        file = tasks.File(asked.content, password=asked.password)
        process = self._take()
        try:
            return tasks.draw(process, file, marks, page=asked.page, width=width, timeout_s=self._timeout_s)
        except TimeoutError as error:
            raise DocumentRefused("this page was not drawn in time", advice=ADVICE) from error
        except ProcessGone as gone:
            raise self._refusal(gone) from gone
        finally:
            with self._lock:
                self._at_work.discard(process)
                if self._spare is None and not self._closed.is_set():
                    self._spare = self._starter.submit(self._start)
            process.end()

    def _take(self) -> ReadingProcess:
        """Give a process that has seen no document."""
        while True:
            with self._lock:
                if self._closed.is_set():
                    raise DocumentRefused(STOPPING)
                spare, self._spare = self._spare, None
                starting = spare or self._starter.submit(self._start)
            try:
                process = starting.result()
            except (ProcessGone, TimeoutError, OSError) as error:
                if starting is spare:  # that was a while ago
                    continue
                raise StrongroomError(
                    "the reading process does not start", advice="Run 'python -m app doctor'; it names what is missing."
                ) from error
            if not process.running:  # it was ended while it stood by, as where memory ran short
                process.end()
                continue
            with self._lock:
                self._at_work.add(process)
                if self._closed.is_set():
                    process.abort()
            return process

    def _start(self) -> ReadingProcess:
        """Start a process and wait until its sandbox is closed and its libraries are loaded."""
        process = ReadingProcess("draw", memory_bytes=self._memory_bytes, timeout_s=self._timeout_s)
        try:
            process.wait_ready()
        except BaseException:
            process.end()
            raise
        return process

    def _refusal(self, gone: ProcessGone) -> DocumentRefused:
        """Say why the process ended."""
        if self._closed.is_set():
            return DocumentRefused(STOPPING)
        if gone.code in {-signal.SIGXCPU, -signal.SIGKILL}:
            return DocumentRefused("this page needs more time or memory than is allowed", advice=ADVICE)
        return DocumentRefused("the reader crashed on this page", advice=ADVICE)

    def end_spare(self) -> None:
        """End the process that stands by; the next page starts another."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.add_done_callback(end_started)


def end_started(starting: Future[ReadingProcess]) -> None:
    """End a process, whenever its start is done."""
    if not starting.cancelled() and starting.exception() is None:
        starting.result().end()
