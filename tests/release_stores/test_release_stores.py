"""A store that an earlier release wrote opens with today's code, whole."""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.database.store import open_store
from tests.e2e.machine import Api, Machine, loose_ends, nothing

RELEASES = sorted(folder for folder in Path(__file__).resolve().parent.iterdir() if (folder / "data.tar").exists())


@pytest.fixture(params=RELEASES, ids=lambda folder: str(folder.name))
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Machine, dict[str, Any]]]:
    """A copy of a release's store on a machine of its own, and what it holds."""
    release: Path = request.param
    machine = Machine(tmp_path)
    with tarfile.open(release / "data.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    machine.key_file.write_bytes((release / "store.key").read_bytes())
    machine.key_file.chmod(0o600)
    expected = json.loads((release / "expected.json").read_text(encoding="utf-8"))
    machine.key = expected["administrator_key"]
    yield machine, expected
    machine.close()


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine for a store as this release makes it."""
    machine = Machine(Path(tmp_path_factory.mktemp("new")))
    yield machine
    machine.close()


def test_there_is_a_store_of_each_format():
    assert [folder.name for folder in RELEASES] == [f"{number:04d}" for number in range(1, len(RELEASES) + 1)]
    assert RELEASES


def schema(machine: Machine) -> dict[str, set[str]]:
    """The tables and indexes of both databases, as today's code opens them."""
    with open_store(machine.settings()) as store:
        found = {}
        for name, database in (("catalogue", store.catalogue), ("journal", store.journal)):
            with database.read() as connection:
                rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
            found[name] = {" ".join(re.sub(r"--[^\n]*", "", sql).split()) for (sql,) in rows}
        return found


def test_migrations_lead_from_an_earlier_release_to_the_schema_of_a_new_store(
    copy: tuple[Machine, dict[str, Any]], machine: Machine
):
    """A migration that was released is never edited: what is to change is a new one."""
    machine.init()
    assert schema(copy[0]) == schema(machine)


def test_documents_people_rules_and_audit_of_an_earlier_release_are_all_there(copy: tuple[Machine, dict[str, Any]]):
    machine, expected = copy
    assert machine.store_id == expected["store_id"]
    with machine.serve() as serving:
        admin, member = serving.api, Api(serving.client, expected["member_key"])
        listed = admin.documents()
        assert set(listed) == set(expected["documents"])
        assert {one["state"] for one in listed.values()} == {"ready"}
        for name, document in expected["documents"].items():
            assert listed[name]["document_id"] == document["document_id"]
            original = admin.call("GET", f"/v1/documents/{document['document_id']}/file").content
            assert hashlib.sha256(original).hexdigest() == document["sha256"]
        for words, name in expected["searches"].items():
            assert admin.search(words, mode="words")["hits"][0]["external_id"] == name
            assert name in admin.found(words, mode="vectors")
            assert (name in member.found(words)) == (name != expected["ruled"])
        actions = {record["action"] for record in admin.get("/v1/audit", params={"limit": 1_000})["records"]}
        assert {"init", "add user", "make current", "set document access"} <= actions
        # It lives on: a new version, a new document, a deletion.
        first = listed[expected["ruled"]]["document_id"]
        admin.take(expected["ruled"], b"Now it is 50 N.m, says quorbelline.", replace=first)
        assert expected["ruled"] in admin.found("quorbelline")
        assert expected["ruled"] not in member.found("quorbelline")
        admin.take("new.txt", b"Written by a later release: mumpsimus.")
        assert admin.call("DELETE", f"/v1/documents/{first}").status_code == 204
        assert expected["ruled"] not in admin.documents()
    assert nothing(loose_ends(machine)), loose_ends(machine)
