"""Ingest of folders: seconds until findable by words, until vectors are complete, pages a second, peak memory.

With ``--kill`` the ingest is killed by SIGKILL half-way through filling vectors and started again: it goes on where it
was, and the figures say how much was left.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.bench.machine import describe_machine, own_store, run_command

SAMPLE_S = 0.1


def watched(environment: dict[str, str], arguments: list[str], kill_after_s: float | None = None) -> dict[str, object]:
    """Run an ingest and return its report with wall seconds and the peak memory of its processes together."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest", *arguments, "--json"], env=environment, stdout=subprocess.PIPE, text=True
    )
    peak = 0
    root = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [root, *root.children(recursive=True)]
            peak = max(peak, sum(one.memory_info().rss for one in family))
        except psutil.Error:
            pass
        if kill_after_s is not None and time.monotonic() - begun > kill_after_s:
            process.send_signal(signal.SIGKILL)
            process.wait()
            break
        time.sleep(SAMPLE_S)
    shown = process.stdout.read() if process.stdout else ""
    report = json.loads(shown) if shown.strip() else {}
    return {"seconds": round(time.monotonic() - begun, 2), "peak_mib": peak // 2**20, "report": report}


def measure(paths: list[Path], *, vectors: bool, kill: bool) -> dict[str, object]:
    """Measure one ingest of paths into a store of its own."""
    with own_store() as environment:
        named = [str(path) for path in paths]
        readable = watched(environment, [*named, "--no-wait"])
        result: dict[str, object] = {"machine": describe_machine(), "readable": readable}
        report = readable["report"]
        result["pages_per_s"] = round(report["pages"] / report["stages"]["readable"], 1)
        if vectors:
            if kill:
                result["killed"] = watched(environment, named, kill_after_s=max(10.0, report["chunks"] * 0.05))
            result["vectors"] = watched(environment, named)
            shown = run_command(environment, "app", "documents", "list", "--json")
            states = [one["state"] for one in json.loads(shown)["documents"]]
            result["states"] = {state: states.count(state) for state in sorted(set(states))}
    return result
