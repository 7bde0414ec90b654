"""The house rules that a second's look can see."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = sorted([*(REPOSITORY / "app").rglob("*.py"), *(REPOSITORY / "ingest").rglob("*.py")])
LONGEST_MODULE_LINES = 300
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "base", "core", "manager", "misc"}
HOSTS = re.compile(r"pypi" + r"\.org|pythonhosted|npm" + r"js\.|deb\.deb" + r"ian|hugging" + r"face\.co")


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_a_module_is_one_noun_short_and_introduced(module):
    text = module.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= LONGEST_MODULE_LINES
    assert module.stem not in NAMES_THAT_SAY_NOTHING
    assert ast.get_docstring(ast.parse(text))


def test_only_settings_reads_the_environment():
    readers = {
        module.name
        for module in MODULES
        if re.search(r"os\.environ\b|os\.getenv|\benviron\b", module.read_text(encoding="utf-8"))
    }

    assert readers <= {"settings.py", "processes.py", "sandbox.py", "process.py"}, readers


def test_no_host_of_a_registry_or_hub_stands_in_the_code():
    named = [module for module in MODULES if HOSTS.search(module.read_text(encoding="utf-8"))]

    assert named == []
