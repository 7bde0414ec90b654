import json
import random
import sqlite3
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from app.database.connection import PAGE_BYTES, DatabaseError, connect
from app.errors import KeyUnavailable, StoreDamaged, StoreError

KEY = bytes(range(32))
CANARY = "canary 金丝雀在矿井里 coal mine"


@pytest.fixture
def file(tmp_path):
    """A database with the canary in a table of many pages, closed."""
    file = tmp_path / "catalogue.1.db"
    with closing(connect(file, KEY, create=True)) as connection:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE texts (text TEXT)")
        connection.executemany("INSERT INTO texts VALUES (?)", [(f"{CANARY} {number}" * 20,) for number in range(500)])
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


def pages_in_clear(file):
    """Decrypt every page, the free ones too, without SQLite: salt (first page) | ciphertext | nonce (16) | tag (64)."""
    content, clear = file.read_bytes(), []
    for start in range(0, len(content), PAGE_BYTES):
        body, nonce = content[start or 16 : start + PAGE_BYTES - 80], content[start + PAGE_BYTES - 80 :][:16]
        decryptor = Cipher(algorithms.AES(KEY), modes.CBC(nonce)).decryptor()
        clear.append(decryptor.update(body) + decryptor.finalize())
    return b"".join(clear)


def rows_in(file, key=KEY):
    with closing(connect(file, key)) as connection:
        return connection.execute("SELECT count(*), sum(length(text)) FROM texts").fetchone()[0]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("secure_delete", 1),
        ("temp_store", 2),
        ("cipher_page_size", "16384"),
        ("page_size", "16384"),
        ("cipher_hmac_algorithm", "HMAC_SHA512"),
        ("cipher_kdf_algorithm", "PBKDF2_HMAC_SHA512"),
        ("cipher_use_hmac", "1"),
        ("cipher_plaintext_header_size", "0"),
        ("cipher_log_level", "NONE"),
        ("busy_timeout", 30_000),
    ],
)
def test_every_choice_reads_back_on_a_new_and_on_an_old_database(file, tmp_path, pragma, value):
    for opened in (connect(tmp_path / "new.1.db", KEY, create=True), connect(file, KEY)):
        with closing(opened) as connection:
            assert connection.execute(f"PRAGMA {pragma}").fetchone()[0] == value


def test_it_is_sqlcipher_4_that_opens_the_file(file):
    with closing(connect(file, KEY)) as connection:
        assert connection.execute("PRAGMA cipher_version").fetchone()[0].startswith("4.")
        assert connection.execute("PRAGMA cipher_integrity_check").fetchall() == []


def test_the_file_is_whole_pages_of_16_kib_and_its_head_is_no_sqlite_head(file):
    content = file.read_bytes()

    assert PAGE_BYTES == 16_384
    assert len(content) % PAGE_BYTES == 0
    assert not content.startswith(b"SQLite format 3")


def test_a_page_is_aes_256_cbc_under_the_raw_key_with_its_nonce_and_tag_in_the_last_80_bytes(file):
    assert CANARY.encode() in pages_in_clear(file)


def test_nothing_readable_lies_in_the_database_the_wal_or_the_shared_memory(tmp_path):
    file = tmp_path / "catalogue.1.db"
    with closing(connect(file, KEY, create=True)) as connection:
        connection.execute("CREATE TABLE canary_table (canary_column TEXT)")
        connection.execute("CREATE INDEX canary_index ON canary_table (canary_column)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO canary_table VALUES (?)", [(f"{n} {CANARY}",) for n in range(500)])
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO canary_table VALUES (?)", [(f"{n} {CANARY}",) for n in range(500)])
        connection.execute("COMMIT")

        on_disk = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}

    assert set(on_disk) == {file.name, f"{file.name}-wal", f"{file.name}-shm"}
    assert all(on_disk.values())
    words = ["canary", "金丝雀", "矿井", "coal mine", "canary_column"]
    encodings = ["utf-8", "utf-16-le", "utf-16-be", "gb18030"]
    for name, content in on_disk.items():
        for needle in {word.encode(encoding) for word in words for encoding in encodings}:
            assert needle not in content, (name, needle)


def test_deleted_text_is_in_no_page_even_for_those_who_have_the_key(file):
    with closing(connect(file, KEY)) as connection:
        connection.execute("DELETE FROM texts")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 0

    assert b"canary" not in pages_in_clear(file)


def test_what_is_sorted_or_held_for_a_while_makes_no_temporary_file(file, tmp_path):
    with closing(connect(file, KEY)) as connection:
        connection.execute("CREATE TEMP TABLE held AS SELECT text FROM texts ORDER BY text")
        connection.execute("SELECT DISTINCT a.text FROM texts a JOIN held b ORDER BY random() LIMIT 5").fetchall()

        assert {entry.name for entry in tmp_path.iterdir()} <= {file.name, f"{file.name}-wal", f"{file.name}-shm"}


@pytest.mark.parametrize("key", [bytes(32), KEY[:-1] + b"\0", bytes(reversed(KEY))])
def test_another_key_does_not_open_it(file, key):
    with pytest.raises(KeyUnavailable, match=file.name):
        connect(file, key)


def test_a_refused_open_changes_nothing(file):
    before = file.read_bytes()

    with pytest.raises(KeyUnavailable):
        connect(file, bytes(32))

    assert file.read_bytes() == before
    assert rows_in(file) == 500


def test_a_plain_sqlite_file_is_refused(tmp_path):
    file = tmp_path / "catalogue.1.db"
    with closing(sqlite3.connect(file)) as plain:
        plain.execute("CREATE TABLE texts (text TEXT)")
        plain.commit()

    with pytest.raises(KeyUnavailable, match=file.name):
        connect(file, KEY)


@pytest.mark.parametrize("content", [b"x", b"\0" * 100, b"text " * 10_000], ids=["a byte", "zeros", "text"])
def test_what_is_no_database_is_refused(tmp_path, content):
    file = tmp_path / "catalogue.1.db"
    file.write_bytes(content)

    with pytest.raises(StoreError, match=file.name):
        connect(file, KEY)


def test_an_emptied_file_is_damage_and_no_new_database(file):
    file.write_bytes(b"")

    with pytest.raises(StoreDamaged, match=file.name):
        connect(file, KEY)


def test_a_missing_file_is_damage_and_is_not_made(tmp_path):
    file = tmp_path / "catalogue.1.db"

    with pytest.raises(StoreDamaged, match="missing"):
        connect(file, KEY)

    assert not file.exists()


def test_a_changed_byte_in_any_page_is_noticed_when_it_is_read(file):
    content = file.read_bytes()
    chosen = random.Random(7)

    for page in range(1, len(content) // PAGE_BYTES):
        changed = bytearray(content)
        changed[page * PAGE_BYTES + chosen.randrange(PAGE_BYTES)] ^= 1
        file.write_bytes(changed)
        with pytest.raises((StoreError, DatabaseError)):
            rows_in(file)

    file.write_bytes(content)
    assert rows_in(file) == 500


def test_two_pages_that_changed_places_are_noticed(file):
    content = file.read_bytes()
    pages = [content[start : start + PAGE_BYTES] for start in range(0, len(content), PAGE_BYTES)]
    pages[5], pages[6] = pages[6], pages[5]

    file.write_bytes(b"".join(pages))

    with pytest.raises((StoreError, DatabaseError)):
        rows_in(file)


def test_two_databases_with_the_same_key_have_nothing_alike(tmp_path):
    for name in ("a.1.db", "b.1.db"):
        with closing(connect(tmp_path / name, KEY, create=True)) as connection:
            connection.execute("CREATE TABLE texts (text TEXT)")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    first, second = (tmp_path / name for name in ("a.1.db", "b.1.db"))
    pairs = zip(first.read_bytes(), second.read_bytes(), strict=True)
    assert sum(one == other for one, other in pairs) / first.stat().st_size < 0.01


@pytest.mark.parametrize(
    "name", ["spa ce", "数据", "50%20 off", "100%", "a#1", "a?mode=memory", "semi;colon", "quo'te"]
)
def test_any_folder_name_may_hold_a_database(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    file = folder / "catalogue.1.db"

    with closing(connect(file, KEY, create=True)) as connection:
        connection.execute("CREATE TABLE texts (text TEXT)")

    assert file.stat().st_size > 0
    assert rows_in(file) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_written_is_an_error_of_the_store(tmp_path):
    with pytest.raises(StoreError):
        connect(tmp_path / "absent" / "catalogue.1.db", KEY, create=True)


def test_an_error_of_the_engine_says_nothing_of_what_it_read(file):
    with pytest.raises(StoreError) as refused:
        connect(file, bytes(32))

    assert "canary" not in json.dumps([str(refused.value), refused.value.advice])
