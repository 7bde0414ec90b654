import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.accounts import people
from app.accounts import sign_in as module
from app.accounts.audit_trail import read_trail
from app.accounts.sessions import Sessions
from app.accounts.sign_in import CHECKS_AT_ONCE, MOST_WAITING, Attempt, SignIn
from app.errors import ConflictError, NotAuthenticated, StoreFull, TooManyAttempts, UsageError, WrongCredentials

PASSWORD, OTHER = "correct horse battery", "another long password"
DISABLE = "UPDATE users SET disabled_at = '2026-01-01T00:00:00.000Z' WHERE name = ?"


@pytest.fixture(scope="module")
def password_hash():
    return people.hash_password(PASSWORD)


@pytest.fixture
def house(store, password_hash):
    """Anna administers, Ben is a member, Cora has no password, Dora is disabled."""
    with store.catalogue.transaction("r") as transaction:
        ids = {
            "anna": people.add_user(transaction, "anna", role="administrator"),
            "ben": people.add_user(transaction, "ben"),
            "cora": people.add_user(transaction, "cora"),
            "dora": people.add_user(transaction, "dora"),
        }
        transaction.execute("UPDATE users SET password_hash = ? WHERE name <> 'cora'", (password_hash,))
        transaction.execute(DISABLE, ("dora",))
    return ids


@pytest.fixture
def sessions(store):
    return Sessions(store, idle_minutes=30, hours=12)


@pytest.fixture
def signing(store, sessions):
    with ThreadPoolExecutor(16) as threads:
        yield SignIn(store, sessions, threads)


def attempt(name="ben", password=PASSWORD, address="192.0.2.1"):
    return Attempt("request", name, password, address)


def trail(store):
    with store.journal.read() as journal:
        return read_trail(journal)


async def test_name_and_password_begin_a_session(signing, sessions, house):
    signed_in = await signing.sign_in(attempt("anna"))

    assert (signed_in.username, signed_in.role) == ("anna", "administrator")
    assert sessions.account_of(signed_in.token, "r").user_id == house["anna"]


async def test_every_sign_in_has_a_token_of_its_own_and_ends_what_the_browser_had(signing, sessions, house):
    first = await signing.sign_in(attempt())
    second = await signing.sign_in(attempt(), replaced=[first.token])

    assert first.token != second.token
    with pytest.raises(NotAuthenticated):
        sessions.account_of(first.token, "r")
    assert sessions.account_of(second.token, "r").name == "ben"


WRONG = [
    ("ben", "wrong"),
    ("nobody", PASSWORD),
    ("dora", PASSWORD),
    ("cora", PASSWORD),
    ("cora", ""),
    ("BEN", PASSWORD),
]


@pytest.mark.parametrize(("name", "password"), WRONG)
async def test_whatever_is_wrong_gets_the_same_words_after_the_same_work(
    signing, store, house, monkeypatch, name, password
):
    checked = []

    def counted(password_hash, typed):
        checked.append(password_hash)
        return people.password_matches(password_hash, typed)

    monkeypatch.setattr(module, "password_matches", counted)
    before = len(trail(store))

    with pytest.raises(WrongCredentials) as refused:
        await signing.sign_in(attempt(name, password))

    assert (str(refused.value), refused.value.code) == ("the user name or the password is wrong", "wrong_credentials")
    assert len(checked) == 1
    assert len(trail(store)) == before + 1


async def test_a_failed_sign_in_is_recorded_without_what_was_typed(signing, store, house):
    for name in ("ben", "hunter2 typed as name"):
        with pytest.raises(WrongCredentials):
            await signing.sign_in(attempt(name, "hunter3 typed as password"))
    unknown, known = trail(store)[:2]

    assert (known.action, known.state, known.actor, known.target) == ("sign in", "failed", house["ben"], house["ben"])
    assert (unknown.action, unknown.state, unknown.actor, unknown.target) == ("sign in", "failed", "-", "-")
    assert unknown.detail == {"address": "192.0.2.1"}
    assert "hunter" not in json.dumps([record.detail for record in trail(store)])
    await signing.sign_in(attempt())
    assert (trail(store)[0].action, trail(store)[0].state, trail(store)[0].actor) == ("sign in", "done", house["ben"])


async def test_twenty_wrong_passwords_are_slowed_and_the_right_one_elsewhere_gets_in(signing, house, monkeypatch):
    checked = []
    monkeypatch.setattr(module, "password_matches", lambda *_: bool(checked.append(1)))
    outcomes = []
    for number in range(20):
        try:
            await signing.sign_in(attempt(password=f"guess {number}"))
        except (WrongCredentials, TooManyAttempts) as error:
            outcomes.append(error.code)
    monkeypatch.undo()

    assert outcomes == ["wrong_credentials"] * 5 + ["too_many_attempts"] * 15
    assert len(checked) == 5
    with pytest.raises(TooManyAttempts):  # the right one does not tell itself apart while it is slowed
        await signing.sign_in(attempt())
    assert (await signing.sign_in(attempt(address="192.0.2.2"))).username == "ben"


async def test_guesses_sent_all_at_once_are_no_more_than_one_after_the_other(signing, house, monkeypatch):
    checked = []
    monkeypatch.setattr(module, "password_matches", lambda *_: bool(checked.append(1)))
    outcomes = await asyncio.gather(
        *(signing.sign_in(attempt(password=f"guess {number}")) for number in range(300)), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {WrongCredentials, TooManyAttempts}
    assert len(checked) < 5 + CHECKS_AT_ONCE


async def test_two_passwords_are_checked_at_once_and_the_queue_is_short(signing, house, monkeypatch):
    at_once, most, lock, go = [0], [0], threading.Lock(), threading.Event()

    def slow(password_hash, typed):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        go.wait(20)
        with lock:
            at_once[0] -= 1
        return True

    monkeypatch.setattr(module, "password_matches", slow)
    tasks = [asyncio.create_task(signing.sign_in(attempt(address=f"192.0.2.{number}"))) for number in range(40)]
    await asyncio.sleep(0.1)
    refused = [task for task in tasks if task.done()]
    go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert most[0] == CHECKS_AT_ONCE
    assert len(refused) == 40 - CHECKS_AT_ONCE - MOST_WAITING
    assert {type(task.exception()) for task in refused} == {TooManyAttempts}
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == CHECKS_AT_ONCE + MOST_WAITING
    await signing.sign_in(attempt())  # and nothing is left standing in the queue


async def test_ones_own_password_is_changed_with_the_old_one(signing, sessions, store, house):
    mine, elsewhere = await signing.sign_in(attempt()), await signing.sign_in(attempt())
    changed = await signing.change_password(attempt(), OTHER)

    for token in (mine.token, elsewhere.token):
        with pytest.raises(NotAuthenticated):
            sessions.account_of(token, "r")
    assert sessions.account_of(changed.token, "r").name == "ben"
    with pytest.raises(WrongCredentials):
        await signing.sign_in(attempt())
    await signing.sign_in(attempt(password=OTHER))
    records = [(record.action, record.state, record.target) for record in trail(store)]
    assert ("change password", "intended", house["ben"]) in records
    assert ("change password", "done", house["ben"]) in records


async def test_the_old_password_cannot_be_guessed_through_the_change(signing, house):
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await signing.change_password(attempt(password="wrong"), OTHER)
    with pytest.raises(TooManyAttempts):
        await signing.change_password(attempt(), OTHER)
    with pytest.raises(TooManyAttempts):
        await signing.sign_in(attempt())


async def test_a_short_new_password_changes_nothing(signing, sessions, house):
    signed_in = await signing.sign_in(attempt())
    with pytest.raises(UsageError):
        await signing.change_password(attempt(), "short")

    assert sessions.account_of(signed_in.token, "r").name == "ben"
    await signing.sign_in(attempt())


async def test_of_two_changes_at_once_one_holds(signing, sessions, house):
    first, second = await asyncio.gather(
        signing.change_password(attempt(), OTHER),
        signing.change_password(attempt(), OTHER + "!"),
        return_exceptions=True,
    )

    [failed] = [one for one in (first, second) if isinstance(one, Exception)]
    [held] = [one for one in (first, second) if not isinstance(one, Exception)]
    assert isinstance(failed, ConflictError | WrongCredentials)
    assert sessions.account_of(held.token, "r").name == "ben"


async def test_a_password_that_is_reset_while_a_sign_in_is_checked_lets_nobody_in(
    signing, sessions, store, house, monkeypatch
):
    def reset_meanwhile(password_hash, typed):
        matches = people.password_matches(password_hash, typed)
        with store.catalogue.transaction("r") as transaction:
            people.set_password(transaction, "ben", OTHER)
        return matches

    monkeypatch.setattr(module, "password_matches", reset_meanwhile)
    signed_in = await signing.sign_in(attempt())

    with pytest.raises(NotAuthenticated):
        sessions.account_of(signed_in.token, "r")


async def test_what_cannot_be_recorded_does_not_happen(signing, store, house, monkeypatch):
    def full(*_):
        raise StoreFull("the disk is full")

    monkeypatch.setattr(store.audit, "record", full)

    for password in (PASSWORD, "wrong"):
        with pytest.raises(StoreFull):
            await signing.sign_in(attempt(password=password))
