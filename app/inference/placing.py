"""Putting whole folders and small notes into the models folder so that readers see all of them or nothing."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LOCK_FILE = ".lock"
MAKING = ".making-"


@contextmanager
def making_models(models_dir: Path) -> Iterator[None]:
    """Be the only process that makes models in ``models_dir``; waits for another, sweeps what a killed one left."""
    models_dir.mkdir(parents=True, exist_ok=True)
    with (models_dir / LOCK_FILE).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in (*models_dir.glob(f"{MAKING}*"), *models_dir.glob(f"*/{MAKING}*")):
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def placed_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``folder`` that takes its place when the block ends well.

    Raises:
        OSError: it cannot be written or put in place.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=MAKING, dir=folder.parent))
    try:
        making.chmod(0o755)
        yield making
        for file in making.rglob("*"):
            if file.is_file():
                file.chmod(0o644)  # models are no secret, and another user's service may read them
                flush(file)
        if folder.exists():
            shutil.rmtree(folder)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def flush(file: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with file.open("rb") as written:
        os.fsync(written.fileno())


def read_note(file: Path) -> dict[str, Any]:
    """Read a small JSON object; one that is missing or broken reads as empty."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_note(file: Path, content: dict[str, Any]) -> None:
    """Write a small JSON object in one step; a folder that may not be written to goes without."""
    with suppress(OSError):
        handle, name = tempfile.mkstemp(prefix=MAKING, dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as note:
                json.dump(content, note, indent=1, sort_keys=True)
            Path(name).chmod(0o644)
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
