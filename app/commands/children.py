"""Processes of one run: started apart from the terminal's signals, ended in order, or at once when asked twice."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from app.commands.output import say

POLL_S = 0.1
TWICE_S = 0.5  # one Ctrl-C may reach us twice: from the terminal, and from a parent that passes it on
INIT_END_S = 60.0
INGEST_END_S = 20.0
SERVICE_END_S = 60.0  # it seals what it has in RAM
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Child:
    """A process of ours in a session of its own: Ctrl-C reaches us alone."""

    def __init__(
        self, arguments: tuple[str, ...], *, quiet: bool, end_signal: signal.Signals | None, end_s: float
    ) -> None:
        """Start ``python -m`` with these arguments."""
        self._end_signal = end_signal
        self.end_s = end_s
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else None,
            start_new_session=True,
        )

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.poll()

    def ask_to_end(self) -> None:
        """Send it the signal that it ends well by; one that ends well by itself alone is left to finish."""
        if self._end_signal is not None:
            self.process.send_signal(self._end_signal)

    def kill(self) -> None:
        """Kill it with the processes of its own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Children:
    """The processes of this run; whoever opens it is told of Ctrl-C and SIGTERM between two steps, never within one."""

    def __init__(self) -> None:
        """``with`` takes the signals over."""
        self._running: list[Child] = []
        self._asked_at: float | None = None
        self._at_once = False

    def __enter__(self) -> Self:
        """Take over the signals that end a run, but those that somebody chose to ignore (nohup)."""
        for number in ENDING_SIGNALS:
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._ask)
        return self

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > TWICE_S:
            self._at_once = True

    def start(
        self, *arguments: str, quiet: bool = False, end_signal: signal.Signals | None = signal.SIGTERM, end_s: float
    ) -> Child:
        """Start a process of this run; ``quiet`` drops its stdout.

        Raises:
            KeyboardInterrupt: the run was asked to end.
        """
        self.check()
        child = Child(arguments, quiet=quiet, end_signal=end_signal, end_s=end_s)
        self._running.append(child)
        return child

    def check(self) -> None:
        """Stop here if the run was asked to end.

        Raises:
            KeyboardInterrupt: it was.
        """
        if self._asked_at is not None:
            raise KeyboardInterrupt

    def pause(self, seconds: float = POLL_S) -> None:
        """Wait a moment.

        Raises:
            KeyboardInterrupt: the run was asked to end.
        """
        time.sleep(seconds)
        self.check()

    def wait(self, child: Child, *, beside: Child | None = None) -> int | None:
        """Wait until a process ends and return its exit code; None if the one beside it ended first.

        Raises:
            KeyboardInterrupt: the run was asked to end.
        """
        while child.code is None:
            if beside is not None and beside.code is not None:
                return None
            self.pause()
        self._running.remove(child)
        return child.code

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        """End what runs, the newest first: killed if it does not end in its time, at once if asked a second time."""
        asked = kind is KeyboardInterrupt
        if asked:
            say("\nEnding what runs; Ctrl-C once more ends it at once.")
        while self._running:
            self._end(self._running.pop())
        return asked

    def _end(self, child: Child) -> None:
        if child.code is None and not self._at_once:
            child.ask_to_end()
        deadline = time.monotonic() + child.end_s
        while child.code is None and not self._at_once and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if child.code is None:
            child.kill()
