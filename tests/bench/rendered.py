"""Citations down to the page, by format: the same text as PDF, scan, DOCX, HTML, Markdown and text in four encodings.

``found`` counts the questions, asked of all files at once, for which one of the first ten hits of the right file holds
the answer; ``page_right`` is the share of those whose first such hit stands on the page that was asked for (formats
without pages: no page is given).
"""

import gzip
import json
from collections import defaultdict
from pathlib import Path

import httpx

from app.commands.evaluation import folded
from tests.bench.latency import served
from tests.bench.machine import describe_machine, own_store, run_command

SEARCHED = 50
DEPTH = 10


def measure(folder: Path) -> dict[str, object]:
    """Measure a folder with ``files`` and ``queries.jsonl.gz``."""
    with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as opened:
        asked = [json.loads(line) for line in opened]
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"questions": 0, "found": 0, "page_right": 0})
    with own_store() as environment:
        report = json.loads(run_command(environment, "ingest", str(folder / "files"), "--json", accept=(0, 1)))
        with served(environment) as url:
            headers = {"Authorization": f"Bearer {environment['BENCH_API_KEY']}"}
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                for question in asked:
                    ask(client, question, counts[question["kind"]])
    shares = {
        kind: round(one["page_right"] / one["found"], 3) if one["found"] else None for kind, one in counts.items()
    }
    return {
        "machine": describe_machine(),
        "stages": report["stages"],
        "refused": report["refused"],
        "kinds": dict(counts),
        "page_right": shares,
    }


def ask(client: httpx.Client, question: dict, count: dict[str, int]) -> None:
    """Ask one question and count what came."""
    gold = {one["file"]: one["page"] for one in question["gold"]}
    answers = [folded(answer) for answer in question["answers"]]
    reply = client.post("/v1/search", json={"query": question["question"], "limit": SEARCHED}).raise_for_status()
    own = [hit for hit in reply.json()["hits"] if hit["external_id"] in gold][:DEPTH]
    hit = next((one for one in own if any(answer in folded(one["text"]) for answer in answers)), None)
    count["questions"] += 1
    count["found"] += hit is not None
    count["page_right"] += hit is not None and hit["page"] == gold[hit["external_id"]]
