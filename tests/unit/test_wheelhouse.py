"""A wheelhouse: made from an index, it installs a project where there is no network, and nothing but what it locked.

The real tools work on a project of four files and on wheels made here: pip, venv and tar are the real ones.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NOWHERE = "http://127.0.0.1:9/simple"  # nothing answers there
HAS_CARD = Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None
PYPROJECT = """
[build-system]
requires = ["oldhammer"]
build-backend = "oldhammer"
[project]
name = "hut"
version = "1.2"
dependencies = ["plank", "torch"]
optional-dependencies = { test = ["gauge"] }
"""
# A build backend of the standard library alone: an editable wheel is a path file.
BACKEND = """
import zipfile, pathlib
META = "Metadata-Version: 2.1\\nName: hut\\nVersion: 1.2\\nRequires-Dist: plank\\nRequires-Dist: torch\\n"
META += "Provides-Extra: test\\nRequires-Dist: gauge; extra == 'test'\\n"
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "hut-1.2-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("hut.pth", str(pathlib.Path.cwd() / "code"))
        wheel.writestr("hut-1.2.dist-info/METADATA", META)
        wheel.writestr("hut-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("hut-1.2.dist-info/RECORD", "")
    return name
build_wheel = build_editable
"""


def make_wheel(
    folder: Path, name: str, version: str, content: str = "", *, tag: str = "py3-none-any", needs=()
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}.py": content or f"version = {version!r}\n",
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text.encode())}\n"
        for path, text in files.items()
    )
    file = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)
    return file


def make_index(folder: Path) -> str:
    """Write the pages of a package index over the wheels in a folder, and return its address."""
    by_package: dict[str, list[Path]] = {}
    for wheel in folder.glob("*.whl"):
        by_package.setdefault(wheel.name.split("-")[0].replace("_", "-"), []).append(wheel)
    for package, wheels in by_package.items():
        page = folder / "simple" / package / "index.html"
        page.parent.mkdir(parents=True)
        links = "".join(f'<a href="{wheel.as_uri()}">{wheel.name}</a>' for wheel in wheels)
        page.write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    return (folder / "simple").as_uri()


def environment(index: str) -> dict[str, str]:
    """Return an environment in which pip knows this index alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "GIT_"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0"}


def run(project: Path, tool: str, *arguments: str, index: str = NOWHERE) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, f"tools/{tool}.py", *arguments], cwd=project, env=environment(index), capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip


def seen_by(project: Path, program: str) -> str:
    ran = subprocess.run(
        [project / ".venv" / "bin" / "python", "-c", program], capture_output=True, text=True, check=False
    )
    return ran.stdout + ran.stderr


def project_in(folder: Path) -> Path:
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "hut.py").write_text("import plank, torch\nshown = plank.version + ' ' + torch.version\n")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "constraints.txt").write_text("plank==2.0\ntorch==3.0\ngauge==1.0\noldhammer==1.0\n")
    shutil.copytree(TOOLS, folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> str:
    """An index whose newest plank fits every system, and one of whose builds needs a new one."""
    folder = tmp_path_factory.mktemp("index")
    make_wheel(folder, "plank", "2.0", needs=["nail"], tag="py3-none-manylinux_2_28_x86_64")
    make_wheel(folder, "plank", "2.0", needs=["nail"], tag="py3-none-manylinux_2_28_aarch64")
    make_wheel(folder, "plank", "2.0", needs=["nail"], tag="py3-none-manylinux_2_34_x86_64")
    make_wheel(folder, "plank", "2.0", needs=["nail"], tag="py3-none-manylinux_2_34_aarch64")
    make_wheel(folder, "plank", "3.0")
    make_wheel(folder, "nail", "0.1")
    make_wheel(folder, "torch", "3.0")
    make_wheel(folder, "gauge", "1.0")
    make_wheel(folder, "oldhammer", "1.0", BACKEND)
    return make_index(folder)


@pytest.fixture(scope="module")
def tar(tmp_path_factory, index) -> Path:
    """A wheelhouse of the project in a folder that git does not know."""
    project = project_in(tmp_path_factory.mktemp("made") / "hut")
    for made in (".venv/lib", "data/originals", "dist", "code/__pycache__"):
        (project / made).mkdir(parents=True)
        (project / made / "left.bin").write_text("not part of the source")
    made = run(project, "wheelhouse", index=index)
    assert made.returncode == 0, made.stderr
    (file,) = (project / "dist").glob("*.tar")
    assert file.name.startswith("strongroom-1.2-linux_")
    assert str(file) in made.stdout
    assert hashlib.sha256(file.read_bytes()).hexdigest() in made.stdout
    assert sorted(path.name for path in (project / "dist").iterdir()) == sorted(["left.bin", file.name])
    return file


@pytest.fixture
def house(tar, tmp_path) -> Path:
    """That wheelhouse, unpacked where there is no network."""
    with tarfile.open(tar) as packed:
        packed.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    return folder


def test_it_holds_each_wheel_with_its_hash_and_the_source_alone(house):
    wheels = {file.name.split("-")[0]: file for file in (house / "wheels").iterdir()}
    assert set(wheels) == {"plank", "nail", "torch", "gauge", "oldhammer"}
    assert "manylinux_2_28" in wheels["plank"].name, "what the oldest supported system cannot run is left out"
    locked = dict(line.split(" --hash=sha256:") for line in (house / "requirements.txt").read_text().splitlines())
    assert locked == {
        "==".join(file.name.split("-")[:2]): hashlib.sha256(file.read_bytes()).hexdigest() for file in wheels.values()
    }
    source = {str(file.relative_to(house / "source")) for file in (house / "source").rglob("*") if file.is_file()}
    assert source == {"code/hut.py", "pyproject.toml", "constraints.txt"} | {
        f"tools/{file.name}" for file in TOOLS.glob("*.py")
    }
    checked = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=house, check=False)
    assert checked.returncode == 0
    listed = {line.split("  ")[1] for line in (house / "SHA256SUMS").read_text().splitlines()}
    assert listed == {str(file.relative_to(house)) for file in house.rglob("*") if file.is_file()} - {"SHA256SUMS"}


def test_it_installs_without_a_network_and_the_project_stays_editable(house):
    project = house / "source"
    done = run(project, "install", ".venv", "--wheels", "..")
    assert done.returncode == 0, done.stderr
    assert seen_by(project, "import hut, gauge; print(hut.shown)") == "2.0 3.0\n"
    (project / "code" / "hut.py").write_text("shown = 'changed here'\n")
    assert seen_by(project, "import hut; print(hut.shown)") == "changed here\n"


def test_the_tar_itself_installs_too_even_into_what_an_interruption_left(house, tar):
    project = house / "source"
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)
    done = run(project, "install", ".venv", "--wheels", str(tar))
    assert done.returncode == 0, done.stderr
    assert seen_by(project, "import hut; print(hut.shown)") == "2.0 3.0\n"
    assert not list((project / ".venv").glob("wheels-*")), "nothing stays unpacked"


def refused(project: Path, wheels: str) -> str:
    done = run(project, "install", ".venv", "--wheels", wheels)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not list((project / ".venv").rglob("plank.py"))
    return done.stderr


def test_a_changed_or_missing_file_is_named_and_nothing_is_installed(house):
    wheel = next((house / "wheels").glob("plank-*"))
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-1] + b"\x01")
    assert f"wheels/{wheel.name}" in refused(house / "source", "..")
    wheel.unlink()
    assert f"wheels/{wheel.name}" in refused(house / "source", "..")


def test_a_wheel_changed_together_with_its_sum_is_refused_by_its_hash(house):
    wheel = next((house / "wheels").glob("plank-*"))
    before = hashlib.sha256(wheel.read_bytes()).hexdigest()
    make_wheel(wheel.parent, "plank", "2.0", "version = 'evil'\n", tag=wheel.stem.split("-", 2)[2])
    sums = house / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    assert "HASHES" in refused(house / "source", "..").upper()


def test_a_wheelhouse_of_another_python_or_none_at_all_says_so(house, tar, tmp_path):
    sums, made_for = house / "SHA256SUMS", house / "MADE_FOR"
    before = hashlib.sha256(made_for.read_bytes()).hexdigest()
    made_for.write_text("x86_64 cp27\n")
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(made_for.read_bytes()).hexdigest()))
    assert "x86_64 cp27" in refused(house / "source", "..")
    assert "no wheelhouse" in refused(house / "source", str(tmp_path))
    assert "no wheelhouse" in refused(house / "source", "nowhere")
    cut = tmp_path / "cut.tar"
    cut.write_bytes(tar.read_bytes()[:3_000])
    assert "cut.tar" in refused(house / "source", str(cut))
    (tmp_path / "text.tar").write_text("no tar")
    assert "cannot be unpacked" in refused(house / "source", str(tmp_path / "text.tar"))


def test_a_wheelhouse_of_another_version_ends_the_installation(house):
    project = house / "source"
    (project / "constraints.txt").write_text("plank==2.5\n")
    done = run(project, "install", ".venv", "--wheels", "..")
    assert done.returncode == 1
    assert "another version" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_tar_writes_nothing_outside_its_folder(house, tmp_path):
    hostile = tmp_path / "hostile.tar"
    (tmp_path / "evil").write_text("outside")
    with tarfile.open(hostile, "w") as packed:
        for name in ("../escaped", str(tmp_path / "absolute")):
            packed.add(tmp_path / "evil", arcname=name)
        link = tarfile.TarInfo("strongroom/link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        packed.addfile(link)
        packed.add(tmp_path / "evil", arcname="strongroom/link/through")
    refused(house / "source", str(hostile))
    assert not (house / "source" / ".venv" / "escaped").exists()
    assert not (tmp_path / "absolute").exists()
    assert not (tmp_path / "through").exists()


@pytest.fixture(scope="module")
def cuda(tmp_path_factory) -> tuple[Path, str]:
    """An index whose torch brings CUDA; the page of that package leads to a file that cannot be fetched."""
    folder = tmp_path_factory.mktemp("cuda")
    make_wheel(folder, "torch", "3.0", needs=["nvidia-cublas==13.*; platform_system == 'Linux'"])
    make_wheel(folder, "plank", "2.0")
    make_wheel(folder, "gauge", "1.0")
    make_wheel(folder, "oldhammer", "1.0", BACKEND)
    make_wheel(folder, "nvidia_cublas", "13.0").write_text("fetched after all")
    return folder, make_index(folder)


@pytest.mark.skipif(HAS_CARD, reason="this machine has an NVIDIA card")
def test_cuda_for_a_machine_without_a_card_stops_before_it_is_fetched(cuda, tmp_path):
    project = project_in(tmp_path / "hut")
    for tool, arguments in (("install", [".venv"]), ("wheelhouse", [])):
        done = run(project, tool, *arguments, index=cuda[1])
        assert done.returncode == 1, done.stderr
        assert "TORCH_INDEX=" in done.stderr
        assert "Traceback" not in done.stderr
        assert "ERROR" not in done.stderr
    assert not list((project / "dist").glob("*.tar"))
    assert "ModuleNotFoundError" in seen_by(project, "import plank")


@pytest.mark.skipif(HAS_CARD, reason="this machine has an NVIDIA card")
def test_an_index_of_cpu_builds_is_taken_beside_it(cuda, tmp_path):
    make_wheel(tmp_path / "cpu", "torch", "3.0+cpu")
    address = make_index(tmp_path / "cpu")
    project = project_in(tmp_path / "hut")
    done = run(project, "install", ".venv", "--torch-index", address, index=cuda[1])
    assert done.returncode == 0, done.stderr
    assert seen_by(project, "import torch; print(torch.version)") == "3.0+cpu\n"


@pytest.mark.parametrize(
    ("need", "machine", "brought"),
    [
        ("nvidia-cublas==13.1; platform_system == 'Linux'", "aarch64", True),
        ("nvidia-cublas-cu12==12.8; platform_machine == 'x86_64'", "x86_64", True),
        ("nvidia-cublas-cu12==12.8; platform_machine == 'x86_64'", "aarch64", False),
        ("cuda-toolkit[cudart]==13.0", "x86_64", True),
        ("nvidia-dali; extra == 'data'", "x86_64", False),
        ("sympy>=1.13", "x86_64", False),
    ],
)
def test_what_counts_as_cuda_is_what_this_machine_would_get(monkeypatch, need, machine, brought):
    monkeypatch.syspath_prepend(str(TOOLS))
    import install

    monkeypatch.setattr(install.platform, "machine", lambda: machine)
    assert install.brings_cuda(need) is brought
    sys.modules.pop("install")


def test_the_source_is_what_git_does_not_ignore_new_files_too(tmp_path, index):
    project = project_in(tmp_path / "hut")
    (project / ".gitignore").write_text("secret.txt\n/dist/\n__pycache__/\n")
    (project / "secret.txt").write_text("ignored")
    (project / "文件 one.txt").write_text("new")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "pyproject.toml", "code"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], cwd=project, check=True, env=environment(NOWHERE))
    made = run(project, "wheelhouse", index=index)
    assert made.returncode == 0, made.stderr
    (file,) = (project / "dist").glob("*.tar")
    with tarfile.open(file) as packed:
        names = {name.partition("/source/")[2] for name in packed.getnames() if "/source/" in name}
    assert {"文件 one.txt", "code/hut.py", "pyproject.toml", "tools/install.py"} <= names
    assert not names & {"secret.txt"}
    assert not any(name.startswith(("dist", ".git/")) for name in names)
