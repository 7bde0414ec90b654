import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def in_a_process(program):
    ran = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_a_hardened_process_leaves_no_core_is_not_traced_and_keeps_its_files_to_itself(tmp_path):
    program = (
        "import ctypes, os, resource\n"
        "from pathlib import Path\n"
        "from app.vault.hygiene import harden_process\n"
        "harden_process()\n"
        f"file = Path({str(tmp_path)!r}) / 'file'; file.touch()\n"
        "libc = ctypes.CDLL(None)\n"
        "print(*resource.getrlimit(resource.RLIMIT_CORE), libc.prctl(3), libc.prctl(39, 0, 0, 0, 0),"
        " oct(file.stat().st_mode & 0o777))\n"
    )

    # Core limits, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, mode of a new file.
    assert in_a_process(program) == ["0", "0", "0", "1", "0o600"]
