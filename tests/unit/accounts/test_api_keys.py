from datetime import UTC, datetime, timedelta

import pytest

from app.accounts import people
from app.accounts.api_keys import account_named, account_of_key, issue_key, list_keys, remove_key
from app.database.store import create_store
from app.errors import NotAuthenticated, NotFound, UsageError


def in_seconds(seconds):
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def issue(change, store, people_of):
    def run(user="ben", name="laptop", **more):
        return change(issue_key, store, user=user, name=name, **more)

    return run


@pytest.fixture
def account(look, store):
    return lambda key: look(account_of_key, store, key)


def test_a_key_tells_who_holds_it(issue, account, people_of):
    holder = account(issue())

    assert (holder.user_id, holder.actor, holder.name) == (people_of["ben"], people_of["ben"], "ben")
    assert not holder.administrator
    assert holder.group_ids == frozenset()
    assert account(issue("anna")).administrator


def test_a_key_carries_the_groups_its_user_has_now(issue, account, change):
    key = issue()
    group_id = change(people.add_group, "team")

    change(people.set_membership, "team", "ben", member=True)
    assert account(key).group_ids == {group_id}

    change(people.set_membership, "team", "ben", member=False)
    assert account(key).group_ids == frozenset()


def test_keys_are_random_and_long(issue):
    keys = {issue(name=str(number)) for number in range(20)}

    assert len(keys) == 20
    assert all(key.startswith("sr_") and len(key) == 46 for key in keys)


def test_the_store_keeps_no_key(issue, look):
    key = issue()

    kept = look(lambda connection: connection.execute("SELECT * FROM api_keys").fetchall())

    assert key not in str(kept)
    assert key[3:] not in str(kept)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda key: "", id="empty"),
        pytest.param(lambda key: "sr_", id="only the prefix"),
        pytest.param(lambda key: key[:-1], id="cut"),
        pytest.param(lambda key: key + "x", id="longer"),
        pytest.param(lambda key: key.upper(), id="capitals"),
        pytest.param(lambda key: f" {key}", id="space before"),
        pytest.param(lambda key: f"{key}\n", id="line end"),
        pytest.param(lambda key: key.removeprefix("sr_"), id="no prefix"),
        pytest.param(lambda key: "sr_" + "x" * 43, id="another"),
        pytest.param(lambda key: "sr_" + "x" * 10_000, id="very long"),
        pytest.param(lambda key: "sr_密钥", id="not ASCII"),
        pytest.param(lambda key: "sr_' OR 1=1 --", id="SQL"),
    ],
)
def test_what_is_not_exactly_a_key_is_refused(issue, account, spoil):
    key = issue()

    with pytest.raises(NotAuthenticated) as refused:
        account(spoil(key))

    assert key not in str(refused.value)


def test_a_key_of_another_store_is_refused(issue, look, settings, tmp_path):
    key = issue()
    other = settings.model_copy(update={"data_dir": tmp_path / "other", "key_file": tmp_path / "keys" / "other.key"})

    with create_store(other) as another:
        with another.catalogue.transaction("r") as transaction:
            people.add_user(transaction, "ben")
            issue_key(transaction, another, user="ben", name="laptop")
        with pytest.raises(NotAuthenticated), another.catalogue.read() as connection:
            account_of_key(connection, another, key)


def test_a_key_holds_until_it_expires(issue, account):
    assert account(issue(expires_at=in_seconds(60))).name == "ben"
    assert account(issue(expires_at=None)).name == "ben"
    for expired in (in_seconds(-1), in_seconds(-86_400), "2001-01-01T00:00:00.000Z"):
        with pytest.raises(NotAuthenticated):
            account(issue(expires_at=expired))


@pytest.mark.parametrize("hours", [-9, 8])
def test_the_hour_a_key_expires_may_be_of_any_time_zone(issue, account, hours):
    zone = timedelta(hours=hours)
    there = datetime.now(UTC) + zone
    offset = f"{'+' if hours >= 0 else '-'}{abs(hours):02}:00"

    past = issue(expires_at=(there - timedelta(hours=1)).isoformat(timespec="seconds").replace("+00:00", offset))
    to_come = issue(expires_at=(there + timedelta(hours=1)).isoformat(timespec="seconds").replace("+00:00", offset))

    assert account(to_come).name == "ben"
    with pytest.raises(NotAuthenticated):
        account(past)


@pytest.mark.parametrize("never", ["tomorrow", "31/12/2025", "in 30 days", "soon", ""])
def test_a_moment_that_is_none_is_refused_instead_of_never_coming(issue, look, never):
    with pytest.raises(UsageError):
        issue(expires_at=never)

    assert look(list_keys) == []


def test_the_keys_of_a_disabled_user_are_refused(issue, account, change):
    key = issue()
    change(lambda transaction: transaction.execute("UPDATE users SET disabled_at = 'now' WHERE name = 'ben'"))

    with pytest.raises(NotAuthenticated):
        account(key)


def test_the_keys_of_a_removed_user_are_refused_even_when_the_name_comes_back(issue, account, change, look):
    key = issue()
    change(people.remove_user, "ben")

    with pytest.raises(NotAuthenticated):
        account(key)
    change(people.add_user, "ben")
    with pytest.raises(NotAuthenticated):
        account(key)
    assert look(list_keys) == []


def test_a_removed_key_is_refused_and_the_others_stay(issue, account, change, look):
    lost, kept = issue(name="lost"), issue(name="kept")
    (api_key_id,) = [key.api_key_id for key in look(list_keys) if key.name == "lost"]

    change(remove_key, api_key_id)

    with pytest.raises(NotAuthenticated):
        account(lost)
    assert account(kept).name == "ben"
    with pytest.raises(NotFound):
        change(remove_key, api_key_id)


def test_keys_are_listed_by_user_without_the_keys_themselves(issue, look):
    keys = [issue("cora", "phone"), issue("ben", "laptop", expires_at="2030-01-01T00:00:00.000Z")]

    listed = look(list_keys)

    assert [(key.user, key.name, key.expires_at) for key in listed] == [
        ("ben", "laptop", "2030-01-01T00:00:00.000Z"),
        ("cora", "phone", None),
    ]
    assert not any(key in str(listed) for key in keys)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb"])
def test_the_name_of_a_key_is_a_name(issue, name):
    with pytest.raises(UsageError):
        issue(name=name)


def test_nobody_gets_a_key_for_a_user_who_is_not_there(issue):
    with pytest.raises(NotFound, match="'nobody'"):
        issue("nobody")


def test_a_command_may_act_as_a_user_and_the_trail_names_who_really_acts(look, change, people_of):
    group_id = change(people.add_group, "team")
    change(people.set_membership, "team", "ben", member=True)

    account = look(account_named, "ben", actor="local:tester")

    assert (account.user_id, account.actor, account.name) == (people_of["ben"], "local:tester", "ben")
    assert account.group_ids == {group_id}
    assert not account.administrator


def test_nobody_acts_as_a_user_who_is_disabled_or_not_there(look, change, people_of):
    change(lambda transaction: transaction.execute("UPDATE users SET disabled_at = 'now' WHERE name = 'ben'"))

    for name in ("ben", "nobody"):
        with pytest.raises(NotFound):
            look(account_named, name, actor="local:tester")
