"""Watching folders: a file is taken in once it has rested, and one that vanished goes."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from watchfiles import watch

from ingest.discover import FoundFile, NamedSource, shown, stays_inside, walk
from ingest.pipeline import Pipeline
from ingest.report import Report

REST_S = 2.0  # a file that is still being copied grows within it
TICK_MS = 500

Stamp = tuple[int, int] | None  # size in bytes and time of change in nanoseconds; None where nothing is


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is watched, and the name of its source."""

    root: Path
    source: str


@dataclass(slots=True)
class Resting:
    """What changed and is left alone until it rests."""

    rest_s: float
    _changed: dict[Path, tuple[Stamp, float]] = field(default_factory=dict)

    def touch(self, path: Path) -> None:
        """Note that something happened to a path."""
        self._changed[path] = (stamp_of(path), time.monotonic())

    def rested(self) -> list[Path]:
        """Give, once, the paths that have not changed for long enough."""
        now = time.monotonic()
        ready: list[Path] = []
        for path, (stamp, since) in list(self._changed.items()):
            current = stamp_of(path)
            if current != stamp:
                self._changed[path] = (current, now)
            elif now - since >= self.rest_s:
                del self._changed[path]
                ready.append(path)
        return sorted(ready)


def stamp_of(path: Path) -> Stamp:
    """Give what shows that a file is still written to."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


class Watcher:
    """Notices changes in a thread of its own from its start on, so that none is missed while others are taken in."""

    def __init__(self, folders: list[Folder], ending: threading.Event, rest_s: float = REST_S) -> None:
        """Begin to watch; nothing that happens after this returns is missed."""
        self._folders = folders
        self._rest_s = rest_s
        self._ending = ending
        self._happened: queue.SimpleQueue[list[Path]] = queue.SimpleQueue()
        threading.Thread(target=self._notice, name="watcher", daemon=True).start()
        self._happened.get()

    def _notice(self) -> None:
        roots = [folder.root for folder in self._folders]
        changes = watch(
            *roots, watch_filter=None, stop_event=self._ending, rust_timeout=TICK_MS, yield_on_timeout=True,
            raise_interrupt=False, ignore_permission_denied=True,
        )  # fmt: skip
        try:
            for happened in changes:
                self._happened.put([Path(path) for _, path in happened])
        finally:
            self._ending.set()
            self._happened.put([])

    def run(self, pipeline: Pipeline, say: Callable[[str], None]) -> None:
        """Keep a knowledge base up to date until told to end; ``say`` gets a line for each change."""
        resting = Resting(self._rest_s)
        while not self._ending.is_set():
            for path in self._happened.get():
                resting.touch(path)
            rested = resting.rested()
            for folder in self._folders:
                inside = [path for path in rested if path.is_relative_to(folder.root)]
                if inside:
                    pipeline.report = Report()
                    take_changes(pipeline, folder, inside)
                    for name, reason in pipeline.report.refused + pipeline.report.notes:
                        say(f"{name}: {reason}")
                    say(pipeline.report.summary())


def take_changes(pipeline: Pipeline, folder: Folder, paths: list[Path]) -> None:
    """Take in what is new or changed at these paths, and erase what vanished from them."""
    if not folder.root.is_dir() or not any(folder.root.iterdir()):
        # Rather a disk that was unmounted than a wish to erase everything.
        pipeline.report.notes.append((folder.source, "the folder is gone or empty; nothing of it was erased"))
        return
    files: dict[Path, FoundFile] = {}
    vanished: list[str] = []
    for path in paths:
        names = path.relative_to(folder.root).parts
        if any(name.startswith(".") for name in names):
            continue
        if not path.exists():
            vanished.append(shown(path.relative_to(folder.root)))
        for file in files_at(path, folder.root):
            files[file] = FoundFile(file, folder.source, shown(file.relative_to(folder.root)))
    pipeline.take([NamedSource(folder.source, False, tuple(files.values()), ())], prune=False)
    pipeline.forget(folder.source, vanished)


def files_at(path: Path, root: Path) -> Iterator[Path]:
    """Yield the files at a path: itself, or those of a folder that was moved here."""
    if path.is_dir() and not path.is_symlink():
        yield from (file for file in walk(path, []) if file.is_file())
    elif path.is_file() and (not path.is_symlink() or stays_inside(path, root)):
        yield path


def folders_of(paths: list[Path], source: str | None) -> list[Folder]:
    """Give the folders among the paths that were named; single files are not watched."""
    folders = []
    for path in paths:
        real = path.resolve()
        if real.is_dir():
            folders.append(Folder(real, source or shown(real)))
    return folders
