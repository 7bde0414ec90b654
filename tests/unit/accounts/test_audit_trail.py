import pytest

from app.accounts.audit_trail import MOST_RECORDS, read_trail
from app.database.audit import Act


@pytest.fixture
def read(store):
    def run(**chosen):
        with store.journal.read() as journal:
            return read_trail(journal, **chosen)

    return run


@pytest.fixture
def _six_records(store):
    for number in range(6):
        store.audit.record(Act(f"r{number}", f"actor {number % 2}", "try", f"t{number}", {"rows": number}), "done")


def test_an_empty_trail_is_an_empty_list(read):
    assert read() == []


@pytest.mark.usefixtures("_six_records")
def test_the_newest_records_come_first_and_whole(read):
    newest, *_, oldest = read()

    assert (newest.request_id, newest.actor, newest.action) == ("r5", "actor 1", "try")
    assert (newest.target, newest.state, newest.detail) == ("t5", "done", {"rows": 5})
    assert oldest.request_id == "r0"
    assert newest.record_number > oldest.record_number


@pytest.mark.usefixtures("_six_records")
def test_pages_of_the_trail_follow_each_other_without_a_gap(read):
    first = read(limit=4)
    second = read(before=first[-1].record_number, limit=4)

    assert [record.request_id for record in first + second] == ["r5", "r4", "r3", "r2", "r1", "r0"]
    assert read(before=second[-1].record_number) == []


@pytest.mark.usefixtures("_six_records")
def test_the_trail_of_one_actor_holds_only_their_records(read):
    assert [record.request_id for record in read(actor="actor 1")] == ["r5", "r3", "r1"]
    assert read(actor="nobody") == []


def test_no_reading_takes_more_than_a_thousand_records(store, read):
    store.audit.record_all([Act(f"r{number}", "a", "try", "t") for number in range(MOST_RECORDS + 5)], "done")

    assert len(read(limit=10**9)) == MOST_RECORDS
    assert len(read(limit=-1)) <= MOST_RECORDS
    assert len(read()) == 100
