"""What a figure was measured on, and a store of its own to measure in."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
RESULTS_DIR = Path(__file__).parent / "results"


def describe_machine() -> dict[str, object]:
    """Return cores, memory, and the CPU flags that matter to the models."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split("\n\n")[0]
    words = cpu.split()
    memory_kib = int(Path("/proc/meminfo").read_text(encoding="ascii").split()[1])
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 2**20),
        "cpu_flags": [flag for flag in FLAGS if flag in words],
        "load": os.getloadavg()[0],
    }


@contextmanager
def own_store() -> Iterator[dict[str, str]]:
    """Make a store in a temporary folder and yield the environment that names it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as ram:
        environment = os.environ | {
            "KB_DATA_DIR": f"{folder}/data",
            "KB_KEY_FILE": f"{folder}/key",
            "KB_RAM_DIR": ram,
        }
        made = run_command(environment, "app", "init", "--json")
        yield environment | {"BENCH_API_KEY": json.loads(made)["api_key"], "BENCH_FOLDER": folder}


def run_command(environment: dict[str, str], *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
    """Run ``python -m ...`` and return its stdout."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in accept:
        raise RuntimeError(f"{arguments} ended with {done.returncode}")
    return done.stdout


def keep_result(name: str, result: dict[str, object]) -> None:
    """Write a result beside those of other machines and days."""
    machine = result["machine"]
    RESULTS_DIR.mkdir(exist_ok=True)
    file = RESULTS_DIR / f"{name}-{machine['date']}.json"
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
