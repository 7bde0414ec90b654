from datetime import UTC, datetime, timedelta

import pytest

from app.accounts import people
from app.accounts.sessions import MOST_PER_USER, Sessions, csrf_token_of
from app.database.times import shown_time
from app.errors import NotAuthenticated

IDLE_MINUTES, HOURS = 30, 12


@pytest.fixture
def sessions(store):
    return Sessions(store, idle_minutes=IDLE_MINUTES, hours=HOURS)


@pytest.fixture
def begin(sessions, people_of):
    def run(name="ben", *, epoch=1, replaced=()):
        return sessions.begin("r", user_id=people_of[name], epoch=epoch, replaced=replaced)

    return run


@pytest.fixture
def rows(store):
    def read(columns="*"):
        with store.journal.read() as journal:
            return journal.execute(f"SELECT {columns} FROM sessions ORDER BY created_at, token_hash").fetchall()

    return read


@pytest.fixture
def shift(store):
    """Move the times of all sessions."""

    def run(*, created=timedelta(), used=timedelta()):
        moment = datetime.now(UTC)
        with store.journal.transaction("r") as transaction:
            transaction.execute(
                "UPDATE sessions SET created_at = ?, last_used_at = ?",
                (shown_time(moment + created), shown_time(moment + used)),
            )

    return run


def ended(sessions, token):
    try:
        sessions.account_of(token, "r")
    except NotAuthenticated:
        return True
    return False


def test_a_session_tells_who_signed_in_with_role_and_groups(sessions, begin, people_of, change):
    group = change(people.add_group, "ward")
    change(people.set_membership, "ward", "anna", member=True)

    account = sessions.account_of(begin("anna"), "r")

    assert (account.user_id, account.actor, account.name) == (people_of["anna"], people_of["anna"], "anna")
    assert account.administrator
    assert account.group_ids == {group}
    assert not sessions.account_of(begin("ben"), "r").administrator


def test_every_session_has_a_token_of_256_bits_and_none_of_it_is_kept(begin, rows, store):
    tokens = {begin() for _ in range(5)}

    assert len(tokens) == 5
    assert all(len(token) == 43 for token in tokens)
    with store.journal.read() as journal:
        everything = str([journal.execute(f"SELECT * FROM {table}").fetchall() for table in ("sessions", "audit")])
    assert not [token for token in tokens if token in everything]
    assert {len(row[0]) for row in rows("token_hash")} == {32}


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "名字", "\ud800", "a\0b"], ids=ascii)
def test_an_unknown_token_is_nobodys(sessions, begin, token):
    begin()

    assert ended(sessions, token)


def test_the_hash_that_is_kept_is_no_token(sessions, begin, rows):
    begin()
    [(token_hash,)] = rows("token_hash")

    assert ended(sessions, token_hash.hex())


def test_a_token_with_something_behind_it_is_another_token(sessions, begin):
    assert ended(sessions, begin() + "x")


@pytest.mark.parametrize(
    ("created", "used", "lives"),
    [
        (timedelta(hours=-11, minutes=-59), timedelta(), True),
        (timedelta(hours=-12, minutes=-1), timedelta(), False),
        (timedelta(hours=-1), timedelta(minutes=-29), True),
        (timedelta(hours=-1), timedelta(minutes=-31), False),
        (timedelta(days=365), timedelta(days=365), False),  # the clock was set back
        (timedelta(hours=-1), timedelta(days=365), False),
        (timedelta(seconds=30), timedelta(seconds=30), True),  # it was corrected a little
    ],
)
def test_a_session_ends_by_idleness_and_by_age(sessions, begin, shift, created, used, lives):
    token = begin()
    shift(created=created, used=used)

    assert ended(sessions, token) is not lives


def test_use_is_written_at_most_once_a_minute(sessions, begin, rows, shift):
    token = begin()
    shift(created=timedelta(minutes=-5), used=timedelta(seconds=-50))
    before = rows()
    sessions.account_of(token, "r")
    assert rows() == before

    shift(created=timedelta(minutes=-5), used=timedelta(seconds=-61))
    before = rows("last_used_at")
    sessions.account_of(token, "r")
    after = rows("last_used_at")
    assert after > before
    sessions.account_of(token, "r")
    assert rows("last_used_at") == after


def test_a_session_in_use_does_not_idle_out(sessions, begin, shift):
    token = begin()
    for _ in range(3):
        shift(created=timedelta(hours=-1), used=timedelta(minutes=-29))
        assert not ended(sessions, token)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET epoch = epoch + 1 WHERE name = 'ben'",
        "UPDATE users SET disabled_at = '2026-01-01T00:00:00.000Z' WHERE name = 'ben'",
        "DELETE FROM users WHERE name = 'ben'",
    ],
)
def test_what_happens_to_the_user_holds_from_the_next_request_on(sessions, begin, catalogue, statement):
    token, other = begin("ben"), begin("cora")
    assert not ended(sessions, token)

    with catalogue.transaction("r") as transaction:
        transaction.execute(statement)

    assert ended(sessions, token)
    assert not ended(sessions, other)


def test_a_new_password_ends_the_sessions(sessions, begin, change):
    token = begin()
    change(people.set_password, "ben", "a long new password")

    assert ended(sessions, token)


def test_a_new_role_and_new_groups_hold_from_the_next_request_on(sessions, begin, catalogue, change):
    token = begin()
    with catalogue.transaction("r") as transaction:
        transaction.execute("UPDATE users SET role = 'administrator' WHERE name = 'ben'")
    group = change(people.add_group, "ward")
    change(people.set_membership, "ward", "ben", member=True)
    assert sessions.account_of(token, "r").administrator
    assert sessions.account_of(token, "r").group_ids == {group}

    with catalogue.transaction("r") as transaction:
        transaction.execute("UPDATE users SET role = 'member' WHERE name = 'ben'")
    change(people.remove_group, "ward")
    assert not sessions.account_of(token, "r").administrator
    assert sessions.account_of(token, "r").group_ids == frozenset()


def test_a_user_of_the_same_name_does_not_inherit_a_session(sessions, begin, change):
    token = begin()
    change(people.remove_user, "ben")
    change(people.add_user, "ben")

    assert ended(sessions, token)


def test_a_session_that_was_ended_stays_ended(sessions, begin):
    token, other = begin(), begin()
    sessions.end("r", token)
    sessions.end("r", token)

    assert ended(sessions, token)
    assert not ended(sessions, other)


def test_the_oldest_session_ends_when_there_are_too_many(sessions, begin, store):
    tokens = []
    for number in range(MOST_PER_USER + 3):
        tokens.append(begin())
        with store.journal.transaction("r") as transaction:  # tell them apart by more than a millisecond
            transaction.execute("UPDATE sessions SET created_at = ? WHERE token_hash = ?", (
                shown_time(datetime.now(UTC) - timedelta(minutes=60 - number)), sessions._hash_of(tokens[-1]),
            ))  # fmt: skip
    other = begin("cora")

    assert [ended(sessions, token) for token in tokens] == [True] * 3 + [False] * MOST_PER_USER
    assert not ended(sessions, other)


def test_a_sign_in_clears_away_what_has_run_out_and_what_it_replaces(sessions, begin, shift, rows, change):
    begin("ben")
    begin("cora")
    shift(created=timedelta(hours=-13))
    replaced = begin("cora")
    assert len(rows()) == 1

    token = begin("ben", replaced=(replaced, "unknown"))
    assert ended(sessions, replaced)
    assert len(rows()) == 1

    change(people.set_password, "ben", "a long new password")
    begin("ben", epoch=2)
    assert ended(sessions, token)
    assert len(rows()) == 1


def test_a_late_sign_in_with_the_old_password_ends_no_session_of_the_new_one(sessions, begin, change):
    change(people.set_password, "ben", "a long new password")
    after = begin("ben", epoch=2)
    late = begin("ben", epoch=1)

    assert not ended(sessions, after)
    assert ended(sessions, late)


def test_a_csrf_token_belongs_to_its_session_and_does_not_give_it_away(begin):
    first, second = begin(), begin()

    assert csrf_token_of(first) == csrf_token_of(first) != csrf_token_of(second)
    assert first not in csrf_token_of(first)
    assert len(csrf_token_of(first)) == 64
