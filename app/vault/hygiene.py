"""What keeps readable bytes from leaking out of a process: no core dump, no debugger, private files."""

import ctypes
import os
import resource

PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38  # all from linux/prctl.h


def harden_process() -> None:
    """No core dump, not dumpable or traceable by other processes, new files for this user alone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.umask(0o077)
