import random
import threading
import time
from contextlib import closing

import pytest

from app.database.connection import connect
from app.database.database import MIGRATIONS
from app.database.store import open_store
from app.errors import StoreDamaged, StoreError, StoreFull
from app.vault.keyring import open_keyring
from app.vault.keys import Purpose, derive

OPEN = (
    "import os, resource, signal, sys\n"
    "from app.database.store import open_store\n"
    "from app.settings import load_settings\n"
)
KIND = "access changed"


def changes_in(database):
    with database.read() as connection:
        return connection.execute("SELECT sequence, id, request_id FROM changes ORDER BY sequence").fetchall()


def add_change(database, changed_id="x", request_id="r"):
    with database.transaction(request_id) as transaction:
        return transaction.change(KIND, changed_id)


def change_and_fail(database, error):
    with database.transaction("r") as transaction:
        transaction.change(KIND, "lost")
        raise error


def raw_connection(settings, name="catalogue"):
    """A connection beside the store's own, as another release would have it."""
    root_key = open_keyring(settings.data_dir, settings.key_file)
    return closing(connect(settings.data_dir / f"{name}.1.db", derive(root_key, Purpose(f"{name} database"))))


def test_a_transaction_that_ends_is_kept(store):
    assert add_change(store.catalogue, "kept") == 1

    assert changes_in(store.catalogue) == [(1, "kept", "r")]


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_a_transaction_that_raises_leaves_nothing_and_the_next_one_goes_on(store, raised):
    with pytest.raises(raised):
        change_and_fail(store.catalogue, raised)

    assert changes_in(store.catalogue) == []
    assert add_change(store.catalogue, "kept") == 1


def test_a_statement_that_fails_undoes_the_whole_transaction_and_shows_no_data(store):
    with pytest.raises(StoreError) as failed, store.catalogue.transaction("r") as transaction:
        transaction.executemany(
            "INSERT INTO changes VALUES (?, ?, 'secret text', 'r', 'now')", [(1, KIND), (2, "no such kind")]
        )

    assert "secret" not in str(failed.value)
    assert changes_in(store.catalogue) == []
    assert add_change(store.catalogue) == 1


def test_references_to_rows_that_are_not_there_are_refused(store):
    with pytest.raises(StoreError), store.catalogue.transaction("r") as transaction:
        transaction.execute("INSERT INTO memberships VALUES ('no group', 'no user')")


def test_sequences_have_no_gap_whatever_failed_between(store):
    for number in range(20):
        if number % 3 == 0:
            with pytest.raises(ValueError, match="no"):
                change_and_fail(store.catalogue, ValueError("no"))
        add_change(store.catalogue, str(number))

    assert [(sequence, name) for sequence, name, _ in changes_in(store.catalogue)] == [
        (number + 1, str(number)) for number in range(20)
    ]


def test_sequences_of_threads_follow_the_order_of_their_commits(store):
    committed = []

    def write(name):
        for number in range(10):
            with store.catalogue.transaction(f"{name} {number}") as transaction:
                committed.append(transaction.change(KIND, name))

    threads = [threading.Thread(target=write, args=(str(name),)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert committed == list(range(1, 61))
    assert [sequence for sequence, *_ in changes_in(store.catalogue)] == committed


def test_two_processes_that_write_at_once_neither_mix_nor_lose_anything(settings, store, start_python):
    program = OPEN + (
        "with open_store(load_settings()) as store:\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    for number in range(25):\n"
        "        with store.catalogue.transaction(f'{sys.argv[1]} {number}') as transaction:\n"
        "            for part in range(3): transaction.change('access changed', str(part))\n"
        "print('done', flush=True)\n"
    )
    writers = [start_python(program, name) for name in ("first", "second")]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 2

    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for number in range(25):
        with store.catalogue.transaction(f"here {number}") as transaction:
            for part in range(3):
                transaction.change(KIND, str(part))
    assert [writer.communicate(timeout=60)[0] for writer in writers] == ["done\n"] * 2

    found = changes_in(store.catalogue)
    assert [sequence for sequence, *_ in found] == list(range(1, 3 * 75 + 1))
    by_transaction = [found[start : start + 3] for start in range(0, len(found), 3)]
    assert all([part for _, part, _ in three] == ["0", "1", "2"] for three in by_transaction)
    assert all(len({request for *_, request in three}) == 1 for three in by_transaction)
    for name in ("first", "second", "here"):
        own = [three[0][2] for three in by_transaction if three[0][2].startswith(name)]
        assert own == [f"{name} {number}" for number in range(25)]


def test_a_reader_sees_one_state_while_others_commit(store):
    add_change(store.catalogue)
    with store.catalogue.read() as connection:
        before = connection.execute("SELECT count(*) FROM changes").fetchone()[0]

        add_change(store.catalogue)

        assert connection.execute("SELECT count(*) FROM changes").fetchone()[0] == before == 1
    assert len(changes_in(store.catalogue)) == 2


def test_a_reader_sees_nothing_that_is_not_committed(store):
    with store.catalogue.transaction("r") as transaction:
        transaction.change(KIND, "x")

        assert changes_in(store.catalogue) == []


def test_readers_do_not_wait_for_a_writer_nor_for_each_other(store):
    with store.catalogue.transaction("r"), store.catalogue.read() as first, store.catalogue.read() as second:
        assert first is not second
        assert first.execute("SELECT count(*) FROM changes").fetchone() == (0,)
        assert second.execute("SELECT count(*) FROM changes").fetchone() == (0,)


def test_a_connection_is_used_again_by_the_next_reader(store):
    with store.catalogue.read() as first:
        pass
    with store.catalogue.read() as second:
        pass

    assert first is second


def test_a_reader_that_fails_spoils_nothing_for_the_next(store):
    with pytest.raises(StoreError), store.catalogue.read() as connection:
        connection.execute("SELECT nothing FROM nowhere")
    with pytest.raises(ValueError, match="no"), store.catalogue.read():
        raise ValueError("no")

    assert changes_in(store.catalogue) == []


def test_reading_never_writes(store):
    with store.catalogue.read() as connection:
        connection.execute("UPDATE counters SET value = 99")

    assert add_change(store.catalogue) == 1


def test_a_checkpoint_leaves_an_empty_wal(store):
    add_change(store.catalogue)
    wal = store.catalogue.file.with_name(store.catalogue.file.name + "-wal")
    assert wal.stat().st_size > 0

    assert store.catalogue.checkpoint()

    assert wal.stat().st_size == 0
    assert len(changes_in(store.catalogue)) == 1


@pytest.mark.timeout(60)
def test_a_checkpoint_does_not_keep_writers_waiting_while_somebody_reads(store):
    with store.catalogue.read() as connection:
        connection.execute("SELECT * FROM changes").fetchall()
        add_change(store.catalogue)
        began = time.monotonic()

        assert not store.catalogue.checkpoint()

        assert time.monotonic() - began < 10
    assert store.catalogue.checkpoint()


def test_a_database_that_may_grow_no_more_keeps_what_it_acknowledged(store):
    add_change(store.catalogue, "kept")
    with store.catalogue.transaction("r") as transaction:
        pages = transaction.execute("PRAGMA page_count").fetchone()[0]
        transaction.execute(f"PRAGMA max_page_count = {pages + 1}")

    with pytest.raises(StoreFull), store.catalogue.transaction("r") as transaction:
        transaction.executemany(
            "INSERT INTO groups (group_id, name, created_at) VALUES (?, ?, '')",
            [(str(number), str(number) * 400) for number in range(1_000)],
        )

    assert [name for _, name, _ in changes_in(store.catalogue)] == ["kept"]


def test_a_disk_that_takes_no_more_loses_nothing_that_was_acknowledged(settings, store, start_python):
    store.close()
    program = OPEN + (
        "store = open_store(load_settings())\n"
        "limit = os.path.getsize(store.catalogue.file) + 200_000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "for number in range(10_000):\n"
        "    try:\n"
        "        with store.catalogue.transaction('r') as transaction:\n"
        "            transaction.change('access changed', str(number))\n"
        "    except BaseException as error:\n"
        "        print(type(error).__name__, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    print(number, flush=True)\n"
    )

    *acknowledged, error = start_python(program).communicate(timeout=120)[0].split()

    assert error == "StoreFull"
    assert len(acknowledged) > 5
    with open_store(settings) as reopened:
        kept = [name for _, name, _ in changes_in(reopened.catalogue)]
        assert kept[: len(acknowledged)] == acknowledged
        assert len(kept) <= len(acknowledged) + 1


def test_a_writer_killed_inside_a_transaction_leaves_nothing_of_it(settings, store, start_python):
    store.close()
    program = OPEN + (
        "with open_store(load_settings()) as store, store.catalogue.transaction('r') as transaction:\n"
        "    for number in range(500): transaction.change('access changed', str(number))\n"
        "    print('inside', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    writer = start_python(program)
    assert writer.stdout.readline() == "inside\n"

    writer.kill()
    writer.wait()

    with open_store(settings) as reopened:
        assert changes_in(reopened.catalogue) == []
        assert add_change(reopened.catalogue) == 1


def test_ten_killed_writers_lose_nothing_that_was_acknowledged(settings, store, start_python):
    store.close()
    program = OPEN + (
        "with open_store(load_settings()) as store:\n"
        "    while True:\n"
        "        with store.catalogue.transaction('r') as transaction:\n"
        "            sequence = transaction.change('access changed', str(os.getpid()))\n"
        "            for _ in range(20): transaction.next_value('access')\n"
        "        print(sequence, flush=True)\n"
    )
    chosen = random.Random(20)

    for _ in range(10):
        writer = start_python(program)
        acknowledged = [int(writer.stdout.readline()) for _ in range(chosen.randint(1, 12))]
        writer.kill()
        acknowledged += [int(line) for line in writer.communicate()[0].split()]

        with open_store(settings) as reopened:
            found = [sequence for sequence, *_ in changes_in(reopened.catalogue)]
            with reopened.catalogue.read() as connection:
                raised = connection.execute("SELECT value FROM counters WHERE name = 'access'").fetchone()[0]
                damage = connection.execute("PRAGMA cipher_integrity_check").fetchall()
        assert set(acknowledged) <= set(found)
        assert found == list(range(1, len(found) + 1))
        assert raised == 20 * len(found)
        assert damage == []


@pytest.mark.parametrize("name", ["catalogue", "journal"])
def test_a_schema_newer_than_this_release_is_refused_with_advice(settings, store, name):
    store.close()
    with raw_connection(settings, name) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(StoreDamaged, match=f"{name} has schema 99") as refused:
        open_store(settings)

    assert "newer release" in refused.value.advice


def test_opening_again_migrates_nothing_twice(settings, store):
    def schema():
        with raw_connection(settings) as connection:
            return connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()

    store.close()
    before = schema()

    for _ in range(3):
        with open_store(settings) as reopened, reopened.catalogue.read() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]

    assert schema() == before
    assert version == sum(file.name.startswith("catalogue_") for file in MIGRATIONS.iterdir())


def test_migrations_are_numbered_without_gaps():
    for name in ("catalogue", "journal"):
        found = sorted(file.name for file in MIGRATIONS.iterdir() if file.name.startswith(name))
        assert found == [f"{name}_{number:04}.sql" for number in range(1, len(found) + 1)]


def test_a_migration_that_was_interrupted_is_done_at_the_next_start(settings, store):
    store.close()
    with raw_connection(settings, "journal") as connection:
        # As if the process had ended before the first migration was committed: nothing of it is there.
        connection.execute("DROP TABLE audit")
        connection.execute("DROP TABLE sessions")
        connection.execute("CREATE TABLE placeholder (x)")
        connection.execute("PRAGMA user_version = 0")

    with open_store(settings) as reopened, reopened.journal.read() as connection:
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (0,)
        migrations = sum(file.name.startswith("journal_") for file in MIGRATIONS.iterdir())
        assert connection.execute("PRAGMA user_version").fetchone() == (migrations,)


def test_a_migration_that_fails_leaves_the_database_as_it_was(settings, store):
    store.close()
    with raw_connection(settings, "journal") as connection:
        connection.execute("DROP INDEX audit_by_actor")
        connection.execute("PRAGMA user_version = 0")  # so the first migration meets its own table

    with pytest.raises(StoreDamaged, match="journal_0001"):
        open_store(settings)

    with raw_connection(settings, "journal") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'audit_by_actor'").fetchone() == (0,)
