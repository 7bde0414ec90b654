"""The audit trail: who did what. Written here, read and rendered by ``app.accounts``.

Records hold ids, counts and keyed hashes, never a text. A record is durable when ``record`` returns; records that
come while another commit is under way share the next one (group commit), so many askers cost one fsync.
"""

import json
import os
import pwd
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from app.database.database import Database
from app.database.times import now

Row = tuple[str, str, str, str, str, str, str]


def local_actor() -> str:
    """Return who runs this process, as the system knows them; the environment is not believed."""
    try:
        return f"local:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # as in a container that runs as a bare number
        return f"local:{os.getuid()}"


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person or program does.

    Attributes:
        request_id: ties the records of one request together.
        actor: user id, or ``local:<operating system user>``.
        action: a verb and noun, such as ``delete document``.
        target: the id acted on; never a text or file name.
        detail: ids, counts, keyed hashes.
    """

    request_id: str
    actor: str
    action: str
    target: str
    detail: dict[str, object] = field(default_factory=dict)


class AuditTrail:
    """Appends to the journal."""

    def __init__(self, journal: Database) -> None:
        """Write into this journal."""
        self._journal = journal
        self._waiting: list[tuple[list[Row], Future[None]]] = []
        self._list_lock = threading.Lock()
        self._commit_lock = threading.Lock()

    def record(self, act: Act, state: str) -> None:
        """Make one record durable; ``state`` is intended, done or failed.

        Raises:
            StoreError: it could not be written. Then what it stands for must not happen or be shown.
        """
        self.record_all([act], state)

    def record_all(self, acts: Sequence[Act], state: str) -> None:
        """Make the records of several acts durable in one commit; raises as ``record``."""
        if not acts:
            return
        at = now()
        # Made here and not in the common commit: what cannot be written fails for its own thread alone.
        rows = [(at, act.request_id, act.actor, act.action, act.target, state, json.dumps(act.detail)) for act in acts]
        mine: Future[None] = Future()
        with self._list_lock:
            self._waiting.append((rows, mine))
        # Whoever gets the lock commits for all who wait; the others find their record done.
        with self._commit_lock:
            with self._list_lock:
                batch, self._waiting = self._waiting, []
            if batch:
                self._commit(batch)
        mine.result()

    def _commit(self, batch: list[tuple[list[Row], Future[None]]]) -> None:
        try:
            with self._journal.transaction(batch[0][0][0][1]) as transaction:
                transaction.executemany(
                    "INSERT INTO audit (at, request_id, actor, action, target, state, detail)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [row for rows, _ in batch for row in rows],
                )
        except BaseException as error:  # noqa: BLE001 - each waiting thread raises it for itself
            for _, waiting in batch:
                waiting.set_exception(error)
        else:
            for _, waiting in batch:
                waiting.set_result(None)
