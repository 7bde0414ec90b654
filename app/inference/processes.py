"""Children of our own: how they are started, and how they close their doors before they do anything."""

import ctypes
import os
import resource
import select
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

APPLICATION_DIR = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
SIGKILL = 9
WITH_PARENT_THREAD = "with-parent-thread"


def start_child(module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start ``python -m module`` with pipes as stdin and stdout; what it says on stderr is dropped.

    Libraries quote what they were given in warnings, so stderr of a child may hold text of documents.
    """
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", module, *arguments],
        cwd=APPLICATION_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def harden_child(*, with_parent_thread: bool, idle: bool = False) -> None:
    """Leave no core file, be read by no other process, end with the parent; ``idle``: yield to all others.

    Args:
        with_parent_thread: also have the kernel kill this process with the *thread* that started it,
            which suits only a parent that starts children from its main thread.
        idle: run under SCHED_IDLE; call before threads exist, they inherit it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    process_control(PR_SET_DUMPABLE, 0)
    if with_parent_thread:
        process_control(PR_SET_PDEATHSIG, SIGKILL)
    if idle:
        with suppress(OSError):  # some sandboxes know no idle class
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    threading.Thread(target=end_with_parent, name="end-with-parent", daemon=True).start()


def process_control(option: int, value: int) -> None:
    """Call prctl(2).

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def end_with_parent() -> None:
    """Wait until nobody holds the other end of stdin any more, then end at once, work or no work."""
    poll = select.poll()
    poll.register(0, 0)  # only the hang-up is reported
    while not any(event & select.POLLHUP for _, event in poll.poll()):
        pass
    os._exit(0)


def take_stdout() -> IO[bytes]:
    """Keep stdout for ourselves, and let what libraries print go where stderr goes."""
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours


def on_main_thread() -> tuple[str, ...]:
    """Argument for a child that may be tied to the calling thread, because that lasts as long as the process."""
    return (WITH_PARENT_THREAD,) if threading.current_thread() is threading.main_thread() else ()
