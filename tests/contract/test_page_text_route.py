"""What was read of a page, over HTTP and by ``documents show``: who may see it, what is said, what is recorded."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.replies import hit, problem
from tests.e2e.machine import REPOSITORY, Api, Machine

SAMPLES = REPOSITORY / "tests" / "documents" / "files"
MANUAL, RULES = "filler-manual.pdf", "采购管理规定.txt"
UNKNOWN_DOCUMENT, UNKNOWN_CHUNK = "0123456789abcdef01234567", "0" * 32
ODD_IDS = ("x", "nul%00", "%F0%9F%94%92", "9" * 90)
LINES = [f"Entry {number}: the okapi of ward {number} was fed." for number in range(1_500)]


@dataclass
class House:
    """A service with two readers of ``default``, of which ``outsider`` is none; ``secret`` is the administrator's."""

    machine: Machine
    admin: Api
    reader: Api
    outsider: Api
    manual: str
    rules: str
    diary: str
    secret: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    machine = Machine(Path(tmp_path_factory.mktemp("house")))
    try:
        machine.init()
        keys = {name: machine.add_user(name) for name in ("reader", "outsider")}
        machine.app("knowledge-bases", "grant", "default", "user:reader")
        with machine.serve() as serving:
            admin = serving.api
            reader, outsider = (Api(serving.client, keys[name]) for name in ("reader", "outsider"))
            manual, rules = (admin.take(name, (SAMPLES / name).read_bytes()) for name in (MANUAL, RULES))
            diary = admin.take("diary.txt", "\n\n".join(LINES).encode())
            secret = admin.take("secret.md", b"# Budget\n\nThe severance budget is 7 million.\n", access="user:admin")
            yield House(machine, admin, reader, outsider, manual, rules, diary, secret)
    finally:
        machine.close()


def page(api: Api, document_id: str, number: object = 1, **query: object) -> httpx.Response:
    return api.call("GET", f"/v1/documents/{document_id}/pages/{number}", params=query)


def read(api: Api, document_id: str, number: object = 1, **query: object) -> dict[str, Any]:
    reply = page(api, document_id, number, **query)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def words(found: dict[str, Any], chunk: dict[str, Any]) -> str:
    return "\n".join(found["text"][start:end] for start, end in chunk["spans"])


def test_every_page_of_a_pdf_shows_the_chunks_that_searches_find(house: House):
    document = house.reader.get(f"/v1/documents/{house.manual}")
    pages = [read(house.reader, house.manual, number) for number in range(1, document["pages"] + 1)]

    chunks = [chunk for found in pages for chunk in found["chunks"]]
    assert len(chunks) == document["chunks"]
    assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
    assert all(found["pages"] == document["pages"] and found["next_start"] is None for found in pages)
    sought = hit(house.reader, "star-wheel hub torque", house.manual)
    found = pages[sought["page"] - 1]
    (chunk,) = [one for one in found["chunks"] if one["chunk_id"] == sought["chunk_id"]]
    assert words(found, chunk) == sought["text"]
    assert (chunk["heading"], found["recognised"], sought["recognised"]) == (sought["heading"], None, None)


def test_text_chunks_and_margins_make_up_the_page_and_nothing_else(house: House):
    for number in (1, 2, 3, 4):
        found = read(house.reader, house.manual, number)
        covered = set()
        for start, end in [span for chunk in found["chunks"] for span in chunk["spans"]]:
            assert 0 <= start < end <= len(found["text"])
            covered |= set(range(start, end))
        for start, end in found["margins"]:
            assert covered.isdisjoint(range(start, end))
            covered |= set(range(start, end))
        assert all(one.isspace() for place, one in enumerate(found["text"]) if place not in covered)


def test_a_long_text_comes_in_stretches_and_a_cited_passage_in_its_own(house: House):
    whole, start = "", 0
    ordinals: list[int] = []
    while start is not None:
        found = read(house.reader, house.diary, 0, start=start, limit=7_000)
        assert len(found["text"]) <= 7_000
        assert found["length"] == len("\n\n".join(LINES))
        ordinals += [chunk["ordinal"] for chunk in found["chunks"]]
        whole += found["text"]
        start = found["next_start"]
    assert whole == "\n\n".join(LINES)
    assert ordinals == list(range(house.reader.get(f"/v1/documents/{house.diary}")["chunks"]))
    assert len(read(house.reader, house.diary, 0)["text"]) <= 20_000

    sought = hit(house.reader, "entry 1234 okapi ward 1234", house.diary)
    found = read(house.reader, house.diary, 0, passage=sought["chunk_id"], limit=7_000)

    assert found["start"] > 7_000
    (chunk,) = [one for one in found["chunks"] if one["chunk_id"] == sought["chunk_id"]]
    assert words(found, chunk).endswith(sought["text"][-40:])


def test_what_may_not_be_seen_answers_exactly_as_what_does_not_exist(house: House):
    chunk_id = hit(house.admin, "severance budget", house.secret)["chunk_id"]
    for query in ({}, {"passage": chunk_id}, {"passage": UNKNOWN_CHUNK}, {"start": 3, "limit": 5}):
        replies = [page(house.reader, one, 0, **query) for one in (house.secret, UNKNOWN_DOCUMENT, *ODD_IDS)]
        replies += [page(house.outsider, one, 0, **query) for one in (house.secret, house.diary)]
        details = [problem(reply, 404, "not_found") for reply in replies]
        assert all(one == details[0] for one in details)
    alike = [
        problem(page(house.reader, house.diary, 0, passage=one), 404, "not_found") for one in (chunk_id, UNKNOWN_CHUNK)
    ]
    assert alike[0] == alike[1]
    assert read(house.admin, house.secret, 0, passage=chunk_id)["text"]


def test_a_permission_that_is_taken_away_holds_for_the_next_page(house: House):
    mine = house.admin.take("shared.md", b"# Rota\n\nThe rota is open to all of the ward.\n")
    assert "rota" in read(house.reader, mine, 0)["text"]
    reply = house.admin.call("PUT", f"/v1/documents/{mine}/access", json={"readers": ["user:admin"]})
    assert reply.status_code == 204

    problem(page(house.reader, mine, 0), 404, "not_found")
    house.admin.call("DELETE", f"/v1/documents/{mine}")
    problem(page(house.admin, mine, 0), 404, "not_found")


@pytest.mark.parametrize("number", [0, 7_000, -1, 10**30])
def test_a_page_that_is_not_there_is_said(house: House, number: int):
    problem(page(house.reader, house.manual, number), 404, "not_found")


def test_the_picture_of_a_page_stands_beside_its_text(house: House):
    picture = house.reader.call("GET", f"/v1/documents/{house.manual}/pages/1.png")

    assert picture.headers["content-type"] == "image/png"
    assert read(house.reader, house.manual, 1)["text"]


@pytest.mark.parametrize(
    "query", [{"start": -1}, {"start": 2**60}, {"limit": 0}, {"limit": 10**9}, {"limit": "all"}, {"passage": "c" * 101}]
)
def test_a_request_that_makes_no_sense_is_refused(house: House, query: dict[str, object]):
    assert page(house.reader, house.diary, 0, **query).status_code == 422
    assert page(house.reader, house.diary, "first").status_code == 422
    problem(page(house.reader, house.diary, 0, start=10**7), 400, "usage")


def test_who_asks_nobody_is_told_nothing(house: House):
    problem(page(Api(house.reader.client), house.manual), 401, "not_authenticated")


def test_looking_is_recorded_by_ids_and_numbers_alone(house: House):
    chunk_id = hit(house.reader, "star-wheel hub torque", house.manual)["chunk_id"]
    reply = page(house.reader, house.manual, 4, passage=chunk_id)
    refused = page(house.outsider, house.manual, 4)

    by_request = {one["request_id"]: one for one in house.admin.get("/v1/audit", params={"limit": 100})["records"]}

    record = by_request[reply.json()["request_id"]]
    assert (record["action"], record["target"], record["state"]) == ("show text", house.manual, "done")
    assert record["detail"] == {"page": 4, "passage": chunk_id}
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert refused.headers["x-request-id"] not in by_request


def test_no_text_reaches_the_log(house: House):
    read(house.reader, house.rules, 0)

    logged = "".join(file.read_text(encoding="utf-8", errors="replace") for file in house.machine.logs.iterdir())
    assert "采购" not in logged
    assert "okapi" not in logged


def test_the_command_shows_text_and_chunks_of_a_page_or_of_all(house: House):
    shown = house.machine.app("documents", "show", MANUAL, "--page", "4", "--text")
    found = read(house.admin, house.manual, 4)
    assert shown == f"== page 4 of {found['pages']}\n{found['text']}\n"

    shown = house.machine.app("documents", "show", MANUAL, "--chunks")
    document = house.admin.get(f"/v1/documents/{house.manual}")
    assert shown.count("\n-- chunk ") == document["chunks"]
    assert shown.count("== page ") == document["pages"]

    assert house.machine.app("documents", "show", "diary.txt", "--text").replace("\n", "") == "".join(LINES)
    assert json.loads(house.machine.app("documents", "show", RULES))["document_id"] == house.rules


def test_the_command_sees_what_a_user_sees(house: House):
    refused = house.machine.run("app", "documents", "show", house.secret, "--text", "--as", "reader")

    assert refused.returncode == 1
    assert "no such document" in refused.stderr
    assert "severance" not in refused.stdout + refused.stderr
