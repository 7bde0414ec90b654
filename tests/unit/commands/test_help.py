import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "chromadb", "langchain_core", "tantivy", "openvino", "numpy", "fastapi")
COMMANDS = [
    ("app",),
    *(
        ("app", name)
        for name in (
            "init", "start", "serve", "search", "ask", "evaluate", "doctor", "documents", "jobs", "knowledge-bases",
            "users", "groups", "api-keys", "audit", "models",
        )
    ),
    ("ingest",),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_quick_and_imports_nothing_heavy(command):
    package, *arguments = command
    script = (
        "import runpy, sys, atexit\n"
        f"sys.argv = {[package, *arguments, '--help']!r}\n"
        f"atexit.register(lambda: print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules]))\n"
        f"runpy.run_module({package!r}, run_name='__main__')\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert "HEAVY []" in done.stdout
