"""Prepare the environment that ``make run`` and ``make test`` use, from a package index or from a wheelhouse.

Runs before anything is installed, so it needs the standard library alone, and says even to an old Python what is
missing. It first looks at the machine and names everything at once, each with the command that mends it.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = "constraints.txt"
MIB, GIB = 2**20, 2**30
OLDEST, NEWEST = (3, 11), (3, 13)
MACHINES = ("x86_64", "aarch64")
OLDEST_GLIBC = (2, 28)  # what the pinned wheels need; a wheelhouse takes no wheel that needs a newer one
ENVIRONMENT_BYTES = 4 * GIB  # 2.4 GiB, what a wheelhouse unpacks beside it, the model and a first store
LEAST_MEMORY_BYTES, WANTED_MEMORY_BYTES = 2 * GIB, 4 * GIB
WANTED_RAM_FOLDER_BYTES = GIB
SHM = Path("/dev/shm")  # noqa: S108 - RAM, not a shared temporary folder
CGROUP = Path("/sys/fs/cgroup")
NVIDIA_DRIVER = Path("/proc/driver/nvidia")


class Missing(Exception):
    """The installation cannot go on; the message says what to do."""


def main() -> None:
    """Install into an environment, or say on stderr what keeps it from being made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", type=Path)
    parser.add_argument("--wheels", type=Path, help="a wheelhouse: the tar, or the folder unpacked from it")
    parser.add_argument("--torch-index", help="a further package index, with CPU builds of torch")
    asked = parser.parse_args()
    warnings, blockers = preflight(asked.environment)
    for line in warnings + blockers:
        print(line, file=sys.stderr)
    try:
        if blockers:
            raise Missing("Nothing was installed.")
        install(asked.environment.absolute(), asked.wheels, asked.torch_index)
    except Missing as missing:
        sys.exit(str(missing))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{failed.cmd[2]} ended with {failed.returncode}, see above. Run the same again once it is mended.")
    except KeyboardInterrupt:
        sys.exit("Interrupted. Run the same again to go on.")


def preflight(environment: Path) -> "tuple[list[str], list[str]]":
    """Return what may become a trouble, and what is one, each with its remedy."""
    warnings: list[str] = []
    blockers: list[str] = []
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        blockers.append(f"Linux on {' or '.join(MACHINES)} is needed, this is {sys.platform} on {platform.machine()}.")
    blockers += python_troubles()
    name, glibc = platform.libc_ver()
    if sys.platform == "linux" and (name != "glibc" or numbers(glibc) < OLDEST_GLIBC):
        found = f"{name or 'another C library, such as musl'} {glibc}".rstrip()
        blockers.append(f"glibc 2.28 or newer is needed (from Debian 10, Ubuntu 20.04, RHEL 8), this is {found}.")
    free = shutil.disk_usage(environment if environment.exists() else ROOT).free
    if free < ENVIRONMENT_BYTES and not (environment / ".installed").exists():
        blockers.append(f"{free // MIB:,} MiB are free in {ROOT}, {ENVIRONMENT_BYTES // MIB:,} are needed. Free some.")
    memory = available_memory()
    if memory < WANTED_MEMORY_BYTES:
        line = (
            f"{memory // MIB:,} MiB of memory are free, {WANTED_MEMORY_BYTES // MIB:,} are wanted. Stop what you can."
        )
        (blockers if memory < LEAST_MEMORY_BYTES else warnings).append(line)
    if not os.environ.get("KB_RAM_DIR"):
        room = shutil.disk_usage(SHM).free if SHM.is_dir() else 0
        if room < WANTED_RAM_FOLDER_BYTES:
            warnings.append(
                f"{room // MIB:,} MiB are free in {SHM}, where the indexes lie; {WANTED_RAM_FOLDER_BYTES // MIB:,} are"
                f" wanted. As root: mount -o remount,size=50% {SHM}; in a container: --shm-size=2g; or set KB_RAM_DIR."
            )
    return warnings, blockers


def python_troubles() -> "list[str]":
    """Return what this Python lacks."""
    version = sys.version_info[:2]
    shown = f"{version[0]}.{version[1]}"
    if not OLDEST <= version <= NEWEST:
        others = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        there = next((name for name in others if runs(name)), None)
        remedy = there and f"Use the one that is here: make PYTHON={there} run"
        remedy = (
            remedy or "Debian, Ubuntu: apt-get install python3.11 python3.11-venv, then: make PYTHON=python3.11 run"
        )
        return [f"Python 3.11 to 3.13 is needed, this is {shown}. {remedy}"]
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        return [f"This Python lacks venv. Debian, Ubuntu: apt-get install python{shown}-venv"]
    return []


def runs(name: str) -> bool:
    """Whether there is such a Python, and not only a name that leads nowhere."""
    found = shutil.which(name)
    return (
        found is not None and subprocess.run([found, "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0
    )


def numbers(version: str) -> "tuple[int, ...]":
    """Return a dotted version as numbers."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def available_memory() -> int:
    """Return the memory that programs can still get, in bytes; a container's limit counts too."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    try:
        limit = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
    except OSError:
        return available
    return available if limit == "max" else min(available, int(limit) - used)


def install(environment: Path, wheels: "Path | None", torch_index: "str | None") -> None:
    """Make the environment if there is none, and install the project into it.

    Raises:
        Missing: the wheelhouse is damaged or for another machine, or the index offers CUDA to one without a card.
    """
    environment.mkdir(parents=True, exist_ok=True)
    if wheels is not None:
        with tempfile.TemporaryDirectory(dir=environment, prefix="wheels-") as folder:
            wheelhouse = opened(wheels.expanduser(), Path(folder))
            from_wheelhouse(environment_in(environment), wheelhouse)
        return
    python = environment_in(environment)
    extra = ["--extra-index-url", torch_index] if torch_index else []
    refuse_cuda_without_card(python, extra)
    pip(python, "install", "--constraint", CONSTRAINTS, *extra, "--editable", ".[test]")


def environment_in(folder: Path) -> Path:
    """Make an environment if there is none, and return its Python."""
    print(f"Installing into {folder}: some minutes, about 2.4 GB.", file=sys.stderr)
    if not (folder / "bin" / "pip").exists():  # made last: one that was interrupted is made again
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str) -> None:
    """Run pip in the project's folder; it speaks of errors alone."""
    command = [str(python), "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def opened(wheels: Path, folder: Path) -> Path:
    """Return the folder of a wheelhouse, unpacked if need be, after all that is installed from it was checked.

    Raises:
        Missing: it is not there, not as it was made, or for another machine or Python.
    """
    if wheels.is_file():
        try:
            unpack(wheels, folder)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise Missing(f"{wheels} cannot be unpacked: {error}. Copy it again, or free some disk.") from error
        wheels = next((path for path in folder.iterdir() if path.is_dir()), folder)
    sums = wheels / "SHA256SUMS"
    if not sums.is_file():
        raise Missing(f"{wheels} is no wheelhouse: it has no SHA256SUMS. 'make wheelhouse' makes one.")
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        file = wheels / name
        # Who installs may change the source; 'sha256sum --check SHA256SUMS' compares that too.
        if not name.startswith("source/") and not (file.is_file() and sha256(file) == digest):
            raise Missing(f"{name} in {wheels} is missing or changed: copy the wheelhouse again.")
    made = (wheels / "MADE_FOR").read_text(encoding="utf-8").strip()
    if made != made_for():
        raise Missing(
            f"This wheelhouse is for {made}, this is {made_for()}: use that Python (PYTHON=...), or make another."
        )
    return wheels


def unpack(tar_file: Path, folder: Path) -> None:
    """Write the regular files of a tar below a folder, and nothing anywhere else.

    By hand, as tarfile's own filter came with Python 3.11.4, and Debian 12 has 3.11.2.
    """
    root = folder.resolve()
    with tarfile.open(tar_file) as tar:
        for member in tar:
            target = (root / member.name).resolve()
            content = tar.extractfile(member) if member.isreg() and root in target.parents else None
            if content is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("xb") as copy:
                shutil.copyfileobj(content, copy, MIB)


def sha256(file: Path) -> str:
    """Return the hash of a file."""
    with file.open("rb") as opened_file:
        return hashlib.file_digest(opened_file, "sha256").hexdigest()


def from_wheelhouse(python: Path, wheelhouse: Path) -> None:
    """Install the locked wheels, each checked by its hash, then the project itself; nothing else is asked.

    Raises:
        Missing: the project needs what is not in the wheelhouse.
    """
    wheels = ["--find-links", str((wheelhouse / "wheels").absolute())]
    locked = ["--require-hashes", "--requirement", str((wheelhouse / "requirements.txt").absolute())]
    pip(python, "install", "--no-index", *wheels, *locked)
    # Hashes are for wheels; the project is the source beside them, built with the setuptools just installed. Its needs
    # are compared with what is installed now: a wheelhouse of another version ends here, not at the first import.
    project = ["--no-build-isolation", "--constraint", CONSTRAINTS, "--editable", ".[test]"]
    try:
        pip(python, "install", "--no-index", *project)
    except subprocess.CalledProcessError as failed:
        raise Missing(
            "This wheelhouse was made for another version of the project: use the source in it, or make another."
        ) from failed


def made_for() -> str:
    """Return machine and Python, as wheels name them."""
    return f"{platform.machine()} cp{sys.version_info[0]}{sys.version_info[1]}"


def refuse_cuda_without_card(python: Path, extra: "list[str]", *, anew: bool = False) -> None:
    """Stop before gigabytes of CUDA are brought to a machine without a card.

    Args:
        python: the Python of the environment.
        extra: arguments for pip that name further indexes.
        anew: look at what the index offers, even if torch is installed already.

    Raises:
        Missing: what the index offers as torch needs NVIDIA's packages, and there is no NVIDIA card.
    """
    if NVIDIA_DRIVER.exists() or shutil.which("nvidia-smi"):
        return
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip(
            python, "install", "--dry-run", "--no-deps", "--report", str(report), "--constraint", CONSTRAINTS, *extra,
            *(["--ignore-installed"] if anew else []), "torch",
        )  # fmt: skip
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    needs = [need for one in found for need in one["metadata"].get("requires_dist", [])]
    if any(brings_cuda(need) for need in needs):
        raise Missing(
            "The package index offers a CUDA build of torch, several gigabytes for which this machine has no card.\n"
            "Name an index of CPU builds (the start page of PyTorch shows one under 'Compute platform: CPU'):\n"
            "  make TORCH_INDEX=ADDRESS run\n"
            "or install from a wheelhouse (make WHEELS=path run), or put a CPU build in place first:\n"
            f"  {python} -m pip install FILE.whl"
        )


def brings_cuda(need: str) -> bool:
    """Whether a requirement of torch is a package of CUDA that this machine would get."""
    name, _, marker = need.partition(";")
    if not name.startswith(("nvidia-", "nvidia_", "cuda-")) or "extra" in marker:
        return False
    return "x86_64" not in marker or platform.machine() == "x86_64"


if __name__ == "__main__":
    main()
