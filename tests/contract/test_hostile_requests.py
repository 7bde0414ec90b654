"""Requests that mean harm, over a real socket: each is refused or survived, and the service goes on as before."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.gate import check_host
from app.api.tcp_protocol import HEAD_S
from app.errors import SettingsError, UsageError
from app.settings import load_settings
from tests.contract.browser import Browser
from tests.e2e.machine import Api, Machine, Serving, until

PASSWORD = "correct horse battery"
TEXT = "Torque of the flange bolts is 45 N·m, dry. 法兰螺栓的拧紧力矩为 45 N·m。\n"
UNKNOWN = "0123456789abcdef01234567"
SEARCHES_AT_ONCE = 4
NEVER = ("access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods")
JSON = {"Content-Type": "application/json"}


@dataclass
class House:
    """A service with an administrator, a reader of ``default``, an outsider, and a document of the administrator's."""

    machine: Machine
    serving: Serving
    admin: Api
    reader: Browser
    outsider: Browser
    document_id: str
    chunk_id: str
    job_id: str
    key_id: str

    @property
    def client(self) -> httpx.Client:
        return self.serving.client

    @property
    def host(self) -> str:
        return self.serving.url.removeprefix("http://").rstrip("/")

    def raw(self, request: bytes, *, most: int = 1_000_000) -> bytes:
        """Send bytes as they are, and return all that comes until the connection ends or is silent."""
        host, port = self.host.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            connection.settimeout(1.0)
            received = b""
            try:
                while len(received) < most and (part := connection.recv(65_536)):
                    received += part
            except (TimeoutError, ConnectionResetError):
                pass
            return received

    def paths(self) -> dict[str, dict[str, Any]]:
        described: dict[str, dict[str, Any]] = self.client.get("/openapi.json").json()["paths"]
        return described


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    machine = Machine(
        Path(tmp_path_factory.mktemp("house")),
        KB_SERVER__MAX_SEARCHES_AT_ONCE=str(SEARCHES_AT_ONCE),
        KB_LOG_LEVEL="debug",
    )
    try:
        machine.init()
        with machine.serve() as serving:
            admin = serving.api
            for name in ("reader", "outsider"):
                admin.post("/v1/users", {"name": name, "password": PASSWORD}, status=201)
            admin.call("POST", "/v1/knowledge-bases/default/readers", json={"readers": ["user:reader"]})
            admin.post("/v1/groups", {"name": "ward"}, status=201)
            admin.post("/v1/api-keys", {"user": "admin", "name": "spare"}, status=201)
            key_id = admin.get("/v1/api-keys")["api_keys"][0]["api_key_id"]
            sent = admin.upload("flange.md", TEXT.encode())
            job_id = sent.json()["job_id"]
            document_id = admin.wait_for_job(job_id)["document_ids"][0]
            chunk_id = admin.search("flange")["hits"][0]["chunk_id"]
            with Browser(serving.url) as reader, Browser(serving.url) as outsider:
                reader.sign_in("reader", PASSWORD)
                outsider.sign_in("outsider", PASSWORD)
                yield House(machine, serving, admin, reader, outsider, document_id, chunk_id, job_id, key_id)
    finally:
        machine.close()


def refused(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem details, which must be these."""
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    details: dict[str, Any] = reply.json()
    return details


def goes_on(house: House) -> None:
    """The service answers as before."""
    assert house.client.get("/readyz").status_code == 200
    assert "flange.md" in house.reader.found("flange")


def status_of(received: bytes) -> int:
    """Return the status of the first reply."""
    return int(received.split(b" ", 2)[1]) if received else 0


# --- whose is it: foreign ids, scores, names, moves, deletions -----------------------------------


def test_a_foreign_id_on_any_endpoint_is_an_unknown_id(house: House):
    ids = {"document_id": house.document_id, "chunk_id": house.chunk_id, "job_id": house.job_id}
    tried = 0
    for path, methods in house.paths().items():
        named = [name for name in re.findall(r"{(\w+)}", path) if name in ids]
        for method in methods:
            if not named:
                continue
            told = []
            for known in (True, False):
                values = {name: ids[name] if known else UNKNOWN for name in named}
                reply = house.outsider.call(
                    method.upper(), path.format_map({"page": 1, "n": 1, **values}), json={"readers": ["user:outsider"]}
                )
                told.append(refused(reply, 404, "not_found") | {"request_id": ""})
            assert told[0] == told[1], (method, path)
            tried += 1
    assert tried >= 6
    for field in ("filters", "replace"):
        told = []
        for one in (house.document_id, UNKNOWN):
            if field == "filters":
                found = house.outsider.search("flange", filters={"document_ids": [one]})
                told.append(found | {"request_id": "", "timings_ms": {}})
            else:
                reply = house.outsider.upload("flange.md", b"mine now", replace=one)
                told.append(refused(reply, 404, "not_found") | {"request_id": ""})
        assert told[0] == told[1], field
    assert house.admin.call("GET", f"/v1/documents/{house.document_id}/file").text == TEXT


def test_a_member_learns_nothing_from_the_routes_of_administrators(house: House):
    theirs = {"name": "default", "user": "admin", "api_key_id": house.key_id}
    nobody = {"name": "nowhere", "user": "nobody", "api_key_id": UNKNOWN}
    bodies: dict[str, Any] = {
        "json": {"name": "x", "readers": ["user:outsider"], "user": "outsider", "password": PASSWORD}
    }
    tried = 0
    for path, methods in house.paths().items():
        if not path.startswith(("/v1/users", "/v1/groups", "/v1/api-keys", "/v1/audit", "/v1/knowledge-bases")):
            continue
        for method in methods:
            if (method, path) == ("get", "/v1/knowledge-bases"):
                continue
            told = [
                house.outsider.call(method.upper(), path.format_map(values), **bodies) for values in (theirs, nobody)
            ]
            details = [refused(reply, 403, "not_permitted") | {"request_id": ""} for reply in told]
            assert details[0] == details[1], (method, path)
            tried += 1
    assert tried >= 14
    assert house.outsider.search("flange")["hits"] == []
    assert {user["role"] for user in house.admin.get("/v1/users")["users"] if user["name"] == "outsider"} == {"member"}


def test_hidden_documents_move_no_score_and_no_count_of_another_base(house: House):
    def told() -> dict[str, Any]:
        found = house.reader.search("flange bolts torque")
        return found | {"request_id": "", "timings_ms": {}}

    until("all is ready", lambda: told()["index"]["pending"] + told()["index"]["readable"] == 0)
    before = told()
    house.admin.post("/v1/knowledge-bases", {"name": "hidden"}, status=201)
    for number in range(5):
        text = f"Flange bolts torque torque flange {number}. " * 20
        house.admin.take(f"hidden-{number}.md", text.encode(), knowledge_base="hidden")
    assert told() == before
    assert house.admin.documents(knowledge_base="hidden")
    asked = [
        house.reader.call("GET", "/v1/documents", params={"knowledge_base": name}) for name in ("hidden", "nowhere")
    ]
    assert asked[0].status_code == asked[1].status_code
    assert asked[0].json() == asked[1].json() == {"documents": [], "next_cursor": None}
    searched = [
        refused(house.reader.call("POST", "/v1/search", json={"query": "x", "knowledge_base": name}), 404, "not_found")
        for name in ("hidden", "nowhere")
    ]
    assert searched[0]["detail"] == searched[1]["detail"].replace("nowhere", "hidden")


def test_a_hidden_document_of_the_same_base_is_neither_found_nor_counted(house: House):
    listed, index = set(house.reader.documents()), house.reader.search("zymurgy")["index"]
    document_id = house.admin.take("ruled.md", b"Zymurgy is written here alone.", access="user:admin")
    found = house.reader.search("zymurgy")
    assert all("ymurgy" not in hit["text"] for hit in found["hits"])
    assert found["index"] == index
    assert set(house.reader.documents()) == listed
    refused(house.reader.call("GET", f"/v1/documents/{document_id}"), 404, "not_found")


def test_a_group_or_user_of_an_old_name_is_another_one(house: House):
    house.admin.post("/v1/knowledge-bases", {"name": "archive"}, status=201)
    house.admin.take("archived.md", b"The quorbelline is archived.", knowledge_base="archive")
    house.admin.post("/v1/groups", {"name": "keepers"}, status=201)
    house.admin.post("/v1/users", {"name": "keeper", "password": PASSWORD}, status=201)
    granted = {"readers": ["group:keepers", "user:keeper"]}
    assert house.admin.call("POST", "/v1/knowledge-bases/archive/readers", json=granted).status_code == 204
    house.admin.call("PUT", "/v1/groups/keepers/members/outsider")
    with Browser(house.serving.url) as keeper:
        keeper.sign_in("keeper", PASSWORD)
        assert keeper.found("quorbelline") == house.outsider.found("quorbelline") == {"archived.md"}
        for path in ("/v1/groups/keepers", "/v1/users/keeper"):
            assert house.admin.call("DELETE", path).status_code == 204
        house.admin.post("/v1/groups", {"name": "keepers"}, status=201)
        house.admin.post("/v1/users", {"name": "keeper", "password": PASSWORD}, status=201)
        house.admin.call("PUT", "/v1/groups/keepers/members/outsider")
        assert house.outsider.found("quorbelline") == set()
        refused(keeper.call("GET", "/v1/session"), 401, "not_authenticated")
        keeper.sign_in("keeper", PASSWORD)
        assert keeper.found("quorbelline") == set()


def test_a_documents_own_rule_never_outlives_the_readers_of_its_base(house: House):
    house.admin.post("/v1/knowledge-bases", {"name": "parent"}, status=201)
    readers = {"readers": ["user:outsider", "user:reader"]}
    house.admin.call("POST", "/v1/knowledge-bases/parent/readers", json=readers)
    child = house.admin.take("child.md", b"The child holds a grommetwort.", knowledge_base="parent")
    access = f"/v1/documents/{child}/access"
    assert house.admin.call("PUT", access, json={"readers": ["user:outsider", "user:admin"]}).status_code == 204
    assert "child.md" in house.outsider.found("grommetwort")
    assert "child.md" not in house.reader.found("grommetwort")
    house.admin.call("DELETE", "/v1/knowledge-bases/parent/readers", json={"readers": ["user:outsider"]})
    assert house.outsider.found("grommetwort") == set()
    refused(house.outsider.call("GET", f"/v1/documents/{child}/file"), 404, "not_found")
    assert house.admin.call("PUT", access, json={"readers": None}).status_code == 204
    assert house.outsider.found("grommetwort") == set()
    assert "child.md" in house.reader.found("grommetwort")


def test_a_deleted_document_is_nowhere_not_even_by_its_old_citation(house: House):
    document_id = house.admin.take("doomed.md", b"The doomed page names a fizgig.")
    [hit] = [one for one in house.reader.search("fizgig")["hits"] if one["external_id"] == "doomed.md"]
    assert house.reader.get(f"/v1/passages/{hit['chunk_id']}")["text"]
    assert house.admin.call("DELETE", f"/v1/documents/{document_id}").status_code == 204
    for one in (house.admin, house.reader):
        for mode in ("hybrid", "words", "vectors"):
            assert "doomed.md" not in one.found("fizgig", mode=mode)
        for path in (
            f"/v1/passages/{hit['chunk_id']}",
            f"/v1/documents/{document_id}",
            f"/v1/documents/{document_id}/file",
        ):
            refused(one.call("GET", path), 404, "not_found")
        assert "doomed.md" not in one.documents()
        assert "fizgig" not in json.dumps(one.ask("What does the doomed page name?"))
    with Browser(house.serving.url) as browser:
        browser.sign_in("reader", PASSWORD)
        assert "doomed.md" not in browser.found("fizgig")


# --- numbers and JSON ------------------------------------------------------------------------------

NUMBERS = (0, -1, 10**9, 10**30, 10**400, -(10**400), 1e300, "1e400", "NaN", "0x10", "", "一")


def test_no_number_in_an_address_does_harm(house: House):
    numeric = {"integer", "number"}
    tried = 0
    for path, methods in house.paths().items():
        filled = path.format_map({
            "document_id": house.document_id, "chunk_id": house.chunk_id, "job_id": house.job_id, "page": 1, "n": 1,
            "name": "default", "user": "admin", "api_key_id": UNKNOWN,
        })  # fmt: skip
        for parameter in methods.get("get", {}).get("parameters", []):
            kinds = {parameter["schema"].get("type")} | {
                one.get("type") for one in parameter["schema"].get("anyOf", [])
            }
            if not kinds & numeric:
                continue
            for number in NUMBERS:
                at = path.format_map(
                    {**dict.fromkeys(re.findall(r"{(\w+)}", path), house.document_id), parameter["name"]: number}
                )
                where = {"params": {parameter["name"]: number}} if parameter["in"] == "query" else {}
                reply = house.admin.call("GET", filled if where else at, **where)
                assert reply.status_code < 500, (path, parameter["name"], number, reply.text)
                assert len(reply.content) < 1_000_000
                tried += 1
    assert tried >= 2 * len(NUMBERS)
    for limit in (0, -1, 10**9):
        refused(house.admin.call("GET", "/v1/documents", params={"limit": limit}), 422, "usage")
        refused(house.admin.call("GET", "/v1/audit", params={"limit": limit}), 422, "usage")


@pytest.mark.parametrize(
    "number", ["0", "-1", "1000000000", "1" + "0" * 400, "-1" + "0" * 400, "1e400", "NaN", "-Infinity"]
)
def test_no_number_in_a_search_does_harm(house: House, number: str):
    content = f'{{"query": "flange", "limit": {number}}}'.encode()
    reply = house.reader.call("POST", "/v1/search", content=content, headers=JSON)
    assert refused(reply, reply.status_code, "usage")
    assert reply.status_code in {400, 422}


def test_a_number_of_a_million_digits_does_no_harm(house: House):
    content = b'{"query": "flange", "limit": 1' + b"0" * 1_000_000 + b"}"
    assert house.reader.call("POST", "/v1/search", content=content, headers=JSON).status_code in {400, 422}
    goes_on(house)


DEEP = 100_000


@pytest.mark.parametrize(
    "path", ["/v1/search", "/v1/ask", "/v1/session", "/v1/session/password", "/v1/knowledge-bases"]
)
@pytest.mark.parametrize(
    "content",
    [b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b'{"query":' + b"[" * DEEP],
    ids=["open", "closed", "objects", "field"],
)
def test_json_of_any_depth_is_a_bad_request(house: House, path: str, content: bytes):
    method = "PUT" if path.endswith("password") else "POST"
    reply = house.reader.call(method, path, content=content, headers=JSON)
    assert reply.status_code in {400, 403, 422}, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    goes_on(house)


def test_of_a_key_that_stands_twice_the_last_counts_for_the_check_and_for_the_use(house: House):
    twice = b'{"query": "flange", "query": "", "limit": 1}'
    refused(house.reader.call("POST", "/v1/search", content=twice, headers=JSON), 422, "usage")
    twice = b'{"query": "", "query": "flange", "limit": 1, "limit": 2}'
    assert house.reader.call("POST", "/v1/search", content=twice, headers=JSON).status_code == 200
    twice = f'{{"username": "admin", "username": "reader", "password": "x", "password": "{PASSWORD}"}}'.encode()
    with Browser(house.serving.url) as browser:
        reply = browser.call("POST", "/v1/session", content=twice, headers=JSON)
        assert reply.json()["username"] == "reader"


@pytest.mark.parametrize("key", ["__proto__", "constructor", "__class__", "model_config", "$where", "role", "user_id"])
def test_a_field_that_nobody_asked_for_changes_nothing(house: House, key: str):
    poisoned = {"query": "flange", key: {"limit": 1, "administrator": True, "reads_everything": True}}
    clean, found = house.outsider.search("flange"), house.outsider.search(**poisoned)
    assert found["hits"] == clean["hits"]
    assert "flange.md" not in {hit["external_id"] for hit in found["hits"]}
    reply = house.outsider.call("POST", "/v1/users", json={"name": "x", key: "administrator"})
    refused(reply, 403, "not_permitted")
    with Browser(house.serving.url) as browser:
        body = {"username": "outsider", "password": PASSWORD, key: "administrator"}
        assert browser.call("POST", "/v1/session", json=body).json()["role"] == "member"


# --- headers: Host, twins, smuggling, Range ------------------------------------------------------

ODD_HOSTS = [
    b"", b" ", b"evil.example/", b"127.0.0.1/x?y#", b"127.0.0.1\\evil.example", b"evil.example@127.0.0.1",
    b"127.0.0.1:", b"127.0.0.1:port", b"127.0.0.1:123456", b"127.0.0.1, evil.example", b"127.0.0.1 evil.example",
    b"[::1", b"::1", b"[::1]]", b"\xff\xfe", "服务器".encode(), b"<script>", b"'", b"a" * 300, b".", b"-",
    b"%31%32%37.0.0.1", b"*", b"localhost\x00", b"localhost\tx",
]  # fmt: skip
FOREIGN_HOSTS = [
    b"evil.example",
    b"localhost.evil.example",
    b"127.0.0.1.evil.example",
    b"127.0.0.2",
    b"169.254.169.254",
    b"0",
]


@pytest.mark.parametrize("host", ODD_HOSTS + FOREIGN_HOSTS, ids=lambda host: ascii(host)[:30])
@pytest.mark.parametrize("path", [b"/", b"/healthz", b"/static/page.css", b"/v1/session"])
def test_an_odd_or_foreign_host_is_refused_everywhere(house: House, host: bytes, path: bytes):
    received = house.raw(b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert status_of(received) == 400, received[:300]
    assert b"evil.example" not in received


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "[::1]", "localhost:8000"])
def test_the_names_of_this_machine_are_taken(house: House, host: str):
    assert house.client.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_host_that_is_missing_or_stands_twice_is_refused(house: House):
    end = b"Connection: close\r\n\r\n"
    for version in (b"1.0", b"1.1"):
        assert status_of(house.raw(b"GET /healthz HTTP/" + version + b"\r\n" + end)) == 400
        for second in (b"localhost", b"evil.example"):
            twice = b"GET /healthz HTTP/" + version + b"\r\nHost: localhost\r\nhost: " + second + b"\r\n" + end
            assert status_of(house.raw(twice)) == 400
    absolute = b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n" + end
    assert status_of(house.raw(absolute)) == 400


@pytest.mark.parametrize(
    ("host", "scheme", "allowed", "taken"),
    [
        ("kb.hospital.lan:8443", "https", "", True),
        ("10.0.0.7:8443", "https", "", True),
        ("[fd00::7]:8443", "https", "", True),
        ("kb.hospital.lan", "http", "", False),
        ("KB.Hospital.lan.:8443", "https", "kb.hospital.lan", True),
        ("kb.hospital.lan", "http", "other.lan, KB.hospital.lan", True),
        ("10.0.0.7", "https", "kb.hospital.lan", False),
        ("xkb.hospital.lan", "https", "kb.hospital.lan", False),
        ("kb.hospital.lan.evil.example", "https", "kb.hospital.lan", False),
        ("localhost:8443", "https", "kb.hospital.lan", True),
        ("[fd00::7]", "http", "[FD00::7]", True),
        ("kb.hospital.lan/", "https", "kb.hospital.lan", False),
    ],
)
def test_the_setting_names_the_hosts(host: str, scheme: str, allowed: str, taken: bool):
    settings = load_settings({"KB_SERVER__ALLOWED_HOSTS": allowed})
    headers = [(b"host", host.encode())]
    if taken:
        check_host(headers, scheme=scheme, allowed=settings.server.allowed_hosts)
    else:
        with pytest.raises(UsageError):
            check_host(headers, scheme=scheme, allowed=settings.server.allowed_hosts)


@pytest.mark.parametrize("allowed", ["https://kb.lan", "kb.lan:8443", "*.lan", "[", "服务器"])
def test_a_host_that_could_never_match_refuses_the_start(allowed: str):
    with pytest.raises(SettingsError, match="allowed_hosts"):
        load_settings({"KB_SERVER__ALLOWED_HOSTS": allowed})


def test_headers_that_say_who_is_asking_stand_once(house: House):
    key = house.admin.headers["Authorization"]
    twins = [
        [("Authorization", key), ("Authorization", "Bearer sr_wrong")],
        [("Authorization", "Bearer sr_wrong"), ("authorization", key)],
        [("Authorization", key), ("Origin", "http://localhost"), ("Origin", "https://evil.example")],
        [("Authorization", key), ("X-CSRF-Token", "a"), ("X-CSRF-Token", "b")],
    ]
    for headers in twins:
        refused(house.client.get("/v1/session", headers=headers), 400, "usage")


SMUGGLED = b"DELETE /v1/session HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: yes\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Content-Length: 0\r\nContent-Length: 6\r\n",
        b"Content-Length: +6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x6\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
    ],
    ids=ascii,
)
def test_a_request_of_two_lengths_is_never_taken_for_two_requests(house: House, head: bytes):
    key = house.admin.headers["Authorization"].encode()
    request = (
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
        + key
        + b"\r\n"
        + head
        + b"\r\n0\r\n\r\n"
        + SMUGGLED
    )
    received = house.raw(request)
    assert received.count(b"HTTP/1.1 ") <= 1, received[:600]
    assert status_of(received) in {0, 400}
    goes_on(house)


def test_a_header_of_many_ranges_costs_no_more_than_the_file(house: House):
    page = house.client.get("/static/page.css")
    bomb = "bytes=" + ",".join(f"{number}-" for number in range(5_000))
    same = "bytes=" + ",".join(["0-"] * 5_000)
    places = [("/static/page.css", page.content), (f"/v1/documents/{house.document_id}/file", TEXT.encode())]
    for path, content in places:
        for ranges in (
            bomb,
            same,
            "bytes=0-0,-1",
            "bytes=-0",
            "bytes=9-1",
            "bytes=" + "9" * 5_000 + "-",
            "lines=1-2",
            "bytes",
        ):
            reply = house.admin.call("GET", path, headers={"Range": ranges})
            assert reply.status_code in {200, 206, 400, 416}, (path, ranges[:30], reply.status_code)
            assert len(reply.content) <= len(content) + 1_000
    goes_on(house)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pyproject.toml",
        "/static/..%2f..%2fsettings.py",
        "/static/%2e%2e/%2e%2e/errors.py",
        "/static//etc/passwd",
        "/static/docs/../../../x",
        "/static/page.css%00.png",
        "/static/",
    ],
)
def test_static_files_are_those_of_the_page_alone(house: House, path: str):
    received = house.raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status_of(received) in {400, 404, 405}, received[:200]


# --- who is asking: guessing, keys in addresses, other sites, sockets ----------------------------


def test_a_key_in_the_address_is_refused_with_advice_and_written_nowhere(house: House):
    key = house.admin.headers["Authorization"].removeprefix("Bearer ")
    for name in (
        "api_key",
        "key",
        "token",
        "access_token",
        "API_KEY",
        "apikey",
        "api-key",
        "Authorization",
        "a%70i_key",
    ):
        for method, path in (
            ("GET", "/v1/documents"),
            ("POST", "/v1/search"),
            ("GET", "/"),
            ("GET", "/nowhere"),
            ("GET", "/metrics"),
        ):
            reply = house.client.request(method, f"{path}?{name}={key}", json={"query": "flange"})
            assert "Bearer" in refused(reply, 400, "usage")["advice"]
            assert key not in reply.text
            twice = house.admin.call(method, f"{path}?x=1&{name}={key}", json={"query": "flange"})
            refused(twice, 400, "usage")
    refused(house.client.get(f"/v1/documents?{key}"), 401, "not_authenticated")
    logs = "".join(file.read_text(errors="replace") for file in house.machine.logs.iterdir())
    assert key not in logs
    assert key not in house.client.get("/metrics").text
    assert key not in json.dumps(house.admin.get("/v1/audit", params={"limit": 1_000}))


def test_names_cannot_be_told_by_guessing(house: House):
    """Known and unknown names are slowed alike, and with the same words; how often a hash is checked is a unit test."""
    told = {}
    for name, address in (("reader", "127.0.0.201"), ("no-such-person", "127.0.0.202")):
        with Browser(house.serving.url, address=address) as guesser:
            replies = [guesser.try_to_sign_in(name, f"guess {number}") for number in range(12)]
        unlike = {"request_id": "", "retry_after_s": ""}
        told[name] = [(reply.status_code, {**reply.json(), **unlike}) for reply in replies]
        assert [status for status, _ in told[name]] == [401] * 5 + [429] * 7
    assert told["reader"] == told["no-such-person"]


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://localhost:1", "file://", "*"])
def test_no_page_of_another_site_reads_anything(house: House, origin: str):
    preflight = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-csrf-token",
    }
    for path in ("/", "/v1/search", "/v1/session", "/healthz", "/static/page.css", "/openapi.json", "/metrics"):
        replies = [
            house.client.options(path, headers=preflight),
            house.client.get(path, headers={"Origin": origin}),
            house.admin.call("GET", path, headers={"Origin": origin}),
            house.reader.call("GET", path, headers={"Origin": origin}),
        ]  # fmt: skip
        assert replies[0].status_code in {400, 404, 405}
        for reply in replies:
            assert not [name for name in NEVER if name in reply.headers], path
            assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    refused(
        house.reader.call("POST", "/v1/search", json={"query": "x"}, headers={"Origin": origin}), 403, "not_permitted"
    )


def test_a_stream_is_not_opened_for_another_site(house: House):
    body = {"question": "What is the torque of the flange bolts?", "stream": True}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        refused(house.reader.call("POST", "/v1/ask", json=body, headers=headers), 403, "not_permitted")
    by_key = house.admin.call("POST", "/v1/ask", json=body, headers={"Origin": "https://evil.example"})
    assert by_key.status_code == 200
    assert not [name for name in NEVER if name in by_key.headers]


@pytest.mark.parametrize("path", ["/", "/v1/ask", "/v1/session", "/nowhere"])
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_a_websocket_is_not_opened(house: House, path: str, host: str):
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Origin: https://evil.example\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        f"Cookie: strongroom={house.reader.token}\r\n\r\n"
    )
    received = house.raw(request.encode())
    assert status_of(received) in {400, 403, 404, 405}, received[:200]
    assert b"101 Switching" not in received
    goes_on(house)


def test_readers_that_do_not_read_hold_no_place(house: House):
    body = json.dumps({"question": "What is the torque of the flange bolts?", "stream": True}).encode()
    head = f"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nAuthorization: {house.admin.headers['Authorization']}\r\n"
    request = head.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    host, port = house.host.split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(2 * SEARCHES_AT_ONCE)]
    try:
        for connection in slow:
            connection.sendall(request)
        for connection in slow[::2]:
            connection.close()
        time.sleep(0.2)
        until(
            "a search is answered",
            lambda: house.reader.call("POST", "/v1/search", json={"query": "flange"}).status_code == 200,
        )
    finally:
        for connection in slow:
            connection.close()
    goes_on(house)


def test_half_requests_hold_nobody_up(house: House):
    host, port = house.host.split(":")
    halves = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for number, connection in enumerate(halves):
            part = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            connection.sendall(part + (b"\r\n{" if number % 2 else b""))
        goes_on(house)
    finally:
        for connection in halves:
            connection.close()


# --- what stands behind us is not reached through us ---------------------------------------------

BEHIND = [
    ("GET", "/api/v1/heartbeat"), ("GET", "/api/v2/heartbeat"), ("POST", "/api/v2/reset"), ("GET", "/api/v2/version"),
    ("GET", "/api/v2/tenants/default_tenant/databases/default_database/collections"), ("POST", "/api/v1/collections"),
    ("POST", "/api/v2/auth/identity"), ("GET", "/api/v2/pre-flight-checks"), ("POST", "/v1/completions"),
    ("POST", "/tokenize"), ("POST", "/detokenize"), ("POST", "/v1/load_lora_adapter"),
    ("POST", "/v1/unload_lora_adapter"), ("POST", "/sleep"), ("POST", "/wake_up"), ("GET", "/is_sleeping"),
    ("POST", "/pooling"), ("POST", "/classify"), ("POST", "/score"), ("POST", "/rerank"), ("POST", "/v1/rerank"),
    ("POST", "/invocations"), ("POST", "/collective_rpc"),
    ("POST", "/reset_prefix_cache"), ("GET", "/server_info"), ("POST", "/start_profile"), ("POST", "/stop_profile"),
    ("POST", "/v1/audio/transcriptions"), ("POST", "/v1/responses"), ("GET", "/v1/embeddings"), ("GET", "/version"),
    ("POST", "/inference/v1/generate"), ("GET", "/load"), ("GET", "/ping"), ("POST", "/v1/embeddings"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), BEHIND, ids=lambda part: part)
def test_no_path_of_the_model_server_or_the_vector_store_is_ours(house: House, method: str, path: str):
    for one in (house.admin, house.reader):
        refused(one.call(method, path, json={}), 404, "not_found")


@pytest.mark.parametrize("headers", [b"", b"Authorization: Bearer sr_none\r\n", b"Cookie: strongroom=none\r\n"])
def test_an_upload_of_nobody_is_refused_before_its_body_is_taken_in(house: House, headers: bytes):
    """A hundred megabytes are announced and none are sent: whoever waited for them would not answer."""
    request = b"POST /v1/documents HTTP/1.1\r\nHost: %s\r\nContent-Type: multipart/form-data; boundary=x\r\n%s"
    answer = house.raw(request % (house.host.encode(), headers) + b"Content-Length: 100000000\r\n\r\n--x\r\n")

    assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 403"))


@pytest.mark.parametrize("path", ["/v1/session", "/v1/ask", "/v1/search", "/v1/users"])
def test_a_body_that_no_question_needs_is_not_taken_in(house: House, path: str):
    head = b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n" % (path.encode(), house.host.encode())
    announced = house.raw(head + b"Content-Length: 30000000\r\n\r\n{")
    piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    in_pieces = house.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 40)

    for answer in (announced, in_pieces):
        assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
        assert b"too_large" in answer
    assert house.client.get("/healthz").status_code == 200


def test_a_connection_without_a_word_is_closed(house: House):
    host, port = house.host.split(":")
    for begun in (b"", b"GET /healthz HTT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"):
        with socket.create_connection((host, int(port)), timeout=30) as silent:
            silent.sendall(begun)
            silent.settimeout(2 * HEAD_S)
            with contextlib.suppress(ConnectionResetError):
                assert silent.recv(1) == b""
