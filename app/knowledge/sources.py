"""Sources, and the names by which documents are found in them again."""

import secrets
from pathlib import PurePosixPath

from app.database.database import Transaction
from app.database.times import now
from app.errors import UsageError

UPLOAD_SOURCE = "upload"


def add_document(
    transaction: Transaction,
    *,
    base_id: str,
    source_number: int,
    external_id: str,
    actor: str,
    rule_number: int | None = None,
) -> str:
    """Mint an opaque document id for a name in a source."""
    document_id = secrets.token_hex(12)
    transaction.execute(
        "INSERT INTO documents (document_id, knowledge_base_id, source_number, external_id, rule_number, created_at,"
        " created_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (document_id, base_id, source_number, external_id, rule_number, now(), actor),
    )
    return document_id


def ensure_source(transaction: Transaction, base_id: str, name: str) -> int:
    """Return the number of a source, made if it is new.

    Raises:
        UsageError: it lies inside another source of this base, or around one.
    """
    row = transaction.execute(
        "SELECT source_number FROM sources WHERE knowledge_base_id = ? AND name = ?", (base_id, name)
    ).fetchone()
    if row is not None:
        return int(row[0])
    if name.startswith("/"):
        path = PurePosixPath(name)
        others = transaction.execute("SELECT name FROM sources WHERE knowledge_base_id = ?", (base_id,)).fetchall()
        for (other,) in others:
            if other.startswith("/") and (path.is_relative_to(other) or PurePosixPath(other).is_relative_to(path)):
                raise UsageError(
                    f"{name} overlaps the source {other} of this knowledge base",
                    advice="Ingest that folder itself, or give --source NAME.",
                )
    return transaction.insert("INSERT INTO sources (knowledge_base_id, name) VALUES (?, ?)", (base_id, name))
