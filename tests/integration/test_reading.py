"""The sandbox and its pool, with real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import DocumentRefused
from app.reading.pool import ReaderPool
from app.settings import load_settings


def settings(**changes):
    return load_settings({}).ingest.model_copy(update=changes)


@pytest.fixture
def pool():
    with ReaderPool(settings(readers=2)) as opened:
        yield opened


def refusal(pool, content, name="a.txt"):
    with pytest.raises(DocumentRefused) as caught:
        pool.read(content, file_name=name)
    return str(caught.value)


def test_a_file_is_read_and_the_process_serves_the_next(pool):
    first = pool.read("第一章 总则\n十天年假。".encode("gb18030"), file_name="规定.txt")
    second = pool.read(b"# Leave\n\nTen days.", file_name="leave.md")

    assert [block.text for block in first.blocks] == ["第一章 总则", "十天年假。"]
    assert (first.title, first.media_type, first.pages) == ("第一章 总则", "text/plain", 0)
    assert (second.title, second.media_type) == ("Leave", "text/markdown")
    assert [process.files for process in pool._reading._idle] == [2]


def test_every_door_of_the_sandbox_that_needs_no_privilege_is_closed(pool):
    open_doors = {name for name, held in pool.isolation.items() if not held}

    assert open_doors <= {"own_network_namespace", "no_capabilities", "only_library_files", "few_system_calls"}


BREAKOUT = """
import json, os, socket, sys
sys.path.insert(0, {root!r})
from app.reading import sandbox
held = sandbox.enter(memory_bytes=2**30, cpu_s=60, parent=os.getppid(), readable=[])
attempts = {{
    "few_system_calls": lambda: (socket.socket(), os.execv("/bin/true", ["true"])),
    "only_library_files": lambda: os.listdir({root!r}),
    "no_written_files": lambda: os.write(os.memfd_create("a"), b"a"),
    "memory_limit": lambda: bytearray(2**31),
}}
escaped = []
for name, attempt in attempts.items():
    try:
        attempt()
        escaped.append(name)
    except (OSError, MemoryError):
        pass
print(json.dumps([name for name in escaped if held[name]]))
"""


def test_a_door_that_is_said_to_be_closed_does_not_open():
    command = [sys.executable, "-c", BREAKOUT.format(root=str(Path(__file__).resolve().parents[2]))]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody but root may look into the process, which is the point")
def test_the_process_knows_no_environment_and_no_folder(pool):
    pool.read(b"text", file_name="a.txt")
    process = Path(f"/proc/{pool._reading._idle[0].pid}")

    assert (process / "environ").read_bytes() == b""
    assert (process / "cwd").readlink() == Path("/")


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.pdf", "empty"),
        (os.urandom(5_000), "a.txt", "binary data"),
        (b"\x7fELF" + bytes(100), "a.docx", "program"),
        (b" \n\t ", "a.txt", "no readable text"),
        (b"%PDF-1.7 cut", "a.pdf", "damaged"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason_and_the_pool_goes_on(pool, content, name, reason):
    assert reason in refusal(pool, content, name)
    assert pool.read(b"fine", file_name="b.txt").blocks[0].text == "fine"


def test_a_file_beyond_the_limit_of_bytes_or_characters_is_refused():
    with ReaderPool(settings(max_file_bytes=30_000, max_text_chars=10_000)) as pool:
        assert "the limit is 30000" in refusal(pool, b"a" * 30_001)
        assert "more than 10000 characters" in refusal(pool, b"a b " * 5_000)
        assert pool.read(b"fine", file_name="b.txt").blocks[0].text == "fine"


def test_a_process_that_hangs_is_killed_and_replaced():
    with ReaderPool(settings(file_timeout_s=0.5, readers=1)) as pool:
        pool.read(b"fine", file_name="a.txt")
        (process,) = pool._reading._idle
        os.kill(process.pid, signal.SIGSTOP)

        assert "not read within 0.5 seconds" in refusal(pool, b"text")
        assert not Path(f"/proc/{process.pid}").exists()
        assert pool.read(b"fine", file_name="a.txt").blocks[0].text == "fine"


def test_a_file_that_needs_too_much_memory_is_refused():
    with ReaderPool(settings(reader_memory_bytes=256 * 2**20)) as pool:
        assert "memory" in refusal(pool, "汉字\n\n".encode() * 9_000_000)
        assert pool.read(b"fine", file_name="a.txt").blocks[0].text == "fine"


def test_a_process_that_died_between_files_is_replaced(pool):
    pool.read(b"fine", file_name="a.txt")
    os.kill(pool._reading._idle[0].pid, signal.SIGKILL)

    assert pool.read(b"fine", file_name="a.txt").blocks[0].text == "fine"


def test_a_crash_refuses_the_file():
    with ReaderPool(settings(readers=1)) as pool, ThreadPoolExecutor(1) as threads:
        pool.isolation  # noqa: B018 - starts the first process
        (process,) = pool._reading._idle
        os.kill(process.pid, signal.SIGSTOP)
        reason = threads.submit(refusal, pool, b"text")
        while not pool._reading._busy:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGSEGV)
        os.kill(process.pid, signal.SIGCONT)

        assert "the reader crashed on this file" in reason.result(timeout=30)


def test_several_threads_read_at_once(pool):
    with ThreadPoolExecutor(4) as threads:
        documents = list(threads.map(lambda n: pool.read(f"text {n}".encode(), file_name="a.txt"), range(20)))

    assert [document.blocks[0].text for document in documents] == [f"text {n}" for n in range(20)]
    assert len(pool._reading._idle) <= 2


def test_a_process_outlives_the_thread_that_first_needed_it(pool):
    thread = threading.Thread(target=pool.read, args=(b"text",), kwargs={"file_name": "a.txt"})
    thread.start()
    thread.join()
    (process,) = pool._reading._idle

    time.sleep(0.1)
    pool.read(b"text", file_name="a.txt")

    assert pool._reading._idle == [process]


def test_closing_ends_all_processes(pool):
    pool.read(b"fine", file_name="a.txt")
    process = pool._reading._idle[0]

    pool.close()

    assert not Path(f"/proc/{process.pid}").exists()


PARENT = """
import sys, time
sys.path.insert(0, {root!r})
from app.reading.pool import ReaderPool
from app.settings import load_settings
pool = ReaderPool(load_settings({{}}).ingest)
pool.read(b"text", file_name="a.txt")
parsers = {{"pypdf", "pypdfium2", "docx", "selectolax", "lxml", "markdown_it", "charset_normalizer"}} & set(sys.modules)
print(pool._reading._idle[0].pid, len(parsers), flush=True)
time.sleep(60)
"""


def alive(status):
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_parent_loads_no_parser_and_its_children_die_with_it():
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", PARENT.format(root=root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child, parsers = map(int, parent.stdout.readline().split())
        parent.kill()

    status = Path(f"/proc/{child}/stat")
    deadline = time.monotonic() + 10
    while alive(status) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert parsers == 0
    assert not alive(status)
