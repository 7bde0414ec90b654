"""The installer: what it finds missing, wheelhouses it does not trust, and CUDA that nobody asked for."""

import importlib.util
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def installer():
    spec = importlib.util.spec_from_file_location("install", TOOLS / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fake_torch(folder: Path, *needs: str) -> None:
    """Write a wheel of torch that needs packages."""
    metadata = "Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0\n" + "".join(f"Requires-Dist: {n}\n" for n in needs)
    with zipfile.ZipFile(folder / "torch-2.13.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch/__init__.py", "")
        wheel.writestr("torch-2.13.0.dist-info/METADATA", metadata)
        wheel.writestr("torch-2.13.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("torch-2.13.0.dist-info/RECORD", "")


def test_this_machine_has_what_it_needs(installer, tmp_path):
    assert installer.preflight(tmp_path)[1] == []


@pytest.mark.parametrize(
    ("what", "value", "said"),
    [
        (
            "sys.version_info",
            (3, 10, 4),
            "Python 3.11 to 3.13 is needed, this is 3.10. Debian, Ubuntu: apt-get install",
        ),
        ("sys.version_info", (3, 14, 0), "Python 3.11 to 3.13 is needed, this is 3.14."),
        ("sys.platform", "darwin", "Linux on x86_64 or aarch64 is needed, this is darwin"),
        ("platform.libc_ver", lambda: ("glibc", "2.17"), "glibc 2.28 or newer is needed"),
        ("platform.libc_ver", lambda: ("", ""), "glibc 2.28 or newer is needed"),
        ("platform.machine", lambda: "ppc64", "Linux on x86_64 or aarch64 is needed"),
        ("available_memory", lambda: 2**30, "1,024 MiB of memory are free, 4,096 are wanted"),
        ("ENVIRONMENT_BYTES", 2**60, "are needed. Free some."),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(installer, monkeypatch, tmp_path, what, value, said):
    owner, _, name = what.rpartition(".")
    monkeypatch.setattr(sys.modules[owner] if owner else installer, name, value)

    _, blockers = installer.preflight(tmp_path / "not there yet")

    assert [line for line in blockers if said in line] == blockers != []


def test_an_environment_without_venv_is_told_the_package(installer, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    _, blockers = installer.preflight(tmp_path)

    assert blockers == [f"Python lacks venv. Debian, Ubuntu: apt-get install python3.{sys.version_info[1]}-venv"]


def test_little_room_in_ram_is_a_warning(installer, monkeypatch, tmp_path):
    monkeypatch.setattr(installer, "WANTED_RAM_FOLDER_BYTES", 2**60)
    monkeypatch.delenv("KB_RAM_DIR", raising=False)

    warnings, blockers = installer.preflight(tmp_path)

    assert len(warnings) == 1
    assert "remount" in warnings[0]
    assert blockers == []


@pytest.mark.parametrize(
    ("needs", "refused"), [(["nvidia-cublas==13.0"], True), (["cuda-bindings"], True), (["numpy"], False), ([], False)]
)
def test_cuda_is_refused_where_there_is_no_card(installer, monkeypatch, tmp_path, needs, refused):
    fake_torch(tmp_path, *needs)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(installer.shutil, "which", lambda name: None)

    if refused:
        with pytest.raises(installer.Missing, match="TORCH_INDEX"):
            installer.refuse_cuda_without_card(Path(sys.executable), [])
    else:
        installer.refuse_cuda_without_card(Path(sys.executable), [])


def test_with_a_card_cuda_is_not_asked_about(installer, monkeypatch):
    monkeypatch.setattr(installer.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(installer, "pip", lambda *_: pytest.fail("pip was asked"))

    installer.refuse_cuda_without_card(Path(sys.executable), [])


@pytest.fixture
def wheelhouse(installer, tmp_path):
    folder = tmp_path / "strongroom-0-linux"
    (folder / "wheels").mkdir(parents=True)
    fake_torch(folder / "wheels")
    (folder / "MADE_FOR").write_text("vax cp15\n", encoding="utf-8")
    files = [path for path in folder.rglob("*") if path.is_file()]
    sums = "".join(f"{installer.sha256(path)}  {path.relative_to(folder)}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return folder


def test_a_wheelhouse_is_taken_as_a_folder_or_as_a_tar(installer, wheelhouse, tmp_path):
    with tarfile.open(tmp_path / "house.tar", "w") as tar:
        tar.add(wheelhouse, arcname=wheelhouse.name)
    (tmp_path / "unpacked").mkdir()

    assert installer.opened(wheelhouse, tmp_path / "unused") == wheelhouse
    assert installer.opened(tmp_path / "house.tar", tmp_path / "unpacked").name == wheelhouse.name


def test_a_changed_or_missing_wheel_is_named(installer, wheelhouse, tmp_path):
    wheel = next((wheelhouse / "wheels").iterdir())
    wheel.write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(installer.Missing, match=wheel.name):
        installer.opened(wheelhouse, tmp_path)
    wheel.unlink()
    with pytest.raises(installer.Missing, match=wheel.name):
        installer.opened(wheelhouse, tmp_path)


def test_what_is_no_wheelhouse_is_said(installer, tmp_path):
    (tmp_path / "cut.tar").write_bytes(b"half a tar")
    with pytest.raises(installer.Missing, match="cannot be unpacked"):
        installer.opened(tmp_path / "cut.tar", tmp_path)
    with pytest.raises(installer.Missing, match="no wheelhouse"):
        installer.opened(tmp_path, tmp_path)


def test_a_wheelhouse_for_another_machine_is_refused_before_pip_runs(installer, wheelhouse, monkeypatch):
    monkeypatch.setattr(installer, "pip", lambda *_: pytest.fail("pip was asked"))

    with pytest.raises(installer.Missing, match="for vax cp15"):
        installer.from_wheelhouse(Path(sys.executable), wheelhouse)
