"""The way in to reading: what a file is, the sandboxed processes decide; what it may cost, the settings decide."""

import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from types import TracebackType
from typing import Self

from app.errors import DocumentRefused
from app.reading import own_reader, tasks
from app.reading.answers import ProcessGone
from app.reading.block import ReadDocument
from app.reading.libreoffice import Converter, needs_conversion, target_of
from app.reading.process import CRASHED, ReadingProcess, Task, library_folders
from app.reading.process_pool import ProcessPool
from app.reading.tasks import PAGES_AT_ONCE, Bounds, File, Member, RecognisedPage
from app.settings import IngestSettings

MAX_EXTENSION_CHARS = 12
RECOGNISING_BYTES = 3 * 2**30  # address space: the models take a third of it, libraries most of the rest
LEAST_SECONDS = 0.1
TOO_SLOW = "not read within {:g} seconds"
PAGE_TOO_SLOW = "its picture was not read within {:g} seconds"
PAGE_CRASHED = "the recognition of text crashed on it"


class ReaderPool:
    """Reads files in sandboxed processes; usable from several threads at once."""

    def __init__(self, settings: IngestSettings) -> None:
        own_reader.check(settings.own_readers, library_folders(str(Path(__file__).resolve().parents[2])))
        self._settings = settings
        self._bounds = Bounds(settings.file_timeout_s, settings.max_pages, settings.max_text_chars)
        self._reading = ProcessPool(lambda: self._start("read", settings.reader_memory_bytes), settings.readers)
        memory = max(settings.reader_memory_bytes, RECOGNISING_BYTES)
        self._recognising = ProcessPool(lambda: self._start("recognise", memory), settings.readers)
        self.converter = Converter(
            timeout_s=settings.file_timeout_s,
            memory_bytes=settings.reader_memory_bytes,
            max_file_bytes=settings.max_file_bytes,
        )

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
        self.converter.stop()
        self._reading.close()
        self._recognising.close()

    @property
    def isolation(self) -> dict[str, bool]:
        """Which doors of the sandbox are closed on this machine; starts a process if none ever ran."""
        if not self._reading.isolation:
            with self._reading.lend():
                pass
        return dict(self._reading.isolation)

    def read(self, content: bytes, *, file_name: str, password: str = "") -> ReadDocument:
        """Read one file; waits while all processes are at work.

        Args:
            content: the bytes of the file.
            file_name: only its extension is used, and only as a hint.
            password: opens the file if it is protected.

        Raises:
            DocumentRefused: the file cannot be taken; the message says why, the advice what to do.
        """
        file = self._checked(content, file_name, password)
        document = self._read(file)
        if not needs_conversion(document):
            return document
        converted = self.converter.convert(content, document.media_type)
        read = self._read(File(converted, target_of(document.media_type), password))
        return replace(read, media_type=document.media_type)

    def _read(self, file: File) -> ReadDocument:
        """Have a file read by a process, by a new one if a used one ends over it, in what is left of its time."""
        bounds, deadline = self._bounds, 0.0
        while True:
            with self._reading.lend() as process:
                fresh = process.files == 0
                if deadline:
                    bounds = replace(bounds, timeout_s=max(LEAST_SECONDS, deadline - time.monotonic()))
                else:
                    deadline = time.monotonic() + bounds.timeout_s
                try:
                    return tasks.read(process, file, bounds)
                except TimeoutError as error:
                    raise DocumentRefused(
                        TOO_SLOW.format(self._bounds.timeout_s),
                        advice="Split the file, or raise ingest.file_timeout_s.",
                    ) from error
                except ProcessGone as gone:
                    # A used process may have been hurt by an earlier file: this one gets a new process.
                    if fresh or self._reading.closed:
                        raise self._refusal(gone) from gone

    def recognise(
        self, content: bytes, pages: Sequence[int], *, file_name: str, password: str = ""
    ) -> Iterator[RecognisedPage]:
        """Recognise the text on the pictures of pages, one after the other; every page is answered.

        A page that crashes or outlasts its process is answered with its trouble, and the others go on. ``pages`` count
        from 1; ``ingest.file_timeout_s`` holds for each.

        Raises:
            DocumentRefused: the file cannot be opened, or reading was stopped.
        """
        file = self._checked(content, file_name, password)
        waiting = list(pages)
        while waiting:
            with self._recognising.lend() as process:
                fresh = process.files == 0
                try:
                    for done in tasks.recognise(process, file, waiting[:PAGES_AT_ONCE], self._bounds.timeout_s):
                        waiting.remove(done.page)
                        yield done
                        fresh = False
                except (TimeoutError, ProcessGone) as error:
                    if self._recognising.closed:
                        raise DocumentRefused("reading was stopped; send the file again") from error
                    slow = isinstance(error, TimeoutError) or error.code == -signal.SIGXCPU
                    if not (fresh or slow):  # earlier pages may have hurt the process: this one gets a new process
                        continue
                    trouble = PAGE_TOO_SLOW.format(self._bounds.timeout_s) if slow else PAGE_CRASHED
                    yield RecognisedPage(waiting.pop(0), (), 0.0, trouble)

    def unpack(self, content: bytes, *, file_name: str) -> Iterator[Member]:
        """Take an archive apart, member by member.

        Raises:
            DocumentRefused: it cannot be taken apart; members that were given are good.
        """
        file = self._checked(content, file_name, "")
        most = self._settings.max_file_bytes
        with self._reading.lend() as process:
            try:
                yield from tasks.unpack(process, file, max_member_bytes=most, timeout_s=self._bounds.timeout_s)
            except TimeoutError as error:
                raise DocumentRefused(TOO_SLOW.format(self._bounds.timeout_s)) from error
            except ProcessGone as gone:
                raise self._refusal(gone) from gone

    def _checked(self, content: bytes, file_name: str, password: str) -> File:
        """Refuse what is too large before a process sees it."""
        if not content:
            raise DocumentRefused("the file is empty")
        if len(content) > self._settings.max_file_bytes:
            raise DocumentRefused(
                f"{len(content)} bytes, the limit is {self._settings.max_file_bytes}",
                advice="Split the file, or raise ingest.max_file_bytes.",
            )
        return File(content, PurePath(file_name).suffix.lstrip(".").lower()[:MAX_EXTENSION_CHARS], password)

    def _refusal(self, gone: ProcessGone) -> DocumentRefused:
        """Say why the process ended."""
        if self._reading.closed:
            return DocumentRefused("reading was stopped; send the file again")
        if gone.code in {-signal.SIGXCPU, -signal.SIGKILL}:
            return DocumentRefused(
                "reading needs more processor time than is allowed, or the machine ran out of memory",
                advice="Split the file, or raise ingest.file_timeout_s.",
            )
        return DocumentRefused(CRASHED)

    def _start(self, task: Task, memory_bytes: int) -> ReadingProcess:
        """Start a process for a task."""
        return ReadingProcess(
            task,
            memory_bytes=memory_bytes,
            timeout_s=self._settings.file_timeout_s,
            own_readers=self._settings.own_readers,
        )
