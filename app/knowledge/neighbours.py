"""The chunks around a passage: its own version's, so readable by whoever may read the passage.

An answer made of extracts shows whole units, and a list, a row or a sentence may run over a chunk's border.
"""

import json
from collections.abc import Sequence

from app.database.connection import Connection
from app.database.store import Store
from app.knowledge.passage import Passage
from app.knowledge.passage_rows import COLUMNS, JOINS, PassageRow
from app.knowledge.permissions import Permit
from app.vault.keys import OpaqueIds, Purpose

REACH = 2  # chunks on either side: a unit of 600 characters, and the header of its table


def read_around(
    store: Store, connection: Connection, permit: Permit, passages: Sequence[Passage]
) -> dict[str, tuple[Passage, ...]]:
    """Return by chunk id the chunks around each passage in reading order, the passage itself in its place.

    The permission is checked again in this transaction; a passage that is gone or no longer allowed has no entry.
    """
    ids = OpaqueIds(store.key(Purpose.CHUNK_IDS))
    known = {ids.number(passage.chunk_id): passage for passage in passages}
    rows = connection.execute(
        f"{COLUMNS}, centre.chunk_number FROM json_each(?) wanted"
        " JOIN chunks centre ON centre.chunk_number = wanted.value"
        " JOIN chunks c ON c.version_number = centre.version_number"
        f" AND c.ordinal BETWEEN centre.ordinal - ? AND centre.ordinal + ?{JOINS}"
        " ORDER BY centre.chunk_number, c.ordinal",
        (json.dumps(list(known)), REACH, REACH),
    ).fetchall()
    around: dict[str, list[Passage]] = {}
    for *fields, centre in rows:
        row = PassageRow(*fields)
        if not row.readable(permit):
            continue
        if row.number not in known:
            known[row.number] = row.passage(connection, ids.show(row.number))
        around.setdefault(known[centre].chunk_id, []).append(known[row.number])
    return {chunk_id: tuple(chunks) for chunk_id, chunks in around.items()}
