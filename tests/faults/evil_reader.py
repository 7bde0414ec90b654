"""A reader that does what its file tells it: what the sandbox must hold if a parser is taken over by its file.

A file is the name of a deed and its argument. A deed that succeeds gives "escaped", one that is stopped "held".
"""

import ctypes
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.reading.block import Block
from app.reading.contract import Reading

# What a reading process runs, with this module in the place of the reader of plain text.
PROGRAM = """
import json, sys
start = json.loads(sys.argv[1])
sys.path[:0] = start["path"]
import app.reading.text
from tests.faults import evil_reader
app.reading.text.read = evil_reader.read
from app.reading.child import main
main(start)
"""
SECRET = "brontide"


class Outside(BaseException):
    """What no ``except Exception`` catches, as panics of Rust libraries are."""


def connect(url: str) -> object:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    return socket.create_connection((host, int(port)), timeout=2)


def connect_raw(url: str) -> None:
    """Connect by the C library, past Python."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.socket(2, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "socket")


def fork(_: str) -> None:
    if os.fork() == 0:
        os._exit(0)


def fork_raw(_: str) -> None:
    """Make a process by the C library's own wrapper."""
    if (pid := ctypes.CDLL(None, use_errno=True).fork()) < 0:
        raise OSError(ctypes.get_errno(), "fork")
    if pid == 0:
        os._exit(0)


def write_to_memory_file(_: str) -> None:
    descriptor = os.memfd_create("a")
    try:
        os.write(descriptor, b"a")
    finally:
        os.close(descriptor)


def kill_parent(_: str) -> None:
    os.kill(os.getppid(), 0)


def open_descriptors(_: str) -> None:
    """Look for a descriptor that somebody left: 0, 1, 2 and the channel are ours, a file is closed once it is read."""
    found = []
    for number in range(256):
        try:
            os.fstat(number)
            found.append(number)
        except OSError:
            continue
    if len(found) <= 4:
        raise PermissionError(f"{len(found)} descriptors")


def look_for_text(_: str) -> None:
    """Look for what the environment and the command line tell."""
    if os.environ.keys() - {"LC_CTYPE"} or Path.cwd() != Path("/"):  # which Python sets itself
        return
    raise PermissionError("nothing there")


DEEDS: dict[str, Callable[[str], object]] = {
    "connect": connect,
    "connect past Python": connect_raw,
    "listen": lambda _: socket.create_server(("127.0.0.1", 0)),
    "a socket of the system": lambda place: socket.socket(socket.AF_UNIX).connect(
        place or "/run/dbus/system_bus_socket"
    ),
    "look up a name": lambda _: socket.getaddrinfo("example.org", 80),
    "fork": fork,
    "fork past Python": fork_raw,
    "run a program": lambda _: subprocess.run(["/bin/true"], check=True),
    "become a program": lambda _: os.execv("/bin/true", ["true"]),
    "spawn a program": lambda _: os.posix_spawn("/bin/true", ["true"], {}),
    "write to /tmp": lambda _: Path("/tmp/strongroom-escaped").write_bytes(b"a"),
    "write to RAM": lambda _: Path("/dev/shm/strongroom-escaped").write_bytes(b"a"),
    "write to a memory file": write_to_memory_file,
    "read another file": lambda place: Path(place or "/etc/passwd").read_bytes(),
    "list a folder": lambda place: list(Path(place or "/root").iterdir()),
    "read the memory of the parent": lambda _: Path(f"/proc/{os.getppid()}/mem").read_bytes(),
    "signal the parent": kill_parent,
    "find descriptors": open_descriptors,
    "find an environment": look_for_text,
    "trace": lambda _: raise_errno(ctypes.CDLL(None, use_errno=True).ptrace(0, 0, 0, 0)),
    "leave the root": lambda _: os.chroot("/tmp"),
    "raise its limits": lambda _: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
}


def raise_errno(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def eat_memory() -> None:
    held = []
    while True:
        held.append(bytearray(50 * 2**20))


def eat_mapped_memory() -> None:
    held = []
    while True:
        held.append(mmap.mmap(-1, 2**30))


def recurse(depth: int) -> int:
    return recurse(depth + 1) + 1


def spin() -> None:
    while True:
        pass


def misbehave(deed: str) -> None:
    """End, hang, grow or break."""
    deeds: dict[str, Callable[[], object]] = {
        "hang": spin,
        "sleep": lambda: time.sleep(600),
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "stop past Python": lambda: signal.raise_signal(signal.SIGSTOP),
        "eat memory": eat_memory,
        "eat mapped memory": eat_mapped_memory,
        "recurse": lambda: recurse(0),
        "recurse without a limit": lambda: (sys.setrecursionlimit(10**9), recurse(0)),
        "write to nowhere": lambda: ctypes.memset(1, 0, 1),
        "abort": os.abort,
        "leave": lambda: os._exit(0),
        "exit": lambda: sys.exit(SECRET),
        "print": lambda: [print(SECRET * 1_000, flush=True) for _ in range(10_000)],
        "open everything": lambda: [os.open("/dev/null", os.O_RDONLY) for _ in range(10_000)],
    }
    deeds[deed]()


RAISED: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError(SECRET),
    "KeyError": lambda: KeyError(SECRET),
    "OSError": lambda: OSError(5, SECRET, SECRET),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    "MemoryError": lambda: MemoryError(SECRET),
    "RecursionError": lambda: RecursionError(SECRET),
    "KeyboardInterrupt": lambda: KeyboardInterrupt(SECRET),
    "SystemExit": lambda: SystemExit(SECRET),
    "Outside": lambda: Outside(SECRET),
}


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Do what the file says."""
    kind, _, what = content.decode().partition(": ")
    deed, _, argument = what.partition(" | ")
    if kind == "try":
        try:
            DEEDS[deed](argument)
        except (OSError, ValueError) as error:
            yield Block("paragraph", f"held by {type(error).__name__}")
        else:
            yield Block("paragraph", "escaped")
    elif kind == "raise":
        yield Block("paragraph", SECRET)
        error = RAISED[deed]()
        raise error
    elif kind == "yield":
        yield from flood(deed, reading)
    elif kind == "do":
        misbehave(deed)
        yield Block("paragraph", "done")
    else:
        yield Block("paragraph", content.decode())


def flood(deed: str, reading: Reading) -> Iterator[Block]:
    """Say more than anybody wants to hear."""
    if deed == "notes":
        reading.notes += ["a note"] * 100_000
        reading.page_notes |= {page: f"trouble {page}" for page in range(1, 100_000)}
        yield Block("paragraph", "done")
    while deed == "text":
        yield Block("paragraph", "gabbro " * 2_000)
    while deed == "nothing":
        yield Block("paragraph", " ")
    if deed == "one text":
        yield Block("paragraph", "gabbro" * 20_000_000)
    if deed == "numbers":
        yield Block("paragraph", "gabbro", page=-1, level=10**9)
    if deed == "pages":
        reading.scanned |= dict.fromkeys(range(1, 2_000_000), "a picture")
