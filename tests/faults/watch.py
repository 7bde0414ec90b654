"""What a process must not lose or let out: memory, descriptors, children, connections."""

import gc
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.faults.words import BEACON


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process holds."""

    rss_mib: float
    descriptors: int
    children: int


def resident_mib() -> float:
    """Return the memory of this process that is in RAM."""
    return round(psutil.Process().memory_info().rss / 2**20, 1)


def footprint() -> Footprint:
    """Measure this process."""
    gc.collect()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return Footprint(resident_mib(), descriptors, len(psutil.Process().children()))


class Listener:
    """Waits on the loopback for a connection that must not come; files are told its address.

    Attributes:
        connections: how many came.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def named_in(self, content: bytes) -> bytes:
        """Return a file that points to this listener where it pointed to the beacon."""
        return content.replace(BEACON.encode(), self.url.encode())

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.close()
            self.connections += 1
