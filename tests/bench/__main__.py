"""python -m tests.bench NAME: see each module for what it measures and how."""

import argparse
import gzip
import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tests.bench import against, chunks, embedding, ingest, latency, ocr, plots, rendered, retrieval, samples, scale
from tests.bench.machine import keep_result


def retrieval_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("eval_dir", type=Path)
    parser.add_argument("--sets", nargs="*", default=[])
    parser.add_argument("--whole", action="store_true", help="whole sets instead of samples of them")


def ingest_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--vectors", action="store_true", help="also wait for vectors")
    parser.add_argument("--kill", action="store_true", help="kill it half-way and start again")


def latency_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("questions", type=Path, help="a file of judged questions")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--requests", type=int, default=400)


def run_latency(chosen: Namespace) -> dict[str, object]:
    raw = chosen.questions.read_bytes()
    lines = (gzip.decompress(raw) if chosen.questions.suffix == ".gz" else raw).decode().splitlines()
    return latency.measure(chosen.paths, [json.loads(line)["question"] for line in lines], requests=chosen.requests)


def chunks_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("eval_dir", type=Path)
    parser.add_argument("--sets", nargs="*", default=["pdf"])


def against_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("pdf_set", type=Path, help="a folder of PDFs with page questions")
    parser.add_argument("files", nargs="+", help="names of its files")


def rendered_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a folder with files and queries.jsonl.gz")


def scale_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=2_000)


def no_arguments(_: ArgumentParser) -> None:
    pass


# Name -> what it takes, and what it does with it.
BENCHES = {
    "retrieval": (
        retrieval_arguments,
        lambda chosen: retrieval.measure(chosen.eval_dir, chosen.sets, whole=chosen.whole),
    ),
    "samples": (no_arguments, lambda _: samples.measure()),
    "ingest": (
        ingest_arguments,
        lambda chosen: ingest.measure(chosen.paths, vectors=chosen.vectors, kill=chosen.kill),
    ),
    "latency": (latency_arguments, run_latency),
    "chunks": (chunks_arguments, lambda chosen: chunks.measure(chosen.eval_dir, chosen.sets)),
    "embedding": (no_arguments, lambda _: embedding.measure()),
    "against": (against_arguments, lambda chosen: against.measure(chosen.pdf_set, chosen.files)),
    "rendered": (rendered_arguments, lambda chosen: rendered.measure(chosen.folder)),
    "ocr": (rendered_arguments, lambda chosen: ocr.measure(chosen.folder)),
    "scale": (scale_arguments, lambda chosen: scale.measure(chosen.files, chosen.chunks, chosen.pages)),
    "plots": (no_arguments, lambda _: plots.draw()),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the result in tests/bench/results")
    names = parser.add_subparsers(dest="name", required=True)
    for name, (add_arguments, _) in BENCHES.items():
        add_arguments(names.add_parser(name))
    chosen = parser.parse_args()
    result = BENCHES[chosen.name][1](chosen)
    if chosen.keep:
        keep_result(chosen.name, result)
    if chosen.json or chosen.name != "retrieval":
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.write(retrieval.as_table(result) + "\n")


if __name__ == "__main__":
    main()
