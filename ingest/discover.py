"""What is to be ingested: the files of folders and single files, each with its source and external id.

The source is the real path of the folder that was named (of a file: its parent), or a name that was given; the
external id is the path below it. So the same file is the same document next time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import UsageError


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to be taken in: ``source`` names where it comes from, ``external_id`` what it is called there."""

    file: Path
    source: str
    external_id: str


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A source that was named on the command line.

    Attributes:
        whole: everything in it was listed, so what is missing has vanished.
    """

    name: str
    whole: bool
    files: tuple[FoundFile, ...]
    skipped: tuple[tuple[str, str], ...]  # (file, reason)


def discover(paths: Sequence[Path], *, source: str | None) -> list[NamedSource]:
    """List the files below paths, in a stable order.

    Raises:
        UsageError: a path does not exist, or is neither file nor folder.
    """
    return [list_source(path, source) for path in paths]


def list_source(path: Path, given: str | None) -> NamedSource:
    """List one path."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{path} does not exist", advice="Name a file or folder that is there.") from error
    unreadable: list[Path] = []
    if real.is_file():
        root, found, whole = real.parent, [real], False
    elif real.is_dir():
        root, found, whole = real, list(walk(real, unreadable)), not unreadable
    else:
        raise UsageError(f"{path} is neither a file nor a folder")
    name = given or shown(root)
    files: list[FoundFile] = []
    skipped = [(shown(folder.relative_to(root)) + "/", "the folder cannot be opened") for folder in unreadable]
    for file in found:
        external_id = shown(file.relative_to(root))
        if file.is_symlink() and not stays_inside(file, root):
            skipped.append((external_id, "a link that leads out of the folder is not followed"))
        elif not file.is_file():
            skipped.append((external_id, "not a regular file"))
        else:
            files.append(FoundFile(file, name, external_id))
    return NamedSource(name, whole, tuple(files), tuple(skipped))


def shown(path: Path) -> str:
    """Return a path as text; bytes that are no UTF-8 are shown escaped."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def stays_inside(link: Path, root: Path) -> bool:
    """Whether a link leads to something below ``root``."""
    try:
        return link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a ring of links
        return False


def walk(folder: Path, unreadable: list[Path]) -> Iterator[Path]:
    """Yield files below a folder by name, without hidden ones and without following linked folders.

    Folders that cannot be opened are added to ``unreadable``.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        unreadable.append(folder)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from walk(entry, unreadable)
        elif not entry.is_dir():
            yield entry
