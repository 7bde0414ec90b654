"""Recognition of scans: pages a second of one core, and the share of characters that are wrong.

The references are the passages that the scanned pages were made of, found by the questions' ``source_id`` in the text
sets beside the folder. A passage is aligned with the recognised text of its file (semi-global edit distance, NFKC,
without white space); one that goes over a page's end meets that page's margins, which count as errors.
"""

import gzip
import json
import time
import unicodedata
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil

from app.reading.pool import ReaderPool
from app.settings import load_settings
from tests.bench.machine import describe_machine

SCAN = "pdf-scan"


def measure(folder: Path) -> dict[str, object]:
    """Measure the scans of a folder with ``files``, ``files.jsonl`` and ``queries.jsonl.gz``, in one process."""
    references = references_of(folder)
    settings = load_settings().ingest.model_copy(update={"readers": 1})
    files: dict[str, dict[str, object]] = {}
    errors = chars = pages = 0
    cpu_s = 0.0
    with ReaderPool(settings) as pool:
        for name, passages in sorted(references.items()):
            content = (folder / "files" / name).read_bytes()
            scanned = sorted(pool.read(content, file_name=name).scanned)
            list(pool.recognise(content, scanned[:1], file_name=name))  # the models are loaded
            process = psutil.Process(pool._recognising._idle[0].pid)
            before, began = process.cpu_times().user + process.cpu_times().system, time.monotonic()
            read = list(pool.recognise(content, scanned, file_name=name))
            wall = time.monotonic() - began
            used = process.cpu_times().user + process.cpu_times().system - before
            text = plain("".join(block.text for page in read for block in page.blocks if block.kind != "margin"))
            wrong = [distance(passage, text) for passage in passages]
            errors, chars, pages = errors + sum(wrong), chars + sum(map(len, passages)), pages + len(read)
            cpu_s += used
            files[name] = {
                "pages": len(read),
                "cpu_s_per_page": round(used / len(read), 2),
                "wall_s_per_page": round(wall / len(read), 2),
                "character_error_rate": round(sum(wrong) / sum(map(len, passages)), 4),
                "confidence": round(float(np.mean([page.confidence for page in read])), 3),
                "memory_mib": process.memory_info().rss // 2**20,
            }
    return {
        "machine": describe_machine(),
        "files": files,
        "pages_per_s_of_a_core": round(pages / cpu_s, 3),
        "character_error_rate": round(errors / chars, 4),
    }


def references_of(folder: Path) -> dict[str, list[str]]:
    """Return the passages of each scanned file, plain."""
    with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as opened:
        asked = [json.loads(line) for line in opened]
    wanted: dict[str, set[str]] = defaultdict(set)
    for one in asked:
        if one["kind"] == SCAN:
            wanted[one["gold"][0]["file"]].add(one["source_id"])
    sources = set().union(*wanted.values())
    texts: dict[str, str] = {}
    for corpus in folder.parent.glob("*/corpus.jsonl.gz"):
        with gzip.open(corpus, "rt", encoding="utf-8") as opened:
            for line in opened:
                entry = json.loads(line)
                if entry["id"] in sources:
                    texts[entry["id"]] = plain(entry["text"])
    return {name: [texts[source] for source in sorted(ids) if source in texts] for name, ids in wanted.items()}


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def distance(passage: str, text: str) -> int:
    """Return the least number of edits that make a passage a stretch of the text."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    places = np.arange(len(codes) + 1, dtype=np.int32)
    row = np.zeros(len(codes) + 1, np.int32)
    for number, character in enumerate(passage, start=1):
        new = np.empty_like(row)
        new[0] = number
        new[1:] = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(character)))
        row = np.minimum.accumulate(new - places) + places
    return int(row.min())
