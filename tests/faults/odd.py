"""Odd files that people really sent: each read as the product reads it, against what is known of it.

``files.jsonl`` in the folder or beside it has a line for each file: ``file``, and where known ``contains`` (strings
that must be found), ``ref_pages``, ``ref_chars``, ``password``.
"""

import json
import re
from pathlib import Path
from typing import Any

from app.reading.pool import ReaderPool
from tests.bench.machine import describe_machine
from tests.faults.outcomes import Outcome, bounded, judge, settle

MOST_RECOGNISED = 50  # pages of a file
LIMIT_S = 60.0  # as configured by default
SPACES = re.compile(r"\s+")


def squeeze(text: str) -> str:
    return SPACES.sub("", text).casefold()


def known_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is known of each file of a folder."""
    listed = next((place for place in (folder, folder.parent) if (place / "files.jsonl").is_file()), None)
    if listed is None:
        return {}
    lines = (listed / "files.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["file"]: entry for entry in map(json.loads, lines)}


def measure(folder: Path, *, recognise: bool) -> dict[str, Any]:
    """Read all files of a folder; return a row for each, the totals, and every breach."""
    known, most = known_files(folder), MOST_RECOGNISED if recognise else 0
    rows: list[dict[str, Any]] = []
    with ReaderPool(bounded(file_timeout_s=LIMIT_S, reader_memory_bytes=2**31)) as pool:
        settle(pool)
        for file in sorted(one for one in folder.iterdir() if one.is_file() and one.name != "files.jsonl"):
            entry = known.get(file.name, {})
            password = entry.get("password", "")
            outcome = judge(pool, file.read_bytes(), file.name, LIMIT_S, password=password, recognise=most)
            rows.append(row(file.name, outcome, entry))
    wanted = [row for row in rows if row["wanted"]]
    totals = {
        "files": len(rows),
        **{state: sum(row["state"] == state for row in rows) for state in ("read", "refused", "slow", "lost")},
        "pages": sum(row["pages"] for row in rows),
        "ref_pages": sum(row["ref_pages"] or 0 for row in rows),
        "chars": sum(row["chars"] for row in rows),
        "ref_chars": sum(row["ref_chars"] or 0 for row in rows),
        "strings": f"{sum(row['found'] for row in wanted)} of {sum(row['wanted'] for row in wanted)}",
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }
    breaches = [{"file": row["file"], "breach": breach} for row in rows for breach in row["breaches"]]
    return {"machine": describe_machine(), "files": rows, "totals": totals, "breaches": breaches}


def row(name: str, outcome: Outcome, entry: dict[str, Any]) -> dict[str, Any]:
    """Return what came of a file beside what is known of it."""
    wanted = entry.get("contains", [])
    text = squeeze(outcome.text)
    missed = [string for string in wanted if squeeze(string) not in text]
    return {
        "file": name, "state": outcome.state, "reason": outcome.reason, "media_type": outcome.media_type,
        "pages": outcome.pages, "ref_pages": entry.get("ref_pages"),
        "chars": len(outcome.text), "ref_chars": entry.get("ref_chars"),
        "wanted": len(wanted), "found": len(wanted) - len(missed), "missed": missed,
        "seconds": round(outcome.seconds, 2), "notes": outcome.said, "breaches": outcome.breaches,
    }  # fmt: skip


def as_table(result: dict[str, Any]) -> str:
    """Return a row for each file and the totals, as Markdown."""
    lines = ["| file | outcome | pages | chars | strings found | seconds | reason |", "|---|---|--:|--:|--:|--:|---|"]
    for one in result["files"]:
        pages, chars = (
            f"{one[key]} / {one['ref_' + key] if one['ref_' + key] is not None else '-'}" for key in ("pages", "chars")
        )
        strings = f"{one['found']} / {one['wanted']}" if one["wanted"] else "-"
        told = one["reason"] or (f"missed: {one['missed']}" if one["missed"] else "")
        lines.append(f"| {one['file']} | {one['state']} | {pages} | {chars} | {strings} | {one['seconds']} | {told} |")
    totals = ", ".join(f"{name} {value}" for name, value in result["totals"].items())
    return "\n".join([*lines, "", totals, *(f"BREACH {one}" for one in result["breaches"])])
