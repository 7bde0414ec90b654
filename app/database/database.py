"""One database of the store: its migrations, its readers, and the single way to write.

A read is one transaction that sees one state. A write holds the writer lock of this database (between
processes) from BEGIN until COMMIT and first checks that this generation is still the current one, so nothing
is ever acknowledged into a file that has been replaced. Row hashes, ledger and anchor will be written here.
"""

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from app.database.connection import BUSY_TIMEOUT_MS, Connection, DatabaseError, connect, translated
from app.database.locks import FileLock
from app.database.times import now
from app.errors import StoreDamaged

CHECKPOINT_TIMEOUT_MS = 100
MIGRATIONS = files("app.database") / "migrations"


class Transaction:
    """A write under way: a connection, and the feed that followers read."""

    def __init__(self, connection: Connection, request_id: str) -> None:
        """Belongs to ``Database.transaction``."""
        self.connection = connection
        self.request_id = request_id
        self.touched: list[str] = []

    def touch(self, *ids: str) -> None:
        """Name whom or what this change is about, for the audit trail: ids alone."""
        self.touched += ids

    def execute(self, statement: str, values: object = ()) -> Connection:
        """Run one statement."""
        return self.connection.execute(statement, values)

    def executemany(self, statement: str, rows: object) -> None:
        """Run one statement for many rows."""
        self.connection.executemany(statement, rows)

    def insert(self, statement: str, values: object = ()) -> int:
        """Run one INSERT and return the row number."""
        return int(self.connection.execute(statement, values).lastrowid)

    def change(self, kind: str, changed_id: str) -> int:
        """Append an event to the change feed and return its sequence."""
        sequence = self.next_value("change")
        self.execute(
            "INSERT INTO changes (sequence, kind, id, request_id, at) VALUES (?, ?, ?, ?, ?)",
            (sequence, kind, changed_id, self.request_id, now()),
        )
        return sequence

    def next_value(self, counter: str) -> int:
        """Raise a counter by one and return it."""
        raised = self.execute("UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value", (counter,))
        return int(raised.fetchone()[0])


class Database:
    """An open database. Safe for threads: each read has a connection of its own, writes take turns."""

    def __init__(
        self, file: Path, key: bytes, *, lock: FileLock, check_current: Callable[[], None], create: bool = False
    ) -> None:
        """Open the writer's connection and bring the schema up to date; ``connect`` says what can fail."""
        self.file = file
        self._key = key
        self._lock = lock
        self._check_current = check_current
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._writer = connect(file, key, create=create)
        try:
            with lock.held():
                migrate(self._writer, file.name.split(".", 1)[0])
        except BaseException:
            self._writer.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection inside one read transaction; keep it shorter than 5 s, or the WAL grows."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = connect(self.file, self._key)
        try:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")
        except DatabaseError as error:
            connection.close()
            raise translated(error, self.file) from error
        except BaseException:
            self._idle.put(connection)
            raise
        self._idle.put(connection)

    @contextmanager
    def transaction(self, request_id: str) -> Iterator[Transaction]:
        """Write; committed and durable when the block ends, undone when it raises.

        Raises:
            StoreReplaced: another generation is current.
            StoreFull: the disk took no more; nothing of the block is kept.
        """
        with self._lock.held():
            self._check_current()
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield Transaction(self._writer, request_id)
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
            except DatabaseError as error:
                raise translated(error, self.file) from error

    def checkpoint(self) -> bool:
        """Move the WAL into the file and cut it to nothing; False while a reader keeps it."""
        with self._lock.held():
            # A reader must not hold up all writers: what is left is tried again later.
            self._writer.execute(f"PRAGMA busy_timeout = {CHECKPOINT_TIMEOUT_MS}")
            try:
                busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._writer.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        return not busy

    def close(self) -> None:
        """Close all connections; reads under way in other threads must have ended."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                break
        self._writer.close()
        self._lock.close()


def migrate(connection: Connection, name: str) -> None:
    """Run the numbered migrations this database has not seen, each in a transaction of its own.

    Raises:
        StoreDamaged: the database is newer than this release.
    """
    scripts = sorted(file.name for file in MIGRATIONS.iterdir() if file.name.startswith(f"{name}_"))
    done = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if done > len(scripts):
        raise StoreDamaged(
            f"{name} has schema {done}, this release knows {len(scripts)}", advice="Start the newer release again."
        )
    for number, script in enumerate(scripts[done:], start=done + 1):
        text = (MIGRATIONS / script).read_text(encoding="utf-8")
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{text}\nPRAGMA user_version = {number};\nCOMMIT;")
        except DatabaseError as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StoreDamaged(f"migration {script} failed: {error}") from error
