"""Users and groups: added, listed, joined, removed. Passwords are kept as Argon2id hashes."""

import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.database.connection import Connection
from app.database.database import Transaction
from app.database.names import checked_name
from app.database.times import now
from app.errors import ConflictError, NameTaken, NotFound, UsageError

PASSWORD_BYTES = 15  # 20 characters of base64, 120 bits
SHORTEST_PASSWORD = 12
# Checked where there is no password, so that the answer takes as long; nobody knows what it is the hash of.
NOBODYS_HASH = "$argon2id$v=19$m=65536,t=3,p=4$wqRb24jrd3wKBNth3wQQAw$9h+hVxMh4jxIaK47OIi7Mmg3xt1F/oy3062iTI2nG+s"


@dataclass(frozen=True, slots=True)
class User:
    """A person or program that may sign in."""

    user_id: str
    name: str
    role: str
    groups: tuple[str, ...]
    disabled: bool
    created_at: str


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of users."""

    group_id: str
    name: str
    members: tuple[str, ...]
    created_at: str


def new_password() -> str:
    """Return a random password that can be typed."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def hash_password(password: str) -> str:
    """Return the Argon2id hash (RFC 9106, the library's parameters).

    Raises:
        UsageError: shorter than 12 characters.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(f"a password has at least {SHORTEST_PASSWORD} characters")
    return PasswordHasher().hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Check a password; a user without one never matches, in the same time."""
    try:
        matches = PasswordHasher().verify(password_hash or NOBODYS_HASH, password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and bool(password_hash)


def add_user(transaction: Transaction, name: str, *, role: str = "member", password: str | None = None) -> str:
    """Add a user and return the id.

    Raises:
        NameTaken: the name is in use.
    """
    name = checked_name(name, what="user")
    if transaction.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
        raise NameTaken(f"a user named '{name}' exists")
    user_id = secrets.token_hex(8)
    transaction.execute(
        "INSERT INTO users (user_id, name, password_hash, role, created_at) VALUES (?, ?, ?, ?, ?)",
        (user_id, name, None if password is None else hash_password(password), role, now()),
    )
    transaction.touch(user_id)
    return user_id


def set_password(transaction: Transaction, name: str, password: str) -> str:
    """Set a new password and end the user's sessions; return the user's id."""
    user_id = user_named(transaction.connection, name)
    transaction.execute(
        "UPDATE users SET password_hash = ?, epoch = epoch + 1 WHERE user_id = ?", (hash_password(password), user_id)
    )
    transaction.touch(user_id)
    return user_id


def remove_user(transaction: Transaction, name: str) -> str:
    """Remove a user with keys, memberships and grants; return the id.

    Raises:
        ConflictError: the last administrator.
    """
    user_id = user_named(transaction.connection, name)
    role = transaction.execute("SELECT role FROM users WHERE user_id = ?", (user_id,)).fetchone()[0]
    others = transaction.execute(
        "SELECT count(*) FROM users WHERE role = 'administrator' AND user_id <> ? AND disabled_at IS NULL", (user_id,)
    ).fetchone()[0]
    if role == "administrator" and not others:
        raise ConflictError("this is the last administrator", advice="Make another administrator first.")
    transaction.execute("DELETE FROM users WHERE user_id = ?", (user_id,))
    transaction.touch(user_id)
    transaction.next_value("access")
    return user_id


def user_named(connection: Connection, name: str) -> str:
    """Return a user's id.

    Raises:
        NotFound: no such user.
    """
    row = connection.execute("SELECT user_id FROM users WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFound(f"no user named '{name}'")
    return str(row[0])


def groups_of(connection: Connection, user_id: str) -> frozenset[str]:
    """Return the ids of a user's groups."""
    rows = connection.execute("SELECT group_id FROM memberships WHERE user_id = ?", (user_id,))
    return frozenset(row[0] for row in rows)


def list_users(connection: Connection) -> list[User]:
    """Return all users by name."""
    rows = connection.execute("SELECT user_id, name, role, disabled_at, created_at FROM users ORDER BY name").fetchall()
    users = []
    for user_id, name, role, disabled_at, created_at in rows:
        groups = connection.execute(
            "SELECT g.name FROM memberships m JOIN groups g ON g.group_id = m.group_id WHERE m.user_id = ? ORDER BY 1",
            (user_id,),
        )
        users.append(User(user_id, name, role, tuple(row[0] for row in groups), disabled_at is not None, created_at))
    return users


def add_group(transaction: Transaction, name: str) -> str:
    """Add a group and return the id.

    Raises:
        NameTaken: the name is in use.
    """
    name = checked_name(name, what="group")
    if transaction.execute("SELECT 1 FROM groups WHERE name = ?", (name,)).fetchone():
        raise NameTaken(f"a group named '{name}' exists")
    group_id = secrets.token_hex(8)
    transaction.execute("INSERT INTO groups (group_id, name, created_at) VALUES (?, ?, ?)", (group_id, name, now()))
    transaction.touch(group_id)
    return group_id


def group_named(connection: Connection, name: str) -> str:
    """Return a group's id.

    Raises:
        NotFound: no such group.
    """
    row = connection.execute("SELECT group_id FROM groups WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFound(f"no group named '{name}'")
    return str(row[0])


def set_membership(transaction: Transaction, group: str, user: str, *, member: bool) -> None:
    """Put a user into a group or take them out; it holds from the next query on."""
    group_id, user_id = group_named(transaction.connection, group), user_named(transaction.connection, user)
    if member:
        transaction.execute(
            "INSERT INTO memberships (group_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING", (group_id, user_id)
        )
    else:
        transaction.execute("DELETE FROM memberships WHERE group_id = ? AND user_id = ?", (group_id, user_id))
    transaction.touch(group_id, user_id)
    transaction.next_value("access")


def remove_group(transaction: Transaction, name: str) -> str:
    """Remove a group with its grants; return the id. A later group of the same name gets none of them."""
    group_id = group_named(transaction.connection, name)
    transaction.execute("DELETE FROM groups WHERE group_id = ?", (group_id,))
    transaction.touch(group_id)
    transaction.next_value("access")
    return group_id


def list_groups(connection: Connection) -> list[Group]:
    """Return all groups by name."""
    rows = connection.execute("SELECT group_id, name, created_at FROM groups ORDER BY name").fetchall()
    groups = []
    for group_id, name, created_at in rows:
        members = connection.execute(
            "SELECT u.name FROM memberships m JOIN users u ON u.user_id = m.user_id WHERE m.group_id = ? ORDER BY 1",
            (group_id,),
        )
        groups.append(Group(group_id, name, tuple(row[0] for row in members), created_at))
    return groups
