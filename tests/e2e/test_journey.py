"""From an empty folder to the second restart, with the real default model and the sample files."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.machine import REPOSITORY, Api, Machine, loose_ends, nothing

SAMPLES = REPOSITORY / "tests" / "documents"
PUMP = "infusion-pump-procedure.docx"
PUMP_QUESTION = "输液泵首次启用阿片类药物时，初始剂量最多多少？"
OLD_LIMIT = re.compile(r"(?<![\d.])5\s*mg")
NEW_LIMIT = re.compile(r"(?<![\d.])10\s*mg")
VISITORS = "visitor-policy.md"
VISITORS_QUESTION = "How many visitors may one host look after at a time?"
NOTE = (
    "# 轮椅借用规定\n\n住院患者凭腕带到一楼服务台借用轮椅，押金 300 元，最长借用 6 小时。\n\n"
    "Wheelchairs are lent at the ground-floor desk for a deposit of 300 yuan.\n"
)
# Question, document, page (None where the format has none), what the answer says.
ANSWERED = [
    ("XJ-9000 丝杠轴承座的 M10×40 螺栓拧紧力矩是多少？", "press-fault-codes.pdf", 3, "68"),
    ("多大金额的采购要上采购委员会会议？", "采购管理规定.txt", None, "五万元"),
    ("氧气钢瓶与可燃性气体之间要隔多远？", "醫療氣瓶管理要點.txt", None, "六公尺"),
    ("急诊电解质用哪种颜色的采血管？", "faq-009", None, "绿帽管"),
    ("How long may sterilised parts of the product path be stored?", "filler-manual.pdf", 4, "14 days"),
    ("When must a peripheral cannula be taken out at the latest?", "infection-control-policy.docx", None, "96 hours"),
    ("Which chlorine strength is used in a room after Clostridioides difficile?", "infection-control-policy.docx",
     None, "5,000 ppm"),
    ("Which code do I dial for a telephone interpreter at night?", "faq-006", None, "77120"),
]  # fmt: skip
# Question, document and page of the best passages.
FOUND = [
    ("What is the tightening torque of the star-wheel hub?", "filler-manual.pdf", 4),
    ("头孢他啶的单次剂量是多少，隔多久给一次？", "pediatric-dosing-table.pdf", 2),
    ("氯化钾外周输注的浓度上限是多少？", "pediatric-dosing-table.pdf", 4),
    ("XJ-9000 报 E-203 怎么处理？", "press-fault-codes.pdf", 2),
    ("What do I do when the vial filler shows alarm A-18?", "filler-manual.pdf", 5),
    ("What is the flash point of Clarosol D-30?", "degreaser-safety-sheet.pdf", 3),
]


@pytest.fixture(scope="module")
def library(make_machine: Callable[..., Machine]) -> Machine:
    """A store with the sample files, which nothing serves."""
    machine = make_machine(model="default")
    machine.init()
    report = machine.ingest(str(SAMPLES / "files"))
    assert report["refused"] == []
    assert report["taken"] == report["documents"] == 28  # 14 files and the 14 entries of faq.jsonl
    return machine


def flat(text: str) -> str:
    return re.sub(r"\s+", "", text)


def check_citations(api: Api, answered: dict[str, Any]) -> None:
    """Each citation quotes the passage it names, word for word, and each number in the answer has one."""
    numbers = {citation["n"] for citation in answered["citations"]}
    for sentence in answered["sentences"]:
        assert set(sentence["citations"]) <= numbers
        assert sentence["supported"] is not False
    for citation in answered["citations"]:
        passage = api.get(f"/v1/passages/{citation['chunk_id']}")
        assert passage["text"][citation["start"] : citation["end"]] == citation["quote"]
        assert (passage["document_id"], passage["page"]) == (citation["document_id"], citation["page"])


def check_answers(api: Api) -> None:
    for question, external_id, page, said in ANSWERED:
        answered = api.ask(question)
        assert answered["answerable"], question
        assert flat(said) in flat(answered["answer"]), question
        cited = [(one["external_id"], one["page"]) for one in answered["citations"]]
        assert cited[0] == (external_id, page), question
        check_citations(api, answered)
    for question, external_id, page in FOUND:
        best = api.search(question)["hits"][:3]
        assert (external_id, page) in [(hit["external_id"], hit["page"]) for hit in best], question


def check_streamed(api: Api) -> None:
    events = api.ask_streamed(ANSWERED[0][0])
    names = [name for name, _ in events]
    assert names[0] == "retrieval"
    assert names[-1] == "done"
    whole = api.ask(ANSWERED[0][0])
    assert [data["text"] for name, data in events if name == "sentence"] == [one["text"] for one in whole["sentences"]]
    assert events[-1][1]["answer"] == whole["answer"]


def texts_of(api: Api, document_id: str) -> dict[str, str]:
    """What every reading route shows of a document as current, by route."""
    shown = {}
    for mode in ("hybrid", "words", "vectors"):
        for query in (PUMP_QUESTION, "初始剂量上限 5 mg", "initial dose limit 5 mg"):
            hits = api.search(query, mode=mode, limit=100)["hits"]
            shown[f"search {mode} {query}"] = "\n".join(
                hit["text"] for hit in hits if hit["document_id"] == document_id
            )
    answered = api.ask(PUMP_QUESTION)
    shown["ask"] = answered["answer"] + "\n".join(one["quote"] for one in answered["citations"])
    shown["ask streamed"] = json.dumps(api.ask_streamed(PUMP_QUESTION), ensure_ascii=False)
    return shown


def check_replaced(api: Api, document_id: str, former_chunk_ids: set[str]) -> None:
    """10 mg everywhere, 5 mg nowhere, but marked as replaced behind an old citation."""
    for route, text in texts_of(api, document_id).items():
        if route == "ask streamed":  # holds passages of other documents too, which may well say 5 mg
            assert NEW_LIMIT.search(text), route
            continue
        assert NEW_LIMIT.search(text), route
        assert not OLD_LIMIT.search(text), route
    listed = api.documents()[PUMP]
    assert (listed["document_id"], listed["version"]) == (document_id, 2)
    assert api.get(f"/v1/documents/{document_id}")["version"] == 2
    original = api.call("GET", f"/v1/documents/{document_id}/file").content
    assert original == (SAMPLES / "versions" / PUMP).read_bytes()
    for chunk_id in former_chunk_ids:
        reply = api.call("GET", f"/v1/passages/{chunk_id}")
        assert reply.status_code == 404 or reply.json()["superseded_at"], "an old passage says that it was replaced"


def check_gone(api: Api, document_id: str, chunk_ids: set[str]) -> None:
    """A deleted document is found by no route."""
    for mode in ("hybrid", "words", "vectors"):
        assert VISITORS not in api.found(VISITORS_QUESTION, mode=mode, limit=100)
    answered = api.ask(VISITORS_QUESTION)
    assert VISITORS not in {one["external_id"] for one in answered["citations"]}
    assert "eight visitors" not in answered["answer"]
    assert VISITORS not in api.documents()
    for path in (f"/v1/documents/{document_id}", f"/v1/documents/{document_id}/file",
                 *(f"/v1/passages/{chunk_id}" for chunk_id in chunk_ids)):  # fmt: skip
        assert api.call("GET", path).status_code == 404
    assert api.search(VISITORS_QUESTION, filters={"document_ids": [document_id]})["hits"] == []


def chunk_ids_of(api: Api, document_id: str, query: str) -> set[str]:
    hits = api.search(query, limit=100, filters={"document_ids": [document_id]})["hits"]
    assert hits
    return {hit["chunk_id"] for hit in hits}


def test_a_question_is_answered_in_process_where_nothing_serves(library: Machine):
    answered = library.app("ask", "氧气钢瓶与可燃性气体之间要隔多远？")
    assert "六公尺" in answered
    assert "醫療氣瓶管理要點.txt" in answered


def test_from_the_first_answer_to_the_second_restart(library: Machine):
    with library.serve() as serving:
        api = serving.api
        check_answers(api)
        check_streamed(api)
        assert OLD_LIMIT.search(api.ask(PUMP_QUESTION)["answer"])

        wheelchairs = api.take("轮椅借用规定.md", NOTE.encode())
        for question in ("借轮椅要交多少押金？", "What is the deposit for a wheelchair?"):
            assert "轮椅借用规定.md" in {hit["external_id"] for hit in api.search(question)["hits"][:3]}
        again = api.upload("轮椅借用规定.md", NOTE.encode())
        assert (again.status_code, again.json()) == (200, {"document_ids": [wheelchairs], "job_id": None})

        pump = api.documents()[PUMP]["document_id"]
        former = chunk_ids_of(api, pump, "输液泵")
        assert api.take(PUMP, (SAMPLES / "versions" / PUMP).read_bytes(), replace=pump) == pump
        check_replaced(api, pump, former)

        visitors = api.documents()[VISITORS]["document_id"]
        of_visitors = chunk_ids_of(api, visitors, VISITORS_QUESTION)
        assert api.call("DELETE", f"/v1/documents/{visitors}").status_code == 204
        check_gone(api, visitors, of_visitors)
    assert nothing(loose_ends(library)), loose_ends(library)
    assert not list((library.data / "snapshots").iterdir()), "no snapshot is taken before the indexes were built anew"

    with library.serve() as serving:  # built anew from the catalogue
        check_gone(serving.api, visitors, of_visitors)
        check_replaced(serving.api, pump, former)
    assert len(list((library.data / "snapshots").iterdir())) == 2, "words and vectors are sealed at a clean stop"

    with library.serve() as serving:  # from the snapshot
        api = serving.api
        assert "snapshot dropped" not in serving.stderr.read_text()
        assert api.search("XJ-9000")["timings_ms"]["vectors_by"] == "chroma"
        assert api.ask(PUMP_QUESTION)["timings_ms"]["vectors_by"] == "chroma"
        check_answers(api)
        check_gone(api, visitors, of_visitors)
        check_replaced(api, pump, former)
        assert "轮椅借用规定.md" in api.found("借轮椅要交多少押金？", mode="vectors")
    assert nothing(loose_ends(library)), loose_ends(library)


def test_page_commands_and_socket_of_a_running_service(library: Machine):
    library.app("users", "add", "reader")
    with library.serve() as serving:
        check_page(serving.client)
        check_commands(library, serving.api)
        check_socket(library)
    assert not (library.ram / library.store_id / "serve.sock").exists()
    assert not library.ram_folders()


def check_page(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # The policy lets no inline script run, so the page has none.
    assert not re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", page.text)
    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert assets
    for asset in assets:
        reply = client.get(asset)
        assert reply.status_code == 200
        assert reply.headers["content-security-policy"] == policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert client.get(asset, headers={"If-None-Match": reply.headers["etag"]}).status_code == 304
    assert not re.findall(r"https?://(?!www\.w3\.org)", page.text), "nothing is fetched from elsewhere"
    assert client.get("/static/../application.py").status_code == 404
    assert client.get("/static/%2e%2e/templates/index.html").status_code == 404


def check_commands(machine: Machine, api: Api) -> None:
    question = "What is the tightening torque of the star-wheel hub?"
    found = json.loads(machine.app("search", question, "--json"))
    over_http = api.search(question)
    assert [hit["chunk_id"] for hit in found["hits"]] == [hit["chunk_id"] for hit in over_http["hits"]]
    answered = json.loads(machine.app("ask", question, "--json"))
    assert answered["answer"] == api.ask(question)["answer"]
    assert json.loads(machine.app("search", question, "--json", "--as", "reader"))["hits"] == []
    assert json.loads(machine.app("search", question, "--json", "--as", "admin"))["hits"]
    unknown = machine.run("app", "search", question, "--as", "nobody-of-this-name")
    assert unknown.returncode == 1
    forged = {"Strongroom-As": "admin", "X-Forwarded-For": "127.0.0.1"}
    assert api.client.post("/v1/search", json={"query": "x"}, headers=forged).status_code == 401
    assert json.loads(machine.app("documents", "show", PUMP))["external_id"] == PUMP, "a file name is enough"
    assert machine.run("app", "documents", "show", "nothing.docx").returncode == 1
    listed = json.loads(machine.app("documents", "list", "--json"))["documents"]
    assert {one["external_id"] for one in listed} == set(api.documents())
    records = json.loads(machine.app("audit", "list", "--json", "--limit", "20"))["records"]
    assert any(one["actor"].startswith("local:") and one["action"] == "search" for one in records)


def check_socket(machine: Machine) -> None:
    folder = machine.ram / machine.store_id
    socket_file = folder / "serve.sock"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_ISSOCK(socket_file.stat().st_mode)
    assert stat.S_IMODE(socket_file.stat().st_mode) & 0o077 == 0, "no other user may connect"
    for own in machine.ram_folders():
        assert stat.S_IMODE(own.stat().st_mode) == 0o700
    for path in machine.data.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(machine.key_file.stat().st_mode) == 0o600
    if os.getuid() == 0:
        refuse_another_user(socket_file)


CONNECT_AS_NOBODY = """
import os, socket, sys
os.chdir(sys.argv[1])  # still as root, as if the folder were open to all
os.setgroups([]); os.setgid(65534); os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.connect("serve.sock")
try:
    connection.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    print("answered", connection.recv(100))
except OSError:
    print("answered", b"")
"""


def refuse_another_user(socket_file: Path) -> None:
    """Another user does not get in; and were the modes open, the kernel's word on who it is would stop them."""

    def connect() -> str:
        command = [sys.executable, "-I", "-c", CONNECT_AS_NOBODY, str(socket_file.parent)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    assert "PermissionError" in connect()
    socket_file.chmod(0o666)
    socket_file.parent.chmod(0o755)
    try:
        assert connect() == "answered b''"
    finally:
        socket_file.parent.chmod(0o700)
        socket_file.chmod(0o600)
