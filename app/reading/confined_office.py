"""What the process that becomes LibreOffice takes from itself before it does: runs there alone, never in the parent.

Stricter than that is the reading process, which reads what LibreOffice makes. LibreOffice needs a folder to write to,
a socket with a name that nobody can connect to, and one program to be started: itself.
"""

import ctypes
import json
import os
import platform
import resource
import signal
from typing import Any
from urllib.parse import quote

from app.reading import sandbox

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_BIND = 0x1000
# LibreOffice puts its socket into /tmp, whatever TMPDIR says.
TEMPORARY = "/tmp"  # noqa: S108 - behind it lies the folder of this conversion
EVERY_RIGHT = (1 << 15) - 1
READ_FILE, WRITE_FILE, EXECUTE = 0x4, 0x2, 0x1
REMOVE_FILE, MAKE_SOCKET = 1 << 5, 1 << 9
FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/fontconfig", "/etc/fonts", "/var/cache/fontconfig",
    "/etc/libreoffice", "/var/lib/libreoffice", "/var/spool/libreoffice",
)  # fmt: skip
# Of each machine: socket, bind and execve; and what loads programs, which must be executable too.
NEEDED_CALLS = {"x86_64": (41, 49, 59), "aarch64": (198, 200, 221)}
LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "SAL_USE_VCLPLUGIN": "svp"}


def leave_namespaces() -> None:
    """Have no network, and neither processes nor mounts nor shared memory in common with the machine."""
    flags = sandbox.CLONE_NEWUSER | sandbox.CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID
    sandbox.checked(sandbox.LIBC.unshare(flags))


def mount_folder(folder: str) -> None:
    """Put the folder of this conversion in the place of the machine's folder for temporary files."""
    sandbox.checked(sandbox.LIBC.mount(folder.encode(), TEMPORARY.encode(), None, ctypes.c_ulong(MS_BIND), None))


def hold_files(program: str, base: str, *, mounted: bool) -> None:
    """Allow by Landlock to read LibreOffice and its fonts, to start it, and to write to its own folder alone."""
    files = {
        **dict.fromkeys((*FOLDERS, os.path.dirname(os.path.dirname(program))), sandbox.LANDLOCK_READ),  # noqa: PTH120 - imports little
        program: READ_FILE | EXECUTE,
        LOADERS[platform.machine()]: READ_FILE | EXECUTE,
        "/dev/urandom": READ_FILE,
        "/dev/null": READ_FILE | WRITE_FILE,
    }
    if not mounted:
        files[TEMPORARY] = MAKE_SOCKET | REMOVE_FILE
    there = {place: rights for place, rights in files.items() if os.path.exists(place)}  # noqa: PTH110 - as above
    sandbox.hold_files([], there | {base: EVERY_RIGHT})


def go_on_in_child(report: int) -> None:
    """Return in a new process alone; the old one waits for it and ends as it ends."""
    child = os.fork()
    if child:
        os.close(report)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)


def become_office(order: dict[str, Any]) -> None:
    """Close all doors, tell the parent which hold, and become LibreOffice.

    Args:
        order: ``program``, ``folder`` of this conversion, ``arguments`` with ``{base}`` for the folder as it is seen,
            ``memory_bytes``, ``cpu_s``, ``file_bytes``, ``parent`` and the descriptor ``report``.
    """
    held = sandbox.try_all(
        {
            "no_core_dump": sandbox.limit(resource.RLIMIT_CORE, 0),
            "limited_files": sandbox.limit(resource.RLIMIT_FSIZE, order["file_bytes"]),
            "memory_limit": sandbox.limit(resource.RLIMIT_AS, order["memory_bytes"]),
            "cpu_limit": sandbox.limit(resource.RLIMIT_CPU, order["cpu_s"]),
            "no_new_privileges": lambda: sandbox.prctl(sandbox.PR_SET_NO_NEW_PRIVS, 1),
            "own_namespaces": leave_namespaces,
            "dies_with_parent": lambda: sandbox.die_with(order["parent"]),
        }
    )
    go_on_in_child(order["report"])
    sandbox.prctl(sandbox.PR_SET_PDEATHSIG, signal.SIGKILL)
    # That was the first process of the new namespace: all others end with it, but as such it would survive its crashes.
    go_on_in_child(order["report"])
    program, folder = order["program"], order["folder"]
    held |= sandbox.try_all({"own_temporary_folder": lambda: mount_folder(folder)})
    mounted = held["own_temporary_folder"]
    base = TEMPORARY if mounted else folder
    held |= sandbox.try_all(
        {
            "no_capabilities": sandbox.drop_capabilities,
            "only_office_files": lambda: hold_files(program, base, mounted=mounted),
            "few_system_calls": lambda: sandbox.refuse_system_calls(NEEDED_CALLS[platform.machine()]),
        }
    )
    os.write(order["report"], json.dumps(held).encode())
    os.close(order["report"])
    os.chdir(base)
    arguments = [argument.format(base=base, url=f"file://{quote(base)}") for argument in order["arguments"]]
    os.execve(program, [program, *arguments], ENVIRONMENT | {"HOME": base, "TMPDIR": base})  # noqa: S606 - itself
