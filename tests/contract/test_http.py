"""The contract of the HTTP interface: replies, problems, headers, and one 404 for what is not there and not yours."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.machine import Api, Machine

OPEN = {"/healthz", "/readyz", "/metrics"}
SIGN_IN = ("POST", "/v1/session")  # what one signs in with wants no key
UPLOAD_BYTES = 2 * 2**20
TEXT = "Torque of the flange bolts is 45 N·m, dry. 法兰螺栓的拧紧力矩为 45 N·m。\n"
UNKNOWN = "0123456789abcdef01234567"
SAFE_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PROBLEM_KEYS = {"type", "title", "status", "code", "detail", "advice", "request_id"}


@dataclass
class House:
    """A service with an administrator, a reader of ``default``, an outsider, and a document of the administrator's."""

    client: httpx.Client
    admin: Api
    reader: Api
    outsider: Api
    document_id: str
    chunk_id: str
    job_id: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    machine = Machine(Path(tmp_path_factory.mktemp("house")), KB_SERVER__MAX_UPLOAD_BYTES=str(UPLOAD_BYTES))
    try:
        machine.init()
        keys = {name: machine.add_user(name) for name in ("reader", "outsider")}
        machine.app("knowledge-bases", "grant", "default", "user:reader")
        with machine.serve() as serving:
            admin = serving.api
            sent = admin.upload("flange.md", TEXT.encode())
            job = admin.wait_for_job(sent.json()["job_id"])
            document_id = job["document_ids"][0]
            chunk_id = admin.search("flange")["hits"][0]["chunk_id"]
            reader, outsider = (Api(serving.client, keys[name]) for name in ("reader", "outsider"))
            yield House(serving.client, admin, reader, outsider, document_id, chunk_id, job["job_id"])
    finally:
        machine.close()


def problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem details of a reply, which must be whole."""
    assert reply.status_code == status, (reply.status_code, reply.text)
    assert reply.headers["content-type"] == "application/problem+json"
    details: dict[str, Any] = reply.json()
    assert details.keys() >= PROBLEM_KEYS
    assert (details["status"], details["code"]) == (status, code)
    assert details["request_id"] == reply.headers["x-request-id"]
    assert details["detail"]
    assert details["advice"]
    return details


def routes(client: httpx.Client) -> list[tuple[str, str]]:
    """Every (method, path) that the application describes, with ids filled in."""
    described = client.get("/openapi.json").json()["paths"]
    filled = {
        "document_id": UNKNOWN, "chunk_id": UNKNOWN, "job_id": UNKNOWN, "name": "unknown", "user": "unknown",
        "api_key_id": UNKNOWN, "page": 1,
    }  # fmt: skip
    return [(method.upper(), path.format(**filled)) for path, methods in described.items() for method in methods]


def test_every_route_but_health_wants_a_key(house: House):
    guarded = [(method, path) for method, path in routes(house.client) if path not in OPEN]
    guarded.remove(SIGN_IN)
    assert len(guarded) >= 25
    for method, path in guarded:
        for headers in (
            {},
            {"Authorization": "Bearer sr_wrong"},
            {"Authorization": "Bearer " + "x" * 10_000},
            {"Authorization": "Basic YWRtaW46YWRtaW4="},
            {"Strongroom-As": "admin"},
        ):
            reply = house.client.request(method, path, headers=headers, json={"query": "x"})
            problem(reply, 401, "not_authenticated")
            assert reply.headers["www-authenticate"] == "Bearer"


def test_every_reply_carries_safe_headers_and_a_request_id(house: House):
    replies = [house.client.get(path) for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/nowhere")]
    replies += [house.admin.call(method, path, json={}) for method, path in routes(house.client)]
    replies += [
        house.admin.call("POST", "/v1/search", json={"query": "flange"}),
        house.admin.call("POST", "/v1/ask", json={"question": "flange", "stream": True}),
        house.admin.call("GET", f"/v1/documents/{house.document_id}/file"),
        house.admin.call("POST", "/v1/search", content=b"{broken"),
    ]
    seen = set()
    for reply in replies:
        for name, value in SAFE_HEADERS.items():
            assert reply.headers[name] == value, (reply.request.url, name)
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert "server" not in reply.headers
        assert "access-control-allow-origin" not in reply.headers
        assert "set-cookie" not in reply.headers
        assert reply.status_code < 500, reply.text
        seen.add(reply.headers["x-request-id"])
    assert len(seen) == len(replies)


def test_an_error_of_any_route_is_a_problem(house: House):
    for method, path in routes(house.client):
        reply = house.admin.call(method, path, json={})
        if reply.status_code >= 400:
            assert reply.headers["content-type"] == "application/problem+json", path
            assert reply.json().keys() >= PROBLEM_KEYS
    problem(house.admin.call("GET", "/v1/nowhere"), 404, "not_found")
    problem(house.admin.call("PATCH", "/v1/search"), 405, "method_not_allowed")


BY_DOCUMENT = [
    ("GET", "/v1/documents/{}", None),
    ("GET", "/v1/documents/{}/file", None),
    ("GET", "/v1/documents/{}/pages/1.png", None),
    ("DELETE", "/v1/documents/{}", None),
    ("PUT", "/v1/documents/{}/access", {"readers": None}),
    ("PUT", "/v1/documents/{}/access", {"readers": ["user:outsider"]}),
]
ODD_IDS = ("0" * 32, "x", "nul%00", "%F0%9F%94%92", "'; --", "9" * 400)


def test_what_is_not_permitted_answers_exactly_as_what_does_not_exist(house: House):
    taken = [(method, path, body, house.document_id) for method, path, body in BY_DOCUMENT]
    taken += [("GET", "/v1/passages/{}", None, house.chunk_id), ("GET", "/v1/jobs/{}", None, house.job_id)]
    for method, path, body, foreign in taken:
        details = []
        for one in (foreign, UNKNOWN, *ODD_IDS):
            reply = house.outsider.call(method, path.format(one), json=body)
            details.append(problem(reply, 404, "not_found") | {"request_id": ""})
        assert all(one == details[0] for one in details), path
    problem(house.reader.call("GET", f"/v1/jobs/{house.job_id}"), 404, "not_found")
    upload = house.outsider.upload("flange.md", b"mine now", replace=house.document_id)
    unknown = house.outsider.upload("flange.md", b"mine now", replace=UNKNOWN)
    assert problem(upload, 404, "not_found")["detail"] == problem(unknown, 404, "not_found")["detail"]
    assert house.admin.call("GET", f"/v1/documents/{house.document_id}/file").text == TEXT
    assert house.outsider.documents() == {}
    assert house.outsider.get("/v1/jobs") == {"jobs": []}
    assert house.outsider.get("/v1/knowledge-bases")["knowledge_bases"] == []


def test_a_reader_may_read_but_not_change_what_another_sent(house: House):
    assert house.reader.get(f"/v1/documents/{house.document_id}")["title"]
    assert house.reader.get(f"/v1/passages/{house.chunk_id}")["document_id"] == house.document_id
    problem(house.reader.call("DELETE", f"/v1/documents/{house.document_id}"), 403, "not_permitted")
    ruled = house.reader.call("PUT", f"/v1/documents/{house.document_id}/access", json={"readers": []})
    problem(ruled, 403, "not_permitted")
    problem(house.reader.upload("flange.md", b"other", replace=house.document_id), 403, "not_permitted")


def test_the_shape_of_a_search(house: House):
    found = house.reader.search("flange bolts 法兰")
    assert set(found) == {"hits", "confidence", "index", "timings_ms", "request_id"}
    assert set(found["index"]) == {"pending", "readable", "ready", "refused"}
    assert 0 <= found["confidence"] <= 1
    assert {"embed", "permissions", "join", "total", "vectors_by"} <= set(found["timings_ms"])
    assert [hit["rank"] for hit in found["hits"]] == list(range(1, len(found["hits"]) + 1))
    for hit in found["hits"]:
        assert set(hit) == {
            "rank", "chunk_id", "document_id", "external_id", "knowledge_base", "title", "page", "heading", "text",
            "highlights", "recognised",
        }  # fmt: skip
        for start, end in hit["highlights"]:
            assert 0 <= start < end <= len(hit["text"])
        assert hit["page"] is None
    marked = {hit["text"][start:end].lower() for hit in found["hits"] for start, end in hit["highlights"]}
    assert {"flange", "bolts"} <= marked
    assert len(house.reader.search("flange", limit=1)["hits"]) == 1
    assert house.reader.search("flange", mode="words")["timings_ms"]["vectors_by"] == "off"


def test_the_shape_of_an_answer(house: House):
    answered = house.reader.ask("What is the torque of the flange bolts?")
    assert set(answered) == {
        "answer", "answerable", "sentences", "citations", "model", "note", "index", "timings_ms", "usage", "request_id",
    }  # fmt: skip
    assert set(answered["sentences"][0]) == {"text", "citations", "supported", "also_in", "differs"}
    for citation in answered["citations"]:
        assert set(citation) == {
            "n", "chunk_id", "document_id", "external_id", "title", "page", "quote", "start", "end",
        }  # fmt: skip
    events = house.reader.ask_streamed("What is the torque of the flange bolts?")
    assert {name for name, _ in events} <= {"retrieval", "reasoning", "sentence", "citation", "done"}
    assert events[-1][1]["request_id"]
    assert events[-1][1]["index"] == answered["index"]


def test_a_stream_that_cannot_begin_is_a_plain_problem(house: House):
    body = {"question": "x", "knowledge_base": "nowhere", "stream": True}
    problem(house.reader.call("POST", "/v1/ask", json=body), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/search", {}, 422),
        ("/v1/search", {"query": ""}, 422),
        ("/v1/search", {"query": 7}, 422),
        ("/v1/search", {"query": ["x"]}, 422),
        ("/v1/search", {"query": "x", "limit": 0}, 422),
        ("/v1/search", {"query": "x", "limit": 101}, 422),
        ("/v1/search", {"query": "x", "limit": 10**30}, 422),
        ("/v1/search", {"query": "x", "mode": "magic"}, 422),
        ("/v1/search", {"query": "x", "filters": {"document_ids": "x"}}, 422),
        ("/v1/search", {"query": "x", "knowledge_base": "nowhere"}, 404),
        ("/v1/search", {"query": "x" * 5_000}, 413),
        ("/v1/ask", {"question": ""}, 422),
        ("/v1/ask", {"question": "x", "history": [{}]}, 422),
        ("/v1/ask", {"question": "x", "history": [{"question": "x", "answer": "x"}] * 51}, 422),
        ("/v1/ask", {"question": "x" * 5_000}, 413),
        ("/v1/ask", {"question": "x", "knowledge_base": "default\u0000"}, 404),
        ("/v1/users", {"name": ""}, 422),
        ("/v1/users", {"name": "x", "role": "emperor"}, 422),
        ("/v1/api-keys", {"user": "nobody", "name": "x"}, 404),
        ("/v1/knowledge-bases/default/readers", {"readers": ["everybody"]}, 400),
        ("/v1/knowledge-bases/default/readers", {"readers": ["user:nobody"]}, 404),
        ("/v1/knowledge-bases/nowhere/readers", {"readers": ["user:reader"]}, 404),
        ("/v1/knowledge-bases", {"name": "default"}, 409),
        ("/v1/users", {"name": "reader"}, 409),
    ],
)
def test_what_is_wrong_is_said_without_repeating_it(house: House, path: str, body: dict[str, Any], status: int):
    reply = house.admin.call("POST", path, json=body)
    code = {400: "usage", 404: "not_found", 409: "name_taken", 413: "too_large", 422: "usage"}[status]
    details = problem(reply, status, code)
    assert "xxxx" not in json.dumps(details)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/ask"])
@pytest.mark.parametrize(
    "text",
    ["\\ud800", "a\\u0000b", "\\u202e\\ufeff", " ", "?!…——", "\\ud83d\\udd12", "AND OR NOT (", '\\"', "*:*", "-", "%"],
    ids=ascii,
)
def test_no_text_of_a_question_breaks_a_search(house: House, path: str, text: str):
    field = path.rsplit("/", 1)[-1].replace("search", "query").replace("ask", "question")
    content = f'{{"{field}": "{text}"}}'.encode()
    reply = house.reader.call("POST", path, content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code in {200, 400, 422}, reply.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 20_000, b'{"query": NaN}'])
def test_a_body_that_is_no_request_is_a_problem(house: House, content: bytes):
    reply = house.reader.call("POST", "/v1/search", content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code in {400, 422}, reply.text
    assert reply.headers["content-type"] == "application/problem+json"


def test_uploads_by_the_book(house: House):
    api = house.admin
    sent = api.upload("book.md", b"First content.")
    assert sent.status_code == 202
    assert set(sent.json()) == {"document_ids", "job_id"}
    job = api.wait_for_job(sent.json()["job_id"])
    assert set(job) >= {"job_id", "state", "document_ids", "file_name", "refused", "created_at", "finished_at"}
    [document_id] = sent.json()["document_ids"]
    same = api.upload("book.md", b"First content.")
    assert (same.status_code, same.json()) == (200, {"document_ids": [document_id], "job_id": None})
    other = api.upload("book.md", b"Other content.")
    assert problem(other, 409, "document_exists")["document_id"] == document_id
    both = api.take("book.md", b"Other content.", keep_both="true")
    assert both != document_id
    names = {one["document_id"]: name for name, one in api.documents().items()}
    assert (names[document_id], names[both]) == ("book.md", "book (2).md")
    assert api.take("book.md", b"Third content.", replace=document_id) == document_id
    assert api.get(f"/v1/documents/{document_id}")["version"] == 2
    problem(api.upload("book.md", b"x", replace=UNKNOWN), 404, "not_found")
    problem(api.upload("book.md", b"x", knowledge_base="nowhere"), 404, "not_found")
    problem(api.upload("book.md", b"x", access="everybody"), 400, "usage")
    problem(api.upload("book.md", b"x", access="user:nobody"), 404, "not_found")


def test_the_same_idempotency_key_is_the_same_job(house: House):
    headers = {"Idempotency-Key": "once"}
    first = house.admin.upload("once.md", b"Sent once.", headers=headers)
    again = house.admin.upload("once.md", b"Sent once.", headers=headers)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    problem(house.admin.upload("once.md", b"Other.", headers=headers), 409, "conflict")
    of_reader = house.reader.upload("of-reader.md", b"Sent by another.", headers=headers)
    assert of_reader.status_code == 202
    assert of_reader.json()["job_id"] != first.json()["job_id"]


def test_uploads_out_of_bounds(house: House):
    api = house.admin
    problem(api.upload("empty.md", b""), 400, "usage")
    problem(api.call("POST", "/v1/documents", data={"knowledge_base": "default"}), 422, "usage")
    problem(api.upload("large.md", b"x" * (UPLOAD_BYTES + 1)), 413, "too_large")
    problem(api.upload("huge.md", b"x" * (UPLOAD_BYTES * 2)), 413, "too_large")
    refused = api.wait_for_job(api.upload("broken.pdf", b"%PDF-1.7 broken").json()["job_id"])
    assert refused["state"] == "failed"
    assert refused["refused"][0]["file"] == "broken.pdf"
    assert refused["refused"][0]["reason"]
    assert api.documents(state="refused")["broken.pdf"]["refused"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.md", "passwd.md"),
        ("C:\\Users\\x\\plan.md", "plan.md"),
        ("名字 \u202egpj.md", "名字 gpj.md"),
        ("y" * 400 + ".md", "y" * 252 + ".md"),
        ("..", None),
    ],
    ids=ascii,
)
def test_a_file_name_is_data_and_never_a_path(house: House, sent: str, kept: str | None):
    reply = house.admin.upload(sent, f"Content of {sent!a}".encode())
    if kept is None:
        assert reply.status_code in {400, 422}
        return
    assert reply.status_code == 202, reply.text
    house.admin.wait_for_job(reply.json()["job_id"])
    assert kept in house.admin.documents()


def test_an_original_comes_as_a_download_and_byte_for_byte(house: House):
    page = b"<html><body><script>alert(1)</script><p>Scripted page.</p></body></html>"
    document_id = house.admin.take("scripted.html", page)
    reply = house.admin.call("GET", f"/v1/documents/{document_id}/file")
    assert reply.content == page
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_lists_come_in_pages(house: House):
    seen, cursor = [], ""
    while cursor is not None:
        page = house.admin.get("/v1/documents", params={"limit": 2, "cursor": cursor})
        assert len(page["documents"]) <= 2
        seen += [one["document_id"] for one in page["documents"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == len(house.admin.documents())
    for query in ({"limit": 0}, {"limit": 501}, {"state": "odd"}):
        problem(house.admin.call("GET", "/v1/documents", params=query), 422, "usage")


def test_a_document_is_found_by_its_file_name_by_those_who_may_read_it(house: House):
    for api, found in ((house.admin, 1), (house.reader, 1), (house.outsider, 0)):
        listed = api.get("/v1/documents?external_id=flange.md")["documents"]
        assert [one["document_id"] for one in listed] == [house.document_id] * found
    assert house.admin.get("/v1/documents?external_id=flange")["documents"] == []


def test_alive_ready_and_metrics(house: House):
    assert house.client.get("/healthz").json() == {"status": "alive"}
    ready = house.client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert set(ready["dependencies"]) == {"store", "indexes", "embedder", "chat"}
    metrics = house.client.get("/metrics").text
    assert 'strongroom_requests_total{route="/v1/documents/{document_id}"' in metrics
    assert house.document_id not in metrics
    assert "flange" not in metrics


def test_the_audit_trail_names_who_did_what_without_its_text(house: House):
    house.reader.search("an unmistakable question")
    records = house.admin.get("/v1/audit", params={"limit": 1_000})["records"]
    actions = {record["action"] for record in records}
    assert {"search", "upload document", "make current"} <= actions
    assert "unmistakable" not in json.dumps(records)
    assert "flange" not in json.dumps(records)
    searched = next(record for record in records if record["action"] == "search")
    assert searched["request_id"]
    assert searched["state"] == "done"
