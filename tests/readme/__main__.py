"""python -m tests.readme [--write]: run the README's transcripts in a fresh store and compare, or write them anew.

A transcript is a fenced ``console`` block; lines that open with ``$ `` are commands, the others what they print. All
blocks run in order in one store of their own. What differs from run to run (ids, keys, times) is compared as a form.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND_S = 180
FORMS = (
    (re.compile(r"\b[0-9a-f]{16,}\b"), "<id>"),
    (re.compile(r"\b\d+(?:\.\d+)? (?=s\b|ms\b|seconds\b|MiB\b|GiB\b)"), "<number> "),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.readme")
    parser.add_argument("--write", action="store_true", help="write the README's transcripts anew")
    write = parser.parse_args().write
    text = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="readme-") as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as ram:
        environment = own_environment(Path(folder), ram)
        run(environment, folder, "python -m app init")
        fresh = BLOCK.sub(lambda block: transcript(environment, folder, block.group()), text)
    if write:
        README.write_text(fresh, encoding="utf-8")
    elif as_forms(fresh) != as_forms(text):
        lines = difflib.unified_diff(
            as_forms(text).splitlines(), as_forms(fresh).splitlines(), "README.md", "what is printed", lineterm=""
        )
        sys.exit("\n".join(lines) + "\nREADME.md shows something else: python -m tests.readme --write")


def own_environment(folder: Path, ram: str) -> dict[str, str]:
    """Return an environment whose ``python`` is this one, with a store of its own in ``folder``."""
    (folder / "tests").symlink_to(ROOT / "tests")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "KB_DATA_DIR": "data",
        "KB_KEY_FILE": str(folder / "key"),
        "KB_RAM_DIR": ram,
    }


def transcript(environment: dict[str, str], folder: str, block: str) -> str:
    """Run the commands of a block and return it with what they print now."""
    lines = []
    for line in block.splitlines():
        if line.startswith("$ "):
            lines += [line, *run(environment, folder, line[2:]).splitlines()]
    return "".join(f"{line}\n" for line in lines)


def run(environment: dict[str, str], folder: str, command: str) -> str:
    """Run a command line of the shell and return all that it prints."""
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    return done.stdout


def as_forms(text: str) -> str:
    for pattern, form in FORMS:
        text = pattern.sub(form, text)
    return text


if __name__ == "__main__":
    main()
