import json
import threading
import traceback

import pytest

from app.database.audit import Act
from app.database.store import open_store
from app.errors import StoreError

DEADLINE_S = 10


def act(number=0, **detail):
    return Act(f"request {number}", "local:tester", "try", f"target {number}", detail)


def records_in(store):
    with store.journal.read() as connection:
        return connection.execute("SELECT request_id, target, state FROM audit ORDER BY record_number").fetchall()


def changes_in(store):
    with store.catalogue.read() as connection:
        return connection.execute("SELECT count(*) FROM changes").fetchone()[0]


def commits_of(store):
    """How many commits the WAL of the journal holds: frames that carry the size of the database end one."""
    wal = store.journal.file.with_name(store.journal.file.name + "-wal").read_bytes()
    page_bytes = int.from_bytes(wal[8:12], "big")
    frames = [wal[start : start + 24] for start in range(32, len(wal), 24 + page_bytes)]
    return sum(frame[4:8] != bytes(4) for frame in frames)


def refuse_records(store, state):
    """From now on the journal takes no record of this state."""
    with store.journal.transaction("refuse") as transaction:
        transaction.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON audit WHEN new.state = '{state}'"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )


class Recorders:
    """Threads that each make one record and keep what came of it."""

    def __init__(self, store):
        self.store = store
        self.outcomes = {}
        self.threads = []

    def start(self, name, recorded):
        def run():
            try:
                self.store.audit.record(recorded, "done")
                self.outcomes[name] = "recorded"
            except Exception as error:  # noqa: BLE001 - the outcome
                self.outcomes[name] = type(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads.append(thread)

    def wait_until_queued(self, count):
        """Until one commits and this many wait behind it; whoever was refused at once does not wait."""
        tick = threading.Event()
        for _ in range(DEADLINE_S * 200):
            waiting, audit = len(self.store.audit._waiting), self.store.audit
            if waiting + len(self.outcomes) == count and audit._commit_lock.locked():
                return
            tick.wait(0.005)
        raise TimeoutError

    def finish(self):
        for thread in self.threads:
            thread.join(timeout=DEADLINE_S)


@pytest.fixture
def recorders(store):
    return Recorders(store)


def test_a_record_says_who_did_what_to_what_and_when(store):
    store.audit.record(Act("r1", "local:tester", "delete document", "d1", {"rows": 3, "名": "值"}), "done")

    with store.journal.read() as connection:
        at, *row, detail = connection.execute(
            "SELECT at, request_id, actor, action, target, state, detail FROM audit"
        ).fetchone()
    assert row == ["r1", "local:tester", "delete document", "d1", "done"]
    assert json.loads(detail) == {"rows": 3, "名": "值"}
    assert at.endswith("Z")


def test_a_record_survives_the_death_of_its_process(settings, store, start_python):
    store.close()
    program = (
        "import os, signal\n"
        "from app.database.audit import Act\n"
        "from app.database.store import open_store\n"
        "from app.settings import load_settings\n"
        "store = open_store(load_settings())\n"
        "store.audit.record(Act('r1', 'a', 'b', 'c'), 'intended')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    assert start_python(program).wait(timeout=60) == -9

    with open_store(settings) as reopened:
        assert records_in(reopened) == [("r1", "c", "intended")]


def test_the_records_of_several_acts_are_one_commit_in_their_order(store):
    store.audit.record_all([act(number) for number in range(5)], "intended")

    assert records_in(store) == [(f"request {number}", f"target {number}", "intended") for number in range(5)]


def test_no_acts_are_no_commit(store):
    store.audit.record_all([], "done")

    assert records_in(store) == []


def test_an_unknown_state_is_refused(store):
    with pytest.raises(StoreError):
        store.audit.record(act(), "perhaps")

    assert records_in(store) == []


def test_thirty_two_threads_leave_thirty_two_records(store, recorders):
    for number in range(32):
        recorders.start(number, act(number))
    recorders.finish()

    assert set(recorders.outcomes.values()) == {"recorded"}
    assert sorted(records_in(store)) == sorted((f"request {n}", f"target {n}", "done") for n in range(32))


def test_those_who_wait_share_one_commit(store, recorders):
    with store.journal.transaction("busy"):
        recorders.start("first", act(0))
        recorders.wait_until_queued(0)
        for number in range(1, 32):
            recorders.start(number, act(number))
        recorders.wait_until_queued(31)
        before = commits_of(store)
    recorders.finish()

    assert len(records_in(store)) == 32
    # The first alone, then the thirty-one together; and the block that kept them waiting.
    assert commits_of(store) - before <= 3


def test_when_the_journal_fails_each_who_waits_is_told(store, recorders):
    refuse_records(store, "done")

    with store.journal.transaction("busy"):
        for number in range(8):
            recorders.start(number, act(number))
        recorders.wait_until_queued(7)
    recorders.finish()

    assert len(recorders.outcomes) == 8
    assert all(issubclass(outcome, StoreError) for outcome in recorders.outcomes.values())
    assert records_in(store) == []


def test_after_a_failure_records_are_taken_again(store):
    refuse_records(store, "failed")
    with pytest.raises(StoreError):
        store.audit.record(act(1), "failed")

    store.audit.record(act(2), "done")

    assert records_in(store) == [("request 2", "target 2", "done")]


def test_one_record_that_cannot_be_written_takes_no_other_down(store, recorders):
    with store.journal.transaction("busy"):
        recorders.start("first", act(0))
        recorders.wait_until_queued(0)
        recorders.start("good", act(1))
        recorders.wait_until_queued(1)
        recorders.start("bad", act(2, no_json=object()))
        recorders.start("also good", act(3))
        recorders.wait_until_queued(3)
    recorders.finish()

    assert recorders.outcomes == {"first": "recorded", "good": "recorded", "also good": "recorded", "bad": TypeError}


def test_a_change_on_behalf_of_somebody_is_intended_and_done(store):
    with store.transaction(act(1)) as transaction:
        transaction.change("access changed", "x")
        assert records_in(store) == [("request 1", "target 1", "intended")]

    assert [state for *_, state in records_in(store)] == ["intended", "done"]
    with store.catalogue.read() as connection:
        # The change can be found by the request that made it.
        assert connection.execute("SELECT request_id FROM changes").fetchall() == [("request 1",)]


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt])
def test_a_change_that_fails_is_intended_and_failed(store, raised):
    def fail():
        with store.transaction(act(1)) as transaction:
            transaction.change("access changed", "x")
            raise raised

    with pytest.raises(raised):
        fail()

    assert [state for *_, state in records_in(store)] == ["intended", "failed"]
    assert changes_in(store) == 0


def test_what_cannot_be_recorded_as_intended_does_not_happen(store):
    refuse_records(store, "intended")

    with pytest.raises(StoreError), store.transaction(act(1)):
        pytest.fail("the block must not begin")

    assert records_in(store) == []


def test_what_cannot_be_recorded_as_done_is_no_success(store):
    refuse_records(store, "done")

    with pytest.raises(StoreError), store.transaction(act(1)) as transaction:
        transaction.change("access changed", "x")

    # It was committed: the intention with the request of the change tells those who look.
    assert [state for *_, state in records_in(store)] == ["intended"]
    assert changes_in(store) == 1


def test_a_failure_is_raised_even_when_the_record_of_it_fails(store):
    refuse_records(store, "failed")

    def fail():
        with store.transaction(act(1)):
            raise ValueError("the first cause")

    with pytest.raises(StoreError) as failed:
        fail()

    assert "the first cause" in "".join(traceback.format_exception(failed.value))


def test_a_process_killed_inside_a_change_leaves_its_intention_and_no_change(settings, store, start_python):
    store.close()
    program = (
        "import os, signal\n"
        "from app.database.audit import Act\n"
        "from app.database.store import open_store\n"
        "from app.settings import load_settings\n"
        "store = open_store(load_settings())\n"
        "with store.transaction(Act('r1', 'a', 'b', 'c')) as transaction:\n"
        "    transaction.change('access changed', 'x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    assert start_python(program).wait(timeout=60) == -9

    with open_store(settings) as reopened:
        assert records_in(reopened) == [("r1", "c", "intended")]
        assert changes_in(reopened) == 0


def test_a_record_does_not_wait_for_a_long_write_to_the_catalogue(store):
    with store.catalogue.transaction("bulk") as transaction:
        transaction.change("access changed", "x")

        store.audit.record(act(1), "done")

        assert records_in(store) == [("request 1", "target 1", "done")]
