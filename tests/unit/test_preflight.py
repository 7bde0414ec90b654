"""What keeps an installation from being made is said before anything is fetched: all of it, each with its remedy."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
GIB = 2**30


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def install(monkeypatch):
    """The installer, on a machine that lacks nothing."""
    monkeypatch.syspath_prepend(str(TOOLS))
    module = importlib.import_module("install")
    monkeypatch.setattr(module.platform, "libc_ver", lambda: ("glibc", "2.28"))
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: Usage(100 * GIB, 0, 100 * GIB))
    monkeypatch.setattr(module, "available_memory", lambda: 8 * GIB)
    yield module
    sys.modules.pop("install")


def test_a_machine_that_lacks_nothing_is_told_nothing(install, tmp_path):
    assert install.preflight(tmp_path / ".venv") == ([], [])


def test_everything_that_is_missing_is_named_at_once(install, monkeypatch, tmp_path):
    monkeypatch.setattr(install.platform, "libc_ver", lambda: ("glibc", "2.27"))
    monkeypatch.setattr(install.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: Usage(GIB, 0, GIB // 2))
    monkeypatch.setattr(install, "available_memory", lambda: GIB)
    monkeypatch.setattr(install.sys, "version_info", (3, 14, 0, "final", 0))

    warnings, blockers = install.preflight(tmp_path / ".venv")

    assert len(blockers) == 5
    for named in ("glibc 2.27", "riscv64", "512 MiB are free", "1,024 MiB of memory", "this is 3.14"):
        assert sum(named in line for line in blockers) == 1, named
    assert len(warnings) == 1
    assert "remount,size" in warnings[0]


@pytest.mark.parametrize(("glibc", "fine"), [("2.9", False), ("2.28", True), ("2.100", True), ("3.0", True)])
def test_versions_of_glibc_are_compared_as_numbers(install, monkeypatch, tmp_path, glibc, fine):
    monkeypatch.setattr(install.platform, "libc_ver", lambda: ("glibc", glibc))

    assert (install.preflight(tmp_path / ".venv")[1] == []) is fine


def test_another_c_library_is_told_what_it_is(install, monkeypatch, tmp_path):
    monkeypatch.setattr(install.platform, "libc_ver", lambda: ("", ""))

    assert "musl" in install.preflight(tmp_path / ".venv")[1][0]


def test_little_memory_warns_and_too_little_stops(install, monkeypatch, tmp_path):
    monkeypatch.setattr(install, "available_memory", lambda: 3 * GIB)
    warnings, blockers = install.preflight(tmp_path / ".venv")
    assert (len(warnings), len(blockers)) == (1, 0)
    monkeypatch.setattr(install, "available_memory", lambda: 2 * GIB - 1)
    warnings, blockers = install.preflight(tmp_path / ".venv")
    assert (len(warnings), len(blockers)) == (0, 1)


def test_the_memory_of_a_container_is_its_limit(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(TOOLS))
    module = importlib.import_module("install")
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    whole = module.available_memory()
    assert whole > 2**20
    (tmp_path / "memory.current").write_text("1000000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert module.available_memory() == pytest.approx(whole, rel=0.5)
    (tmp_path / "memory.max").write_text("3000000\n")
    assert module.available_memory() == 2_000_000


def test_a_ram_folder_of_ones_own_is_not_looked_for_in_shm(install, monkeypatch, tmp_path):
    monkeypatch.setattr(install, "SHM", tmp_path / "none")
    assert len(install.preflight(tmp_path / ".venv")[0]) == 1
    monkeypatch.setenv("KB_RAM_DIR", str(tmp_path))
    assert install.preflight(tmp_path / ".venv") == ([], [])


def test_a_python_without_venv_is_told_the_package_of_its_version(install, monkeypatch, tmp_path):
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)

    line = install.preflight(tmp_path / ".venv")[1][0]

    assert f"apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in line


def test_the_python_that_is_there_is_offered_but_not_a_name_that_leads_nowhere(install, monkeypatch, tmp_path):
    monkeypatch.setattr(install.sys, "version_info", (3, 9, 2, "final", 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install python3.11 python3.11-venv" in install.python_troubles()[0]
    for name, code in (("python3.13", 127), ("python3.12", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    assert "make PYTHON=python3.12 run" in install.python_troubles()[0]


def test_blockers_end_it_before_anything_is_made(tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(TOOLS)!r}); import install\n"
        "install.platform.libc_ver = lambda: ('glibc', '2.17')\n"
        f"sys.argv = ['install', {str(tmp_path / 'environment')!r}]\n"
        "install.main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "glibc 2.28 or newer" in ran.stderr
    assert "Nothing was installed" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "environment").exists()


def test_an_old_python_can_read_the_installer_and_so_say_what_is_needed():
    text = (TOOLS / "install.py").read_text(encoding="utf-8")

    ast.parse(text, feature_version=(3, 7))
    imported = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    assert "tomllib" not in imported  # of 3.11


def test_the_oldest_glibc_is_the_one_that_the_installed_wheels_need_or_a_newer():
    """A wheel often carries a tag for an older system beside its own; the oldest one counts."""
    text = (TOOLS / "install.py").read_text(encoding="utf-8")
    named = re.search(r"OLDEST_GLIBC = \((\d+), (\d+)\)", text)
    assert named
    # Those two come in builds for 2.28 too, which a wheelhouse takes.
    in_two_builds = {"cryptography", "bcrypt"}
    needed = {}
    for folder in (Path(sys.prefix) / "lib").glob("python3*/site-packages/*.dist-info"):
        wheel = folder / "WHEEL"
        tags = re.findall(r"^Tag: .*manylinux_(\d+)_(\d+)_", wheel.read_text() if wheel.exists() else "", re.MULTILINE)
        package = folder.name.split("-")[0]
        if tags and package not in in_two_builds:
            needed[package] = min((int(major), int(minor)) for major, minor in tags)
    assert needed, "the environment has wheels of ours"
    assert {name: glibc for name, glibc in needed.items() if glibc > (int(named[1]), int(named[2]))} == {}
