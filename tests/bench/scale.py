"""How an ingest grows: seconds and memory over many documents, a second run over an unchanged folder, one long file.

The embedder is that of the tests, which costs nothing, so that what is measured is everything else.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
from reportlab.pdfgen.canvas import Canvas

from tests.bench.machine import describe_machine, own_store, run_command

EMBEDDER = {"KB_EMBEDDING__MODEL": "tests.hash_embedder:HashEmbedder"}
SEED = 20_261
WORDS = [
    f"{part}{ending}" for part in ("pump", "valve", "filter", "sensor", "relay") for ending in ("", "s", "ing", "ed")
]
WORDS += ["检查", "更换", "清洁", "记录", "阀门", "滤芯", "压力", "温度", "报警", "停机"]
SAMPLE_S = 0.5


def measure(files: int, chunks: int, pages: int) -> dict[str, object]:
    """Measure a folder of so many files, a JSONL file of so many documents, and a PDF of so many pages."""
    os.environ |= EMBEDDER
    chosen = random.Random(SEED)
    result: dict[str, object] = {"machine": describe_machine()}
    with own_store() as environment:
        folder = Path(environment["BENCH_FOLDER"]) / "many"
        for number in range(files):
            file = folder / f"{number // 1_000:03}" / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(sentence(chosen, 60), encoding="utf-8")
        first, second = sampled(environment, folder), sampled(environment, folder)
        result["files"] = {"files": files, "first": first, "second": second}
        result["seconds_per_1000_unchanged"] = round(second["seconds"] / files * 1_000, 2)
    with own_store() as environment:
        file = Path(environment["BENCH_FOLDER"]) / "lines" / "many.jsonl"
        file.parent.mkdir()
        with file.open("w", encoding="utf-8") as opened:
            for number in range(chunks):
                line = {"id": str(number), "title": f"record {number}", "text": sentence(chosen, 60)}
                opened.write(json.dumps(line, ensure_ascii=False) + "\n")
        result["chunks"] = sampled(environment, file.parent)
    with own_store() as environment:
        file = Path(environment["BENCH_FOLDER"]) / "long" / "long.pdf"
        file.parent.mkdir()
        write_pdf(file, pages, chosen)
        result["long_file"] = sampled(environment, file.parent)
    return result


def sentence(chosen: random.Random, words: int) -> str:
    """Return words that no other document has in this order."""
    return " ".join(chosen.choices(WORDS, k=words)) + f" {chosen.getrandbits(40):x}."


def write_pdf(file: Path, pages: int, chosen: random.Random) -> None:
    """Write a PDF of many pages of text."""
    canvas = Canvas(str(file))
    for page in range(pages):
        for line in range(45):
            canvas.drawString(50, 790 - 16 * line, f"{page}.{line} " + " ".join(chosen.choices(WORDS[:20], k=12)))
        canvas.showPage()
    canvas.save()


def sampled(environment: dict[str, str], folder: Path) -> dict[str, object]:
    """Ingest a folder; return the figures of its report, memory over time, and vectors over time."""
    command = [sys.executable, "-m", "ingest", str(folder), "--json"]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    root, series = psutil.Process(process.pid), []
    while process.poll() is None:
        try:
            mib = sum(one.memory_info().rss for one in [root, *root.children(recursive=True)]) // 2**20
            series.append((round(time.monotonic() - began, 1), mib))
        except psutil.Error:
            pass
        time.sleep(SAMPLE_S)
    seconds = round(time.monotonic() - began, 2)
    report = json.loads(process.stdout.read() if process.stdout else "{}")
    step = max(1, len(series) // 60)
    return {
        "seconds": seconds,
        "peak_mib": max(mib for _, mib in series),
        "mib_over_seconds": series[::step],
        **{key: report[key] for key in ("taken", "unchanged", "pages", "chunks", "stages")},
        "vectors_over_seconds": vectors_over_time(environment),
    }


def vectors_over_time(environment: dict[str, str]) -> list[tuple[float, int]]:
    """Return (seconds since the first, vectors so far), read from the change feed of the store."""
    shown = run_command(environment, "tests.bench.feed")
    return [tuple(one) for one in json.loads(shown)]
