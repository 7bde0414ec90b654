"""Spaces: which model's vectors are searched, and which chunks still wait for theirs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.database.connection import Connection
from app.database.store import Store
from app.database.times import now
from app.inference.embedder import Space
from app.knowledge.texts import embedded_text, read_spans, spans_from_json

WINDOW_CHUNKS = 1_024  # sorted by length inside a window in arrival order, so that documents become ready in turn


@dataclass(frozen=True, slots=True)
class KnownSpace:
    """A space of the store: ``probes`` are the float32 vectors of the probe texts, shape (8, dimension)."""

    space_number: int
    space_id: str
    dimension: int
    state: str
    probes: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MissingVector:
    """A chunk that waits for its vector, with the text to be embedded."""

    chunk_number: int
    priority: int
    knowledge_base_id: str
    tokens: int
    text: str


def read_space(connection: Connection, *, space_id: str | None = None) -> KnownSpace | None:
    """Return the active space, or the one of this id."""
    chosen = "state = 'active'" if space_id is None else "space_id = ?"
    row = connection.execute(
        f"SELECT space_number, space_id, dimension, state, probes FROM spaces WHERE {chosen}",  # noqa: S608 - constants
        () if space_id is None else (space_id,),
    ).fetchone()
    if row is None:
        return None
    return KnownSpace(row[0], row[1], row[2], row[3], np.frombuffer(row[4], np.float32).reshape(-1, row[2]))


def ensure_space(store: Store, space: Space, probes: NDArray[np.float32]) -> KnownSpace:
    """Return the store's row of a space; a new one is active if none is, else it is filled and switched to later."""
    with store.catalogue.read() as connection:
        known = read_space(connection, space_id=space.space_id)
    if known is not None and known.state != "retired":
        return known
    with store.catalogue.transaction("space") as transaction:
        state = "filling" if read_space(transaction.connection) else "active"
        transaction.execute(
            "INSERT INTO spaces (space_id, dimension, description, probes, state, created_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (space_id) DO UPDATE SET state = excluded.state",
            (space.space_id, space.dimension, space.description, probes.astype(np.float32).tobytes(), state, now()),
        )
        made = read_space(transaction.connection, space_id=space.space_id)
        if made is None:
            raise RuntimeError("a space that was just written cannot be read")
        transaction.execute(
            "INSERT INTO missing_vectors (space_number, priority, chunk_number) SELECT ?, 1, c.chunk_number"
            " FROM chunks c JOIN versions v ON v.version_number = c.version_number AND v.state = 'current'"
            " WHERE NOT EXISTS (SELECT 1 FROM vectors f WHERE f.chunk_number = c.chunk_number AND f.space_number = ?)",
            (made.space_number, made.space_number),
        )
    return made


def switch_if_complete(store: Store, space: KnownSpace) -> bool:
    """Make a filled space the active one once no chunk waits for it."""
    if space.state != "filling":
        return False
    with store.catalogue.transaction("space") as transaction:
        waiting = transaction.execute(
            "SELECT 1 FROM missing_vectors WHERE space_number = ? LIMIT 1", (space.space_number,)
        ).fetchone()
        if waiting:
            return False
        transaction.execute("UPDATE spaces SET state = 'retired' WHERE state = 'active'")
        transaction.execute("UPDATE spaces SET state = 'active' WHERE space_number = ?", (space.space_number,))
        transaction.change("space switched", space.space_id)
    return True


def missing_vectors(store: Store, space: KnownSpace, *, limit: int = WINDOW_CHUNKS) -> list[MissingVector]:
    """Return the chunks to embed next: a person's first, then in arrival order, sorted by length within the window."""
    with store.catalogue.read() as connection:
        rows = connection.execute(
            "SELECT m.chunk_number, m.priority, d.knowledge_base_id, c.tokens, v.title, c.heading, c.version_number,"
            " c.spans"
            " FROM missing_vectors m JOIN chunks c ON c.chunk_number = m.chunk_number"
            " JOIN versions v ON v.version_number = c.version_number"
            " JOIN documents d ON d.document_id = v.document_id"
            " WHERE m.space_number = ? ORDER BY m.space_number, m.priority, m.chunk_number LIMIT ?",
            (space.space_number, limit),
        ).fetchall()
        window = [
            MissingVector(
                number,
                priority,
                base_id,
                tokens,
                embedded_text(title, heading, read_spans(connection, version, spans_from_json(spans))),
            )
            for number, priority, base_id, tokens, title, heading, version, spans in rows
        ]
    return sorted(window, key=lambda missing: (missing.priority, missing.knowledge_base_id, missing.tokens))


def commit_vectors(
    store: Store, space: KnownSpace, base_id: str, chunk_numbers: list[int], vectors: NDArray[np.float32]
) -> int:
    """Write vectors of chunks of one base that still wait for them; return the sequence of the event.

    Shapes: n numbers, (n, dimension). Chunks deleted meanwhile are left out.
    """
    with store.catalogue.transaction("vectors") as transaction:
        sequence = transaction.change("vectors filled", base_id)
        for number, vector in zip(chunk_numbers, vectors, strict=True):
            waited = transaction.execute(
                "DELETE FROM missing_vectors WHERE space_number = ? AND chunk_number = ? RETURNING 1",
                (space.space_number, number),
            ).fetchone()
            if waited:
                transaction.execute(
                    "INSERT INTO vectors (chunk_number, space_number, sequence, vector) VALUES (?, ?, ?, ?)",
                    (number, space.space_number, sequence, vector.astype(np.float32).tobytes()),
                )
    return sequence
