"""The pool of reading processes: what a file is, it decides; what it may cost, the settings decide.

A process is started when first needed, reused, and replaced after a crash, a time-out or
``FILES_PER_PROCESS`` files. Why not a process per file: a start costs more than most files.
What reuse risks: a file that takes over its process could falsify the text of files read after
it; it still reaches neither network nor keys.
"""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from types import TracebackType
from typing import Self

from app.errors import DocumentRefused, StrongroomError
from app.reading.block import ReadDocument
from app.reading.process import CRASHED, FILES_PER_PROCESS, Bounds, ProcessGone, ReadingProcess
from app.settings import IngestSettings

MAX_EXTENSION_CHARS = 12


class ReaderPool:
    """Reads files in sandboxed processes; usable from several threads at once."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._bounds = Bounds(settings.file_timeout_s, settings.max_pages, settings.max_text_chars)
        self._places = threading.BoundedSemaphore(settings.readers)
        self._lock = threading.Lock()
        self._idle: list[ReadingProcess] = []
        self._busy: set[ReadingProcess] = set()
        self._closed = False
        self._isolation: dict[str, bool] | None = None
        # The system ends a child with the *thread* that started it, so one thread starts them all.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader-starter")

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes, those at work too."""
        self.close()

    def close(self) -> None:
        """End all processes; a file that is being read is refused."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.abort()
        for process in idle:
            process.end()
        self._starter.shutdown(wait=True)

    @property
    def isolation(self) -> dict[str, bool]:
        """Which doors of the sandbox are closed on this machine; starts a process if none ever ran."""
        if self._isolation is None:
            with self._places:
                self._put_back(self._take())
        return dict(self._isolation or {})

    def read(self, content: bytes, *, file_name: str) -> ReadDocument:
        """Read one file; waits while all processes are at work.

        Args:
            content: the bytes of the file.
            file_name: only its extension is used, and only as a hint.

        Raises:
            DocumentRefused: the file cannot be taken; the message says why, the advice what to do.
        """
        if not content:
            raise DocumentRefused("the file is empty")
        if len(content) > self._settings.max_file_bytes:
            raise DocumentRefused(
                f"{len(content)} bytes, the limit is {self._settings.max_file_bytes}",
                advice="Split the file, or raise ingest.max_file_bytes.",
            )
        extension = PurePath(file_name).suffix.lstrip(".").lower()[:MAX_EXTENSION_CHARS]
        with self._places:
            while True:
                process = self._take()
                fresh = process.files == 0
                try:
                    return self._read_with(process, content, extension)
                except ProcessGone as gone:
                    # A used process may have been hurt by an earlier file: this one gets a new process.
                    if fresh or self._closed:
                        raise self._refusal(gone) from gone

    def _read_with(self, process: ReadingProcess, content: bytes, extension: str) -> ReadDocument:
        """Read with this process, and put it back or end it."""
        fit = False
        try:
            document = process.read(content, extension, self._bounds)
            fit = True
        except TimeoutError as error:
            raise DocumentRefused(
                f"not read within {self._bounds.timeout_s:g} seconds",
                advice="Split the file, or raise ingest.file_timeout_s.",
            ) from error
        except DocumentRefused:
            fit = process.answered
            raise
        else:
            return document
        finally:
            if fit and process.files < FILES_PER_PROCESS:
                self._put_back(process)
            else:
                self._end(process)

    def _refusal(self, gone: ProcessGone) -> DocumentRefused:
        """Say why the process ended."""
        if self._closed:
            return DocumentRefused("reading was stopped; send the file again")
        if gone.code in {-signal.SIGXCPU, -signal.SIGKILL}:
            return DocumentRefused(
                "reading needs more processor time than is allowed, or the machine ran out of memory",
                advice="Split the file, or raise ingest.file_timeout_s.",
            )
        return DocumentRefused(CRASHED)

    def _take(self) -> ReadingProcess:
        """Give an idle process, or a new one."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the reader pool is closed")
            process = self._idle.pop() if self._idle else None
            if process is not None:
                self._busy.add(process)
                return process
        try:
            process = self._starter.submit(self._start).result()
        except (ProcessGone, TimeoutError, OSError) as error:
            raise StrongroomError(
                "the reading process does not start", advice="Run 'python -m app doctor'; it names what is missing."
            ) from error
        with self._lock:
            self._busy.add(process)
            self._isolation = process.held
        return process

    def _start(self) -> ReadingProcess:
        """Start a process and wait until its sandbox is closed."""
        process = ReadingProcess(
            memory_bytes=self._settings.reader_memory_bytes, timeout_s=self._settings.file_timeout_s
        )
        try:
            process.wait_ready()
        except BaseException:
            process.end()
            raise
        return process

    def _put_back(self, process: ReadingProcess) -> None:
        """Make a process available to the next file."""
        with self._lock:
            self._busy.discard(process)
            if not self._closed:
                self._idle.append(process)
                return
        process.end()

    def _end(self, process: ReadingProcess) -> None:
        """End a process for good."""
        with self._lock:
            self._busy.discard(process)
        process.end()
