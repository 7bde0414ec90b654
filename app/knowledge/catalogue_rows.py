"""Reading the catalogue for the indexes: whole documents, late vectors, and how far each base is."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.database.connection import Connection
from app.knowledge.base_index import DocumentRows, ServedDocument
from app.knowledge.passage import IndexState
from app.knowledge.permissions import slot_of
from app.knowledge.texts import embedded_text, read_spans, spans_from_json


def read_documents(
    connection: Connection, document_ids: Iterable[str], *, space_number: int | None, dimension: int, with_texts: bool
) -> dict[str, list[DocumentRows]]:
    """Return the current versions of documents by knowledge base; those without one are left out."""
    found: dict[str, list[DocumentRows]] = defaultdict(list)
    rows = connection.execute(
        "SELECT d.document_id, d.knowledge_base_id, d.rule_number, v.version_number, v.title, v.language"
        " FROM json_each(?) wanted"
        " JOIN documents d ON d.document_id = wanted.value"
        " JOIN versions v ON v.document_id = d.document_id AND v.state = 'current'",
        (json.dumps(sorted(set(document_ids))),),
    ).fetchall()
    for document_id, base_id, rule_number, version_number, title, language in rows:
        chunks = connection.execute(
            "SELECT chunk_number, heading, spans FROM chunks WHERE version_number = ? ORDER BY ordinal",
            (version_number,),
        ).fetchall()
        texts = tuple(
            embedded_text(title, heading, read_spans(connection, version_number, spans_from_json(spans)))
            for _, heading, spans in (chunks if with_texts else ())
        )
        vectors = connection.execute(
            "SELECT f.chunk_number, f.sequence, f.vector FROM chunks c"
            " JOIN vectors f ON f.chunk_number = c.chunk_number AND f.space_number = ? WHERE c.version_number = ?",
            (space_number, version_number),
        ).fetchall()
        numbers, sequences, matrix = as_arrays(vectors, dimension)
        chunk_numbers = np.array([number for number, _, _ in chunks], np.int64)
        served = ServedDocument(version_number, slot_of(rule_number), language, chunk_numbers)
        found[base_id].append(DocumentRows(document_id, served, texts, numbers, matrix, sequences))
    return found


def as_arrays(
    rows: Sequence[tuple[int, int, bytes]], dimension: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Turn (chunk number, sequence, vector) rows into arrays of shapes (n,), (n,), (n, dimension)."""
    numbers = np.array([row[0] for row in rows], np.int64)
    sequences = np.array([row[1] for row in rows], np.int64)
    vectors = np.frombuffer(b"".join(row[2] for row in rows), np.float32).reshape(-1, dimension)
    return numbers, sequences, vectors


def read_filled(
    connection: Connection, sequence: int, *, space_number: int, dimension: int
) -> list[tuple[str, NDArray[np.int64], NDArray[np.float32]]]:
    """Return the vectors of one ``vectors filled`` event by document: (document id, numbers, vectors)."""
    rows = connection.execute(
        "SELECT v.document_id, f.chunk_number, f.sequence, f.vector FROM vectors f"
        " JOIN chunks c ON c.chunk_number = f.chunk_number"
        " JOIN versions v ON v.version_number = c.version_number AND v.state = 'current'"
        " WHERE f.sequence = ? AND f.space_number = ?",
        (sequence, space_number),
    )
    by_document: dict[str, list[tuple[int, int, bytes]]] = defaultdict(list)
    for document_id, *vector in rows:
        by_document[document_id].append((vector[0], vector[1], vector[2]))
    filled = []
    for document_id, vectors in by_document.items():
        numbers, _, matrix = as_arrays(vectors, dimension)
        filled.append((document_id, numbers, matrix))
    return filled


def count_documents(connection: Connection, *, space_number: int | None) -> dict[str, dict[int, IndexState]]:
    """Return by knowledge base and rule slot how many documents are how far."""
    rows = connection.execute(
        "WITH waiting AS (SELECT DISTINCT c.version_number FROM missing_vectors m"
        " JOIN chunks c ON c.chunk_number = m.chunk_number WHERE m.space_number = ?)"
        " SELECT d.knowledge_base_id, d.rule_number,"
        " sum(v.version_number IS NULL AND d.refused IS NULL),"
        " sum(v.version_number IS NOT NULL AND w.version_number IS NOT NULL),"
        " sum(v.version_number IS NOT NULL AND w.version_number IS NULL),"
        " sum(d.refused IS NOT NULL)"
        " FROM documents d LEFT JOIN versions v ON v.document_id = d.document_id AND v.state = 'current'"
        " LEFT JOIN waiting w ON w.version_number = v.version_number"
        " GROUP BY d.knowledge_base_id, d.rule_number",
        (-1 if space_number is None else space_number,),
    )
    counted: dict[str, dict[int, IndexState]] = defaultdict(dict)
    for base_id, rule_number, pending, readable, ready, refused in rows:
        counted[base_id][slot_of(rule_number)] = IndexState(pending, readable, ready, refused)
    return counted
