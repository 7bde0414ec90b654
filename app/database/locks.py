"""Locks between processes: one file each under ``data/locks``, held by flock until released or the process ends.

A lock file is never a database file: closing any descriptor of one would drop SQLite's own locks.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import StoreBusy

LOOKS, LOOK_S = 5, 0.05


class FileLock:
    """An exclusive lock between processes, and between the threads of this one."""

    def __init__(self, file: Path) -> None:
        """Name the lock; nothing is opened yet."""
        self._file = file
        self._threads = threading.Lock()
        self._descriptor: int | None = None

    def acquire(self, *, wait: bool = True) -> bool:
        """Take the lock; without ``wait`` return False if another holds it."""
        if not self._threads.acquire(blocking=wait):
            return False
        try:
            if self._descriptor is None:
                self._file.parent.mkdir(mode=0o700, exist_ok=True)
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            self._threads.release()
            return False
        except BaseException:
            self._threads.release()
            raise
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        """Close the lock file; whoever holds the lock loses it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it for the block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


@contextmanager
def hold_for_life(file: Path, *, what: str) -> Iterator[None]:
    """Hold a lock for the block; the file stays (removing it would race with another holder).

    Raises:
        StoreBusy: another process holds it.
    """
    lock = FileLock(file)
    # Somebody who only looks whether it is held holds it for a moment: that is no other holder.
    for _ in range(LOOKS):
        if lock.acquire(wait=False):
            break
        time.sleep(LOOK_S)
    else:
        lock.close()
        raise StoreBusy(f"{what} is running on this store already")
    try:
        yield
    finally:
        lock.release()
        lock.close()


def is_held(file: Path) -> bool:
    """Whether some process holds the lock now."""
    if not file.exists():
        return False
    lock = FileLock(file)
    try:
        free = lock.acquire(wait=False)
        if free:
            lock.release()
        return not free
    finally:
        lock.close()
