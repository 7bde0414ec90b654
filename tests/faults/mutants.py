"""Mutants of good files through the real reading processes: what came of them, and what must hold for each.

``python -m tests.faults reading``: 0 crashes of this process, 0 files beyond their time, every refusal with a reason
that quotes nothing, a good file read after each, and neither memory, descriptors, children nor connections left over.
"""

import re
import resource
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from app.reading.pool import ReaderPool
from tests.bench.machine import describe_machine
from tests.faults.good_files import GoodFile, converted_files, good_files
from tests.faults.mutations import mutate
from tests.faults.outcomes import Outcome, bounded, judge, settle
from tests.faults.watch import Listener, footprint

LIMIT_S = 5.0  # of a file; of its conversion as well
CONVERTED_KINDS = {"rtf", "odt"}
MOST_GROWTH_MIB = 100
NUMBERS = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A good file, damaged."""

    number: int
    file: GoodFile
    mutation: str
    content: bytes


def mutant(number: int, seed: int, files: list[GoodFile]) -> Mutant:
    """Make the mutant of this number and seed."""
    random = Random(f"{seed}/{number}")
    file = files[number % len(files)]
    mutation, content = mutate(file.content, random.choice(files).content, random)
    return Mutant(number, file, mutation, content)


def read_mutants(
    numbers: range, seed: int, listener: Listener, files: list[GoodFile], *, recognise: bool
) -> tuple[list[tuple[Mutant, Outcome]], dict[str, bool]]:
    """Read mutants one after the other in a pool of their own; return what came of each, and the doors that held."""
    done = []
    limit_s = LIMIT_S * 2 if files[0].kind in CONVERTED_KINDS else LIMIT_S
    with ReaderPool(bounded(file_timeout_s=LIMIT_S)) as pool:
        settle(pool)
        for number in numbers:
            made = mutant(number, seed, files)
            content = listener.named_in(made.content)
            outcome = judge(
                pool, content, made.file.name, limit_s, password=made.file.password, recognise=int(recognise)
            )
            # What is measured is the memory of reading, not of this list.
            outcome.text = ""
            done.append((made if outcome.breaches else replace(made, content=b""), outcome))
        return done, pool.isolation


def measure(
    count: int,
    seed: int,
    *,
    at_once: int = 2,
    recognise: bool = False,
    convert: bool = False,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Read ``count`` mutants; return the figures and every breach.

    Args:
        count: of mutants.
        seed: gives the same ones again.
        at_once: read beside each other, each in a pool of its own.
        recognise: also recognise the text of pictures.
        convert: take types that LibreOffice converts, instead of those that are read.
        keep: a folder for mutants that breach.
    """
    files = converted_files() if convert else good_files()
    with ReaderPool(bounded()) as pool:
        settle(pool)  # what the first use of everything leaves behind is no leak
    before, begun = footprint(), time.monotonic()
    with Listener() as listener, ThreadPoolExecutor(at_once) as threads:
        lanes = [
            threads.submit(read_mutants, range(lane, count, at_once), seed, listener, files, recognise=recognise)
            for lane in range(at_once)
        ]
        results = [lane.result() for lane in lanes]
        connections = listener.connections
    seconds, after = time.monotonic() - begun, footprint()
    done = sorted((one for lane, _ in results for one in lane), key=lambda one: one[0].number)
    doors = results[0][1]
    breaches = [
        {"mutant": made.number, "file": made.file.name, "mutation": made.mutation, "breach": breach,
         "reason": outcome.reason}
        for made, outcome in done
        for breach in outcome.breaches
    ]  # fmt: skip
    whole = [
        (connections, "a file reached the network"),
        (after.descriptors > before.descriptors, "descriptors were left open"),
        (after.children > before.children, "processes were left over"),
        (after.rss_mib > before.rss_mib + MOST_GROWTH_MIB, "the parent's memory grew"),
        (not (doors["own_network_namespace"] or doors["few_system_calls"]), "the network is not shut off"),
    ]
    breaches += [{"breach": breach} for held, breach in whole if held]
    if keep:
        keep_mutants(keep, [made for made, outcome in done if outcome.breaches])
    return {
        "machine": describe_machine(), "count": count, "seed": seed, "limit_s": LIMIT_S, "seconds": round(seconds, 1),
        "outcomes": dict(Counter(outcome.state for _, outcome in done)),
        "seconds_a_file": percentiles([outcome.seconds for _, outcome in done]),
        "types": by_type(done),
        "reasons": dict(Counter(reason_class(outcome) for _, outcome in done if outcome.reason).most_common()),
        "lost": [named(made, outcome) for made, outcome in done if outcome.state in {"slow", "lost"}],
        "parent": {"before": before, "after": after},
        "largest_child_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "doors_open": sorted(name for name, held in doors.items() if not held),
        "connections": connections, "breaches": breaches,
    }  # fmt: skip


def named(made: Mutant, outcome: Outcome) -> str:
    """Return one line for a mutant whose process was ended."""
    return f"{made.number} {made.file.name} {made.mutation}: {outcome.state} after {outcome.seconds:.1f} s"


def reason_class(outcome: Outcome) -> str:
    """Return a reason without its numbers."""
    return NUMBERS.sub("N", outcome.reason)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return the usual shares of a list."""
    ordered = sorted(seconds)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 3) for name, share in shares.items()}


def by_type(done: list[tuple[Mutant, Outcome]]) -> dict[str, dict[str, int]]:
    """Count outcomes by the type of the good file."""
    kinds: dict[str, Counter[str]] = {}
    for made, outcome in done:
        kinds.setdefault(made.file.kind, Counter())[outcome.state] += 1
    return {kind: dict(counted) for kind, counted in sorted(kinds.items())}


def keep_mutants(folder: Path, mutants: list[Mutant]) -> None:
    """Write mutants to a folder, for a closer look."""
    folder.mkdir(parents=True, exist_ok=True)
    for made in mutants:
        (folder / f"{made.number}-{made.mutation}-{made.file.name}").write_bytes(made.content)


def as_lines(result: dict[str, Any]) -> str:
    """Return the figures, short."""
    names = (
        "count", "seed", "seconds", "outcomes", "seconds_a_file", "largest_child_mib", "doors_open", "connections",
    )  # fmt: skip
    lines = [f"{name}: {result[name]}" for name in names]
    lines += [f"parent {when}: {held}" for when, held in result["parent"].items()]
    lines += [f"{kind}: {counted}" for kind, counted in result["types"].items()]
    lines += [f"{count:5} {reason}" for reason, count in result["reasons"].items()]
    lines += [f"ended: {one}" for one in result["lost"]]
    lines += [f"BREACH {one}" for one in result["breaches"]]
    return "\n".join([*lines, f"breaches: {len(result['breaches'])}"])
