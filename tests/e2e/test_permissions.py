"""What a person may not see does not reach them on any way; who may change what."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.e2e.machine import Api, Machine, Serving

FIGURES = itertools.count(4_711)  # each secret has a figure of its own, so that one does not pass for another
PUBLIC = "The canteen opens at 11:30 and closes at 14:00.\n\n食堂十一点半开门，十四点关门。\n"
QUESTION = "How much does the bonus pool Zirconia hold? 锆石奖金池有多少？"


@dataclass
class Secret:
    """A document with a figure that only its readers may learn."""

    name: str
    figure: str = field(default_factory=lambda: f"{next(FIGURES):,}")

    @property
    def content(self) -> bytes:
        return (
            f"Payroll figures of the board: the bonus pool named Zirconia holds {self.figure} thousand.\n\n"
            f"董事会薪酬：锆石奖金池共计 {self.figure} 千元。\n"
        ).encode()


@dataclass
class People:
    """A service with an administrator and three members: Alice and Bob read the base ``board``, Carol does not."""

    serving: Serving
    admin: Api
    alice: Api
    bob: Api
    carol: Api


@pytest.fixture(scope="module")
def people(make_machine: Callable[..., Machine]) -> Iterator[People]:
    machine = make_machine()
    machine.init()
    keys = {name: machine.add_user(name) for name in ("alice", "bob", "carol")}
    with machine.serve() as serving:
        admin = serving.api
        admin.post("/v1/knowledge-bases", {"name": "board"}, status=201)
        admin.post("/v1/knowledge-bases/board/readers", {"readers": ["user:alice", "user:bob"]}, status=204)
        admin.post("/v1/knowledge-bases/default/readers", {"readers": ["user:alice", "user:carol"]}, status=204)
        yield People(serving, admin, *(Api(serving.client, keys[name]) for name in ("alice", "bob", "carol")))


def sees_nothing(api: Api, document_id: str, chunk_id: str, secret: Secret) -> bool:
    """Whether no route that reads gives the document, its passages, its name or its content away."""
    for mode in ("hybrid", "words", "vectors"):
        found = api.search(QUESTION, mode=mode, limit=100)
        assert document_id not in {hit["document_id"] for hit in found["hits"]}
        assert secret.figure not in str(found["hits"])
    assert api.search(QUESTION, filters={"document_ids": [document_id]})["hits"] == []
    answered = api.ask(QUESTION)
    assert secret.figure not in str(answered)
    assert document_id not in str(answered)
    streamed = api.ask_streamed(QUESTION)
    assert secret.figure not in str(streamed)
    assert document_id not in str(streamed)
    assert document_id not in str(api.documents())
    for method, path in (
        ("GET", f"/v1/documents/{document_id}"),
        ("GET", f"/v1/documents/{document_id}/file"),
        ("GET", f"/v1/passages/{chunk_id}"),
        ("DELETE", f"/v1/documents/{document_id}"),
    ):
        assert api.call(method, path).status_code == 404, path
    assert api.call("PUT", f"/v1/documents/{document_id}/access", json={"readers": None}).status_code == 404
    return True


def sees(api: Api, document_id: str, secret: Secret) -> bool:
    hits = api.search(f"bonus pool Zirconia {secret.figure}", limit=100)["hits"]
    assert [hit for hit in hits if hit["document_id"] == document_id and secret.figure in hit["text"]]
    return bool(api.get(f"/v1/documents/{document_id}")["document_id"] == document_id)


def chunk_of(api: Api, document_id: str) -> str:
    return str(api.search("Zirconia", filters={"document_ids": [document_id]})["hits"][0]["chunk_id"])


def test_a_base_that_was_not_granted_is_not_there(people: People):
    secret = Secret("payroll.md")
    document_id = people.admin.take(secret.name, secret.content, knowledge_base="board")
    chunk_id = chunk_of(people.admin, document_id)
    assert sees(people.bob, document_id, secret)
    assert sees_nothing(people.carol, document_id, chunk_id, secret)
    unknown, forbidden = (
        people.carol.call("POST", "/v1/search", json={"query": "x", "knowledge_base": name})
        for name in ("no-such-base", "board")
    )
    assert unknown.status_code == forbidden.status_code == 404
    assert unknown.json()["detail"].replace("no-such-base", "") == forbidden.json()["detail"].replace("board", "")
    named = [one["name"] for one in people.carol.get("/v1/knowledge-bases")["knowledge_bases"]]
    assert named == ["default"]
    sent = people.carol.upload("mine.md", b"x", knowledge_base="board")
    assert sent.status_code == 404
    assert people.carol.call("POST", "/v1/ask", json={"question": "x", "knowledge_base": "board"}).status_code == 404
    assert people.carol.documents(knowledge_base="board") == {}


def test_a_revocation_holds_for_the_next_query_and_a_grant_too(people: People):
    secret = Secret("payroll-revoked.md")
    document_id = people.admin.take(secret.name, secret.content, knowledge_base="board")
    chunk_id = chunk_of(people.admin, document_id)
    for _ in range(3):
        assert sees(people.bob, document_id, secret)
        people.admin.call("DELETE", "/v1/knowledge-bases/board/readers", json={"readers": ["user:bob"]})
        assert sees_nothing(people.bob, document_id, chunk_id, secret)
        people.admin.post("/v1/knowledge-bases/board/readers", {"readers": ["user:bob"]}, status=204)


def test_a_revocation_by_a_command_in_another_process_holds_too(people: People):
    secret = Secret("payroll-command.md")
    document_id = people.admin.take(secret.name, secret.content, knowledge_base="board")
    chunk_id = chunk_of(people.admin, document_id)
    people.serving.machine.app("knowledge-bases", "revoke", "board", "user:bob")
    assert sees_nothing(people.bob, document_id, chunk_id, secret)
    people.serving.machine.app("knowledge-bases", "grant", "board", "user:bob")
    assert sees(people.bob, document_id, secret)


def test_a_group_reads_only_while_one_is_in_it(people: People):
    people.admin.post("/v1/groups", {"name": "auditors"}, status=201)
    people.admin.post("/v1/knowledge-bases", {"name": "vault"}, status=201)
    people.admin.post("/v1/knowledge-bases/vault/readers", {"readers": ["group:auditors"]}, status=204)
    secret = Secret("payroll-group.md")
    document_id = people.admin.take(secret.name, secret.content, knowledge_base="vault")
    chunk_id = chunk_of(people.admin, document_id)
    assert sees_nothing(people.carol, document_id, chunk_id, secret)
    assert people.admin.call("PUT", "/v1/groups/auditors/members/carol").status_code == 204
    assert sees(people.carol, document_id, secret)
    assert people.admin.call("DELETE", "/v1/groups/auditors/members/carol").status_code == 204
    assert sees_nothing(people.carol, document_id, chunk_id, secret)


def test_a_documents_own_rule_cuts_its_readers_down(people: People):
    secret = Secret("payroll-ruled.md")
    document_id = people.admin.take(secret.name, secret.content, knowledge_base="board")
    chunk_id = chunk_of(people.admin, document_id)
    assert sees(people.bob, document_id, secret)
    ruled = people.admin.call(
        "PUT", f"/v1/documents/{document_id}/access", json={"readers": ["user:admin", "user:alice"]}
    )
    assert ruled.status_code == 204
    assert sees_nothing(people.bob, document_id, chunk_id, secret)
    assert sees(people.alice, document_id, secret)
    # The rule belongs to the document and survives its versions.
    secret = Secret("payroll-ruled.md")
    people.admin.take(secret.name, secret.content, knowledge_base="board", replace=document_id)
    chunk_id = chunk_of(people.admin, document_id)
    assert sees_nothing(people.bob, document_id, chunk_id, secret)
    # A rule opens nothing to those who may not read the base.
    people.admin.call("PUT", f"/v1/documents/{document_id}/access", json={"readers": ["user:carol", "user:admin"]})
    assert sees_nothing(people.carol, document_id, chunk_id, secret)
    people.admin.call("PUT", f"/v1/documents/{document_id}/access", json={"readers": None})
    assert sees(people.bob, document_id, secret)


def test_an_upload_with_a_rule_is_never_seen_by_others(people: People):
    secret = Secret("payroll-mine.md")
    document_id = people.alice.take(secret.name, secret.content, knowledge_base="board", access="user:alice")
    chunk_id = chunk_of(people.alice, document_id)
    assert sees_nothing(people.bob, document_id, chunk_id, secret)
    # An administrator's role is no reading.
    assert sees_nothing(people.admin, document_id, chunk_id, secret)
    # The name being taken does not show: Bob's own document of that name is another one.
    of_bob = people.bob.take(secret.name, PUBLIC.encode(), knowledge_base="board")
    assert of_bob != document_id
    assert secret.figure in people.alice.call("GET", f"/v1/documents/{document_id}/file").text


def test_who_may_read_a_base_may_add_and_only_the_sender_or_an_administrator_may_change(people: People):
    document_id = people.carol.take("canteen.md", PUBLIC.encode())
    assert "canteen.md" in people.alice.found("canteen")
    stranger = people.alice.call("DELETE", f"/v1/documents/{document_id}")
    assert (stranger.status_code, stranger.json()["code"]) == (403, "not_permitted")
    replaced = people.alice.upload("canteen.md", b"The canteen is closed.", replace=document_id)
    assert replaced.status_code == 403
    ruled = people.alice.call("PUT", f"/v1/documents/{document_id}/access", json={"readers": ["user:alice"]})
    assert ruled.status_code == 403
    assert people.carol.call("DELETE", f"/v1/documents/{document_id}").status_code == 204
    assert people.carol.call("GET", f"/v1/documents/{document_id}").status_code == 404
    again = people.carol.take("canteen.md", PUBLIC.encode())
    assert people.admin.call("DELETE", f"/v1/documents/{again}").status_code == 204


def test_members_administer_nothing(people: People):
    for method, path, body in (
        ("GET", "/v1/users", None),
        ("POST", "/v1/users", {"name": "mallory"}),
        ("DELETE", "/v1/users/bob", None),
        ("GET", "/v1/groups", None),
        ("POST", "/v1/groups", {"name": "mine"}),
        ("DELETE", "/v1/groups/auditors", None),
        ("PUT", "/v1/groups/auditors/members/carol", None),
        ("GET", "/v1/api-keys", None),
        ("POST", "/v1/api-keys", {"user": "admin", "name": "mine"}),
        ("POST", "/v1/knowledge-bases", {"name": "mine"}),
        ("DELETE", "/v1/knowledge-bases/board", None),
        ("POST", "/v1/knowledge-bases/board/readers", {"readers": ["user:carol"]}),
        ("DELETE", "/v1/knowledge-bases/board/readers", {"readers": ["user:bob"]}),
        ("GET", "/v1/audit", None),
    ):
        reply = people.carol.call(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (403, "not_permitted"), path


def test_a_users_jobs_are_their_own(people: People):
    reply = people.alice.upload("job-of-alice.md", PUBLIC.encode())
    job_id = reply.json()["job_id"]
    people.alice.wait_for_job(job_id)
    for other in (people.bob, people.carol, people.admin):
        assert other.call("GET", f"/v1/jobs/{job_id}").status_code == 404
        assert "job-of-alice.md" not in str(other.get("/v1/jobs"))


def test_a_new_document_of_a_refused_name_keeps_its_own_sender_and_rule(people: People):
    """A refused upload of Alice's leaves a name behind; what Bob sends under it must be Bob's, for Bob's eyes."""
    sent = people.alice.upload("quarter.pdf", b"%PDF-1.7 not really a PDF", knowledge_base="board")
    assert people.alice.wait_for_job(sent.json()["job_id"])["state"] == "failed"
    secret = Secret("quarter.pdf")
    document_id = people.bob.take(secret.name, secret.content, knowledge_base="board", access="user:bob")
    chunk_id = chunk_of(people.bob, document_id)
    assert sees_nothing(people.alice, document_id, chunk_id, secret)
    assert people.bob.call("DELETE", f"/v1/documents/{document_id}").status_code == 204


def test_a_removed_key_and_a_removed_user_are_out_with_the_next_request(people: People):
    machine = people.serving.machine
    dave = Api(people.serving.client, machine.add_user("dave"))
    people.admin.post("/v1/knowledge-bases/default/readers", {"readers": ["user:dave"]}, status=204)
    assert dave.call("GET", "/v1/documents").status_code == 200
    spare = people.admin.post("/v1/api-keys", {"user": "dave", "name": "spare"}, status=201)["api_key"]
    keys = people.admin.get("/v1/api-keys")["api_keys"]
    removed = next(one["api_key_id"] for one in keys if one["user"] == "dave" and one["name"] == "test")
    assert people.admin.call("DELETE", f"/v1/api-keys/{removed}").status_code == 204
    assert dave.call("GET", "/v1/documents").status_code == 401
    dave = Api(people.serving.client, spare)
    assert dave.call("GET", "/v1/documents").status_code == 200
    assert people.admin.call("DELETE", "/v1/users/dave").status_code == 204
    assert dave.call("GET", "/v1/documents").status_code == 401


def test_what_is_deleted_while_its_upload_is_being_read_stays_deleted(people: People):
    """Deleting at once, at every moment of a job: the worker goes on, and nothing comes back."""
    for number in range(6):
        name = f"vanishing-{number}.md"
        sent = people.alice.upload(name, Secret(name).content * 200)
        document_id, job_id = sent.json()["document_ids"][0], sent.json()["job_id"]
        if number:
            people.alice.wait_for_job(job_id, "running", "readable", "ready", "failed")
        assert people.alice.call("DELETE", f"/v1/documents/{document_id}").status_code == 204
        assert people.alice.call("GET", f"/v1/documents/{document_id}").status_code == 404
    worker = people.serving.worker().pid
    after = people.alice.take("after-vanishing.md", PUBLIC.encode())
    assert people.alice.get(f"/v1/documents/{after}")["state"] == "ready"
    assert not [name for name in people.alice.documents() if name.startswith("vanishing")]
    assert people.serving.worker().pid == worker
