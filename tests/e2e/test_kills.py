"""kill -9 at any moment: what is found is whole, what was acknowledged comes, and nothing is left over."""

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import app.knowledge.uploads
import ingest.worker
from app.database.audit import Act
from app.database.store import Store, open_store
from app.errors import StoreFull
from app.knowledge.documents import open_original
from app.knowledge.indexes import Indexes
from app.knowledge.jobs import claim_job, read_upload
from app.knowledge.passage import Asker
from app.knowledge.permissions import read_permit
from app.knowledge.removal import sweep
from app.knowledge.search import Question, Searcher
from app.knowledge.spaces import WINDOW_CHUNKS
from app.knowledge.uploads import Upload, Uploads
from app.knowledge.writing import PERSON_WAITS
from ingest.filling import VectorFiller
from tests.e2e.machine import Api, Machine, age_files, alive, loose_ends, nothing, until
from tests.hash_embedder import HashEmbedder

KILLS = 10
SMALL, LARGE = 200, 2
LARGE_PARAGRAPHS = 270  # a chunk each, in two commits
EXTERNAL = {"KB_INGEST__WORKER": "external"}


@dataclass
class Corpus:
    """Documents of a revision that can be told by their texts; ``revise`` writes the next one."""

    folder: Path
    revision: int = 0

    def small(self, number: int, revision: int) -> str:
        return (
            f"Record {number} is filed under marker small{number}x{revision}. 档案第 {number} 号，第 {revision} 版。\n"
        )

    def large(self, number: int, revision: int) -> str:
        filler = " ".join(f"word{place}" for place in range(150))
        return "\n\n".join(
            f"Section {place} of volume large{number}x{revision}x{place} begins. {filler}"
            for place in range(LARGE_PARAGRAPHS)
        )

    def contents(self, revision: int) -> dict[str, str]:
        texts = {f"small-{number:03d}.txt": self.small(number, revision) for number in range(SMALL)}
        return texts | {f"large-{number}.txt": self.large(number, revision) for number in range(LARGE)}

    def revise(self) -> None:
        self.revision += 1
        self.folder.mkdir(exist_ok=True)
        for name, text in self.contents(self.revision).items():
            (self.folder / name).write_text(text, encoding="utf-8")


Find = Callable[[str], list[tuple[str, str]]]  # words -> (external id, text) of the passages


@contextmanager
def reopened(machine: Machine) -> Iterator[tuple[Store, Find]]:
    """Open the store as a service does at its start, but in this process: sweep, build the indexes, search."""
    settings = machine.settings()
    with open_store(settings) as store:
        sweep(store)
        indexes = Indexes(store, None)
        try:
            indexes.build()
            searcher = Searcher(store, indexes, settings.retrieval)

            def find(words: str) -> list[tuple[str, str]]:
                question = Question(words, None, limit=20, mode="words")
                found = searcher.search(Asker(None, reads_everything=True), question)
                return [(passage.external_id, passage.text) for passage in found.passages]

            yield store, find
        finally:
            indexes.close()


def find_over_http(api: Api) -> Find:
    return lambda words: [
        (hit["external_id"], hit["text"]) for hit in api.search(words, mode="words", limit=20)["hits"]
    ]


def current(store: Store) -> dict[str, str]:
    """The originals of current versions, opened by the app's own code, by external id."""
    with store.catalogue.read() as connection:
        rows = connection.execute(
            "SELECT d.external_id, d.document_id, (SELECT count(*) FROM chunks c WHERE c.version_number ="
            " v.version_number) FROM documents d JOIN versions v ON v.document_id = d.document_id"
            " AND v.state = 'current'"
        ).fetchall()
        assert all(chunks >= (LARGE_PARAGRAPHS if name.startswith("large") else 1) for name, _, chunks in rows)
        return {name: b"".join(open_original(store, connection, one)[1]).decode() for name, one, _ in rows}


def check_whole(store: Store, find: Find, corpus: Corpus) -> int:
    """Each current document is wholly of this revision or of the one before; return how many are of this one."""
    now, before = corpus.contents(corpus.revision), corpus.contents(corpus.revision - 1)
    there = current(store)
    for name, content in there.items():
        assert content in {now[name], before[name]}, f"{name} is neither old nor new"
    of_now = sum(content == now[name] for name, content in there.items())
    check_found(find, corpus, set(there), random.Random(of_now))
    return of_now


def check_found(find: Find, corpus: Corpus, listed: set[str], chosen: random.Random) -> None:
    """Searches by words show a document if and only if it is current, at one revision, to its last section."""
    revisions = (corpus.revision - 1, corpus.revision)
    for number in chosen.sample(range(SMALL), 8):
        name = f"small-{number:03d}.txt"
        shown = [one for one in revisions if shows(find, name, f"small{number}x{one}", str(number))]
        assert len(shown) == (name in listed), name
    for number in range(LARGE):
        name = f"large-{number}.txt"
        shown = []
        for one in revisions:
            places = (0, 255, 256, LARGE_PARAGRAPHS - 1)
            parts = [shows(find, name, f"large{number}x{one}x{place}", "Section") for place in places]
            assert all(parts) or not any(parts), f"half of {name} is found"
            shown += [one] if all(parts) else []
        assert len(shown) == (name in listed), name


def shows(find: Find, name: str, marker: str, beside: str) -> bool:
    return any(external_id == name and marker in text for external_id, text in find(f"{marker} {beside}"))


def kill_in_the_middle(store: Store, process: "subprocess.Popen[bytes]", *, half: bool, chosen: random.Random) -> bool:
    """Kill an ingest at some moment, or while a version is half written; False if it was done before."""

    def writing() -> bool:
        with store.catalogue.read() as connection:
            return bool(connection.execute("SELECT 1 FROM versions WHERE state = 'writing'").fetchone())

    if half:
        until("a half version", lambda: process.poll() is not None or writing(), timeout_s=30, pause_s=0.002)
        time.sleep(chosen.uniform(0, 0.03))
    else:
        with suppress(subprocess.TimeoutExpired):
            process.wait(chosen.uniform(0.6, 3.0))
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.timeout(240)
def test_ten_kills_in_an_ingest_leave_nothing_half(machine: Machine, tmp_path: Path):
    chosen = random.Random(20_261)
    machine.init()
    corpus = Corpus(tmp_path / "corpus")
    corpus.revise()
    killed, halves, of_now = 0, 0, 0
    while killed < KILLS:
        process, _, err = machine.start("ingest", str(corpus.folder), "--json")
        with open_store(machine.settings()) as store:
            was_killed = kill_in_the_middle(store, process, half=bool(killed % 2), chosen=chosen)
        assert was_killed or process.returncode == 0, err.read_text()
        killed += was_killed
        halves += bool(loose_ends(machine)["half versions"])
        age_files(machine)
        with reopened(machine) as (store, find):
            of_now = check_whole(store, find, corpus)
        ends = loose_ends(machine)
        ends.pop("chunks without a vector")  # the next ingest goes on with them
        assert nothing(ends), ends
        if of_now == SMALL + LARGE and killed < KILLS:
            corpus.revise()  # there must be work for the next one
    assert halves >= 2, "kills hit documents that were half written"

    report = machine.ingest(str(corpus.folder), timeout_s=60)
    assert (report["unchanged"], report["taken"]) == (of_now, SMALL + LARGE - of_now)
    assert report["refused"] == []
    report = machine.ingest(str(corpus.folder), timeout_s=60)
    assert (report["unchanged"], report["taken"]) == (SMALL + LARGE, 0)
    with machine.serve(**EXTERNAL) as serving:
        check_found(find_over_http(serving.api), corpus, set(corpus.contents(1)), chosen)
        assert {one["state"] for one in serving.api.documents().values()} == {"ready"}
        assert serving.api.search("x")["index"] == {"pending": 0, "readable": 0, "ready": SMALL + LARGE, "refused": 0}
    with reopened(machine) as (store, find):
        assert check_whole(store, find, corpus) == SMALL + LARGE
    assert nothing(loose_ends(machine)), loose_ends(machine)


class HashChild(HashEmbedder):
    """Stands for the embedding child, in this process."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return super().embed(list(texts))


def test_more_waiting_passages_of_a_person_than_one_window_get_their_vectors(machine: Machine, tmp_path: Path):
    """A long upload or a large replacement goes before a bulk load, and is not kept waiting by itself."""
    machine.init()
    lines = [{"id": str(one), "text": f"Entry {one}."} for one in range(WINDOW_CHUNKS + 100)]
    (tmp_path / "many.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    machine.ingest(str(tmp_path / "many.jsonl"))
    with open_store(machine.settings()) as store:
        with store.catalogue.transaction("test") as transaction:
            transaction.execute("DELETE FROM vectors")
            transaction.execute(
                "INSERT INTO missing_vectors (space_number, priority, chunk_number)"
                " SELECT s.space_number, ?, c.chunk_number FROM chunks c CROSS JOIN spaces s",
                (PERSON_WAITS,),
            )
        filler = VectorFiller(store, machine.settings())
        steps = [filler.step(HashChild()) for _ in range(4)]
        filler.stop()
    assert sum(steps) == len(lines), steps


def test_an_upload_outlives_its_worker(machine: Machine):
    machine.init()
    corpus = Corpus(Path("unused"))
    moments = random.Random(7)
    with machine.serve() as serving:
        for number in range(2):
            sent = serving.api.upload(f"large-{number}.txt", corpus.large(number, 1).encode())
            assert sent.status_code == 202
            worker = serving.worker()
            serving.api.wait_for_job(sent.json()["job_id"], "running", "readable", "ready")
            time.sleep(moments.uniform(0, 0.3))
            machine.remember(worker.children(recursive=True))
            worker.kill()
            job = serving.api.wait_for_job(sent.json()["job_id"])
            assert (job["state"], job["refused"]) == ("ready", [])
            assert serving.worker().pid != worker.pid
            assert shows(
                find_over_http(serving.api), f"large-{number}.txt", f"large{number}x1x{LARGE_PARAGRAPHS - 1}", "Section"
            )
            assert serving.api.documents()[f"large-{number}.txt"]["version"] == 1
    age_files(machine)  # what a kill left half written is garbage once no row can come for it any more
    with reopened(machine):
        pass
    assert nothing(loose_ends(machine)), loose_ends(machine)


@pytest.fixture(scope="module")
def killed(make_machine: Callable[..., Machine]) -> Machine:
    """A store whose service was killed with an upload acknowledged and not yet read."""
    machine = make_machine()
    machine.init()
    return machine


def test_a_killed_service_starts_again_and_wipes_what_it_left_in_ram(killed: Machine):
    serving = killed.begin_serving()
    kept = serving.api.take("kept.txt", b"What was kept is found under marker keptone.")
    before = killed.ram_folders()
    assert before
    sent = serving.api.upload("acknowledged.txt", b"What was acknowledged is found under marker keptwo.")
    assert sent.status_code == 202
    for one in serving.kill():
        if alive(one):  # also without its service: the machine went down as a whole
            one.kill()
    assert before <= killed.ram_folders(), "nobody could tidy up"
    with killed.serve() as serving:
        assert not before & killed.ram_folders(), "what the dead left in RAM is wiped"
        job = serving.api.wait_for_job(sent.json()["job_id"])
        assert job["state"] == "ready"
        assert serving.api.get(f"/v1/documents/{kept}")["state"] == "ready"
        assert {"kept.txt", "acknowledged.txt"} <= serving.api.found("marker keptone keptwo")
    assert nothing(loose_ends(killed)), loose_ends(killed)


def test_a_worker_does_not_outlive_its_service(killed: Machine):
    serving = killed.begin_serving()
    serving.worker()
    left = serving.kill()
    until("the worker ends with its service", lambda: not [one for one in left if alive(one)], timeout_s=5)


def test_a_worker_that_starts_while_an_upload_is_accepted_leaves_its_file_alone(
    killed: Machine, monkeypatch: pytest.MonkeyPatch
):
    """The file of an upload lies on the disk before its row: a sweep in between must not take it for garbage."""
    with open_store(killed.settings()) as store:
        write_file = app.knowledge.uploads.write_file

        def written_while_a_worker_starts(*arguments: object, **options: object) -> None:
            write_file(*arguments, **options)
            sweep(store)

        monkeypatch.setattr(app.knowledge.uploads, "write_file", written_while_a_worker_starts)
        with store.catalogue.read() as connection:
            permit = read_permit(connection, Asker(None, reads_everything=True), 0)
        upload = Upload("raced.txt", b"acknowledged", "default")
        accepted = Uploads(store).accept(upload, act=Act("0", "test", "upload", "-"), permit=permit, owner="test")
        claimed = claim_job(store, "run", lane="read")
        assert claimed is not None
        assert claimed.job_id == accepted.job_id
        assert b"".join(read_upload(store, claimed)) == b"acknowledged"


def test_a_job_that_met_a_full_disk_is_tried_again_by_the_same_worker(killed: Machine, monkeypatch: pytest.MonkeyPatch):
    tried: list[str] = []

    def full_at_first(*arguments: object) -> None:
        tried.append(arguments[1].job_id)
        if len(tried) == 1:
            raise StoreFull("no room")

    monkeypatch.setattr(ingest.worker, "RETRY_S", 0)
    monkeypatch.setattr(ingest.worker.Queue, "do", full_at_first)
    with open_store(killed.settings()) as store:
        with store.catalogue.transaction("test") as transaction:
            transaction.execute("DELETE FROM jobs")
        with store.catalogue.read() as connection:
            permit = read_permit(connection, Asker(None, reads_everything=True), 0)
        upload = Upload("unlucky.txt", b"acknowledged", "default")
        accepted = Uploads(store).accept(upload, act=Act("0", "test", "upload", "-"), permit=permit, owner="test")
        with ingest.worker.open_run(store, actor="worker") as writer:
            queue = ingest.worker.Queue(store, writer, None, threading.Event())
            for _ in range(3):
                if len(tried) < 2:
                    queue.take_next("read")
    assert tried == [accepted.job_id, accepted.job_id]
