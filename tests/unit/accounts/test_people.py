import pytest

from app.accounts import people
from app.errors import ConflictError, NameTaken, NotFound, StoreError, UsageError
from app.knowledge import bases
from app.knowledge.passage import Asker
from app.knowledge.permissions import Permissions, find_readers, rule_for

PASSWORD = "correct horse battery"


def access_sequence(connection):
    return connection.execute("SELECT value FROM counters WHERE name = 'access'").fetchone()[0]


def rows(connection, table, column, value):
    statement = f"SELECT count(*) FROM {table} WHERE {column} = ?"
    return connection.execute(statement, (value,)).fetchone()[0]


def disable(transaction, name):
    transaction.execute("UPDATE users SET disabled_at = '2026-01-01T00:00:00.000Z' WHERE name = ?", (name,))


@pytest.mark.parametrize(
    "name", ["ben", "张伟", "O'Brien", "user:x", "a b", "x" * 100, "人" * 100, "'; DROP TABLE users;--"]
)
def test_a_user_is_found_by_the_name_that_was_given(change, look, name):
    user_id = change(people.add_user, name)

    assert look(people.user_named, name) == user_id
    assert [(user.name, user.role, user.groups, user.disabled) for user in look(people.list_users)] == [
        (name, "member", (), False)
    ]


def test_space_around_a_name_does_not_belong_to_it(change, look):
    user_id = change(people.add_user, "  ben \n")

    assert look(people.user_named, "ben") == user_id


@pytest.mark.parametrize("add", [people.add_user, people.add_group])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("   \t\n", id="only space"),
        pytest.param("x" * 101, id="101 characters"),
        pytest.param("a\x00b", id="zero byte"),
        pytest.param("a\nb", id="line end"),
        pytest.param("a\x1b[31mb", id="terminal escape"),
        pytest.param("a\x7fb", id="delete"),
        pytest.param("a\u202eb", id="right-to-left override"),
        pytest.param("a\u200bb", id="zero width space"),
        pytest.param("\ufeffab", id="byte order mark"),
        pytest.param("a\ud800b", id="half a character"),
        pytest.param("a\u2028b", id="line separator"),
    ],
)
def test_a_name_that_would_mislead_is_refused(change, look, add, name):
    with pytest.raises(UsageError, match="1 to 100 printable"):
        change(add, name)

    assert look(people.list_users) == []
    assert look(people.list_groups) == []


def test_a_name_is_given_once(change, people_of):
    with pytest.raises(NameTaken, match="'ben'"):
        change(people.add_user, " ben ")


def test_a_user_and_a_group_may_share_a_name(change, look, people_of):
    group_id = change(people.add_group, "ben")

    assert look(people.group_named, "ben") == group_id != look(people.user_named, "ben")


def test_an_unknown_role_is_refused(change, look):
    with pytest.raises(StoreError):
        change(people.add_user, "ben", role="owner")

    assert look(people.list_users) == []


def test_users_are_listed_by_name_with_their_groups(change, look, people_of):
    for group in ("z-team", "a-team"):
        change(people.add_group, group)
        change(people.set_membership, group, "ben", member=True)
    change(disable, "cora")

    assert [(user.name, user.role, user.groups, user.disabled) for user in look(people.list_users)] == [
        ("anna", "administrator", (), False),
        ("ben", "member", ("a-team", "z-team"), False),
        ("cora", "member", (), True),
    ]


def test_a_password_matches_itself_alone():
    password_hash = people.hash_password(PASSWORD)

    assert PASSWORD not in password_hash
    assert password_hash.startswith("$argon2id$")
    assert people.hash_password(PASSWORD) != password_hash
    assert people.password_matches(password_hash, PASSWORD)
    assert not people.password_matches(password_hash, PASSWORD + " ")
    assert not people.password_matches(password_hash, "")


@pytest.mark.parametrize("password_hash", [None, "", "not a hash", "$argon2id$v=19$broken"])
@pytest.mark.parametrize("password", ["", "no such user", PASSWORD])
def test_without_a_good_hash_no_password_matches(password_hash, password):
    assert not people.password_matches(password_hash, password)


@pytest.mark.parametrize("password", ["x", "x" * 11, "密码" * 5])
def test_a_short_password_is_refused(change, password):
    with pytest.raises(UsageError, match="12 characters"):
        change(people.add_user, "ben", password=password)


def test_an_empty_password_is_a_short_one(change):
    with pytest.raises(UsageError, match="12 characters"):
        change(people.add_user, "ben", password="")


def test_new_passwords_are_long_and_never_alike():
    passwords = {people.new_password() for _ in range(100)}

    assert len(passwords) == 100
    assert min(len(password) for password in passwords) >= 20


def test_a_new_password_replaces_the_old_one_and_ends_sessions(change, look):
    def secrets_of(connection):
        return connection.execute("SELECT password_hash, epoch FROM users WHERE name = 'ben'").fetchone()

    change(people.add_user, "ben", password=PASSWORD)
    _, epoch = look(secrets_of)

    change(people.set_password, "ben", "another long password")

    password_hash, new_epoch = look(secrets_of)
    assert new_epoch == epoch + 1
    assert people.password_matches(password_hash, "another long password")
    assert not people.password_matches(password_hash, PASSWORD)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda transaction: people.remove_user(transaction, "nobody"), id="remove a user"),
        pytest.param(lambda transaction: people.set_password(transaction, "nobody", PASSWORD), id="set a password"),
        pytest.param(lambda transaction: people.remove_group(transaction, "nobody"), id="remove a group"),
        pytest.param(
            lambda transaction: people.set_membership(transaction, "team", "nobody", member=True), id="an unknown user"
        ),
        pytest.param(
            lambda transaction: people.set_membership(transaction, "nobody", "ben", member=True), id="an unknown group"
        ),
    ],
)
def test_who_is_not_there_is_not_found(change, people_of, work):
    change(people.add_group, "team")

    with pytest.raises(NotFound, match="'nobody'"):
        change(work)


def test_the_last_administrator_stays(change, look, people_of):
    with pytest.raises(ConflictError, match="last administrator") as refused:
        change(people.remove_user, "anna")

    assert "another administrator" in refused.value.advice
    assert look(people.user_named, "anna") == people_of["anna"]


def test_a_disabled_administrator_does_not_count(change, people_of):
    change(people.add_user, "dora", role="administrator")
    change(disable, "dora")

    with pytest.raises(ConflictError):
        change(people.remove_user, "anna")


def test_one_of_two_administrators_may_go(change, look, people_of):
    change(people.add_user, "dora", role="administrator")

    change(people.remove_user, "anna")

    assert [user.name for user in look(people.list_users) if user.role == "administrator"] == ["dora"]


def test_a_member_may_go_whether_or_not_there_is_an_administrator(change, look):
    change(people.add_user, "ben")

    change(people.remove_user, "ben")

    assert look(people.list_users) == []


def test_a_disabled_administrator_may_go_while_another_is_there(change, look, people_of):
    change(people.add_user, "dora", role="administrator")
    change(disable, "dora")

    change(people.remove_user, "dora")

    assert [user.name for user in look(people.list_users)] == ["anna", "ben", "cora"]


def test_a_removed_user_leaves_no_membership_and_no_grant(change, look, people_of):
    ben = people_of["ben"]
    change(people.add_group, "team")
    change(people.set_membership, "team", "ben", member=True)
    change(bases.add_knowledge_base, "base", asker=Asker(ben), actor="local:tester")
    change(lambda transaction: rule_for(transaction, find_readers(transaction.connection, ["user:ben"])))

    assert change(people.remove_user, "ben") == ben

    for table in ("memberships", "knowledge_base_readers", "rule_readers"):
        assert look(rows, table, "user_id", ben) == 0
    assert look(people.list_groups)[0].members == ()


def test_a_new_user_of_an_old_name_is_another_person(change, people_of):
    change(people.remove_user, "ben")

    assert change(people.add_user, "ben") != people_of["ben"]


def test_users_join_and_leave_groups(change, look, people_of):
    group_id = change(people.add_group, "team")

    for _ in range(2):  # joining twice is joining
        change(people.set_membership, "team", "ben", member=True)
    change(people.set_membership, "team", "cora", member=True)

    assert look(people.list_groups)[0].members == ("ben", "cora")
    assert look(people.groups_of, people_of["ben"]) == {group_id}

    for _ in range(2):
        change(people.set_membership, "team", "ben", member=False)

    assert look(people.list_groups)[0].members == ("cora",)
    assert look(people.groups_of, people_of["ben"]) == frozenset()


def test_a_group_of_an_old_name_has_none_of_its_grants_and_none_of_its_members(change, look, people_of):
    old = change(people.add_group, "team")
    change(people.set_membership, "team", "ben", member=True)
    base = change(bases.add_knowledge_base, "base", asker=Asker(people_of["anna"]), actor="local:tester")
    change(
        lambda transaction: transaction.execute(
            "INSERT INTO knowledge_base_readers (knowledge_base_id, group_id) VALUES (?, ?)", (base, old)
        )
    )
    rule = change(lambda transaction: rule_for(transaction, find_readers(transaction.connection, ["group:team"])))

    change(people.remove_group, "team")
    new = change(people.add_group, "team")
    change(people.set_membership, "team", "cora", member=True)

    assert new != old
    permit = look(Permissions().permit, Asker(people_of["cora"], group_ids=frozenset({new})))
    assert not permit.reads(base, None)
    assert not permit.reads(base, rule)
    for table in ("memberships", "knowledge_base_readers", "rule_readers"):
        assert look(rows, table, "group_id", old) == 0


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda transaction: people.remove_user(transaction, "ben"), id="a user goes"),
        pytest.param(lambda transaction: people.remove_group(transaction, "team"), id="a group goes"),
        pytest.param(
            lambda transaction: people.set_membership(transaction, "team", "ben", member=True), id="one joins"
        ),
        pytest.param(
            lambda transaction: people.set_membership(transaction, "team", "ben", member=False), id="one leaves"
        ),
    ],
)
def test_what_changes_who_may_read_moves_the_access_sequence(change, look, people_of, work):
    change(people.add_group, "team")
    before = look(access_sequence)

    change(work)

    assert look(access_sequence) == before + 1
