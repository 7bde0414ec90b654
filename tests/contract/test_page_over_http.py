"""The page behind a citation over HTTP: who may see it, what is marked on it, and what is said where there is none."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from tests.contract.replies import hit, problem
from tests.e2e.machine import Api, Machine

ENGLISH = "The flange bolts are tightened to 45 Nm."
CHINESE = "法兰螺栓的拧紧力矩为 45 牛米。"
UNKNOWN_DOCUMENT, UNKNOWN_CHUNK = "0123456789abcdef01234567", "0" * 32
ODD_IDS = ("x", "nul%00", "%F0%9F%94%92", "9" * 90)


def pdf_of(*pages: tuple[str, ...]) -> bytes:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for lines in pages:
        for row, line in enumerate(lines):
            canvas.setFont("STSong-Light", 14)
            canvas.drawString(72, 700 - 40 * row, line)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@dataclass
class House:
    """A service with an administrator and two readers of ``default``; ``secret`` is the administrator's alone."""

    machine: Machine
    client: httpx.Client
    admin: Api
    reader: Api
    outsider: Api
    flange: str
    secret: str
    notes: str


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
            flange = admin.take("flange.pdf", pdf_of(("Cover sheet of the manual.",), (ENGLISH, CHINESE)))
            secret = admin.take("secret.pdf", pdf_of(("The severance budget is 7 million.",)), access="user:admin")
            notes = admin.take("notes.md", b"# Notes\n\nThe gasket is replaced yearly.\n")
            yield House(machine, serving.client, admin, reader, outsider, flange, secret, notes)
    finally:
        machine.close()


def page(api: Api, document_id: str, number: object = 1, **query: object) -> httpx.Response:
    return api.call("GET", f"/v1/documents/{document_id}/pages/{number}.png", params=query)


def shown(reply: httpx.Response) -> Any:
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(reply.content)).convert("RGB")).astype(int)


def rows_marked(picture: Any) -> set[int]:
    """The lines of text, by their place on the page, on which something is yellow."""
    yellow = (picture[..., 0] > 200) & (picture[..., 1] > 180) & (picture[..., 2] < 160)
    points = 841.9 * (1 - np.nonzero(yellow.any(axis=1))[0] / len(picture))
    return {round((700 - point) / 40) for point in points}


def test_a_page_is_a_picture_that_is_kept_nowhere(house: House):
    reply = page(house.reader, house.flange, 2)

    picture = shown(reply)
    assert picture.shape[1] == 1_000
    assert (picture.min(axis=-1) < 100).any()
    assert rows_marked(picture) == set()
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert shown(page(house.reader, house.flange, 2, width=400)).shape[1] == 400


@pytest.mark.parametrize(("words", "row"), [("45 Nm", 0), ("拧紧力矩", 1)])
def test_a_hit_is_marked_on_its_page_whole_or_by_the_words_that_are_cited(house: House, words: str, row: int):
    found = hit(house.reader, words, house.flange)
    start = found["text"].index(words)

    whole = shown(page(house.reader, house.flange, found["page"], highlight=found["chunk_id"]))
    part = shown(
        page(
            house.reader, house.flange, found["page"], highlight=found["chunk_id"], start=start, end=start + len(words)
        )
    )

    assert found["page"] == 2
    assert rows_marked(whole) == {0, 1}
    assert rows_marked(part) == {row}
    elsewhere = shown(page(house.reader, house.flange, 1, highlight=found["chunk_id"]))
    assert rows_marked(elsewhere) == set()


def test_every_citation_of_an_answer_opens_on_its_page_with_marks(house: House):
    answered = house.reader.ask("What are the flange bolts tightened to?")

    cited = [one for one in answered["citations"] if one["document_id"] == house.flange]
    assert cited
    for one in cited:
        place = {"highlight": one["chunk_id"], "start": one["start"], "end": one["end"]}
        assert rows_marked(shown(page(house.reader, house.flange, one["page"], **place)))


def test_a_page_that_may_not_be_seen_answers_exactly_as_one_that_does_not_exist(house: House):
    chunk_id = hit(house.admin, "severance budget", house.secret)["chunk_id"]
    for query in ({}, {"highlight": chunk_id}, {"highlight": chunk_id, "start": 0, "end": 4}):
        replies = [page(house.reader, one, **query) for one in (house.secret, UNKNOWN_DOCUMENT, *ODD_IDS)]
        replies += [page(house.outsider, one, 2, **query) for one in (house.secret, house.flange)]
        details = [problem(reply, 404, "not_found") for reply in replies]
        assert all(one == details[0] for one in details)
    assert shown(page(house.admin, house.secret, highlight=chunk_id)) is not None


def test_a_passage_of_another_document_answers_as_one_that_does_not_exist(house: House):
    foreign = hit(house.admin, "severance budget", house.secret)["chunk_id"]
    readable = hit(house.reader, "gasket", house.notes)["chunk_id"]

    details = [
        problem(page(house.reader, house.flange, 2, highlight=one), 404, "not_found")
        for one in (foreign, readable, UNKNOWN_CHUNK, *ODD_IDS)
    ]

    assert all(one == details[0] for one in details)


@pytest.mark.parametrize("number", [0, -1, 3, 10**30])
def test_a_page_that_the_document_does_not_have_is_not_found(house: House, number: int):
    assert "no such page" in problem(page(house.reader, house.flange, number), 404, "not_found")["detail"]


def test_a_format_without_pages_says_so(house: House):
    details = problem(page(house.reader, house.notes), 404, "not_found")

    assert details["detail"] == "this document has no pages"
    assert "PDF" in details["advice"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"width": 399}, 422),
        ({"width": 2001}, 422),
        ({"width": "wide"}, 422),
        ({"start": -1}, 422),
        ({"start": 10**30}, 422),
        ({"start": 3}, 400),
        ({"highlight": "HIT", "start": 5, "end": 5}, 400),
        ({"highlight": "HIT", "start": 5, "end": 4}, 400),
        ({"highlight": "HIT", "end": 0}, 400),
        ({"highlight": "HIT", "end": 100_000}, 400),
        ({"highlight": "x" * 101}, 422),
    ],
)
def test_what_cannot_be_asked_is_refused(house: House, query: dict[str, object], status: int):
    if query.get("highlight") == "HIT":
        query = query | {"highlight": hit(house.reader, "flange bolts", house.flange)["chunk_id"]}

    problem(page(house.reader, house.flange, 2, **query), status, "usage")


def test_a_page_number_that_is_none_is_refused(house: House):
    for number in ("x", "1.5", "%00", "9" * 5_000):
        problem(page(house.reader, house.flange, number), 422, "usage")


def test_a_page_that_was_shown_stands_in_the_audit_trail_and_one_that_was_not_does_not(house: House):
    found = hit(house.reader, "flange bolts", house.flange)
    reply = page(house.reader, house.flange, 2, highlight=found["chunk_id"])
    refused = page(house.reader, house.secret)

    records = house.admin.get("/v1/audit", params={"limit": 100})["records"]

    by_request = {one["request_id"]: one for one in records}
    record = by_request[reply.headers["x-request-id"]]
    assert (record["action"], record["target"], record["state"]) == ("show page", house.flange, "done")
    assert record["detail"] == {"page": 2, "passage": found["chunk_id"]}
    assert refused.headers["x-request-id"] not in by_request


def test_a_revocation_holds_for_the_next_picture(house: House):
    document_id = house.admin.take("plan.pdf", pdf_of(("The maintenance plan of line four.",)))
    assert page(house.reader, document_id).status_code == 200

    changed = house.admin.call("PUT", f"/v1/documents/{document_id}/access", json={"readers": ["user:admin"]})

    assert changed.status_code == 204
    problem(page(house.reader, document_id), 404, "not_found")
    assert page(house.admin, document_id).status_code == 200


def test_a_replaced_document_shows_its_new_page_and_never_marks_an_old_passage_on_it(house: House):
    document_id = house.admin.take("valve.pdf", pdf_of(("The valve opens at 3 bar.",)))
    old = hit(house.admin, "valve opens", document_id)["chunk_id"]
    before = shown(page(house.admin, document_id, highlight=old))

    house.admin.take(
        "valve.pdf", pdf_of(("Since the change of May it is 4 bar, as the valve opens.",)), replace=document_id
    )

    marked = page(house.admin, document_id, highlight=old)
    if marked.status_code == 200:  # not yet removed: then on the page it was taken from
        assert np.array_equal(shown(marked), before)
    else:
        problem(marked, 404, "not_found")
    new = hit(house.admin, "valve opens", document_id)["chunk_id"]
    assert rows_marked(shown(page(house.admin, document_id, highlight=new))) == {0}


def test_a_deleted_document_has_no_pages_any_more(house: House):
    document_id = house.admin.take("gone.pdf", pdf_of(("A page that will be gone.",)))
    chunk_id = hit(house.admin, "will be gone", document_id)["chunk_id"]
    assert house.admin.call("DELETE", f"/v1/documents/{document_id}").status_code == 204

    for query in ({}, {"highlight": chunk_id}):
        assert problem(page(house.admin, document_id, **query), 404, "not_found")["detail"] == "no such document"
