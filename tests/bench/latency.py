"""Search over HTTP, warm, audit on: percentiles with 1 and 16 clients, and where the time goes, stage by stage.

The load generator runs on the same cores as the service. Its loop is bounded in number and ends by itself.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

import httpx
import numpy as np

from tests.bench.machine import describe_machine, own_store, run_command

CLIENTS = (1, 16)
START_S = 120


def measure(paths: list[Path], questions: list[str], *, requests: int) -> dict[str, object]:
    """Measure searches over a store made of paths."""
    with own_store() as environment:
        run_command(environment, "ingest", *(str(path) for path in paths), accept=(0, 1))
        begun = time.monotonic()
        with served(environment) as url:
            result: dict[str, object] = {"machine": describe_machine(), "start_s": round(time.monotonic() - begun, 2)}
            time.sleep(2)
            load(url, environment["BENCH_API_KEY"], questions, clients=4, requests=64)  # warm
            for clients in CLIENTS:
                key = environment["BENCH_API_KEY"]
                result[f"clients_{clients}"] = load(url, key, questions, clients=clients, requests=requests)
    return result


@contextmanager
def served(environment: dict[str, str]) -> Iterator[str]:
    """Serve the store of an environment on a free port; yield the address once searches are right."""
    service = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        url = address_of(service)
        wait_ready(url)
        yield url
    finally:
        service.terminate()
        service.communicate(timeout=60)


def address_of(service: "subprocess.Popen[str]") -> str:
    """Read the address that serve prints."""
    for line in service.stderr:
        found = re.match(r"https?://\S+", line)
        if found:
            return found.group()
    raise RuntimeError("the service ended before it listened")


def wait_ready(url: str) -> None:
    """Wait until searches are right."""
    for _ in range(START_S * 10):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the service was not ready in time")


def load(url: str, key: str, questions: list[str], *, clients: int, requests: int) -> dict[str, object]:
    """Send a bounded number of searches from some clients and return percentiles and stage means, milliseconds."""

    def client(number: int) -> list[tuple[float, int, dict[str, object]]]:
        seen = []
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as session:
            for at in range(number, requests, clients):
                begun = time.perf_counter()
                reply = session.post("/v1/search", json={"query": questions[at % len(questions)], "limit": 10})
                seen.append(
                    (
                        (time.perf_counter() - begun) * 1000,
                        reply.status_code,
                        json.loads(reply.content).get("timings_ms", {}),
                    )
                )
        return seen

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        seen = [one for part in threads.map(client, range(clients)) for one in part]
    seconds = time.perf_counter() - begun
    times = [one[0] for one in seen]
    stages = {name for one in seen for name, value in one[2].items() if not isinstance(value, str)}
    return {
        "p50": round(float(np.percentile(times, 50)), 2),
        "p95": round(float(np.percentile(times, 95)), 2),
        "p99": round(float(np.percentile(times, 99)), 2),
        "per_second": round(len(seen) / seconds, 1),
        "errors": sum(one[1] != 200 for one in seen),
        "stages_mean": {stage: round(mean(float(one[2].get(stage, 0)) for one in seen), 3) for stage in sorted(stages)},
        "vectors_by": sorted({str(one[2].get("vectors_by")) for one in seen}),
    }
