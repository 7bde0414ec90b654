"""python -m tests.bench retrieval | samples | ingest | latency | plots: see each module."""

import argparse
import gzip
import json
import sys
from pathlib import Path

from tests.bench import ingest, latency, plots, retrieval, samples
from tests.bench.machine import keep_result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the result in tests/bench/results")
    names = parser.add_subparsers(dest="name", required=True)
    retrieving = names.add_parser("retrieval")
    retrieving.add_argument("eval_dir", type=Path)
    retrieving.add_argument("--sets", nargs="*", default=[])
    retrieving.add_argument("--whole", action="store_true", help="whole sets instead of samples of them")
    names.add_parser("samples")
    ingesting = names.add_parser("ingest")
    ingesting.add_argument("paths", nargs="+", type=Path)
    ingesting.add_argument("--vectors", action="store_true", help="also wait for vectors")
    ingesting.add_argument("--kill", action="store_true", help="kill it half-way and start again")
    searching = names.add_parser("latency")
    searching.add_argument("questions", type=Path, help="a file of judged questions")
    searching.add_argument("paths", nargs="+", type=Path)
    searching.add_argument("--requests", type=int, default=400)
    names.add_parser("plots")
    chosen = parser.parse_args()
    if chosen.name == "retrieval":
        result = retrieval.measure(chosen.eval_dir, chosen.sets, whole=chosen.whole)
    elif chosen.name == "plots":
        result = plots.draw()
    elif chosen.name == "samples":
        result = samples.measure()
    elif chosen.name == "ingest":
        result = ingest.measure(chosen.paths, vectors=chosen.vectors, kill=chosen.kill)
    else:
        raw = chosen.questions.read_bytes()
        lines = (gzip.decompress(raw) if chosen.questions.suffix == ".gz" else raw).decode().splitlines()
        result = latency.measure(
            chosen.paths, [json.loads(line)["question"] for line in lines], requests=chosen.requests
        )
    if chosen.keep:
        keep_result(chosen.name, result)
    if chosen.json or chosen.name != "retrieval":
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.write(retrieval.as_table(result) + "\n")


if __name__ == "__main__":
    main()
