"""All hostile files, and whether each ended as it may: ``python -m tests.faults hostile [--large]``."""

import re
import resource
import time
from typing import Any

from app.reading.pool import ReaderPool
from tests.bench.machine import describe_machine
from tests.faults import (
    hostile_archives,
    hostile_office,
    hostile_pdf,
    hostile_pdf_loops,
    hostile_pictures,
    hostile_texts,
)
from tests.faults.attack import Attack
from tests.faults.outcomes import Outcome, bounded, judge, settle
from tests.faults.watch import Listener, footprint

MODULES = (hostile_archives, hostile_office, hostile_pdf, hostile_pdf_loops, hostile_pictures, hostile_texts)
ATTACKS: tuple[Attack, ...] = tuple(attack for module in MODULES for attack in module.ATTACKS)
LARGE: tuple[Attack, ...] = tuple(attack for module in MODULES for attack in getattr(module, "LARGE", ()))
LIMIT_S = 5.0
MOST_RECOGNISED = 2  # pages of a hostile picture
LARGE_LIMIT_S = 60.0


def undergo(pool: ReaderPool, attack: Attack, listener: Listener, limit_s: float) -> Outcome:
    """Read a hostile file; what came of it says also whether that was not allowed."""
    content = listener.named_in(attack.build())
    most = MOST_RECOGNISED if attack in hostile_pictures.ATTACKS + hostile_pictures.LARGE else 0
    outcome = judge(pool, content, attack.file_name, limit_s, password=attack.password, recognise=most)
    read = outcome.state == "read"
    if read and attack.says and not attack.holds:
        outcome.breaches.append("it was read")
    if not read and attack.holds and not attack.says:
        outcome.breaches.append(f"it was not read: {outcome.reason}")
    if read and attack.holds and attack.holds not in outcome.text:
        outcome.breaches.append("its text was not read")
    if not read and attack.says and not re.search(attack.says, outcome.reason):
        outcome.breaches.append(f"the reason is another: {outcome.reason}")
    if attack.never and attack.never in outcome.text:
        outcome.breaches.append("what it asked for was read")
    return outcome


def measure(*, large: bool) -> dict[str, Any]:
    """Let the reading processes undergo all attacks; return a row for each and every breach."""
    limit_s = LARGE_LIMIT_S if large else LIMIT_S
    memory = 2**31 if large else 2**30
    rows, begun = [], time.monotonic()
    with Listener() as listener, ReaderPool(bounded(file_timeout_s=limit_s, reader_memory_bytes=memory)) as pool:
        settle(pool)
        before = footprint()
        for attack in LARGE if large else ATTACKS:
            outcome = undergo(pool, attack, listener, limit_s)
            rows.append(
                {"attack": attack.name, "file": attack.file_name, "state": outcome.state, "reason": outcome.reason,
                 "seconds": round(outcome.seconds, 2), "chars": len(outcome.text), "breaches": outcome.breaches}
            )  # fmt: skip
        after = footprint()
        connections = listener.connections
    breaches = [{"attack": row["attack"], "breach": breach} for row in rows for breach in row["breaches"]]
    if connections:
        breaches.append({"breach": "a file reached the network"})
    return {
        "machine": describe_machine(), "limit_s": limit_s, "seconds": round(time.monotonic() - begun, 1),
        "attacks": rows, "parent": {"before": before, "after": after}, "connections": connections,
        "largest_child_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, "breaches": breaches,
    }  # fmt: skip


def as_table(result: dict[str, Any]) -> str:
    """Return a row for each attack, as Markdown."""
    lines = ["| attack | outcome | seconds | characters | reason |", "|---|---|--:|--:|---|"]
    lines += [
        f"| {row['attack']} | {row['state']} | {row['seconds']} | {row['chars']} | {row['reason']} |"
        for row in result["attacks"]
    ]
    lines += ["", *(f"BREACH {one}" for one in result["breaches"]), f"breaches: {len(result['breaches'])}"]
    lines += [f"parent {when}: {held}" for when, held in result["parent"].items()]
    return "\n".join([*lines, f"largest child: {result['largest_child_mib']} MiB, {result['seconds']} s"])
