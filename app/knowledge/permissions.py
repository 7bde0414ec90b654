"""Who may read what: decided inside the search's own read transaction, renewed when the access sequence moved.

Readers of a document are the readers of its knowledge base, cut down by the document's own rule if it has one.
There are no denials. In RAM each row carries one rule slot: 0 removed, 1 no rule of its own, n + 1 rule n.
"""

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.database.connection import Connection
from app.database.database import Transaction
from app.errors import NotFound, UsageError
from app.knowledge.passage import Asker

BASE_SLOT = 1
MOST_CACHED = 4_096


def slot_of(rule_number: int | None) -> int:
    """Return the rule slot of a document's rule."""
    return BASE_SLOT if rule_number is None else rule_number + 1


@dataclass(frozen=True, slots=True)
class Permit:
    """What one asker may read at one access sequence."""

    access_sequence: int
    everything: bool
    knowledge_base_ids: frozenset[str]
    rule_numbers: frozenset[int] = field(default_factory=frozenset)

    def reads(self, knowledge_base_id: str, rule_number: int | None) -> bool:
        """Whether a document of this base and rule may be read."""
        if self.everything:
            return True
        return knowledge_base_id in self.knowledge_base_ids and (
            rule_number is None or rule_number in self.rule_numbers
        )

    def mask(self) -> NDArray[np.bool_] | None:
        """Return readability by rule slot within a base that may be read; None if all may be."""
        if self.everything:
            return None
        mask = np.zeros(max(self.rule_numbers, default=0) + 2, bool)
        mask[BASE_SLOT] = True
        for number in self.rule_numbers:
            mask[slot_of(number)] = True
        return mask


class Permissions:
    """Permits, cached until the access sequence moves."""

    def __init__(self) -> None:
        """Start with an empty cache."""
        self._cache: dict[Asker, Permit] = {}
        self._lock = threading.Lock()

    def permit(self, connection: Connection, asker: Asker) -> Permit:
        """Return the permit that holds in this transaction."""
        row = connection.execute("SELECT value FROM counters WHERE name = 'access'").fetchone()
        sequence = int(row[0])
        cached = self._cache.get(asker)
        if cached is not None and cached.access_sequence == sequence:
            return cached
        permit = read_permit(connection, asker, sequence)
        with self._lock:
            if len(self._cache) >= MOST_CACHED:
                self._cache.clear()
            self._cache[asker] = permit
        return permit


def read_permit(connection: Connection, asker: Asker, sequence: int) -> Permit:
    """Read what an asker may read."""
    if asker.reads_everything:
        bases = frozenset(row[0] for row in connection.execute("SELECT knowledge_base_id FROM knowledge_bases"))
        return Permit(sequence, everything=True, knowledge_base_ids=bases)
    groups = json.dumps(sorted(asker.group_ids))
    chosen = "WHERE user_id = ? OR group_id IN (SELECT value FROM json_each(?))"
    bases = frozenset(
        row[0]
        for row in connection.execute(
            f"SELECT knowledge_base_id FROM knowledge_base_readers {chosen}",  # noqa: S608 - a constant
            (asker.user_id, groups),
        )
    )
    rules = frozenset(
        row[0]
        for row in connection.execute(
            f"SELECT rule_number FROM rule_readers {chosen}",  # noqa: S608 - a constant
            (asker.user_id, groups),
        )
    )
    return Permit(sequence, everything=False, knowledge_base_ids=bases, rule_numbers=rules)


@dataclass(frozen=True, slots=True, order=True)
class Reader:
    """A user or a group, by id."""

    kind: str
    reader_id: str

    def columns(self) -> tuple[str | None, str | None]:
        """Return (user_id, group_id), one of them None."""
        return (self.reader_id, None) if self.kind == "user" else (None, self.reader_id)


def find_readers(connection: Connection, names: Iterable[str]) -> list[Reader]:
    """Turn ``user:NAME`` and ``group:NAME`` into readers.

    Raises:
        UsageError: another form.
        NotFound: no such user or group.
    """
    readers = []
    for shown in names:
        kind, _, name = shown.partition(":")
        if kind not in {"user", "group"} or not name:
            raise UsageError(f"'{shown}' is not a reader", advice="Write user:NAME or group:NAME.")
        table = "users" if kind == "user" else "groups"
        row = connection.execute(f"SELECT {kind}_id FROM {table} WHERE name = ?", (name,)).fetchone()  # noqa: S608 - two constants
        if row is None:
            raise NotFound(f"no {kind} named '{name}'")
        readers.append(Reader(kind, row[0]))
    return readers


def rule_for(transaction: Transaction, readers: Iterable[Reader]) -> int:
    """Return the rule that names exactly these readers, made if it is new."""
    chosen = sorted(set(readers))
    fingerprint = hashlib.sha256(json.dumps([[one.kind, one.reader_id] for one in chosen]).encode()).hexdigest()
    row = transaction.execute("SELECT rule_number FROM rules WHERE readers_hash = ?", (fingerprint,)).fetchone()
    if row is not None:
        return int(row[0])
    number = transaction.insert("INSERT INTO rules (readers_hash) VALUES (?)", (fingerprint,))
    transaction.executemany(
        "INSERT INTO rule_readers (rule_number, user_id, group_id) VALUES (?, ?, ?)",
        [(number, *reader.columns()) for reader in chosen],
    )
    transaction.next_value("access")
    return number
