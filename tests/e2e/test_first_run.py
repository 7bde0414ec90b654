"""``make run``: what a new person sees, what stands in the way, and how it ends."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from app.commands.children import TWICE_S
from app.commands.room import BYTES_PER_CHUNK, KIB, TEXT_CHUNKS_PER_KIB, free_memory
from tests.e2e.machine import END_S, REPOSITORY, Machine, alive, loose_ends, nothing, until

SAMPLES = REPOSITORY / "tests" / "documents" / "files"
USAGE, STORE = 2, 3
ENDS = "Ctrl-C ends everything."
MARKER = "The marker of paragraph {} is quartz{}."


@dataclass
class Run:
    """A ``make run`` under way."""

    machine: Machine
    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    def said(self) -> str:
        return self.err.read_text()

    def until_said(self, words: str) -> str:
        def look() -> bool:
            assert self.process.poll() is None or words in self.said(), self.said()
            return words in self.said()

        until(f"it says {words!r}", look, timeout_s=90)
        return self.said()

    def child(self, *arguments: str) -> psutil.Process:
        def look() -> psutil.Process | None:
            for one in psutil.Process(self.process.pid).children():
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if one.cmdline()[2 : 2 + len(arguments)] == list(arguments):
                        return one
            return None

        return until(f"{arguments} runs", look, pause_s=0.005)

    def stop(self, number: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.machine.remember(started)
            self.process.send_signal(number)
            code = self.process.wait(END_S)
            until("all that it started ends", lambda: not [one for one in started if alive(one)], timeout_s=10)
            return code
        return self.process.returncode


@contextmanager
def running(machine: Machine, docs: Path | str | None, *arguments: str, under: Sequence[str] = ()) -> Iterator[Run]:
    named = [] if docs is None else ["--docs", str(docs)]
    process, out, err = machine.start("app", "start", *named, "--port", "0", *arguments, under=under)
    run = Run(machine, process, out, err)
    try:
        yield run
    finally:
        run.stop()


def typed(machine: Machine, line: str) -> str:
    """Run a line as a person types it, without an activated environment."""
    environment = machine.environment | {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", line], cwd=machine.cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def shelf(make_machine: Callable[..., Machine]) -> Machine:
    """A machine with a store, for the runs that stumble."""
    machine = make_machine()
    machine.init()
    return machine


def test_the_first_run_ends_with_all_one_needs_and_the_second_reads_nothing_again(machine: Machine):
    with running(machine, SAMPLES) as run:
        said = run.until_said(ENDS)
        assert " 0 refused" in said
        page = re.search(r"^page +(http://127\.0\.0\.1:\d+)$", said, re.MULTILINE)
        assert page
        assert re.search(r"^user name +admin$", said, re.MULTILINE)
        file = Path(re.search(r"^password +in (\S+)$", said, re.MULTILINE)[1])
        assert file.stat().st_mode & 0o777 == 0o600
        secrets = json.loads(file.read_text())
        assert not [one for name, one in secrets.items() if name != "username" and one in said + run.out.read_text()]
        assert re.search(r"^recovery key .* -m app keys confirm-recovery$", said, re.MULTILINE)
        questions = [line.strip() for line in said.splitlines() if ' -m app ask "' in line]
        assert len(questions) == 2
        assert re.search(r"[\u4e00-\u9fff]", questions[0])
        assert re.search(r"[a-z] [a-z]", questions[1])
        for line in questions:
            assert typed(machine, line).strip()
        assert run.stop() == 0
    assert nothing(loose_ends(machine)), loose_ends(machine)

    with running(machine, SAMPLES) as run:
        said = run.until_said(ENDS)
        assert re.search(r"^0 taken, \d+ unchanged, 0 removed, 0 refused; 0 pages, 0 chunks", said, re.MULTILINE), said
        assert re.search(r"^password +as before", said, re.MULTILINE)
        reset = re.search(r"^new password +(.*)$", said, re.MULTILINE)[1]
        assert typed(machine, reset).strip() not in {"", secrets["password"]}
    file.unlink()
    with running(machine, SAMPLES) as run:
        assert re.search(r"^password +as before$", run.until_said(ENDS), re.MULTILINE)


def test_refused_files_are_named_with_a_reason_and_the_rest_is_taken_in(shelf: Machine, tmp_path: Path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "fine.txt").write_text("The fine one tells of marker goodone.")
    with running(shelf, tmp_path) as run:
        said = run.until_said(ENDS)
        assert re.search(r"^refused: broken\.pdf: \S+", said, re.MULTILINE)
        assert "all others are in" in said
        assert "about your documents" in said
        assert "goodone" in shelf.app("search", "goodone")


def test_the_samples_go_into_a_new_store_alone(shelf: Machine):
    before = shelf.app("documents", "list", "--json")
    with running(shelf, None) as run:
        said = run.until_said(ENDS)
        assert "Nothing new was taken in: 'make run DOCS=FOLDER'" in said
        assert "Taking in" not in said
        assert shelf.app("documents", "list", "--json") == before


@pytest.mark.parametrize(
    ("docs", "why"),
    [("/nowhere/at/all", "does not exist"), ("", "names no folder"), ("~nobody-here/x", "cannot be opened")],
)
def test_without_a_folder_the_service_runs_and_says_how_to_go_on(shelf: Machine, docs: str, why: str):
    with running(shelf, docs) as run:
        line = re.search(r"^Nothing is taken in: .*$", run.until_said(ENDS), re.MULTILINE)[0]
        assert re.search(why, line)
        assert " -m ingest FOLDER" in line
        assert "Traceback" not in run.said()
        assert shelf.app("documents", "list", "--json")


AS_ORDINARY_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.mark.skipif(bool(AS_ORDINARY_USER) and not shutil.which("setpriv"), reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_said(shelf: Machine, tmp_path: Path):
    for name in ("closed", "closed/inside"):
        (tmp_path / name).mkdir()
    (tmp_path / "closed").chmod(0)
    try:
        for docs, why in (("closed", "may not be read"), ("closed/inside", "cannot be opened")):
            with running(shelf, tmp_path / docs, under=AS_ORDINARY_USER) as run:
                assert f"{docs} {why}" in run.until_said(ENDS)
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_too_little_memory_is_said_before_anything_is_read(shelf: Machine, tmp_path: Path):
    size = 180 * 2**20  # holes: they take no room on the disk
    for number in range(2 + free_memory() // round(size / KIB * TEXT_CHUNKS_PER_KIB * BYTES_PER_CHUNK)):
        with (tmp_path / f"hole-{number}.txt").open("wb") as file:
            file.truncate(size)
    with running(shelf, tmp_path) as run:
        said = run.until_said(ENDS)
        assert re.search(r"passages need [\d.]+ GiB of memory, [\d.]+ GiB are free", said), said
        assert "Taking in" not in said


def test_a_port_that_is_taken_and_plain_http_for_others_are_said_before_a_store_is_made(machine: Machine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = machine.run("app", "start", "--docs", str(SAMPLES), "--port", str(port))
    assert done.returncode == USAGE
    free = int(re.search(r"make run PORT=(\d+)", done.stderr)[1])
    assert free != port
    done = machine.run("app", "start", "--docs", str(SAMPLES), "--port", "0", "--host", "0.0.0.0")
    assert done.returncode == USAGE
    assert "certificates init" in done.stderr
    assert not machine.data.exists()


def test_a_store_that_is_served_already_is_not_served_twice(shelf: Machine):
    with shelf.serve():
        done = shelf.run("app", "start", "--docs", str(SAMPLES), "--port", "0")
    assert done.returncode == STORE
    assert "runs on the store" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    """Documents that take a while."""
    folder = tmp_path / "long"
    folder.mkdir()
    for number in range(400):
        text = "\n\n".join(MARKER.format(one, one) + " filler" * 120 for one in range(number * 20, number * 20 + 20))
        (folder / f"{number:03d}.txt").write_text(text)
    return folder


def readable(machine: Machine) -> int:
    found = json.loads(machine.app("documents", "list", "--json"))["documents"]
    return sum(one["state"] in {"readable", "ready"} for one in found)


def test_a_killed_ingest_is_said_what_it_read_stays_and_the_printed_command_goes_on(
    machine: Machine, long_folder: Path
):
    with running(machine, long_folder) as run:
        ingest = run.child("ingest")
        run.until_said("Taking in")
        until("some are in", lambda: readable(machine) > 0)
        machine.remember(ingest.children(recursive=True))
        ingest.kill()
        said = run.until_said(ENDS)
        line = re.search(r"^The ingest was killed \(SIGKILL\).*$", said, re.MULTILINE)[0]
        kept = readable(machine)
        assert kept > 0
        typed(machine, re.search(r"'([^']* -m ingest [^']*)'", line)[1])
        assert readable(machine) == 400


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_the_ingest_and_the_service_in_order(
    machine: Machine, long_folder: Path, number: signal.Signals
):
    with running(machine, long_folder) as run:
        run.child("ingest")
        run.until_said("Taking in")
        until("some are in", lambda: readable(machine) > 0)
        assert run.stop(number) == 0
    assert "Traceback" not in run.said()
    ends = loose_ends(machine)
    ends.pop("chunks without a vector")  # the next run goes on with them
    assert nothing(ends), ends
    assert not machine.ram_folders()


def test_a_second_ctrl_c_ends_at_once_what_does_not_end(shelf: Machine):
    with running(shelf, "") as run:
        run.until_said(ENDS)
        service = run.child("app", "serve")
        service.suspend()  # it hears nothing
        run.process.send_signal(signal.SIGINT)
        run.process.send_signal(signal.SIGINT)  # the same Ctrl-C, passed on by a parent
        time.sleep(TWICE_S + 0.3)
        assert run.process.poll() is None
        run.process.send_signal(signal.SIGINT)
        run.process.wait(5)
        assert not alive(service)


def test_ctrl_c_while_the_store_is_made_leaves_one_that_has_its_administrator(machine: Machine):
    process, _, err = machine.start("app", "start", "--docs", str(SAMPLES), "--port", "0")
    until("init is at work", (machine.data / "keyring.json").exists, pause_s=0.002)
    process.send_signal(signal.SIGINT)
    assert process.wait(END_S) == 0, err.read_text()
    assert "Taking in" not in err.read_text()
    assert "admin" in machine.app("users", "list")
    assert (machine.key_dir / "store-first-login.json").exists()


def test_a_service_that_ends_by_itself_ends_the_run(shelf: Machine):
    with running(shelf, "") as run:
        run.until_said(ENDS)
        run.child("app", "serve").kill()
        assert run.process.wait(END_S) == 1
        assert "ended by itself" in run.said()


def test_with_a_certificate_it_answers_other_machines_over_tls(shelf: Machine):
    shelf.app("certificates", "init", "--name", "kb.hospital.lan")
    folder = shelf.key_dir / "tls"
    files = ("--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key"))
    with running(shelf, "", "--host", "0.0.0.0", *files) as run:
        said = run.until_said(ENDS)
        port = int(re.search(r"^page +https://127\.0\.0\.1:(\d+)$", said, re.MULTILINE)[1])
        assert "other machines" in said
        context = ssl.create_default_context(cafile=str(folder / "authority.pem"))
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            context.wrap_socket(raw, server_hostname="kb.hospital.lan") as tls,
        ):
            assert tls.version() == "TLSv1.3"
