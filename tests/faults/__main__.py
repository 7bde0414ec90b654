"""python -m tests.faults reading | hostile | odd: see each module. Ends with 1 where a promise did not hold."""

import argparse
import json
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path

from tests.faults import hostile, mutants, odd


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    names = parser.add_subparsers(dest="name", required=True)
    reading = names.add_parser("reading", help="mutants of good files")
    reading.add_argument("--count", type=int, default=2_000)
    reading.add_argument("--seed", type=int, default=1)
    reading.add_argument("--at-once", type=int, default=2)
    reading.add_argument("--recognise", action="store_true", help="also recognise the text of pictures")
    reading.add_argument("--convert", action="store_true", help="mutants of types that LibreOffice converts")
    reading.add_argument("--keep", type=Path, help="a folder for the mutants that broke a promise")
    reading.add_argument("--json", action="store_true", help="print the whole result")
    attacks = names.add_parser("hostile", help="files that mean harm")
    attacks.add_argument("--large", action="store_true", help="those of hundreds of megabytes instead")
    attacks.add_argument("--json", action="store_true", help="print the whole result")
    files = names.add_parser("odd", help="a folder of odd files with its files.jsonl beside it")
    files.add_argument("folder", type=Path)
    files.add_argument("--no-recognise", action="store_true", help="leave scanned pages alone")
    files.add_argument("--json", action="store_true", help="print the whole result")
    chosen = parser.parse_args()
    if chosen.name == "reading":
        result = mutants.measure(
            chosen.count,
            chosen.seed,
            at_once=chosen.at_once,
            recognise=chosen.recognise,
            convert=chosen.convert,
            keep=chosen.keep,
        )
        shown = mutants.as_lines(result)
    elif chosen.name == "hostile":
        result = hostile.measure(large=chosen.large)
        shown = hostile.as_table(result)
    else:
        result = odd.measure(chosen.folder, recognise=not chosen.no_recognise)
        shown = odd.as_table(result)
    print(json.dumps(result, ensure_ascii=False, indent=1, default=plain) if chosen.json else shown)
    return 1 if result["breaches"] else 0


def plain(value: object) -> object:
    """Return a value of ours as JSON takes it."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


if __name__ == "__main__":
    sys.exit(main())
