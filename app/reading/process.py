"""The parent's end of one reading process: start it, hand it a request, take its answer line by line, end it.

What is asked and what comes of the answer is ``tasks``; here lines are bounded in length and time.
"""

import array
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any, Literal

from app.errors import DocumentLocked, DocumentRefused
from app.reading.answers import ProcessGone, message

START_TIMEOUT_S = 60.0
MAX_LINE_BYTES = 1 << 20
PIECE_BYTES = 1 << 18
FILES_PER_PROCESS = 500
# A page may be set in a font that it only names; these hold nobody's secrets.
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts")
ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
PROGRAM = """
import json, sys
start = json.loads(sys.argv[1])
sys.path[:0] = start["path"]
from app.reading.child import main
main(start)
"""
# What a process is made for: its libraries, folders and limits follow from it.
Task = Literal["read", "recognise", "draw"]
FOLDERS: dict[Task, tuple[str, ...]] = {
    "read": (),
    # The engine waits for ever where it cannot learn what processors there are.
    "recognise": (*FONT_FOLDERS, "/sys/devices/system"),
    "draw": FONT_FOLDERS,
}
MOST_THREADS = 64  # the engine of the recognition makes some, though it computes in one
MODULES: dict[Task, list[str]] = {
    "read": [],
    "recognise": ["app.reading.recognise"],
    "draw": ["app.reading.page_picture"],
}
CRASHED = "the reader crashed on this file; save it again in another way, or as another type"


def library_folders(root: str) -> list[str]:
    """Give the folders the child imports libraries from; no other path is told to it."""
    return [place for place in sys.path if place and place != root and Path(place).exists()]


def sealed_copy(content: bytes) -> int:
    """Put the bytes into a memory file that nobody can change any more."""
    descriptor = os.memfd_create("file", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, ALL_SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def yield_to_sessions(pid: int) -> None:
    """Let a process that leads a session come after those of other sessions, where the kernel shares between them."""
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("19", encoding="ascii")


class ReadingProcess:
    """A child that reads one file at a time.

    Attributes:
        files: how many it was given.
        answered: the last answer came to its end, so another file may follow.
        held: the doors of its sandbox, and whether each is closed.
    """

    def __init__(
        self, task: Task, *, memory_bytes: int, timeout_s: float, own_readers: Mapping[str, str] | None = None
    ) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel = ours
        self._rest = bytearray()
        self.files = 0
        self.answered = True
        self.held: dict[str, bool] = {}
        root = str(Path(__file__).resolve().parents[2])
        libraries = library_folders(root)
        start = {
            "channel": theirs.fileno(),
            "memory_bytes": memory_bytes,
            "cpu_s": ceil(timeout_s + 2) * FILES_PER_PROCESS,
            "parent": os.getpid(),
            "path": [root, *libraries],
            # Not the neighbours of our code: a store may be one.
            "readable": [str(Path(root, "app")), *libraries, *FOLDERS[task]],
            "threads": MOST_THREADS if task == "recognise" else 0,
            "modules": MODULES[task],
            "own_readers": dict(own_readers or {}),
        }
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", PROGRAM, json.dumps(start)],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # a parser's warning may quote the document
                env={},
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        if task == "recognise":
            yield_to_sessions(self._process.pid)

    @property
    def pid(self) -> int:
        """Process number, for measurements."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Wait until the sandbox is closed."""
        answer = self._line(time.monotonic() + START_TIMEOUT_S)
        held = answer.get("ready")
        self.held = {str(name): value is True for name, value in held.items()} if isinstance(held, dict) else {}

    def send(self, request: dict[str, Any], files: list[bytes], timeout_s: float) -> float:
        """Hand over a request with its files; give the time by which the answer must be there."""
        self.files += 1
        self.answered = False
        deadline = time.monotonic() + timeout_s
        descriptors = array.array("i")
        try:
            for content in files:
                descriptors.append(sealed_copy(content))
            self._channel.settimeout(timeout_s)
            self._channel.sendmsg(
                [json.dumps(request | {"timeout_s": timeout_s}).encode()],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)],
            )
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ProcessGone(self._process.poll()) from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return deadline

    def answer(self, deadline: float) -> dict[str, Any]:
        """Take one line of the answer that is no refusal."""
        answer = self._line(deadline)
        self.answered = "end" in answer or "refused" in answer
        if "refused" in answer:
            refusal = DocumentLocked if answer.get("locked") is True else DocumentRefused
            raise refusal(message(answer["refused"]), advice=message(answer.get("advice", "")) or None)
        return answer

    def _line(self, deadline: float) -> dict[str, Any]:
        """Take one line of the answer."""
        searched = 0
        while (end := self._rest.find(b"\n", searched)) < 0:
            searched = len(self._rest)
            if searched > MAX_LINE_BYTES:
                raise ProcessGone(None)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._channel.settimeout(left)
            try:
                piece = self._channel.recv(PIECE_BYTES)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise ProcessGone(self._end_code())
            self._rest += piece
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ProcessGone(None) from error
        if not isinstance(answer, dict):
            raise ProcessGone(None)
        return answer

    def _end_code(self) -> int | None:
        """Give the exit code of a process that has closed its end."""
        try:
            return self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """Kill the process and wait for it."""
        self._channel.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def abort(self) -> None:
        """Kill it from another thread; the one that reads from it sees its end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
