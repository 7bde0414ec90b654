"""Sessions: what a browser holds after a sign-in. 256 random bits in a cookie; the journal keeps a keyed hash alone.

A session counts only while the catalogue agrees: the user is there, is not disabled, and has the epoch of the sign-in.
Role and groups are read anew for every request, so a change of them holds from the next one on.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.accounts.api_keys import Account
from app.accounts.people import groups_of
from app.database.store import Store
from app.database.times import shown_time
from app.errors import NotAuthenticated
from app.vault.keys import Purpose, keyed_hash

TOKEN_BYTES = 32
LONGEST_TOKEN_CHARS = 100
MOST_PER_USER = 10
# How old last_used_at may grow before it is written again, and how far a clock may step back without ending sessions.
TOUCHED_EVERY = timedelta(minutes=1)
LIVE = "created_at BETWEEN ? AND ? AND last_used_at BETWEEN ? AND ?"


def csrf_token_of(token: str) -> str:
    """Return what a page must send beside the cookie: derived from the token, so that nothing else is kept."""
    return keyed_hash(token.encode(errors="replace"), b"strongroom csrf token").hex()


class Sessions:
    """The sessions of a store."""

    def __init__(self, store: Store, *, idle_minutes: int, hours: int) -> None:
        """Take how long a session lasts unused, and how long at all."""
        self._store = store
        self._key = store.key(Purpose.SESSIONS)
        self._idle, self._age = timedelta(minutes=idle_minutes), timedelta(hours=hours)

    def begin(self, request_id: str, *, user_id: str, epoch: int, replaced: Sequence[str] = ()) -> str:
        """Begin a session and return its token; it cannot be shown again.

        Ends what has run out, what is of an earlier epoch, the oldest beyond ten, and those of the tokens ``replaced``.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        moment = datetime.now(UTC)
        at = shown_time(moment)
        with self._store.journal.transaction(request_id) as transaction:
            transaction.execute(f"DELETE FROM sessions WHERE NOT ({LIVE})", self._bounds(moment))  # noqa: S608 - a constant
            transaction.executemany(
                "DELETE FROM sessions WHERE token_hash = ?", [(self._hash_of(one),) for one in replaced]
            )
            transaction.execute(
                "DELETE FROM sessions WHERE user_id = ? AND (epoch < ? OR token_hash NOT IN"
                " (SELECT token_hash FROM sessions WHERE user_id = ? AND epoch >= ? ORDER BY created_at DESC LIMIT ?))",
                (user_id, epoch, user_id, epoch, MOST_PER_USER - 1),
            )
            transaction.execute(
                "INSERT INTO sessions (token_hash, user_id, epoch, created_at, last_used_at) VALUES (?, ?, ?, ?, ?)",
                (self._hash_of(token), user_id, epoch, at, at),
            )
        return token

    def account_of(self, token: str, request_id: str) -> Account:
        """Return who signed in, and note that the session was used.

        Raises:
            NotAuthenticated: unknown, ended, run out, or its user is disabled or has another password.
        """
        moment = datetime.now(UTC)
        token_hash = self._hash_of(token)
        with self._store.journal.read() as journal:
            found = journal.execute(
                f"SELECT user_id, epoch, last_used_at FROM sessions WHERE token_hash = ? AND {LIVE}",  # noqa: S608
                (token_hash, *self._bounds(moment)),
            ).fetchone()
        if found is None:
            raise NotAuthenticated("the session has ended", advice="Sign in again.")
        user_id, epoch, last_used_at = found
        with self._store.catalogue.read() as connection:
            row = connection.execute(
                "SELECT name, role FROM users WHERE user_id = ? AND epoch = ? AND disabled_at IS NULL", (user_id, epoch)
            ).fetchone()
            if row is None:
                raise NotAuthenticated("the session has ended", advice="Sign in again.")
            account = Account(user_id, user_id, row[0], row[1] == "administrator", groups_of(connection, user_id))
        due = shown_time(moment - TOUCHED_EVERY)
        if last_used_at < due:
            with self._store.journal.transaction(request_id) as transaction:
                # Only what is still due: of many requests at once the first alone writes.
                transaction.execute(
                    "UPDATE sessions SET last_used_at = ? WHERE token_hash = ? AND last_used_at < ?",
                    (shown_time(moment), token_hash, due),
                )
        return account

    def end(self, request_id: str, token: str) -> None:
        """End a session; the next request with its token is refused."""
        with self._store.journal.transaction(request_id) as transaction:
            transaction.execute("DELETE FROM sessions WHERE token_hash = ?", (self._hash_of(token),))

    def _hash_of(self, token: str) -> bytes:
        return keyed_hash(self._key, token[:LONGEST_TOKEN_CHARS].encode(errors="replace"))

    def _bounds(self, moment: datetime) -> tuple[str, str, str, str]:
        # Bounded above too: a clock that was set back must not lengthen the life of a session.
        latest = shown_time(moment + TOUCHED_EVERY)
        return shown_time(moment - self._age), latest, shown_time(moment - self._idle), latest
