"""Administration over HTTP: who reads what, new passwords, and how far the documents are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.browser import Browser
from tests.e2e.machine import Api, Machine, Serving, until

TEXT = "Torque of the flange bolts is 45 N·m, dry. 法兰螺栓的拧紧力矩为 45 N·m。\n"
PASSWORD = "correct horse battery"


@dataclass
class House:
    """A service with an administrator, a sender and a reader of ``default``, and the sender's document."""

    machine: Machine
    serving: Serving
    admin: Api
    sender: Api
    reader: Api
    document_id: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    machine = Machine(Path(tmp_path_factory.mktemp("house")))
    try:
        machine.init()
        keys = {name: machine.add_user(name) for name in ("sender", "reader")}
        machine.app("knowledge-bases", "grant", "default", "user:sender", "user:reader")
        with machine.serve() as serving:
            sender, reader = (Api(serving.client, keys[name]) for name in ("sender", "reader"))
            document_id = sender.take("flange.md", TEXT.encode())
            yield House(machine, serving, serving.api, sender, reader, document_id)
    finally:
        machine.close()


def refused(reply, status: int, code: str) -> None:
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text


def readers_by_base(api: Api) -> dict[str, list[str]]:
    return {one["name"]: one["readers"] for one in api.get("/v1/readers")["knowledge_bases"]}


def test_an_administrator_sees_the_readers_of_every_base_also_of_those_closed_to_them(house: House):
    house.admin.post("/v1/groups", {"name": "护理部"}, status=201)
    house.admin.post("/v1/knowledge-bases", {"name": "closed"}, status=201)
    house.admin.post("/v1/knowledge-bases/closed/readers", {"readers": ["group:护理部"]}, status=204)
    house.admin.call("DELETE", "/v1/knowledge-bases/closed/readers", json={"readers": ["user:admin"]})

    assert readers_by_base(house.admin)["closed"] == ["group:护理部"]
    assert readers_by_base(house.admin)["default"] == ["user:admin", "user:reader", "user:sender"]
    assert "closed" not in {one["name"] for one in house.admin.get("/v1/knowledge-bases")["knowledge_bases"]}


def test_a_group_that_is_gone_is_no_reader_any_more(house: House):
    house.admin.post("/v1/groups", {"name": "night shift"}, status=201)
    house.admin.post("/v1/knowledge-bases", {"name": "nights"}, status=201)
    house.admin.post("/v1/knowledge-bases/nights/readers", {"readers": ["group:night shift"]}, status=204)

    assert house.admin.call("DELETE", "/v1/groups/night shift").status_code == 204

    assert readers_by_base(house.admin)["nights"] == ["user:admin"]


def test_only_administrators_see_all_readers(house: House):
    refused(house.sender.call("GET", "/v1/readers"), 403, "not_permitted")


def test_the_readers_of_a_document_are_shown_to_its_sender_and_to_administrators(house: House):
    path = f"/v1/documents/{house.document_id}/access"
    assert house.sender.get(path) == {"readers": None}

    assert house.sender.call("PUT", path, json={"readers": ["user:sender", "user:admin"]}).status_code == 204

    assert house.sender.get(path) == {"readers": ["user:admin", "user:sender"]}
    assert house.admin.get(path) == {"readers": ["user:admin", "user:sender"]}
    refused(house.reader.call("GET", path), 404, "not_found")

    assert house.sender.call("PUT", path, json={"readers": None}).status_code == 204

    assert house.admin.get(path) == {"readers": None}
    refused(house.reader.call("GET", path), 403, "not_permitted")


def test_an_administrator_who_may_not_read_a_document_does_not_learn_who_does(house: House):
    path = f"/v1/documents/{house.document_id}/access"
    assert house.sender.call("PUT", path, json={"readers": ["user:sender"]}).status_code == 204

    refused(house.admin.call("GET", path), 404, "not_found")

    assert house.sender.call("PUT", path, json={"readers": None}).status_code == 204


def test_a_new_password_is_shown_once_works_and_ends_the_sessions_of_the_old_one(house: House):
    house.admin.post("/v1/users", {"name": "li.na", "password": PASSWORD}, status=201)
    with Browser(house.serving.url) as page:
        page.sign_in("li.na", PASSWORD)

        reply = house.admin.call("PUT", "/v1/users/li.na/password", json={})

        assert reply.status_code == 200
        made = reply.json()["password"]
        refused(page.call("GET", "/v1/session"), 401, "not_authenticated")
        refused(page.try_to_sign_in("li.na", PASSWORD), 401, "wrong_credentials")
        assert page.sign_in("li.na", made)["username"] == "li.na"


def test_a_password_that_was_chosen_is_not_sent_back(house: House):
    house.admin.post("/v1/users", {"name": "wang.wei"}, status=201)

    reply = house.admin.call("PUT", "/v1/users/wang.wei/password", json={"password": PASSWORD})

    assert (reply.status_code, reply.json()) == (200, {"name": "wang.wei"})
    with Browser(house.serving.url) as page:
        page.sign_in("wang.wei", PASSWORD)


def test_a_password_is_reset_by_administrators_only_for_those_who_exist_and_not_too_short(house: House):
    refused(house.sender.call("PUT", "/v1/users/admin/password", json={}), 403, "not_permitted")
    refused(house.admin.call("PUT", "/v1/users/nobody/password", json={}), 404, "not_found")
    refused(house.admin.call("PUT", "/v1/users/sender/password", json={"password": "short"}), 400, "usage")


def test_a_reset_is_audited_without_the_password(house: House):
    reply = house.admin.call("PUT", "/v1/users/reader/password", json={})

    records = house.admin.get("/v1/audit", params={"limit": 20})["records"]
    mine = [one for one in records if one["request_id"] == reply.headers["x-request-id"]]
    assert [(one["action"], one["state"]) for one in mine] == [
        ("reset password", "done"),
        ("reset password", "intended"),
    ]
    assert reply.json()["password"] not in str(records)


def test_how_far_the_documents_are_counts_only_what_the_caller_may_read(house: House):
    def index(api: Api) -> dict[str, int]:
        return dict(api.get("/v1/knowledge-bases")["index"])

    # Counted at most once a second while things change.
    until("it is counted", lambda: index(house.admin) == {"pending": 0, "readable": 0, "ready": 1, "refused": 0})
    path = f"/v1/documents/{house.document_id}/access"
    assert house.sender.call("PUT", path, json={"readers": ["user:sender"]}).status_code == 204

    until("the others count it no more", lambda: index(house.admin)["ready"] == index(house.reader)["ready"] == 0)
    assert index(house.sender) == {"pending": 0, "readable": 0, "ready": 1, "refused": 0}


def test_a_refused_document_does_not_stay_counted_as_waiting(house: House):
    reply = house.sender.upload("broken.pdf", b"%PDF-1.7 is not enough")
    assert house.sender.wait_for_job(reply.json()["job_id"])["state"] == "failed"

    def index() -> dict[str, int]:
        return dict(house.sender.get("/v1/knowledge-bases")["index"])

    until("it is counted as refused", lambda: (index()["pending"], index()["refused"]) == (0, 1))


def test_the_audit_trail_says_whom_a_change_was_about_by_id_alone(house: House):
    made = house.admin.post("/v1/users", {"name": "touched"}, status=201)
    group = house.admin.post("/v1/groups", {"name": "touching"}, status=201)
    house.admin.call("PUT", "/v1/users/touched/password", json={})
    house.admin.call("PUT", "/v1/groups/touching/members/touched")
    house.admin.call("POST", "/v1/knowledge-bases/default/readers", json={"readers": ["group:touching"]})

    records = house.admin.get("/v1/audit?limit=30")["records"]
    touched = {one["action"]: one["detail"].get("touched", []) for one in reversed(records) if one["state"] == "done"}

    assert touched["add user"] == touched["reset password"] == [made["user_id"]]
    assert touched["join group"] == [group["group_id"], made["user_id"]]
    assert group["group_id"] in touched["grant reading"]
    assert "touch" not in json.dumps([one for one in records if one["detail"] != {}]).replace('"touched"', "")
