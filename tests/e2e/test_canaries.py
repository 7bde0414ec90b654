"""A sweep over every byte on the disk after a whole journey: nothing that was put in is readable anywhere."""

import base64
import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from app.database.store import open_store
from tests.e2e.machine import Api, Machine, Serving, alive, loose_ends, nothing

MEBIBYTE = 2**20
OVERLAP = 4_096
WINDOW_FLOATS = 8

# What is looked for, by where it was put in. Rare on purpose, in both scripts.
TEXTS = {
    "document, Chinese": "翡翠鲸落于青鸾渡口",
    "document, English": "zirquonvault-whalefall",
    "second version": "quorbelline-supersedes",
    "second version, Chinese": "玄鹤衔灯过雁荡",
    "document to be deleted": "thryssolane-erased",
    "document to be deleted, Chinese": "焚琴煮鹤夜航船",
    "upload": "plumbagoyx-upload",
    "upload, Chinese": "琉璃塔影落沧溟",
    "file name": "fernweharchiv",
    "file name, Chinese": "苍梧谣密卷",
    "title": "vellichorquaint",
    "title, Chinese": "云麓归舟手札",
    "query": "ossifragequery",
    "query, Chinese": "何处寻得孤鸿影",
    "history": "kalopsiahistory",
    "user name": "mumpsimususer",
    "user name, Chinese": "司马孤鸿雪",
    "knowledge base": "apricitybase",
    "knowledge base, Chinese": "瑶台镜影库",
    "group": "gallivantgroup",
    "refused file name": "brontiderefused",
    "idempotency key": "sonderidempotency",
    "name of an API key": "tacenda-apikey",
}


@dataclass(frozen=True)
class Finding:
    """A canary that was seen."""

    what: str
    how: str
    file: Path


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes as which a text could lie on a disk."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "gb18030"):
        encoded = text.encode(encoding)
        yield encoding, encoded
        for shift in range(3):
            # What stays the same whatever stands around it: whole groups of three bytes, at each alignment.
            whole = encoded[shift : shift + (len(encoded) - shift) // 3 * 3]
            yield f"base64 of {encoding}, alignment {shift}", base64.b64encode(whole)
    yield "JSON escapes", json.dumps(text)[1:-1].encode()
    yield "upper case", text.upper().encode()


def patterns(texts: dict[str, str], vectors: Iterable[np.ndarray] = ()) -> dict[bytes, tuple[str, str]]:
    wanted = {found: (what, how) for what, text in texts.items() for how, found in forms(text)}
    for number, vector in enumerate(vectors):
        for kind in (np.float32, np.float16):
            wanted[telling_window(vector).astype(kind).tobytes()] = (f"vector {number}", kind.__name__)
    assert min(len(found) for found in wanted) >= 8, "a short pattern would be seen by chance"
    return wanted


def telling_window(vector: np.ndarray) -> np.ndarray:
    """Return the neighbouring numbers of a vector with the most different values."""
    starts = range(len(vector) - WINDOW_FLOATS + 1)
    best = max(starts, key=lambda start: len(set(vector[start : start + WINDOW_FLOATS].tolist()) - {0.0}))
    return vector[best : best + WINDOW_FLOATS]


def sweep(folders: Iterable[Path], wanted: dict[bytes, tuple[str, str]]) -> list[Finding]:
    """Look through names and bytes of all files for all patterns."""
    expression = re.compile(b"|".join(re.escape(found) for found in sorted(wanted, key=len, reverse=True)))
    findings = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            findings += [Finding(*wanted[one], path) for one in expression.findall(str(path.name).encode())]
            if path.is_file() and not path.is_symlink():
                findings += [Finding(*wanted[one], path) for one in found_in(path, expression)]
    return findings


def found_in(file: Path, expression: "re.Pattern[bytes]") -> set[bytes]:
    found: set[bytes] = set()
    with file.open("rb") as opened:
        before = b""
        while piece := opened.read(MEBIBYTE):
            found |= set(expression.findall(before + piece))
            before = piece[-OVERLAP:]
    return found


def test_the_sweep_sees_what_is_planted(tmp_path: Path):
    vector = np.linspace(-1, 1, 64, dtype=np.float32)
    wanted = patterns(TEXTS, [vector])
    assert sweep([tmp_path], wanted) == []
    for number, (found, (what, how)) in enumerate(wanted.items()):
        planted = tmp_path / f"{number}.bin"
        # In the middle of noise, and now and then across the border of two reads.
        planted.write_bytes(b"\xaa" * (99 if number % 40 else MEBIBYTE - 3) + found + b"\xff" * 99)
        assert Finding(what, how, planted) in sweep([tmp_path], wanted)
        planted.unlink()
    whole = base64.b64encode("前文 翡翠鲸落于青鸾渡口 后文".encode())
    (tmp_path / "base64").write_bytes(whole)
    (tmp_path / "half.npy").write_bytes(b"head" + vector.astype(np.float16).tobytes())
    (tmp_path / "苍梧谣密卷.txt").touch()
    seen = {finding.what for finding in sweep([tmp_path], wanted)}
    assert seen == {"document, Chinese", "vector 0", "file name, Chinese"}


def write_sources(folder: Path) -> None:
    folder.mkdir()
    texts = TEXTS
    (folder / f"{texts['file name']}.txt").write_text(
        f"The keyword is {texts['document, English']}, and nobody else knows it.\n" * 3
    )
    (folder / f"{texts['file name, Chinese']}.txt").write_text(
        f"口令是{texts['document, Chinese']}，不得外传。\n" * 3, encoding="gb18030"
    )
    (folder / "page.html").write_text(
        f"<html><head><title>{texts['title']}</title></head><body><h1>{texts['title, Chinese']}</h1>"
        f"<p>A page about {texts['document, English']}.</p></body></html>"
    )
    (folder / "lines.jsonl").write_text(
        json.dumps({"id": "one", "title": texts["title"], "text": texts["document, Chinese"]}, ensure_ascii=False)
    )
    (folder / "erased.md").write_text(
        f"# Erased\n\n{texts['document to be deleted']}\n\n{texts['document to be deleted, Chinese']}\n"
    )


def big(text: str) -> bytes:
    """Return an upload of more than 1 MiB, which a server would spool to a disk, with a text at its end."""
    return f"<html><body><!-- {text} {'-' * MEBIBYTE} --><p>Read this: {text}.</p></body></html>".encode()


def journey(machine: Machine, serving: Serving, sources: Path) -> None:
    """Put each canary in, and have it travel every way there is."""
    texts, api = TEXTS, serving.api
    base = texts["knowledge base"]
    machine.ingest(str(sources), "--knowledge-base", base)
    api.post("/v1/knowledge-bases", {"name": texts["knowledge base, Chinese"]}, status=201)
    machine.app("users", "add", texts["user name"])
    api.post("/v1/users", {"name": texts["user name, Chinese"]}, status=201)
    key = api.post("/v1/api-keys", {"user": texts["user name"], "name": texts["name of an API key"]}, status=201)
    api.post("/v1/groups", {"name": texts["group"]}, status=201)
    readers = {"readers": ["user:admin", f"user:{texts['user name']}", f"group:{texts['group']}"]}
    api.post(f"/v1/knowledge-bases/{base}/readers", readers, status=204)
    assert api.call("PUT", f"/v1/groups/{texts['group']}/members/{texts['user name, Chinese']}").status_code == 204
    member = Api(serving.client, key["api_key"])

    both = f"{texts['upload']} {texts['upload, Chinese']}"
    uploaded = api.take(
        f"{texts['file name']}.html", big(both), knowledge_base=base, access=f"user:admin,user:{texts['user name']}",
        headers={"Idempotency-Key": texts["idempotency key"]},
    )  # fmt: skip
    refused = api.upload(f"{texts['refused file name']}.pdf", b"%PDF-1.7 " + both.encode(), knowledge_base=base)
    assert api.wait_for_job(refused.json()["job_id"])["state"] == "failed"
    for name in ("document, English", "document, Chinese", "upload", "query", "query, Chinese", "title, Chinese"):
        member.search(f"{texts[name]} {texts['query']}")
        member.ask(texts[name], history=[{"question": texts["history"], "answer": texts["query, Chinese"]}])
        member.ask_streamed(texts[name])
    machine.app("search", texts["query"], "--as", texts["user name"])
    machine.app("ask", texts["query, Chinese"], "--knowledge-base", base)
    machine.run("app", "search", "x", "--knowledge-base", texts["query"])
    api.call("GET", f"/v1/documents/{texts['query']}")
    api.call("GET", "/v1/documents", params={"knowledge_base": texts["query, Chinese"]})
    api.call("POST", "/v1/search", content=f'{{"query": "{texts["query"]}", '.encode())
    assert api.call("GET", f"/v1/documents/{uploaded}/file").status_code == 200

    newer = f"{texts['second version']} {texts['second version, Chinese']}"
    api.take(f"{texts['file name']}.html", big(newer), knowledge_base=base, replace=uploaded)
    erased = api.documents()["erased.md"]["document_id"]
    assert api.call("DELETE", f"/v1/documents/{erased}").status_code == 204


def places(machine: Machine) -> list[Path]:
    """Everything on the disk that belongs to the machine: store, key, anchor, models, temp, home, cwd and logs."""
    return [machine.root, *([machine.models] if machine.root not in machine.models.parents else [])]


def some_vectors(machine: Machine) -> list[np.ndarray]:
    with open_store(machine.settings()) as store, store.catalogue.read() as connection:
        rows = connection.execute("SELECT vector FROM vectors ORDER BY chunk_number").fetchall()
    vectors = [np.frombuffer(row[0], np.float32) for row in rows]
    return [vectors[place] for place in np.linspace(0, len(vectors) - 1, 6).astype(int)]


@pytest.fixture(scope="module")
def journeyed(make_machine: Callable[..., Machine]) -> Machine:
    machine = make_machine(KB_LOG_LEVEL="debug")
    machine.init()
    return machine


def test_nothing_is_readable_on_the_disk_after_a_whole_journey(journeyed: Machine, tmp_path: Path):
    machine = journeyed
    sources = tmp_path / "sources"
    write_sources(sources)
    with machine.serve() as serving:
        journey(machine, serving, sources)
        vectors = some_vectors(machine)
        wanted = patterns(TEXTS | {"the administrator's API key": machine.key}, vectors)
        assert sweep(places(machine), wanted) == [], "while it runs"
        in_ram = {finding.what for finding in sweep([machine.ram], wanted)}
        assert in_ram, "the indexes in RAM do hold it: the sweep looks for what is really there"
        left = serving.kill()
    machine.remember(left)
    for one in left:
        if alive(one):
            one.kill()
    assert sweep(places(machine), wanted) == [], "after kill -9 of the service"

    with machine.serve() as serving:
        assert TEXTS["second version"] in str(serving.api.search(TEXTS["second version"])["hits"])
        assert sweep(places(machine), wanted) == [], "while it runs again"
    assert len(list((machine.data / "snapshots").iterdir())) >= 2, "snapshots were taken, and are part of the sweep"
    with machine.serve() as serving:
        assert serving.api.search(TEXTS["second version"])["timings_ms"]["vectors_by"] == "chroma"
    assert sweep(places(machine), wanted) == [], "after a clean stop"
    assert nothing(loose_ends(machine)), loose_ends(machine)

    swept = [path for place in places(machine) for path in place.rglob("*") if path.is_file()]
    assert {"store.json", "keyring.json", "catalogue.1.db", "journal.1.db", "store.key"} <= {
        path.name for path in swept
    }
    assert any(path.stat().st_size > MEBIBYTE for path in (machine.data / "originals").iterdir())
    assert not list(machine.tmp.iterdir()), "nothing was put into the temporary folder"
    assert not list(machine.cwd.iterdir()), "nothing was put where it was started"


def test_what_lies_on_the_disk_does_not_even_shrink(journeyed: Machine):
    """Sealed bytes look random: data that compresses was not encrypted."""
    for file in [*(journeyed.data / "originals").iterdir(), *(journeyed.data / "snapshots").iterdir(),
                 *journeyed.data.glob("*.db")]:  # fmt: skip
        content = file.read_bytes()
        assert len(gzip.compress(content)) > 0.98 * len(content), file.name


WRITES = re.compile(r'(?:openat|open|creat)\((?:AT_FDCWD, )?"([^"]+)", [^)\n]*O_(?:WRONLY|RDWR|CREAT)')


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_process_of_the_service_opens_a_file_for_writing_elsewhere(machine: Machine, tmp_path: Path):
    machine.init()
    trace = tmp_path / "trace"
    strace = ["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--trace=openat,open,creat", "-o", str(trace)]
    serving = machine.begin_serving(under=strace)
    try:
        serving.api.take("long.html", big(TEXTS["upload"]))
        serving.api.ask(TEXTS["upload"])
        serving.api.search(TEXTS["upload"])
    finally:
        for traced in psutil.Process(serving.process.pid).children():
            traced.terminate()  # strace itself waits for its child and takes no signal
        serving.stop(0)
    allowed = (machine.data, machine.ram, Path("/dev"), Path("/proc/self"))
    written = {Path(name) for name in WRITES.findall(trace.read_text(errors="replace"))}
    assert any(path.is_relative_to(machine.data) for path in written), "the trace sees what is written"
    assert any(path.is_relative_to(machine.ram) for path in written)
    elsewhere = [path for path in written if not any(path.is_relative_to(place) for place in allowed)]
    elsewhere = [path for path in elsewhere if path.parent.name != "__pycache__"]  # Python's own compiled modules
    assert elsewhere == []
