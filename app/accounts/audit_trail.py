"""Reading the audit trail, for those who must prove who did what."""

import json
from dataclasses import dataclass
from typing import Any

from app.database.connection import Connection

MOST_RECORDS = 1_000
LAST_RECORD = 2**62  # beyond any record, and still a number for the database


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record: ids, counts and keyed hashes only."""

    record_number: int
    at: str
    request_id: str
    actor: str
    action: str
    target: str
    state: str
    detail: dict[str, object]


def read_trail(
    journal: Connection, *, before: int | None = None, actor: str | None = None, limit: int = 100
) -> list[AuditRecord]:
    """Return records, newest first, from before a record number on."""
    clamped = max(1, min(limit, MOST_RECORDS))
    rows = journal.execute(
        "SELECT record_number, at, request_id, actor, action, target, state, detail FROM audit"
        " WHERE record_number < ? AND (? IS NULL OR actor = ?) ORDER BY record_number DESC LIMIT ?",
        (LAST_RECORD if before is None else max(0, min(before, LAST_RECORD)), actor, actor, clamped),
    )
    return [record_of(row) for row in rows]


def record_of(row: tuple[Any, ...]) -> AuditRecord:
    """Build a record from its row."""
    number, at, request_id, actor, action, target, state, detail = row
    return AuditRecord(number, at, request_id, actor, action, target, state, json.loads(detail))
