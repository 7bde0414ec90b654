"""Prepare the environment that ``make run`` and ``make test`` use, from a package index or from a wheelhouse.

Runs before anything is installed, so it needs the standard library alone. It first looks for what is missing on the
machine and names everything at once, each with the command that mends it.
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
OLDEST_GLIBC = (2, 28)  # manylinux_2_28, the newest tag among the pinned wheels
ENVIRONMENT_BYTES = 3 * GIB  # 2.4 GiB and what pip unpacks beside it
LEAST_MEMORY_BYTES, WANTED_MEMORY_BYTES = 2 * GIB, 4 * GIB
WANTED_RAM_FOLDER_BYTES = GIB
SHM = Path("/dev/shm")  # noqa: S108 - RAM, not a shared temporary folder


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
            raise Missing("nothing was installed")
        install(asked.environment, asked.wheels, asked.torch_index)
    except Missing as missing:
        sys.exit(str(missing))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"pip ended with {failed.returncode}, see above; run the same command again once it is mended")


def preflight(environment: Path) -> "tuple[list[str], list[str]]":
    """Return what may become a trouble, and what is one, each with its remedy."""
    warnings: list[str] = []
    blockers: list[str] = []
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        blockers.append(
            f"Python 3.11 to 3.13 is needed, this is {version[0]}.{version[1]}. Debian, Ubuntu: apt-get install"
            " python3.11 python3.11-venv, then: make PYTHON=python3.11 ..."
        )
    elif any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        blockers.append(f"Python lacks venv. Debian, Ubuntu: apt-get install python{version[0]}.{version[1]}-venv")
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        blockers.append(f"Linux on {' or '.join(MACHINES)} is needed, this is {sys.platform} on {platform.machine()}.")
    name, glibc = platform.libc_ver()
    if sys.platform == "linux" and (name != "glibc" or numbers(glibc) < OLDEST_GLIBC):
        blockers.append(f"glibc 2.28 or newer is needed (Debian 10, Ubuntu 20.04, RHEL 8), this is {name} {glibc}.")
    free = shutil.disk_usage(environment if environment.exists() else ROOT).free
    if free < ENVIRONMENT_BYTES and not (environment / "bin" / "python").exists():
        blockers.append(f"{free // MIB:,} MiB are free in {ROOT}, {ENVIRONMENT_BYTES // MIB:,} are needed. Free some.")
    memory = available_memory()
    if memory < WANTED_MEMORY_BYTES:
        line = (
            f"{memory // MIB:,} MiB of memory are free, {WANTED_MEMORY_BYTES // MIB:,} are wanted. Stop what you can."
        )
        (blockers if memory < LEAST_MEMORY_BYTES else warnings).append(line)
    if "KB_RAM_DIR" not in os.environ:
        room = shutil.disk_usage(SHM).free if SHM.is_dir() else 0
        if room < WANTED_RAM_FOLDER_BYTES:
            warnings.append(
                f"{room // MIB:,} MiB are free in {SHM}, where the indexes lie; {WANTED_RAM_FOLDER_BYTES // MIB:,} are"
                f" wanted. As root: mount -o remount,size=50% {SHM}; in a container: --shm-size=2g"
            )
    return warnings, blockers


def numbers(version: str) -> "tuple[int, ...]":
    """Return a dotted version as numbers."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def available_memory() -> int:
    """Return the memory that programs can still get, in bytes."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def install(environment: Path, wheels: "Path | None", torch_index: "str | None") -> None:
    """Make the environment if there is none, and install the project into it.

    Raises:
        Missing: the wheelhouse is damaged or for another machine, or the index offers CUDA to one without a card.
    """
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    if wheels is not None:
        with tempfile.TemporaryDirectory(dir=environment, prefix="wheels-") as folder:
            from_wheelhouse(python, opened(wheels, Path(folder)))
        return
    extra = ["--extra-index-url", torch_index] if torch_index else []
    refuse_cuda_without_card(python, extra)
    pip(python, "install", "--constraint", CONSTRAINTS, *extra, "--editable", ".[test]")


def pip(python: Path, *arguments: str) -> None:
    """Run pip in the project's folder."""
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def opened(wheels: Path, folder: Path) -> Path:
    """Return the folder of a wheelhouse, unpacked if need be, after every file in it was checked.

    Raises:
        Missing: it is not there, or not as it was made.
    """
    if wheels.is_file():
        try:
            with tarfile.open(wheels) as tar:
                tar.extractall(folder, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise Missing(f"{wheels} cannot be unpacked: {error}. Copy it again.") from error
        wheels = next((path for path in folder.iterdir() if path.is_dir()), folder)
    sums = wheels / "SHA256SUMS"
    if not sums.is_file():
        raise Missing(f"{wheels} is no wheelhouse: it has no SHA256SUMS. 'make wheelhouse' makes one.")
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        file = wheels / name
        if not file.is_file() or sha256(file) != digest:
            raise Missing(f"{name} in {wheels} is missing or changed: copy the wheelhouse again.")
    return wheels


def sha256(file: Path) -> str:
    """Return the hash of a file."""
    with file.open("rb") as opened_file:
        return hashlib.file_digest(opened_file, "sha256").hexdigest()


def from_wheelhouse(python: Path, wheelhouse: Path) -> None:
    """Install the locked wheels, each checked by its hash, then the project itself; nothing else is asked."""
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    made_for = (wheelhouse / "MADE_FOR").read_text(encoding="utf-8").split()
    if made_for != [platform.machine(), tag]:
        raise Missing(f"this wheelhouse is for {' '.join(made_for)}, this is {platform.machine()} {tag}: make another.")
    offline = ["--no-index", "--find-links", str(wheelhouse / "wheels")]
    pip(python, "install", *offline, "--require-hashes", "--requirement", str(wheelhouse / "requirements.txt"))
    # Hashes are for wheels; the project is the source beside them, built with the setuptools just installed.
    pip(python, "install", *offline, "--no-deps", "--no-build-isolation", "--editable", ".")


def refuse_cuda_without_card(python: Path, extra: "list[str]") -> None:
    """Stop before gigabytes of CUDA are brought to a machine without a card.

    Raises:
        Missing: what the index offers as torch needs NVIDIA's packages, and there is no NVIDIA card.
    """
    if Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi"):
        return
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip(
            python, "install", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report), "--constraint", CONSTRAINTS, *extra,
            "torch",
        )  # fmt: skip
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    needs = [need for one in found for need in one["metadata"].get("requires_dist", [])]
    if any(need.startswith(("nvidia-", "cuda-")) for need in needs):
        raise Missing(
            "The package index offers a CUDA build of torch, several gigabytes for which this machine has no card.\n"
            "Name an index of CPU builds (pytorch.org, 'Get Started', compute platform CPU, shows its address):\n"
            "  make TORCH_INDEX=https://... run"
        )


if __name__ == "__main__":
    main()
