"""API keys: for programs. 256 random bits, shown once, kept as a keyed hash."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from app.accounts.people import groups_of, user_named
from app.database.connection import Connection
from app.database.database import Transaction
from app.database.names import checked_name
from app.database.store import Store
from app.database.times import now, shown_time
from app.errors import NotAuthenticated, NotFound, UsageError
from app.vault.keys import Purpose, keyed_hash

PREFIX = "sr_"
LONGEST_KEY_CHARS = 200


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as a list shows it; the key itself is not kept."""

    api_key_id: str
    user: str
    name: str
    created_at: str
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """Who signed in.

    Attributes:
        user_id: None for the local administrator.
        actor: as it stands in the audit trail.
        name: as people know them.
        administrator: may manage people, keys and bases; it does not imply reading.
    """

    user_id: str | None
    actor: str
    name: str
    administrator: bool
    group_ids: frozenset[str] = frozenset()


def issue_key(transaction: Transaction, store: Store, *, user: str, name: str, expires_at: str | None = None) -> str:
    """Make an API key for a user and return it; it cannot be shown again.

    Raises:
        UsageError: ``expires_at`` is no ISO 8601 time (without a zone it is UTC).
    """
    user_id = user_named(transaction.connection, user)
    key, api_key_id = PREFIX + secrets.token_urlsafe(32), secrets.token_hex(6)
    transaction.execute(
        "INSERT INTO api_keys (api_key_id, user_id, name, key_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        (api_key_id, user_id, checked_name(name, what="key"), hash_of(store, key), now(), moment(expires_at)),
    )
    transaction.touch(user_id, api_key_id)
    return key


def moment(text: str | None) -> str | None:
    """Return a time in the one form of the store."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is no ISO 8601 time", advice="Write it as 2027-01-31T18:00:00Z.") from error
    return shown_time(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def hash_of(store: Store, key: str) -> bytes:
    """Return the keyed hash under which a key is found."""
    return keyed_hash(store.key(Purpose.API_KEYS), key.encode())


def account_of_key(connection: Connection, store: Store, key: str) -> Account:
    """Return who holds a key.

    Raises:
        NotAuthenticated: unknown, expired, or its user is disabled.
    """
    row = None
    if key.startswith(PREFIX) and len(key) <= LONGEST_KEY_CHARS:
        row = connection.execute(
            "SELECT u.user_id, u.name, u.role FROM api_keys k JOIN users u ON u.user_id = k.user_id"
            " WHERE k.key_hash = ? AND u.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?)",
            (hash_of(store, key), now()),
        ).fetchone()
    if row is None:
        raise NotAuthenticated("the API key is not valid")
    user_id, name, role = row
    return Account(user_id, user_id, name, role == "administrator", groups_of(connection, user_id))


def account_named(connection: Connection, name: str, *, actor: str) -> Account:
    """Return a user's account for a command that acts as that user; the audit trail still names who really acts.

    Raises:
        NotFound: no such user, or disabled.
    """
    row = connection.execute(
        "SELECT user_id, role FROM users WHERE name = ? AND disabled_at IS NULL", (name,)
    ).fetchone()
    if row is None:
        raise NotFound(f"no user named '{name}'")
    return Account(row[0], actor, name, row[1] == "administrator", groups_of(connection, row[0]))


def list_keys(connection: Connection) -> list[ApiKey]:
    """Return all keys by user and name."""
    rows = connection.execute(
        "SELECT k.api_key_id, u.name, k.name, k.created_at, k.expires_at FROM api_keys k"
        " JOIN users u ON u.user_id = k.user_id ORDER BY u.name, k.created_at"
    )
    return [ApiKey(*row) for row in rows]


def remove_key(transaction: Transaction, api_key_id: str) -> None:
    """Remove a key; the next request with it is refused.

    Raises:
        NotFound: no such key.
    """
    removed = transaction.execute("DELETE FROM api_keys WHERE api_key_id = ? RETURNING 1", (api_key_id,)).fetchone()
    if removed is None:
        raise NotFound("no such API key")
    transaction.touch(api_key_id)
