"""Opening one SQLCipher database, always the same way, and reading every choice back.

AES-256-CBC with HMAC-SHA512 per page (SQLCipher 4). Raw key: no passphrase stretching. 16 KiB pages: 4 KiB ones
made files 62 % larger and scans 4.4x slower. ``synchronous=FULL`` in WAL: NORMAL lost acknowledged rows.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlcipher3.dbapi2 as sqlite

from app.errors import KeyUnavailable, StoreBusy, StoreDamaged, StoreFull

Connection = Any  # sqlcipher3 has no type information
DatabaseError: type[Exception] = sqlite.DatabaseError

PAGE_BYTES = 16_384
BUSY_TIMEOUT_MS = 30_000
# What must hold on every connection, by the name of the pragma that reads it back.
PRAGMAS: dict[str, int | str] = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL
    "foreign_keys": 1,
    "trusted_schema": 0,
    "secure_delete": 1,
    "temp_store": 2,  # memory
}


def connect(file: Path, key: bytes, *, create: bool = False) -> Connection:
    """Open a database that is there, or make a new one.

    Raises:
        StoreDamaged: missing, or a setting does not hold.
        KeyUnavailable: the key does not open it, or it is no database.
    """
    if not create and not file.exists():
        raise StoreDamaged(f"{file.name} is missing from the store")
    try:
        connection = sqlite.connect(
            f"file:{quote(str(file))}?mode={'rwc' if create else 'rw'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_TIMEOUT_MS / 1000,
            cached_statements=256,
        )
    except sqlite.DatabaseError as error:
        raise translated(error, file) from error
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute(f"PRAGMA cipher_page_size = {PAGE_BYTES}")
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
        if not tables and not create:
            raise StoreDamaged(f"{file.name} was emptied")
        for name, value in PRAGMAS.items():
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != value:
                raise StoreDamaged(f"{file.name}: {name} is {found}, must be {value}")
        page_bytes = int(connection.execute("PRAGMA cipher_page_size").fetchone()[0])
        if page_bytes != PAGE_BYTES:
            raise StoreDamaged(f"{file.name}: pages have {page_bytes} bytes, must have {PAGE_BYTES}")
    except sqlite.DatabaseError as error:
        connection.close()
        raise translated(error, file) from error
    except BaseException:
        connection.close()
        raise
    return connection


def translated(error: Exception, file: Path) -> Exception:
    """Turn an error of the engine into ours; its own message may quote data."""
    text = str(error)
    if "not a database" in text:
        return KeyUnavailable(f"{file.name} does not open with this store's key")
    if "full" in text or "disk I/O" in text:
        return StoreFull(f"{file.name}: the disk refused a write or a read")
    if "locked" in text or "busy" in text:
        return StoreBusy(f"{file.name}: another process has held it too long")
    return StoreDamaged(f"{file.name}: {type(error).__name__}")
