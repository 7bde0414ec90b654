import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
HEAVY = {"torch", "transformers", "sentence_transformers", "chromadb", "langchain_core", "tantivy", "openvino"}
ALSO_LATE = {"fastapi", "uvicorn", "numpy", "sqlcipher3", "httpx", "opencc"}
GROUPS = {
    "documents": {"list", "show", "delete", "access"},
    "jobs": {"list"},
    "knowledge-bases": {"add", "list", "delete", "grant", "revoke"},
    "users": {"add", "list", "delete", "reset-password"},
    "groups": {"add", "list", "delete", "join", "leave"},
    "api-keys": {"add", "list", "delete"},
    "audit": {"list"},
    "keys": {"list", "confirm-recovery", "recover", "recovery"},
    "certificates": {"init"},
    "models": {"prepare"},
}
COMMANDS = {"init", "start", "serve", "search", "ask", "evaluate", "doctor"}
# One process for all: each --help runs in it, and what was imported after each is noted.
RUN_ALL = """
import contextlib, io, json, runpy, sys
seen = []
for arguments in json.loads(sys.argv[1]):
    module, *rest = arguments
    sys.argv = [module, *rest]
    code, out = None, io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=False)
        except SystemExit as end:
            code = end.code or 0
    seen.append([code, out.getvalue(), sorted({name.split(".")[0] for name in sys.modules})])
print(json.dumps(seen))
"""


def run_all(calls):
    ran = subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps(calls)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return json.loads(ran.stdout)


def all_calls():
    calls = [["app", "--help"], ["ingest", "--help"], ["ingest", "work", "--help"]]
    calls += [["app", command, "--help"] for command in sorted(COMMANDS)]
    for group, commands in GROUPS.items():
        calls += [["app", group, "--help"], *(["app", group, command, "--help"] for command in sorted(commands))]
    return calls


@pytest.fixture(scope="module")
def helped():
    """What each --help gave: arguments to (code, text, modules)."""
    calls = all_calls()
    return {tuple(call): given for call, given in zip(calls, run_all(calls), strict=True)}


@pytest.mark.parametrize("call", all_calls(), ids=" ".join)
def test_help_is_given_and_nothing_heavy_is_imported(helped, call):
    code, text, imported = helped[tuple(call)]

    assert code == 0
    assert "Usage:" in text
    assert HEAVY.isdisjoint(imported)


def test_help_comes_before_anything_that_takes_time_is_imported(helped):
    assert all(ALSO_LATE.isdisjoint(imported) for _, _, imported in helped.values())


@pytest.mark.parametrize("module", ["app", "ingest"])
def test_a_module_run_by_python_shows_its_help(module):
    ran = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert f"python -m {module}" in ran.stdout
    assert ran.stderr == ""


def test_no_command_is_left_out_of_these_tests(helped):
    def listed(call):
        _, text, _ = helped[call]
        return set(re.findall(r"^│ ([a-z][a-z-]*) ", text.partition("Commands")[2], re.MULTILINE))

    assert listed(("app", "--help")) == COMMANDS | set(GROUPS)
    for group, commands in GROUPS.items():
        assert listed(("app", group, "--help")) == commands


def test_every_command_says_what_it_does(helped):
    for call, (_, text, _) in helped.items():
        after_usage = text.split("Usage:", 1)[1].splitlines()[1:]
        said = next(line.strip() for line in after_usage if line.strip())
        assert said.endswith((".", ";")) or len(said) > 20, call


@pytest.mark.parametrize("arguments", [["no-such-command"], ["search"], ["search", "x", "--no-such-option"], ["users"]])
def test_a_command_that_cannot_be_understood_is_a_usage_error(arguments):
    ran = subprocess.run(
        [sys.executable, "-m", "app", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


def test_trouble_is_one_line_with_advice_and_an_exit_code(tmp_path):
    def run(**environment):
        program = [sys.executable, "-m", "app", "users", "list"]
        ran = subprocess.run(
            program,
            cwd=REPOSITORY,
            env={"HOME": str(tmp_path)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stderr

    code, told = run(KB_DATA_DIR=str(tmp_path / "absent"))
    assert code == 3
    assert told.splitlines() == [
        f"no store in {tmp_path / 'absent'}",
        "Run 'python -m app init', or point KB_DATA_DIR at the store.",
    ]

    code, told = run(KB_NO_SUCH_SETTING="1")
    assert code == 2
    assert "no_such_setting" in told
    assert "Traceback" not in told
