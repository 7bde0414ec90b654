"""The chunks around a passage: its own version's, so readable by whoever may read the passage.

An answer made of extracts shows whole units, and a list, a row or a sentence may run over a chunk's border.
"""

import json
from collections.abc import Sequence

from app.database.connection import Connection
from app.database.store import Store
from app.knowledge.passage import Passage
from app.knowledge.permissions import Permit
from app.knowledge.texts import read_spans, spans_from_json
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
        "SELECT c.chunk_number, n.chunk_number, n.version_number, n.kind, n.heading, n.spans, v.title,"
        " v.superseded_at, d.document_id, d.external_id, d.knowledge_base_id, d.rule_number, b.name"
        " FROM json_each(?) wanted"
        " JOIN chunks c ON c.chunk_number = wanted.value"
        " JOIN versions v ON v.version_number = c.version_number AND v.state IN ('current', 'superseded')"
        " JOIN documents d ON d.document_id = v.document_id"
        " JOIN knowledge_bases b ON b.knowledge_base_id = d.knowledge_base_id"
        " JOIN chunks n ON n.version_number = c.version_number AND n.ordinal BETWEEN c.ordinal - ? AND c.ordinal + ?"
        " ORDER BY c.chunk_number, n.ordinal",
        (json.dumps(list(known)), REACH, REACH),
    ).fetchall()
    around: dict[str, list[Passage]] = {}
    for centre, number, version, kind, heading, spans_json, title, superseded_at, document, external, *rest in rows:
        base_id, rule_number, base = rest
        if not permit.reads(base_id, rule_number):
            continue
        if number not in known:
            spans = spans_from_json(spans_json)
            known[number] = Passage(
                chunk_id=ids.show(number),
                document_id=document,
                external_id=external,
                knowledge_base=base,
                title=title,
                page=spans[-1].page or None,
                heading=heading,
                kind=kind,
                text=read_spans(connection, version, spans),
                spans=spans,
                superseded_at=superseded_at,
            )
        around.setdefault(known[centre].chunk_id, []).append(known[number])
    return {chunk_id: tuple(chunks) for chunk_id, chunks in around.items()}
