"""An init that was cut off, and one on a store that is in use."""

import json
import subprocess
import sys

from tests.e2e.machine import Machine

CUT_OFF = (
    "import os, app.accounts.people\n"
    "app.accounts.people.add_user = lambda *_, **__: os._exit(137)\n"
    "from app.commands.store import init\n"
    "init(as_json=True)\n"
)


def test_an_init_that_was_killed_is_finished_by_the_next(machine: Machine):
    cut_off = subprocess.run([sys.executable, "-c", CUT_OFF], cwd=machine.cwd, env=machine.environment, check=False)
    assert cut_off.returncode == 137
    assert (machine.data / "store.json").exists(), "cut off after the store was made"

    made = json.loads(machine.app("init", "--json"))

    assert made["username"] == "admin"
    assert json.loads(machine.app("users", "list", "--json"))["users"][0]["role"] == "administrator"
    again = machine.run("app", "init", "--json")
    assert again.returncode == 3
    assert "holds a store already" in again.stderr
