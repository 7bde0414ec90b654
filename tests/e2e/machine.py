"""A machine of its own for a store under test: its folders, its processes, and how to talk to them.

Every process runs as a person would start it, with a home, a temporary folder and a RAM folder that belong to this
machine alone; whatever is started is ended, by its process id.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from app.database.store import open_store
from app.settings import Settings, load_settings

REPOSITORY = Path(__file__).resolve().parents[2]
HASH_MODEL = "tests.hash_embedder:HashEmbedder"
SHARED_MODELS = Path.home() / ".local" / "share" / "strongroom" / "models"  # made once; not secret
START_S, END_S, WAIT_S = 60.0, 40.0, 60.0
T = TypeVar("T")


def until(what: str, check: Callable[[], T | None], *, timeout_s: float = WAIT_S, pause_s: float = 0.05) -> T:
    """Return the first true value of ``check``."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(pause_s)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}")


def alive(process: psutil.Process) -> bool:
    """Whether it still runs: the same process, not another one under its number, and no zombie nobody waits for."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Api:
    """An HTTP client of one person."""

    def __init__(self, client: httpx.Client, key: str | None = None) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        options["headers"] = self.headers | options.pop("headers", {})
        return self.client.request(method, path, **options)

    def get(self, path: str, **options: Any) -> Any:
        reply = self.call("GET", path, **options)
        assert reply.status_code == 200, (path, reply.status_code, reply.text)
        return reply.json()

    def post(self, path: str, body: dict[str, Any], *, status: int = 200) -> Any:
        reply = self.call("POST", path, json=body)
        assert reply.status_code == status, (path, reply.status_code, reply.text)
        return reply.json() if reply.content else None

    def search(self, query: str, **fields: Any) -> dict[str, Any]:
        return self.post("/v1/search", {"query": query, **fields})

    def found(self, query: str, **fields: Any) -> set[str]:
        """Return the external ids of the documents that a search finds."""
        return {hit["external_id"] for hit in self.search(query, **fields)["hits"]}

    def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        return self.post("/v1/ask", {"question": question, **fields})

    def ask_streamed(self, question: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the server-sent events of an answer."""
        reply = self.call("POST", "/v1/ask", json={"question": question, "stream": True})
        assert reply.headers["content-type"].startswith("text/event-stream")
        events = []
        for block in reply.text.replace("\r\n", "\n").strip().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "event" in fields:
                events.append((fields["event"], json.loads(fields["data"])))
        return events

    def upload(self, name: str, content: bytes, **fields: Any) -> httpx.Response:
        headers = fields.pop("headers", {})
        return self.call("POST", "/v1/documents", files={"file": (name, content)}, data=fields, headers=headers)

    def take(self, name: str, content: bytes, **fields: Any) -> str:
        """Upload a document, wait until it is ready, and return its id."""
        reply = self.upload(name, content, **fields)
        assert reply.status_code == 202, (reply.status_code, reply.text)
        job = self.wait_for_job(reply.json()["job_id"])
        assert job["state"] == "ready", job
        return str(job["document_ids"][0])

    def wait_for_job(self, job_id: str, *states: str) -> dict[str, Any]:
        wanted = states or ("ready", "failed")

        def look() -> dict[str, Any] | None:
            job = self.get(f"/v1/jobs/{job_id}")
            return job if job["state"] in wanted else None

        return until(f"job {wanted}", look)

    def documents(self, **query: Any) -> dict[str, dict[str, Any]]:
        """Return documents by external id."""
        listed: dict[str, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            page = self.get("/v1/documents", params={**query, "cursor": cursor, "limit": 500})
            listed |= {one["external_id"]: one for one in page["documents"]}
            cursor = page["next_cursor"]
        return listed


@dataclass
class Serving:
    """A running service."""

    machine: "Machine"
    process: "subprocess.Popen[bytes]"
    url: str
    client: httpx.Client
    stderr: Path

    @property
    def api(self) -> Api:
        """The first administrator."""
        return Api(self.client, self.machine.key)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def worker(self) -> psutil.Process:
        """The ingest worker that this service started."""

        def look() -> psutil.Process | None:
            for child in psutil.Process(self.process.pid).children():
                try:
                    if child.cmdline()[2:4] == ["ingest", "work"]:
                        return child
                except (psutil.NoSuchProcess, psutil.ZombieProcess):
                    continue
            return None

        return until("the worker runs", look)

    def kill(self) -> list[psutil.Process]:
        """kill -9 of the service alone; return the processes it had started."""
        left = self.descendants()
        self.machine.remember(left)
        self.process.kill()
        self.process.wait()
        self.client.close()
        return left

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as a person or an init system does, and return its exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.machine.remember(self.descendants())
            self.process.send_signal(number)
        return self.process.wait(END_S)


class Machine:
    """Folders, settings and processes of one store."""

    def __init__(self, root: Path, *, model: str = HASH_MODEL, **settings: str) -> None:
        self.root = root
        self.data, self.home, self.tmp = root / "data", root / "home", root / "tmp"
        self.cwd, self.logs, self.key_dir, self.state = root / "cwd", root / "logs", root / "key", root / "state"
        self.models = root / "models" if model == HASH_MODEL else SHARED_MODELS
        for folder in (self.home, self.tmp, self.cwd, self.logs, self.key_dir, self.state):
            folder.mkdir(parents=True, exist_ok=True)
        self.ram = Path(tempfile.mkdtemp(prefix="strongroom-e2e-", dir="/dev/shm"))
        self.key_file = self.key_dir / "store.key"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KB_DATA_DIR": str(self.data),
            "KB_KEY_FILE": str(self.key_file),
            "KB_ANCHOR_DIR": str(self.state),
            "KB_RAM_DIR": str(self.ram),
            "KB_MODELS_DIR": str(self.models),
            "KB_EMBEDDING__MODEL": model,
            "KB_RETRIEVAL__CHROMA_FROM_ROWS": "1",
            **settings,
        }
        self.key = ""
        self.processes: list[subprocess.Popen[bytes]] = []
        self._remembered: list[psutil.Process] = []
        self._logged = 0

    def settings(self) -> Settings:
        """The settings that the processes read, for looking into the store by the app's own code."""
        return load_settings(self.environment)

    def remember(self, processes: list[psutil.Process]) -> None:
        """Note processes that ours started, so that they are ended in any case."""
        self._remembered += processes

    def log_file(self, name: str) -> Path:
        self._logged += 1
        return self.logs / f"{self._logged:03d}-{name}"

    def start(
        self, *arguments: str, under: Sequence[str] = (), **extra: str
    ) -> tuple["subprocess.Popen[bytes]", Path, Path]:
        """Start a command; return it with the files of its stdout and stderr."""
        out, err = self.log_file(f"{arguments[0]}.out"), self.log_file(f"{arguments[0]}.err")
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [*under, sys.executable, "-m", *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                cwd=self.cwd, env=self.environment | extra, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process, out, err

    def run(self, *arguments: str, timeout_s: float = 120, **extra: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; what it prints is kept in memory, not in the logs."""
        return subprocess.run(
            [sys.executable, "-m", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            cwd=self.cwd, env=self.environment | extra, timeout=timeout_s, check=False,
        )  # fmt: skip

    def app(self, *arguments: str) -> str:
        """Run ``python -m app`` and return what it printed; it must succeed."""
        done = self.run("app", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def init(self) -> dict[str, str]:
        """Make the store; the first administrator's key is kept."""
        made: dict[str, str] = json.loads(self.app("init", "--json"))
        self.key = made["api_key"]
        return made

    def ingest(self, *arguments: str, code: int = 0, timeout_s: float = 180) -> dict[str, Any]:
        """Run ``python -m ingest`` and return its report."""
        process, out, err = self.start("ingest", *arguments, "--json")
        assert process.wait(timeout_s) == code, err.read_text()
        report: dict[str, Any] = json.loads(out.read_text().splitlines()[-1])
        return report

    @contextmanager
    def serve(self, *arguments: str, **extra: str) -> Iterator[Serving]:
        """Serve on a free port until the block ends."""
        serving = self.begin_serving(*arguments, **extra)
        try:
            yield serving
        finally:
            serving.stop()

    def begin_serving(self, *arguments: str, verify: Any = True, under: Sequence[str] = (), **extra: str) -> Serving:
        """Serve on a free port, perhaps under another command such as strace; the caller stops it."""
        process, _, err = self.start("app", "serve", "--port", "0", *arguments, under=under, **extra)

        def address() -> str | None:
            assert process.poll() is None, err.read_text()
            return next((line for line in err.read_text().splitlines() if line.startswith("http")), None)

        url = until("serve names its address", address, timeout_s=START_S)
        client = httpx.Client(base_url=url, timeout=60, trust_env=False, verify=verify)

        def ready() -> bool:
            assert process.poll() is None, err.read_text()
            try:
                return client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        until("serve is ready", ready, timeout_s=START_S)
        return Serving(self, process, url, client, err)

    def add_user(self, name: str, *, administrator: bool = False) -> str:
        """Add a user and return an API key of theirs."""
        self.app("users", "add", name, *(["--administrator"] if administrator else []))
        return self.app("api-keys", "add", name, "test").strip()

    @property
    def store_id(self) -> str:
        return str(json.loads((self.data / "store.json").read_text())["store_id"])

    def ram_folders(self) -> set[Path]:
        """The RAM folders of processes of this store."""
        return {folder for folder in (self.ram / self.store_id).iterdir() if folder.is_dir()}

    def close(self) -> None:
        """End what still runs, and wipe the RAM folder."""
        for process in self.processes:
            if process.poll() is None:
                self._remembered += psutil.Process(process.pid).children(recursive=True)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for left in self._remembered:
            if alive(left):
                left.kill()
        shutil.rmtree(self.ram, ignore_errors=True)


def loose_ends(machine: Machine) -> dict[str, list[Any]]:
    """Return what should not be there when nothing is under way, as the app's own code sees it: all lists are empty."""
    with open_store(machine.settings()) as store, store.catalogue.read() as connection:

        def column(statement: str) -> list[Any]:
            return [row[0] for row in connection.execute(statement)]

        named = set(
            column(
                "SELECT original_file FROM versions WHERE original IS NULL AND original_file IS NOT NULL"
                " UNION ALL SELECT upload_file FROM jobs WHERE upload_file IS NOT NULL"
            )
        )
        snapshots = set(column("SELECT snapshot_id FROM snapshots"))
        originals_there = {file.name for file in store.originals_dir.iterdir()}
        snapshots_there = {file.name for file in store.snapshots_dir.iterdir()}
        return {
            "originals without a row": sorted(originals_there - named),
            "rows without their original": sorted(named - originals_there),
            "snapshots without a row": sorted(snapshots_there - snapshots),
            "rows without their snapshot": sorted(snapshots - snapshots_there),
            "half versions": column("SELECT version_number FROM versions WHERE state = 'writing'"),
            "erasures under way": column("SELECT erasure_number FROM erasures WHERE finished_at IS NULL"),
            "jobs under way": column("SELECT job_id FROM jobs WHERE state IN ('queued', 'running')"),
            "chunks without a vector": column(
                "SELECT m.chunk_number FROM missing_vectors m JOIN spaces s ON s.space_number = m.space_number"
                " WHERE s.state = 'active'"
            ),
            "broken rows": column("PRAGMA foreign_key_check") + [
                said for said in column("PRAGMA integrity_check") if said != "ok"
            ],
        }  # fmt: skip


def nothing(ends: dict[str, list[Any]]) -> bool:
    """Whether there are no loose ends."""
    return not any(ends.values())


def age_files(machine: Machine) -> None:
    """Let sealed files look a day old: a sweep leaves young ones alone, as their row may still come."""
    yesterday = time.time() - 86_400
    for folder in (machine.data / "originals", machine.data / "snapshots"):
        for file in folder.iterdir():
            os.utime(file, (yesterday, yesterday))
