"""What a reading process takes from itself before it sees the first byte of a file.

Each step is tried on its own and reported by name, because a container may forbid one of them:
the pool shows which hold. Linux only. Nothing here is ever called in the parent.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable, Collection, Mapping

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SECCOMP_ALLOW = 0x7FFF0000
SECCOMP_REFUSE = 0x00050000 | 1  # EPERM
SECCOMP_UNKNOWN = 0x00050000 | 38  # ENOSYS
CLONE_THREAD = 0x10000
LINUX_CAPABILITY_VERSION_3 = 0x20080522
MAX_OPEN_FILES = 256
# The same on every machine.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
CLONE3 = 435
LANDLOCK_READ = 0x4 | 0x8  # files and folders
SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")

# Audit number of the machine, its numbers of: socket, connect, bind, execve, execveat,
# ptrace, process_vm_readv, process_vm_writev, mount, unshare, setns, bpf, io_uring_setup, kill; fork and vfork
# on x86_64 alone; at last that of clone. tgkill stays, abort() needs it.
MACHINES: dict[str, tuple[int, tuple[int, ...], int]] = {
    "x86_64": (0xC000003E, (41, 42, 49, 59, 322, 101, 310, 311, 165, 272, 308, 321, 425, 62, 57, 58), 56),
    "aarch64": (0xC00000B7, (198, 203, 200, 221, 281, 117, 270, 271, 40, 97, 268, 280, 425, 129), 220),
}

LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> None:
    """Raise the C library's error."""
    if result != 0:
        raise OSError(ctypes.get_errno(), "refused by the system")


def prctl(option: int, *values: int) -> None:
    """Call prctl with all five arguments, as the kernel demands for some options."""
    numbers = [*values, 0, 0, 0, 0][:4]
    checked(LIBC.prctl(option, *(ctypes.c_ulong(number) for number in numbers)))


def leave_network() -> None:
    """Move to a network namespace that has nothing but a dead loopback."""
    checked(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNET))


def drop_capabilities() -> None:
    """Give up all capabilities, those of the new user namespace among them."""
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    checked(LIBC.capset(header, data))


def instruction(code: int, jump_true: int, jump_false: int, value: int) -> bytes:
    """Build one instruction of a classic BPF program."""
    return struct.pack("=HBBI", code, jump_true, jump_false, value)


def refuse_system_calls(needed: Collection[int] = ()) -> None:
    """Refuse by seccomp what no parser needs: sockets, programs, other processes, the kernel's odd corners.

    ``needed`` are numbers of this machine that stay allowed all the same. Threads may be made, processes not, also
    where the limit of processes does not hold, as for root: clone is told by its flags, and clone3, whose flags lie in
    memory, is said not to be there, so that the C library falls back on clone.
    """
    audit, every, clone = MACHINES[platform.machine()]
    numbers = [number for number in every if number not in needed]
    no_processes = [
        instruction(0x15, 5, 0, CLONE3),
        instruction(0x15, 0, 2, clone),
        instruction(0x20, 0, 0, 16),  # load the lower half of the flags
        instruction(0x45, 0, 1, CLONE_THREAD),  # no thread: refuse
    ]
    count = len(numbers) + len(no_processes)
    program = [
        instruction(0x20, 0, 0, 4),  # load the machine
        instruction(0x15, 0, count + 3, audit),  # another one, such as 32-bit calls: refuse
        instruction(0x20, 0, 0, 0),  # load the number of the call
        instruction(0x35, count + 1, 0, 0x40000000),  # x32 calls: refuse
        *(instruction(0x15, count - place, 0, number) for place, number in enumerate(numbers)),
        *no_processes,
        instruction(0x06, 0, 0, SECCOMP_ALLOW),
        instruction(0x06, 0, 0, SECCOMP_REFUSE),
        instruction(0x06, 0, 0, SECCOMP_UNKNOWN),
    ]
    code = b"".join(program)
    buffer = ctypes.create_string_buffer(code, len(code))
    description = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    pointer = ctypes.create_string_buffer(description, len(description))
    checked(LIBC.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), pointer, 0, 0))


def hold_files(readable: list[str], more: Mapping[str, int] | None = None) -> None:
    """Allow by Landlock nothing on any file system but to read what the interpreter imports.

    ``more`` gives further files and folders, each with its own rights.
    """
    version = LIBC.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        raise OSError(ctypes.get_errno(), "no Landlock")
    every = (1 << (13 if version < 2 else 14 if version < 3 else 15)) - 1
    handled = struct.pack("=Q", every)
    ruleset = LIBC.syscall(LANDLOCK_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), ctypes.c_uint32(0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "no Landlock")
    folders = (*readable, sys.prefix, sys.base_prefix, *SYSTEM_LIBRARIES)
    rules = {place: LANDLOCK_READ for place in folders if os.path.isdir(place)}  # noqa: PTH112 - no path object needed
    try:
        for place, rights in (rules | dict(more or {})).items():
            folder = os.open(place, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = struct.pack("=Qi", rights & every, folder)
                checked(LIBC.syscall(LANDLOCK_ADD_RULE, ruleset, ctypes.c_uint32(1), rule, ctypes.c_uint32(0)))
            finally:
                os.close(folder)
        checked(LIBC.syscall(LANDLOCK_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)


def die_with(parent: int) -> None:
    """Be killed when the parent ends, and go at once if it has ended already."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def limit(what: int, most: int) -> Callable[[], None]:
    """Build the step that sets both limits of a resource."""
    return lambda: resource.setrlimit(what, (most, most))


def try_all(steps: dict[str, Callable[[], None]]) -> dict[str, bool]:
    """Take each step; give its name and whether it was possible."""
    held: dict[str, bool] = {}
    for name, step in steps.items():
        try:
            step()
        except (OSError, ValueError, KeyError, AttributeError):
            held[name] = False
        else:
            held[name] = True
    return held


def enter(*, memory_bytes: int, cpu_s: int, parent: int, readable: list[str], threads: int = 0) -> dict[str, bool]:
    """Close all doors; give the name of each and whether it holds. So many threads may be made, beside the first."""
    steps: dict[str, Callable[[], None]] = {
        "no_core_dump": limit(resource.RLIMIT_CORE, 0),
        "no_written_files": limit(resource.RLIMIT_FSIZE, 0),
        "few_descriptors": limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        "memory_limit": limit(resource.RLIMIT_AS, memory_bytes),
        "cpu_limit": limit(resource.RLIMIT_CPU, cpu_s),
        "no_new_privileges": lambda: prctl(PR_SET_NO_NEW_PRIVS, 1),
        "own_network_namespace": leave_network,
        "no_capabilities": drop_capabilities,
        "no_processes": limit(resource.RLIMIT_NPROC, threads),
        # After the namespace, whose new credentials undo both.
        "not_dumpable": lambda: prctl(PR_SET_DUMPABLE, 0),
        "dies_with_parent": lambda: die_with(parent),
        "only_library_files": lambda: hold_files(readable),
        "few_system_calls": refuse_system_calls,
    }
    return try_all(steps)
