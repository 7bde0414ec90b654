"""The contract of signing in: cookie, token for changes, and what ends a session."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.database.store import open_store
from tests.contract.browser import Browser
from tests.e2e.machine import Api, Machine, Serving
from tests.e2e.test_start import make_certificate

PASSWORD = "correct horse battery"
TEXT = "Torque of the flange bolts is 45 N·m, dry. 法兰螺栓的拧紧力矩为 45 N·m。\n"
COOKIE_CHARS = 43  # 256 bits in base64


@dataclass
class House:
    """A service with an administrator's API key and a document; people are added by name."""

    machine: Machine
    serving: Serving
    admin: Api
    addresses: Iterator[int]

    def person(self, name: str, *, role: str = "member", reads: bool = True) -> None:
        self.admin.post("/v1/users", {"name": name, "password": PASSWORD, "role": role}, status=201)
        if reads:
            readers = {"readers": [f"user:{name}"]}
            assert self.admin.call("POST", "/v1/knowledge-bases/default/readers", json=readers).status_code == 204

    def browser(self, **options: Any) -> Browser:
        """A browser at an address of its own: wrong passwords of one test slow no other."""
        options.setdefault("address", f"127.0.0.{next(self.addresses)}")
        return Browser(self.serving.url, **options)

    @contextmanager
    def signed_in(self, name: str, **options: Any) -> Iterator[Browser]:
        with self.browser(**options) as browser:
            browser.sign_in(name, PASSWORD)
            yield browser

    def catalogue(self, statement: str, *values: str) -> None:
        with open_store(self.machine.settings()) as store, store.catalogue.transaction("test") as transaction:
            transaction.execute(statement, values)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    machine = Machine(Path(tmp_path_factory.mktemp("house")))
    try:
        machine.init()
        with machine.serve() as serving:
            house = House(machine, serving, serving.api, iter(range(10, 250)))
            house.admin.take("flange.md", TEXT.encode())
            for name in ("ben", "cora"):
                house.person(name)
            yield house
    finally:
        machine.close()


def refused(reply: httpx.Response, status: int, code: str) -> None:
    """The reply is a whole problem of this status and code, and gives no cookie."""
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["advice"]
    assert "set-cookie" not in reply.headers


def test_a_sign_in_gives_a_cookie_that_no_script_reads_and_a_token_for_changes(house: House):
    with house.browser() as browser:
        reply = browser.try_to_sign_in("ben", PASSWORD)
        assert reply.status_code == 200
        assert reply.json().keys() == {"username", "role", "csrf_token", "idle_minutes"}
        assert (reply.json()["username"], reply.json()["role"]) == ("ben", "member")
        assert reply.json()["idle_minutes"] == 30
        [cookie] = reply.headers.get_list("set-cookie")
        value, *attributes = cookie.split("; ")
        assert sorted(one.lower() for one in attributes) == ["httponly", "path=/", "samesite=strict"]
        assert value.startswith("strongroom=")
        assert len(value.removeprefix("strongroom=")) == COOKIE_CHARS
        assert value.removeprefix("strongroom=") not in reply.text
        assert browser.get("/v1/session") == reply.json()


def test_under_tls_the_cookie_is_secure_and_of_this_host_alone(tmp_path: Path):
    cert_file, key_file = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(cert_file))
    machine = Machine(tmp_path)
    try:
        machine.init()
        machine.app("users", "add", "ben")
        password = machine.app("users", "reset-password", "ben").split()[-1]
        serving = machine.begin_serving("--tls-cert", str(cert_file), "--tls-key", str(key_file), verify=trusting)
        with Browser(serving.url, verify=trusting) as browser:
            reply = browser.try_to_sign_in("ben", password)
            assert reply.status_code == 200, reply.text
            [cookie] = reply.headers.get_list("set-cookie")
            value, *attributes = cookie.split("; ")
            assert value.startswith("__Host-strongroom=")
            assert sorted(one.lower() for one in attributes) == ["httponly", "path=/", "samesite=strict", "secure"]
            assert browser.get("/v1/session")["username"] == "ben"
            # The name that anybody could set counts for nothing here.
            plain = httpx.Client(base_url=serving.url, verify=trusting, trust_env=False)
            with plain:
                token = {"Cookie": f"strongroom={browser.token}"}
                refused(plain.get("/v1/session", headers=token), 401, "not_authenticated")
            browser.csrf = reply.json()["csrf_token"]
            [cleared] = browser.call("DELETE", "/v1/session").headers.get_list("set-cookie")
            assert cleared.startswith('__Host-strongroom=""')
            assert "Secure" in cleared
        serving.stop()
    finally:
        machine.close()


def test_the_session_says_who_is_there_by_cookie_or_by_key(house: House):
    assert house.admin.get("/v1/session") == {"username": "admin", "role": "administrator", "idle_minutes": 30}
    with house.browser() as nobody:
        refused(nobody.call("GET", "/v1/session"), 401, "not_authenticated")


def test_a_cookie_opens_what_a_key_opens(house: House):
    with house.signed_in("ben") as browser:
        assert "flange.md" in browser.found("flange bolts")
        assert browser.ask("What is the torque of the flange bolts?")["index"]["ready"]
        assert browser.ask_streamed("What is the torque of the flange bolts?")[-1][0] == "done"
        assert browser.take("of-ben.md", b"Written by Ben: mumpsimus.")
        assert "of-ben.md" in browser.documents()
        refused(browser.call("GET", "/v1/users"), 403, "not_permitted")


def test_a_cookie_alone_changes_nothing_on_any_route(house: House):
    described = house.serving.client.get("/openapi.json").json()["paths"]
    changing = [
        (method.upper(), path)
        for path, methods in described.items()
        for method in methods
        if method not in {"get", "head"} and (path, method) != ("/v1/session", "post")
    ]
    assert len(changing) >= 15
    with house.signed_in("ben") as browser, house.signed_in("cora") as other:
        mine, others = browser.csrf, other.csrf
        for method, path in changing:
            for token in ("", "x", others, mine[:-1], mine.upper(), mine + mine):
                browser.csrf = token
                refused(browser.call(method, path, json={}), 403, "csrf")
        browser.csrf = mine
        assert browser.get("/v1/session")["username"] == "ben"
        assert browser.found("flange")


def test_an_authorization_header_decides_where_there_is_one(house: House):
    key = house.admin.headers
    with house.signed_in("ben") as browser:
        browser.csrf = ""
        assert browser.get("/v1/session", headers=key)["username"] == "admin"
        assert browser.call("POST", "/v1/search", headers=key, json={"query": "flange"}).status_code == 200
        for broken in ("Bearer sr_wrong", "Bearer", "Basic YWRtaW46YWRtaW4=", ""):
            refused(browser.call("GET", "/v1/session", headers={"Authorization": broken}), 401, "not_authenticated")
        assert browser.get("/v1/session", headers={"Strongroom-As": "admin"})["username"] == "ben"


def test_an_api_key_is_no_session(house: House):
    refused(house.admin.call("DELETE", "/v1/session"), 403, "not_permitted")
    body = {"old": PASSWORD, "new": PASSWORD + "!"}
    refused(house.admin.call("PUT", "/v1/session/password", json=body), 403, "not_permitted")


def test_unknown_name_wrong_password_and_disabled_user_sound_alike(house: House):
    house.person("gone")
    house.catalogue("UPDATE users SET disabled_at = '2026-01-01T00:00:00.000Z' WHERE name = 'gone'")
    said = []
    with house.browser() as browser:
        for name, password in (("ben", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("gone", "wrong")):
            reply = browser.try_to_sign_in(name, password)
            refused(reply, 401, "wrong_credentials")
            said.append(reply.json() | {"request_id": ""})
    assert said == [said[0]] * 4


def test_twenty_wrong_passwords_are_slowed_and_a_stranger_locks_nobody_out(house: House):
    with house.browser() as guesser:
        replies = [guesser.try_to_sign_in("ben", f"guess {number}") for number in range(20)]
        assert [reply.status_code for reply in replies] == [401] * 5 + [429] * 15
        for reply in replies[5:]:
            refused(reply, 429, "too_many_attempts")
            assert 0 < int(reply.headers["retry-after"]) <= 300
            assert reply.json()["retry_after_s"] == int(reply.headers["retry-after"])
        refused(guesser.try_to_sign_in("ben", PASSWORD), 429, "too_many_attempts")
        assert guesser.sign_in("cora", PASSWORD)["username"] == "cora"
    with house.signed_in("ben") as browser:
        assert browser.get("/v1/session")["username"] == "ben"


def test_a_right_password_forgets_the_wrong_ones_before_it(house: House):
    with house.browser() as browser:
        for _ in range(3):
            for _ in range(4):
                refused(browser.try_to_sign_in("ben", "typo"), 401, "wrong_credentials")
            browser.sign_in("ben", PASSWORD)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_signs_in(house: House, content_type: str):
    content = f'{{"username": "ben", "password": "{PASSWORD}"}}'.encode()
    with house.browser() as browser:
        reply = browser.call("POST", "/v1/session", content=content, headers={"Content-Type": content_type})
        refused(reply, 422, "usage")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "ben"},
        {"username": "ben", "password": ""},
        {"username": "", "password": PASSWORD},
        {"username": "b" * 101, "password": PASSWORD},
        {"username": "ben", "password": "p" * 1_001},
        {"username": ["ben"], "password": {"$ne": ""}},
        {"username": "ben", "password": "\ud800\ud800\ud800\ud800"},
    ],
    ids=lambda body: ascii(body)[:40],
)
def test_what_is_no_sign_in_is_said_without_repeating_it(house: House, body: dict[str, Any]):
    with house.browser() as browser:
        content = json.dumps(body).encode()
        reply = browser.call("POST", "/v1/session", content=content, headers={"Content-Type": "application/json"})
        refused(reply, 422, "usage")
        assert PASSWORD not in reply.text
        assert "pppp" not in reply.text


FOREIGN = [
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://{host}"},
    {"Origin": "http://{host}.evil.example"},
    {"Origin": "http://evil@{host}"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_site_neither_signs_in_nor_reads_nor_changes(house: House, headers: dict[str, str]):
    host = house.serving.url.removeprefix("http://").rstrip("/")
    sent = {name: value.replace("{host}", host) for name, value in headers.items()}
    with house.browser() as browser:
        refused(browser.try_to_sign_in("ben", PASSWORD, headers=sent), 403, "not_permitted")
        browser.sign_in("ben", PASSWORD)
        refused(browser.call("GET", "/v1/documents", headers=sent), 403, "not_permitted")
        refused(browser.call("POST", "/v1/search", json={"query": "flange"}, headers=sent), 403, "not_permitted")
        refused(browser.call("DELETE", "/v1/session", headers=sent), 403, "not_permitted")
        assert browser.get("/v1/session")["username"] == "ben"


def test_programs_that_send_no_origin_sign_in_too(house: House):
    with house.browser() as browser:
        browser.headers = {}
        browser.sign_in("ben", PASSWORD)
        assert browser.get("/v1/session", headers={"Sec-Fetch-Site": "none"})["username"] == "ben"


def test_signing_out_ends_the_session_on_the_server_too(house: House):
    with house.signed_in("ben") as browser, house.signed_in("ben") as elsewhere:
        stolen = {"Cookie": f"strongroom={browser.token}"}
        reply = browser.call("DELETE", "/v1/session")
        assert reply.status_code == 204
        [cookie] = reply.headers.get_list("set-cookie")
        assert cookie.startswith('strongroom=""')
        assert "Max-Age=0" in cookie
        with house.browser() as thief:
            refused(thief.call("GET", "/v1/session", headers=stolen), 401, "not_authenticated")
        refused(browser.call("GET", "/v1/session"), 401, "not_authenticated")
        assert elsewhere.get("/v1/session")["username"] == "ben"


def test_a_token_from_before_the_sign_in_is_worth_nothing_after_it(house: House):
    with house.signed_in("cora") as attacker, house.browser() as victim:
        planted = {"Cookie": f"strongroom={attacker.token}"}
        before = attacker.token
        reply = victim.try_to_sign_in("ben", PASSWORD, headers=planted)
        assert reply.status_code == 200
        assert victim.token != before
        refused(attacker.call("GET", "/v1/session"), 401, "not_authenticated")
        made_up = {"Cookie": "strongroom=chosen-by-somebody-else"}
        assert victim.try_to_sign_in("ben", PASSWORD, headers=made_up).status_code == 200
        with house.browser() as other:
            refused(other.call("GET", "/v1/session", headers=made_up), 401, "not_authenticated")


def test_two_session_cookies_mean_that_neither_counts(house: House):
    with house.signed_in("ben") as browser, house.signed_in("cora") as other, house.browser() as mixed:
        for both in (
            f"strongroom={browser.token}; strongroom={other.token}",
            f"strongroom={browser.token}; strongroom=x",
        ):
            refused(mixed.call("GET", "/v1/session", headers={"Cookie": both}), 401, "not_authenticated")
        one = {"Cookie": f"theme=dark; strongroom={browser.token}; lang=zh"}
        assert mixed.get("/v1/session", headers=one)["username"] == "ben"


@pytest.mark.parametrize("value", ["", '""', "x", "x" * 6_000, "%00", "\xff\xfe", "a b", "=;=;="], ids=ascii)
def test_a_broken_cookie_is_nobodys(house: House, value: str):
    with house.browser() as browser:
        cookie = {"Cookie": f"strongroom={value}".encode("latin-1")}
        refused(browser.call("GET", "/v1/session", headers=cookie), 401, "not_authenticated")


def test_a_new_password_ends_all_other_sessions_and_keeps_this_one(house: House):
    house.person("dora")
    with house.signed_in("dora") as browser, house.signed_in("dora") as elsewhere:
        before = browser.token
        body = {"old": "wrong", "new": "another long password"}
        refused(browser.call("PUT", "/v1/session/password", json=body), 401, "wrong_credentials")
        refused(browser.call("PUT", "/v1/session/password", json={"old": PASSWORD, "new": "short"}), 400, "usage")
        assert elsewhere.get("/v1/session")["username"] == "dora"
        reply = browser.call("PUT", "/v1/session/password", json=body | {"old": PASSWORD})
        assert reply.status_code == 204, reply.text
        assert "HttpOnly" in reply.headers["set-cookie"]
        assert browser.token != before
        browser.csrf = browser.get("/v1/session")["csrf_token"]
        assert browser.found("flange")
        refused(elsewhere.call("GET", "/v1/session"), 401, "not_authenticated")
        refused(elsewhere.try_to_sign_in("dora", PASSWORD), 401, "wrong_credentials")
        elsewhere.sign_in("dora", "another long password")


def end_by_command(house: House, name: str) -> None:
    house.machine.app("users", "reset-password", name)


def end_by_disabling(house: House, name: str) -> None:
    house.catalogue("UPDATE users SET disabled_at = '2026-01-01T00:00:00.000Z' WHERE name = ?", name)


def end_by_removal(house: House, name: str) -> None:
    assert house.admin.call("DELETE", f"/v1/users/{name}").status_code == 204


@pytest.mark.parametrize("end", [end_by_command, end_by_disabling, end_by_removal])
def test_what_happens_to_a_user_ends_the_session_at_the_next_request(house: House, end: Callable[[House, str], None]):
    name = end.__name__
    house.person(name)
    with house.signed_in(name) as browser:
        assert browser.found("flange")
        end(house, name)
        refused(browser.call("POST", "/v1/search", json={"query": "flange"}), 401, "not_authenticated")
        refused(browser.call("GET", "/v1/session"), 401, "not_authenticated")


def test_another_role_and_another_group_hold_at_the_next_request(house: House):
    house.person("edgar", reads=False)
    house.admin.post("/v1/groups", {"name": "ward"}, status=201)
    house.admin.call("POST", "/v1/knowledge-bases/default/readers", json={"readers": ["group:ward"]})
    with house.signed_in("edgar") as browser:
        assert browser.get("/v1/session")["role"] == "member"
        assert browser.found("flange") == set()
        house.catalogue("UPDATE users SET role = 'administrator' WHERE name = 'edgar'")
        assert browser.get("/v1/session")["role"] == "administrator"
        assert browser.get("/v1/users")["users"]
        assert browser.found("flange") == set()  # to administer is not to read
        house.admin.call("PUT", "/v1/groups/ward/members/edgar")
        assert browser.found("flange")
        house.catalogue("UPDATE users SET role = 'member' WHERE name = 'edgar'")
        refused(browser.call("GET", "/v1/users"), 403, "not_permitted")
        house.admin.call("DELETE", "/v1/groups/ward/members/edgar")
        assert browser.found("flange") == set()


def test_many_sign_ins_of_one_user_end_the_oldest(house: House):
    house.person("frank")
    with house.browser() as browser:
        tokens = []
        for _ in range(12):
            browser.client.cookies.clear()
            browser.sign_in("frank", PASSWORD)
            tokens.append(browser.token)
        browser.client.cookies.clear()
        seen = [
            browser.call("GET", "/v1/session", headers={"Cookie": f"strongroom={token}"}).status_code
            for token in tokens
        ]  # fmt: skip
    assert seen == [401] * 2 + [200] * 10


def test_signing_in_and_out_is_audited_without_what_was_typed(house: House):
    house.person("greta")
    with house.signed_in("greta") as browser:
        browser.try_to_sign_in("my secret typed as a name", "x")
        browser.call("DELETE", "/v1/session")
    users = {user["name"]: user["user_id"] for user in house.admin.get("/v1/users")["users"]}
    records = house.admin.get("/v1/audit", params={"limit": 1_000})["records"]
    of_greta = [(one["action"], one["state"]) for one in records if one["actor"] == users["greta"]]
    assert of_greta == [("sign out", "done"), ("sign in", "done")]
    failed = next(one for one in records if one["action"] == "sign in" and one["state"] == "failed")
    assert (failed["actor"], failed["target"]) == ("-", "-")
    assert "secret typed" not in str(records)
