"""Keys that people can keep: lost key file, lost password, wrong key, copied data folder, as a user sees them."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from app.accounts.people import password_matches
from app.database.store import open_store
from tests.e2e.machine import END_S, REPOSITORY, Machine

REFUSED, USAGE, STORE = 1, 2, 3
TEXT = "The spare valve of the Larkspur pump is kept in cabinet 14.\n"
QUESTION = "spare valve of the Larkspur pump"
SHOWN = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){14}")


def run(machine: Machine, *arguments: str, typed: str = "", **extra: str) -> tuple[int, str]:
    """Run a command, type a line into it, and return its exit code and all that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments], input=typed.encode() + b"\n", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, cwd=machine.cwd, env=machine.environment | extra, timeout=120, check=False,
    )  # fmt: skip
    said = done.stdout.decode()
    assert "Traceback" not in said, said
    return done.returncode, said


def at_terminal(machine: Machine, *arguments: str, typed: str = "") -> tuple[int, str]:
    """Run a command at a terminal, type a line into it, and return its exit code and what the terminal shows."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", *arguments], stdin=its, stdout=its, stderr=its,
        cwd=machine.cwd, env=machine.environment, start_new_session=True,
    )  # fmt: skip
    machine.processes.append(process)
    os.close(its)
    shown, asked = b"", False
    while True:
        try:
            piece = os.read(ours, 4_096)
        except OSError:  # the other side is closed
            break
        shown += piece
        if not piece:
            break
        if not asked and b"not shown while you type" in shown:
            asked = True
            os.write(ours, typed.encode() + b"\n")
    os.close(ours)
    return process.wait(END_S), shown.decode()


def findings(machine: Machine) -> dict[str, dict[str, Any]]:
    """Run doctor and return its findings; a warning is no reason to end with an error, trouble is."""
    done = machine.run("app", "doctor", "--json")
    found = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == (0 if all(one["ok"] for one in found.values()) else REFUSED)
    return found


def actions(machine: Machine) -> list[tuple[str, str]]:
    """Return what the audit trail holds on keys, oldest first."""
    records = json.loads(machine.app("audit", "list", "--json"))["records"]
    return [(one["action"], one["state"]) for one in reversed(records) if "key" in one["action"]]


def recovery_key(machine: Machine) -> str:
    return str(machine.init()["recovery_key"])


def test_a_lost_key_file_is_made_anew_with_the_recovery_key_and_everything_is_there(machine: Machine):
    code, said = run(machine, "init")
    assert code == 0
    file = machine.key_dir / "store-first-login.json"
    credentials = json.loads(file.read_text())
    assert set(credentials) == {"username", "password", "api_key", "recovery_key"}
    assert not [value for name, value in credentials.items() if name != "username" and value in said]
    for told in (machine.data, machine.key_file, file, "nobody can read this store again", "alone is not enough"):
        assert str(told) in said
    source = machine.tmp / "pump.txt"
    source.write_text(TEXT)
    machine.ingest(str(source), "--no-wait")
    assert "cabinet 14" in machine.app("search", QUESTION)

    found = findings(machine)
    assert (found["recovery key"]["ok"], found["recovery key"]["warning"]) == (True, True)
    assert "keys confirm-recovery" in found["recovery key"]["detail"]
    assert "warning  recovery key" in machine.run("app", "doctor").stdout
    code, said = run(machine, "keys", "confirm-recovery", typed=credentials["recovery_key"].lower().replace("-", " "))
    assert code == 0
    assert str(file) in said, "where it still lies is said"
    found = findings(machine)
    assert not found["recovery key"]["warning"]

    lost = machine.key_file.rename(machine.tmp / "found-later.key")
    store = findings(machine)["store"]
    assert not store["ok"]
    for told in (machine.key_file, machine.store_id, "KB_KEY_FILE", "python -m app keys recover"):
        assert str(told) in store["detail"]
    assert json.loads(machine.app("keys", "list", "--json"))["slots"][1]["confirmed"], "it needs no key"
    code, said = run(machine, "search", QUESTION)
    assert (code, "is missing" in said, "cabinet" in said) == (STORE, True, False)

    code, said = run(machine, "keys", "recover", typed=credentials["recovery_key"])
    assert code == 0, said
    assert str(machine.key_file) in said
    assert machine.key_file.stat().st_mode & 0o777 == 0o600
    assert "cabinet 14" in machine.app("search", QUESTION)
    assert findings(machine)["store"]["ok"]
    code, said = run(machine, "users", "list", KB_KEY_FILE=str(lost))
    assert (code, "was replaced" in said) == (STORE, True)
    code, said = run(machine, "keys", "recover", typed=credentials["recovery_key"])
    assert (code, "nothing to recover" in said) == (REFUSED, True)
    assert actions(machine) == [
        ("confirm recovery key", "intended"), ("confirm recovery key", "done"),
        ("recover key file", "intended"), ("recover key file", "done"),
    ]  # fmt: skip


def test_each_recovery_key_that_does_not_open_the_store_has_a_message_of_its_own(machine: Machine, tmp_path: Path):
    key = recovery_key(machine)
    other = Machine(tmp_path / "other")
    try:
        key_of_another = recovery_key(other)
    finally:
        other.close()
    present = SHOWN.findall(machine.app("keys", "recovery"))[0]
    before = (machine.data / "keyring.json").read_bytes()
    machine.key_file.rename(machine.tmp / "lost.key")
    wrong = present[:-1] + ("0" if present[-1] != "0" else "1")

    said = [
        run(machine, "keys", command, typed=typed)
        for typed in ("", wrong, present[:-1], key_of_another, key)
        for command in ("recover", "confirm-recovery")
    ]

    for (code, text), (expected, part) in zip(
        said,
        [*[(USAGE, "no recovery key was given")] * 2, *[(USAGE, "typing error")] * 2, *[(USAGE, "59 characters")] * 2,
         *[(STORE, "belongs to another store")] * 2, *[(STORE, "not the present one")] * 2],
        strict=True,
    ):  # fmt: skip
        assert code == expected
        assert part in text
        assert not SHOWN.search(text)
    assert not machine.key_file.exists()
    assert (machine.data / "keyring.json").read_bytes() == before
    assert run(machine, "keys", "recover", typed=present)[0] == 0
    assert actions(machine) == [
        ("replace recovery key", "intended"), ("replace recovery key", "done"),
        ("recover key file", "intended"), ("recover key file", "done"),
    ]  # fmt: skip


def test_a_copied_data_folder_is_of_no_use_without_a_key_and_opens_with_the_recovery_key(machine: Machine):
    key = recovery_key(machine)
    source = machine.tmp / "pump.txt"
    source.write_text(TEXT)
    machine.ingest(str(source), "--no-wait")
    new = Machine(machine.root / "new")
    try:
        shutil.copytree(machine.data, new.data)
        del new.environment["KB_KEY_FILE"]  # a new machine, nothing set
        expected = new.home / ".config" / "strongroom" / f"{new.store_id}.key"

        code, said = run(new, "search", QUESTION)
        assert code == STORE
        for told in (expected, new.store_id, "copy of the data folder cannot be read without it", "keys recover"):
            assert str(told) in said
        assert "cabinet" not in said

        assert run(new, "keys", "recover", typed=key)[0] == 0
        assert expected.stat().st_mode & 0o777 == 0o600
        assert expected.parent.stat().st_mode & 0o777 == 0o700
        assert "cabinet 14" in new.app("search", QUESTION)
        assert "cabinet 14" in machine.app("search", QUESTION), "the first one keeps its own key"
    finally:
        new.close()


@pytest.mark.parametrize("wrong", ["the key of another store", "31 bytes", "a folder"])
def test_what_stands_in_the_place_of_the_key_is_left_as_it_is(machine: Machine, wrong: str):
    key = recovery_key(machine)
    machine.key_file.unlink()
    contents = {"the key of another store": "ab" * 32, "31 bytes": "ab" * 31}
    if wrong in contents:
        machine.key_file.write_text(contents[wrong])
        machine.key_file.chmod(0o600)
    else:
        machine.key_file.mkdir()

    code, said = run(machine, "keys", "recover", typed=key)

    assert code == STORE
    assert f"mv {machine.key_file} {machine.key_file}.old" in said
    assert machine.key_file.is_dir() or machine.key_file.read_text() == contents[wrong]
    machine.key_file.rename(machine.key_file.with_suffix(".key.old"))
    assert run(machine, "keys", "recover", typed=key)[0] == 0
    assert run(machine, "users", "list")[0] == 0


def test_a_key_that_others_can_read_is_mended_and_not_recovered(machine: Machine):
    key = recovery_key(machine)
    machine.key_file.chmod(0o644)

    code, said = run(machine, "users", "list")
    assert (code, f"chmod 600 {machine.key_file}" in said, "keys recover" in said) == (STORE, True, False)
    assert run(machine, "keys", "recover", typed=key)[0] == STORE
    machine.key_file.chmod(0o600)
    assert run(machine, "users", "list")[0] == 0


def test_at_a_terminal_the_credentials_are_shown_and_the_recovery_key_is_asked_for_unseen(machine: Machine):
    code, shown = at_terminal(machine, "init")
    assert code == 0
    key = SHOWN.findall(shown)[0]
    for label in ("user name", "password", "API key", "recovery key"):
        assert f"\n{label}" in shown
    assert not (machine.key_dir / "store-first-login.json").exists()

    code, shown = at_terminal(machine, "keys", "confirm-recovery", typed=key)
    assert code == 0, shown
    assert "confirmed" in shown
    assert key not in shown, "what is typed is not echoed"
    assert findings(machine)["recovery key"]["detail"].startswith("confirmed at")


def test_a_lost_password_is_reset_with_the_key_file_alone_while_the_service_runs(machine: Machine):
    first = machine.init()["password"]

    def kept() -> tuple[str, int]:
        with open_store(machine.settings()) as store, store.catalogue.read() as connection:
            row = connection.execute("SELECT password_hash, epoch FROM users WHERE name = 'admin'").fetchone()
            return row[0], row[1]

    before_hash, before_epoch = kept()
    assert password_matches(before_hash, first)
    with machine.serve() as serving:
        code, said = run(machine, "users", "reset-password", "admin")
        assert code == 0
        password = re.findall(r"password   (\S+)", said)[0]
        assert serving.api.get("/v1/documents")["documents"] == [], "it goes on"

    after_hash, after_epoch = kept()
    assert password_matches(after_hash, password)
    assert not password_matches(after_hash, first)
    assert after_epoch > before_epoch, "sessions have ended"
    code, said = run(machine, "users", "reset-password", "nobody")
    assert (code, "password   " in said) == (REFUSED, False)


def test_keys_are_recovered_while_the_service_runs_and_it_goes_on(machine: Machine):
    key = recovery_key(machine)
    with machine.serve() as serving:
        machine.key_file.unlink()
        assert run(machine, "keys", "recover", typed=key)[0] == 0
        serving.api.take("pump.txt", TEXT.encode())
    with machine.serve() as serving:
        assert serving.api.found(QUESTION) == {"pump.txt"}


def test_a_store_without_a_recovery_key_gets_one_and_is_warned_of_until_then(machine: Machine):
    release = REPOSITORY / "tests" / "release_stores" / "0001"
    with tarfile.open(release / "data.tar") as archive:
        archive.extractall(machine.root, filter="data")
    machine.key_file.write_bytes((release / "store.key").read_bytes())
    machine.key_file.chmod(0o600)

    found = findings(machine)
    assert found["recovery key"]["warning"]
    assert "keys recovery" in found["recovery key"]["detail"]
    for command in ("recover", "confirm-recovery"):
        code, said = run(machine, "keys", command, typed="x")
        assert (code, "has no recovery key" in said) == (STORE, True)
    lost = machine.key_file.rename(machine.tmp / "lost.key")
    assert "no recovery key: keep looking" in run(machine, "keys", "recovery")[1]
    lost.rename(machine.key_file)

    key = machine.app("keys", "recovery").strip()
    assert SHOWN.fullmatch(key)
    assert run(machine, "keys", "confirm-recovery", typed=key)[0] == 0
    machine.key_file.unlink()
    assert run(machine, "keys", "recover", typed=key)[0] == 0
    assert "轮椅" in machine.app("search", "轮椅 押金")


def test_the_first_login_of_an_earlier_store_stops_init_before_anything_is_made(machine: Machine):
    file = machine.key_dir / "store-first-login.json"
    file.write_text("{}")

    code, said = run(machine, "init")

    assert (code, str(file) in said) == (REFUSED, True)
    assert not machine.data.exists()
    assert not machine.key_file.exists()


def test_without_a_store_no_command_on_keys_makes_anything(machine: Machine):
    for command in ("list", "confirm-recovery", "recover", "recovery"):
        code, said = run(machine, "keys", command, typed="x")
        assert (code, "init" in said) == (STORE, True)
    assert not machine.data.exists()


def test_recovery_keys_made_at_the_same_time_leave_one_that_opens_the_store(machine: Machine):
    machine.init()
    started = [machine.start("app", "keys", "recovery") for _ in range(4)]
    codes = [process.wait(END_S) for process, _, _ in started]
    shown = [SHOWN.findall(out.read_text()) for _, out, _ in started]

    assert set(codes) <= {0, STORE}
    assert [bool(keys) for keys in shown] == [code == 0 for code in codes]
    _, slots = json.loads(machine.app("keys", "list", "--json"))["slots"]
    assert slots["kind"] == "recovery key"
    opening = [keys[0] for keys in shown if keys and run(machine, "keys", "confirm-recovery", typed=keys[0])[0] == 0]
    assert len(opening) == 1
