"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "ingest")
MOST_LINES = 300
# A name that says nothing about what is inside attracts everything.
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "core", "manager", "misc", "shared", "tools"}
READS_THE_ENVIRONMENT = {"app/settings.py"}
MACHINE_PATH = re.compile(r"(?<![\w.~/])(?:/(?:home|Users|root|work|mnt|opt)/|[A-Z]:\\)")
# Written in pieces, so that this file names none of them either.
REGISTRY_HOST = re.compile(
    r"pypi" r"\.org|python" r"hosted|hugging" r"face\.co|\bhf" r"\.co|hf-" r"mirror|model" r"scope|py" r"torch\.org"
    r"|ana" r"conda|tsing" r"hua|ali" r"yun|npm" r"js\.|deb\." r"debian|--(?:extra-)?index" r"-url|--find" r"-links",
    re.IGNORECASE,
)  # fmt: skip
CODE = {".py", ".js", ".html", ".css", ".yaml"}
# Names of XML, which nothing ever fetches.
XML_NAMES = r"schemas\.openxmlformats\.org|openoffice\.org/2001/registry|www\.w3\.org/2001/XMLSchema"
CALLS_OUT = re.compile(rf"https?://(?!127\.0\.0\.1|localhost|strongroom\b|vllm:|{XML_NAMES}|\{{)")


def modules():
    return sorted(file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py"))


def shipped_texts():
    """What is installed or run, beside the tests."""
    files = [file for package in PACKAGES for file in (REPOSITORY / package).rglob("*")]
    files += [*(REPOSITORY / "configs").rglob("*"), *(REPOSITORY / ".ci").rglob("*")]
    files += [REPOSITORY / name for name in ("Makefile", "pyproject.toml", "constraints.txt", "README.md")]
    return [file for file in files if file.is_file() and file.suffix not in {".pyc", ".png", ".ico", ".woff2"}]


def installing_texts():
    """What installs and packs, and so has to name pip's options."""
    return [file for name in ("tools", "docker") for file in (REPOSITORY / name).rglob("*") if file.suffix != ".pyc"]


def shown(file):
    return file.relative_to(REPOSITORY).as_posix()


def test_no_module_is_longer_than_a_reader_can_hold():
    lines = {shown(file): len(file.read_text(encoding="utf-8").splitlines()) for file in modules()}

    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_module_has_a_name_that_says_nothing():
    named = [part for file in modules() for part in (*file.relative_to(REPOSITORY).parts[:-1], file.stem)]

    assert EMPTY_NAMES.isdisjoint(named)


def test_every_package_and_module_says_what_it_is():
    without = [shown(file) for file in modules() if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))]

    assert without == []


def test_every_folder_of_modules_is_a_package():
    folders = {file.parent for file in modules()}

    assert [shown(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_a_package_does_nothing_when_it_is_imported():
    for file in (file for file in modules() if file.name == "__init__.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        assert all(isinstance(node, ast.Expr | ast.Assign | ast.ImportFrom) for node in body), shown(file)


def test_only_the_settings_read_the_environment():
    reading = set()
    for file in modules():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            attribute = isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"}
            imported = isinstance(node, ast.ImportFrom) and node.module == "os"
            if attribute or (imported and {name.name for name in node.names} & {"environ", "environb", "getenv"}):
                reading.add(shown(file))

    assert reading == READS_THE_ENVIRONMENT


@pytest.mark.parametrize("module", ["pickle", "marshal", "shelve", "dill", "joblib"])
def test_nothing_is_unpickled(module):
    importing = [
        shown(file)
        for file in modules()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and module in {name.name.split(".")[0] for name in node.names})
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == module)
    ]

    assert importing == []


def test_no_path_of_somebodys_machine_is_written_anywhere():
    texts = [*shipped_texts(), *(file for file in installing_texts() if file.is_file())]
    found = [f"{shown(file)}: {match}" for file in texts for match in MACHINE_PATH.findall(text_of(file))]

    assert found == []


def test_no_registry_and_no_mirror_is_named_in_what_we_ship():
    found = [
        f"{shown(file)}: {match[0]}" for file in shipped_texts() for match in REGISTRY_HOST.finditer(text_of(file))
    ]

    assert found == []


def test_the_code_names_no_address_outside_this_machine():
    code = [
        file
        for file in [*shipped_texts(), *installing_texts()]
        if file.suffix in {".py", ".js", ".html", ".css", ".yaml"}
    ]
    found = [f"{shown(file)}: {text_of(file)[match.start() :][:60]}" for file in code for match in outside(file)]

    assert found == []


def test_constraints_pin_every_package_to_one_version():
    lines = [line.strip() for line in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()]
    wrong = [line for line in lines if line and not line.startswith("#") and not re.match(r"[\w.\-]+==[\w.+!]+", line)]

    assert wrong == []


def test_our_modules_are_imported_without_touching_the_disk_or_starting_a_thread():
    program = (
        "import sys, threading\n"
        "events = []\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[1], str) and set(arguments[1]) & set('wax+'):\n"
        "        events.append(str(arguments[0]))\n"
        "sys.addaudithook(watch)\n"
        "import app.settings, app.logs, app.vault.keyring, app.database.store, app.accounts.people\n"
        "print([event for event in events if '__pycache__' not in event], threading.active_count())\n"
    )

    ran = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert ran.stdout == "[] 1\n"


def outside(file):
    return CALLS_OUT.finditer(text_of(file))


def text_of(file):
    return file.read_text(encoding="utf-8")
