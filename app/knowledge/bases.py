"""Knowledge bases: made, listed, and opened to readers."""

import secrets
from dataclasses import dataclass

from app.database.audit import Act
from app.database.connection import Connection
from app.database.database import Transaction
from app.database.names import checked_name
from app.database.store import Store
from app.database.times import now
from app.errors import ConflictError, NameTaken, NotFound
from app.knowledge.passage import Asker
from app.knowledge.permissions import Permit, Reader, find_readers


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """A knowledge base as an administrator or reader sees it."""

    knowledge_base_id: str
    name: str
    documents: int
    created_at: str


def add_knowledge_base(transaction: Transaction, name: str, *, asker: Asker, actor: str) -> str:
    """Make a knowledge base that its maker may read; return its id."""
    name = checked_name(name, what="knowledge base")
    if transaction.execute("SELECT 1 FROM knowledge_bases WHERE name = ?", (name,)).fetchone():
        raise NameTaken(f"a knowledge base named '{name}' exists")
    base_id = secrets.token_hex(8)
    transaction.execute(
        "INSERT INTO knowledge_bases (knowledge_base_id, name, created_at, created_by) VALUES (?, ?, ?, ?)",
        (base_id, name, now(), actor),
    )
    transaction.touch(base_id)
    if asker.user_id is not None:
        grant(transaction, base_id, [Reader("user", asker.user_id)])
    transaction.next_value("access")
    return base_id


def grant(transaction: Transaction, base_id: str, readers: list[Reader]) -> None:
    """Let readers read a base; those who may already are left as they are."""
    for reader in readers:
        known = transaction.execute(
            "SELECT 1 FROM knowledge_base_readers WHERE knowledge_base_id = ? AND user_id IS ? AND group_id IS ?",
            (base_id, *reader.columns()),
        ).fetchone()
        if not known:
            transaction.execute(
                "INSERT INTO knowledge_base_readers (knowledge_base_id, user_id, group_id) VALUES (?, ?, ?)",
                (base_id, *reader.columns()),
            )
    transaction.next_value("access")


def revoke(transaction: Transaction, base_id: str, readers: list[Reader]) -> None:
    """Stop readers from reading a base, from the next query on."""
    for reader in readers:
        transaction.execute(
            "DELETE FROM knowledge_base_readers WHERE knowledge_base_id = ? AND user_id IS ? AND group_id IS ?",
            (base_id, *reader.columns()),
        )
    transaction.next_value("access")


def base_named(connection: Connection, name: str, permit: Permit | None = None) -> str:
    """Return the id of a base by name; with a permit only if it may be read.

    Raises:
        NotFound: no such base, or not for this asker.
    """
    row = connection.execute("SELECT knowledge_base_id FROM knowledge_bases WHERE name = ?", (name,)).fetchone()
    if row is None or (permit is not None and row[0] not in permit.knowledge_base_ids):
        raise NotFound(f"no knowledge base named '{name}'")
    return str(row[0])


def list_bases(connection: Connection, permit: Permit) -> list[KnowledgeBase]:
    """Return the bases of a permit by name, with the number of current documents that it may read."""
    rows = connection.execute(
        "SELECT b.knowledge_base_id, b.name, b.created_at, d.rule_number, count(d.document_id)"
        " FROM knowledge_bases b LEFT JOIN documents d ON d.knowledge_base_id = b.knowledge_base_id"
        " AND EXISTS (SELECT 1 FROM versions v WHERE v.document_id = d.document_id AND v.state = 'current')"
        " GROUP BY b.knowledge_base_id, d.rule_number ORDER BY b.name"
    )
    counted: dict[str, KnowledgeBase] = {}
    for base_id, name, created_at, rule_number, documents in rows:
        if base_id not in permit.knowledge_base_ids:
            continue
        before = counted[base_id].documents if base_id in counted else 0
        readable = documents if permit.reads(base_id, rule_number) else 0
        counted[base_id] = KnowledgeBase(base_id, name, before + readable, created_at)
    return list(counted.values())


def change_readers(store: Store, act: Act, *, base: str, names: list[str], granted: bool) -> None:
    """Grant or revoke reading of a base by names, audited."""
    with store.transaction(act) as transaction:
        base_id = base_named(transaction.connection, base)
        readers = find_readers(transaction.connection, names)
        (grant if granted else revoke)(transaction, base_id, readers)
        transaction.touch(base_id, *(reader.reader_id for reader in readers))


def remove_empty_base(transaction: Transaction, base_id: str) -> None:
    """Remove a base that holds no documents.

    Raises:
        ConflictError: it holds some.
    """
    if transaction.execute("SELECT 1 FROM documents WHERE knowledge_base_id = ?", (base_id,)).fetchone():
        raise ConflictError("the knowledge base still holds documents", advice="Delete its documents first.")
    transaction.touch(base_id)
    for table in ("snapshots", "jobs", "sources", "knowledge_bases"):
        transaction.execute(f"DELETE FROM {table} WHERE knowledge_base_id = ?", (base_id,))  # noqa: S608 - constants
    transaction.next_value("access")
