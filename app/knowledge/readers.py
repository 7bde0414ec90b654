"""Who may read what, as the people who decide it see it; and how far the documents are that one may read."""

from collections.abc import Iterable, Mapping

from app.database.connection import Connection
from app.errors import NotFound
from app.knowledge.passage import IndexState
from app.knowledge.permissions import Permit

NAMED = (
    "SELECT CASE WHEN r.user_id IS NULL THEN 'group:' || g.name ELSE 'user:' || u.name END FROM {table} r"
    " LEFT JOIN users u ON u.user_id = r.user_id LEFT JOIN groups g ON g.group_id = r.group_id"
    " WHERE r.{column} = ? ORDER BY 1"
)


def readers_of_bases(connection: Connection) -> dict[str, list[str]]:
    """Return the readers of every knowledge base by its name, as ``user:NAME`` and ``group:NAME``."""
    statement = NAMED.format(table="knowledge_base_readers", column="knowledge_base_id")
    bases = connection.execute("SELECT knowledge_base_id, name FROM knowledge_bases ORDER BY name").fetchall()
    return {name: [row[0] for row in connection.execute(statement, (base_id,))] for base_id, name in bases}


def readers_of_document(connection: Connection, document_id: str) -> list[str] | None:
    """Return to whom of its base's readers a document is cut down; None if it is not.

    Raises:
        NotFound: no such document.
    """
    row = connection.execute("SELECT rule_number FROM documents WHERE document_id = ?", (document_id,)).fetchone()
    if row is None:
        raise NotFound("no such document")
    if row[0] is None:
        return None
    statement = NAMED.format(table="rule_readers", column="rule_number")
    return [reader for (reader,) in connection.execute(statement, (row[0],))]


def index_state(counts: Mapping[str, Mapping[int, IndexState]], permit: Permit, base_ids: Iterable[str]) -> IndexState:
    """Add up, by knowledge base and rule slot, how far the documents of these bases are that may be read."""
    mask = permit.mask()
    readable = [
        state
        for base_id in base_ids
        for slot, state in counts.get(base_id, {}).items()
        if mask is None or (slot < len(mask) and mask[slot])
    ]
    return IndexState(
        pending=sum(state.pending for state in readable),
        readable=sum(state.readable for state in readable),
        ready=sum(state.ready for state in readable),
        refused=sum(state.refused for state in readable),
    )
