"""The RAM folder: indexes, uploads and temporary files of one process, never on a disk.

``<ram root>/<store id>/<random>`` is 0700 and locked while its process lives; the folders of dead processes are wiped
at the next start. The folder of the store also holds the service's socket.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.database.locks import FileLock, is_held
from app.errors import SettingsError, StoreFull
from app.settings import Settings

LOCK_NAME = "lock"
SOCKET_NAME = "serve.sock"


def store_ram_dir(settings: Settings, store_id: str) -> Path:
    """Return the RAM folder of a store, made if it is missing, for this user alone."""
    folder = settings.ram_root() / store_id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def socket_file(settings: Settings, store_id: str) -> Path:
    """Return where the service of a store listens for commands."""
    return settings.ram_root() / store_id / SOCKET_NAME


@contextmanager
def own_ram_folder(settings: Settings, store_id: str) -> Iterator[Path]:
    """Give this process a folder in RAM and wipe those that dead processes left.

    Raises:
        StoreFull: it cannot be made.
        SettingsError: it would lie on a disk, where what is written could be read later.
    """
    try:
        parent = store_ram_dir(settings, store_id)
        if not is_in_ram(parent.resolve()):
            raise SettingsError(
                f"the RAM folder {settings.ram_root()} lies on a disk",
                advice="Set KB_RAM_DIR to a folder on a RAM file system (tmpfs), such as one below /dev/shm.",
            )
        folder = parent / secrets.token_hex(8)
        lock = FileLock(folder / LOCK_NAME)
        # A folder that is made but not locked yet must not be taken for a dead one.
        with FileLock(parent / LOCK_NAME).held():
            wipe_dead(parent)
            folder.mkdir(mode=0o700)
            lock.acquire()
    except OSError as error:
        raise StoreFull(
            f"no folder in RAM at {settings.ram_root()}: {error.strerror}",
            advice="Set KB_RAM_DIR to a folder on a RAM file system (tmpfs) of yours.",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def wipe_dead(parent: Path) -> None:
    """Remove the folders of processes that are gone."""
    for folder in parent.iterdir():
        if folder.is_dir() and (folder / LOCK_NAME).exists() and not is_held(folder / LOCK_NAME):
            shutil.rmtree(folder, ignore_errors=True)


def is_in_ram(folder: Path) -> bool:
    """Whether a folder lies on a RAM file system."""
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, found, *_ = line.split(" ")
        if folder.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind in {"tmpfs", "ramfs"}
