import pytest

from app.accounts import people
from app.accounts.api_keys import account_of_key, issue_key, list_keys, remove_key
from app.errors import ConflictError, NameTaken, NotAuthenticated, NotFound, UsageError


def change(store, work):
    with store.catalogue.transaction("test") as transaction:
        return work(transaction)


def account(store, key):
    with store.catalogue.read() as connection:
        return account_of_key(connection, store, key)


@pytest.fixture
def mei(store):
    change(store, lambda t: people.add_user(t, "root", role="administrator", password="a long password"))
    change(store, lambda t: people.add_user(t, "mei", password="another password"))
    return change(store, lambda t: issue_key(t, store, user="mei", name="laptop"))


def test_a_key_opens_its_users_account_with_the_groups_of_now(store, mei):
    before = account(store, mei)
    change(store, lambda t: people.add_group(t, "ward"))
    change(store, lambda t: people.set_membership(t, "ward", "mei", member=True))

    after = account(store, mei)

    assert (before.name, before.administrator, before.group_ids) == ("mei", False, frozenset())
    assert len(after.group_ids) == 1


@pytest.mark.parametrize("key", ["", "sr_", "sr_wrong", "Bearer x", "sr_" + "x" * 500, "sr_ä"])
def test_a_wrong_key_opens_nothing(store, mei, key):
    with pytest.raises(NotAuthenticated):
        account(store, key)


def test_an_expired_key_opens_nothing(store, mei):
    old = change(store, lambda t: issue_key(t, store, user="mei", name="old", expires_at="2020-01-01T00:00:00.000Z"))

    with pytest.raises(NotAuthenticated):
        account(store, old)


def test_a_removed_key_opens_nothing(store, mei):
    with store.catalogue.read() as connection:
        (listed,) = list_keys(connection)
    change(store, lambda t: remove_key(t, listed.api_key_id))

    with pytest.raises(NotAuthenticated):
        account(store, mei)


def test_the_key_itself_is_kept_nowhere(store, mei):
    with store.catalogue.read() as connection:
        rows = connection.execute("SELECT * FROM api_keys").fetchall()

    assert mei not in str(rows)


def test_a_removed_users_key_opens_nothing(store, mei):
    change(store, lambda t: people.remove_user(t, "mei"))

    with pytest.raises(NotAuthenticated):
        account(store, mei)


def test_the_last_administrator_stays(store, mei):
    with pytest.raises(ConflictError):
        change(store, lambda t: people.remove_user(t, "root"))


def test_a_group_made_again_under_its_old_name_has_no_members(store, mei):
    change(store, lambda t: people.add_group(t, "ward"))
    change(store, lambda t: people.set_membership(t, "ward", "mei", member=True))
    change(store, lambda t: people.remove_group(t, "ward"))
    change(store, lambda t: people.add_group(t, "ward"))

    assert account(store, mei).group_ids == frozenset()


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "line\nbreak", "nul\0"])
def test_a_name_that_cannot_be_shown_is_refused(store, name):
    with pytest.raises(UsageError):
        change(store, lambda t: people.add_user(t, name))


def test_a_name_is_taken_once(store, mei):
    with pytest.raises(NameTaken):
        change(store, lambda t: people.add_user(t, "mei"))


def test_who_is_not_there_is_not_found(store):
    with pytest.raises(NotFound):
        change(store, lambda t: people.set_password(t, "nobody", "a long password"))


def test_passwords_match_only_themselves_and_never_a_user_without_one():
    kept = people.hash_password("a long password")

    assert people.password_matches(kept, "a long password")
    assert not people.password_matches(kept, "a long passwore")
    assert not people.password_matches(None, "a long password")


def test_a_short_password_is_refused():
    with pytest.raises(UsageError):
        people.hash_password("short")
