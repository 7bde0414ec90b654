"""Signing in by name and password, and changing one's own password.

An unknown name, a disabled user and a wrong password get the same words after the same work: one hash check, one audit
record. What was typed as the name is not recorded: it may be a password in the wrong field.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal, TypeVar

from app.accounts.attempts import Attempts
from app.accounts.people import hash_password, password_matches
from app.accounts.sessions import Sessions
from app.database.audit import Act
from app.database.store import Store
from app.errors import ConflictError, TooManyAttempts, WrongCredentials

# A check takes 64 MiB and some 100 ms of several cores: two at once, a few in the queue, the rest come back later.
CHECKS_AT_ONCE = 2
MOST_WAITING = 16
MOST_EACH = 2  # of one name at one address, so that nobody takes all places with a password of their own
RETRY_S = 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tries what from where.

    Attributes:
        request_id: of the request that carries the password.
        name: as typed.
        password: as typed.
        address: of the client.
    """

    request_id: str
    name: str
    password: str
    address: str


@dataclass(frozen=True, slots=True)
class Known:
    """A user as the catalogue knows them when the password is checked."""

    user_id: str
    name: str
    role: Literal["administrator", "member"]
    epoch: int
    disabled: bool


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun."""

    token: str
    username: str
    role: Literal["administrator", "member"]


class SignIn:
    """Checks passwords, few at a time, and begins sessions."""

    def __init__(self, store: Store, sessions: Sessions, threads: Executor) -> None:
        """Work on this store, in these threads."""
        self._store = store
        self._sessions = sessions
        self._threads = threads
        self._attempts = Attempts()
        self._turns = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._under_way: Counter[tuple[str, str]] = Counter()

    async def sign_in(self, attempt: Attempt, *, replaced: Sequence[str] = ()) -> SignedIn:
        """Begin a session, and end those of the tokens ``replaced``.

        Raises:
            WrongCredentials: unknown name, disabled user or wrong password; nobody is told which.
            TooManyAttempts: too many were wrong, or too many are under way.
        """

        def work() -> SignedIn:
            user = self._checked(attempt, "sign in")
            token = self._sessions.begin(attempt.request_id, user_id=user.user_id, epoch=user.epoch, replaced=replaced)
            self._record(attempt, "sign in", user.user_id, "done")
            return SignedIn(token, user.name, user.role)

        return await self._in_turn(attempt, work)

    async def change_password(self, attempt: Attempt, new: str) -> SignedIn:
        """Replace one's own password, end all sessions and begin one anew.

        Raises:
            WrongCredentials: the old password is wrong.
            UsageError: the new one is too short.
            TooManyAttempts: as for signing in.
        """

        def work() -> SignedIn:
            user = self._checked(attempt, "change password")
            password_hash = hash_password(new)
            act = Act(attempt.request_id, user.user_id, "change password", user.user_id)
            with self._store.transaction(act) as transaction:
                changed = transaction.execute(
                    "UPDATE users SET password_hash = ?, epoch = epoch + 1 WHERE user_id = ? AND epoch = ?"
                    " RETURNING epoch",
                    (password_hash, user.user_id, user.epoch),
                ).fetchone()
                if changed is None:
                    raise ConflictError("the password was changed elsewhere just now", advice="Sign in again.")
            token = self._sessions.begin(attempt.request_id, user_id=user.user_id, epoch=changed[0])
            return SignedIn(token, user.name, user.role)

        return await self._in_turn(attempt, work)

    async def _in_turn(self, attempt: Attempt, work: Callable[[], T]) -> T:
        """Run work that checks a password, and count how it went."""
        self._attempts.check(attempt.name, attempt.address)
        who = attempt.name, attempt.address
        if self._under_way[who] >= MOST_EACH or self._under_way.total() >= CHECKS_AT_ONCE + MOST_WAITING:
            raise TooManyAttempts("too many people sign in at this moment", retry_after_s=RETRY_S)
        self._under_way[who] += 1
        try:
            async with self._turns:
                # Again: those before may have been wrong, and must not be tried on with what waited behind them.
                self._attempts.check(attempt.name, attempt.address)
                try:
                    done = await asyncio.get_running_loop().run_in_executor(self._threads, work)
                except WrongCredentials:
                    self._attempts.wrong(attempt.name, attempt.address)
                    raise
        finally:
            self._under_way -= Counter((who,))  # also forgets who tries no longer
        self._attempts.right(attempt.name, attempt.address)
        return done

    def _checked(self, attempt: Attempt, action: str) -> Known:
        """Return whose name and password these are."""
        with self._store.catalogue.read() as connection:
            row = connection.execute(
                "SELECT password_hash, user_id, name, role, epoch, disabled_at IS NOT NULL FROM users WHERE name = ?",
                (attempt.name,),
            ).fetchone()
        password_hash, *fields = row or (None,)
        user = Known(*fields) if fields else None
        matches = password_matches(password_hash, attempt.password)
        if user is None or user.disabled or not matches:
            self._record(attempt, action, None if user is None else user.user_id, "failed")
            raise WrongCredentials("the user name or the password is wrong")
        return user

    def _record(self, attempt: Attempt, action: str, user_id: str | None, state: str) -> None:
        known = user_id or "-"
        self._store.audit.record(Act(attempt.request_id, known, action, known, {"address": attempt.address}), state)
