"""Commands on users, groups, API keys and knowledge bases: they open the databases directly and load no model.

A new password or API key goes to stdout also where that is no terminal: whoever runs these commands, a person or
a script, asks for exactly that. ``init`` runs unasked where a container starts, and is more careful.
"""

import secrets
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.commands.output import say, show, show_json, show_rows
from app.settings import load_settings

if TYPE_CHECKING:
    from app.database.database import Transaction
    from app.database.store import Store

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

users = typer.Typer(help="Users: add, list, delete, reset-password.", no_args_is_help=True)
groups = typer.Typer(help="Groups: add, list, delete, join, leave.", no_args_is_help=True)
api_keys = typer.Typer(help="API keys for programs: add, list, delete.", no_args_is_help=True)
knowledge_bases = typer.Typer(help="Knowledge bases: add, list, delete, grant, revoke.", no_args_is_help=True)
audit = typer.Typer(help="The audit trail.", no_args_is_help=True)


def change(action: str, work: "Callable[[Store, Transaction], T]") -> T:
    """Open the store and run one audited change."""
    from app.database.audit import Act, local_actor
    from app.database.store import open_store
    from app.vault.hygiene import harden_process

    harden_process()
    with open_store(load_settings()) as store:
        act = Act(secrets.token_hex(8), local_actor(), action, "-")
        with store.transaction(act) as transaction:
            return work(store, transaction)


def listed(read: "Callable[[Store], list[dict[str, object]]]", name: str, columns: list[str], *, as_json: bool) -> None:
    """Open the store and print rows."""
    from app.database.store import open_store

    with open_store(load_settings()) as store:
        rows = read(store)
    if as_json:
        show_json({name: rows})
    else:
        show_rows(rows, columns)


@users.command("add")
def add_user(name: str, administrator: Annotated[bool, typer.Option("--administrator")] = False) -> None:
    """Add a user; the password is shown once."""
    from app.accounts import people

    password = people.new_password()
    role = "administrator" if administrator else "member"
    change("add user", lambda _, transaction: people.add_user(transaction, name, role=role, password=password))
    show(f"password   {password}")


@users.command("list")
def list_users(as_json: Json = False) -> None:
    """List users."""
    from app.accounts import people

    def read(store: "Store") -> list[dict[str, object]]:
        with store.catalogue.read() as connection:
            return [asdict(one) for one in people.list_users(connection)]

    listed(read, "users", ["name", "role", "groups", "disabled", "created_at"], as_json=as_json)


@users.command("delete")
def delete_user(name: str) -> None:
    """Remove a user with keys, memberships and grants."""
    from app.accounts import people

    change("remove user", lambda _, transaction: people.remove_user(transaction, name))
    say("removed")


@users.command("reset-password")
def reset_password(name: str) -> None:
    """Give a user a new password, shown once; their sessions end. The key file is enough, also while it serves."""
    from app.accounts import people

    password = people.new_password()
    change("reset password", lambda _, transaction: people.set_password(transaction, name, password))
    show(f"password   {password}")
    say(f"{name} signs in with it from now on; what was signed in as {name} no longer is.")


@groups.command("add")
def add_group(name: str) -> None:
    """Add a group."""
    from app.accounts import people

    change("add group", lambda _, transaction: people.add_group(transaction, name))
    say("added")


@groups.command("list")
def list_groups(as_json: Json = False) -> None:
    """List groups with their members."""
    from app.accounts import people

    def read(store: "Store") -> list[dict[str, object]]:
        with store.catalogue.read() as connection:
            return [asdict(one) for one in people.list_groups(connection)]

    listed(read, "groups", ["name", "members", "created_at"], as_json=as_json)


@groups.command("delete")
def delete_group(name: str) -> None:
    """Remove a group with its grants."""
    from app.accounts import people

    change("remove group", lambda _, transaction: people.remove_group(transaction, name))
    say("removed")


@groups.command("join")
def join_group(group: str, user: str) -> None:
    """Put a user into a group."""
    from app.accounts import people

    change("join group", lambda _, transaction: people.set_membership(transaction, group, user, member=True))
    say("joined")


@groups.command("leave")
def leave_group(group: str, user: str) -> None:
    """Take a user out of a group; it holds from the next query on."""
    from app.accounts import people

    change("leave group", lambda _, transaction: people.set_membership(transaction, group, user, member=False))
    say("left")


@api_keys.command("add")
def add_key(
    user: str, name: str, expires_at: Annotated[str | None, typer.Option(help="ISO 8601, UTC.")] = None
) -> None:
    """Make an API key for a user; it is shown once."""
    from app.accounts.api_keys import issue_key

    key = change(
        "add api key",
        lambda store, transaction: issue_key(transaction, store, user=user, name=name, expires_at=expires_at),
    )
    show(key)


@api_keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """List API keys; the keys themselves are kept nowhere."""
    from app.accounts.api_keys import list_keys as read_keys

    def read(store: "Store") -> list[dict[str, object]]:
        with store.catalogue.read() as connection:
            return [asdict(one) for one in read_keys(connection)]

    listed(read, "api_keys", ["api_key_id", "user", "name", "created_at", "expires_at"], as_json=as_json)


@api_keys.command("delete")
def delete_key(api_key_id: str) -> None:
    """Remove an API key."""
    from app.accounts.api_keys import remove_key

    change("remove api key", lambda _, transaction: remove_key(transaction, api_key_id))
    say("removed")


@knowledge_bases.command("add")
def add_base(name: str) -> None:
    """Make a knowledge base; grant it to those who shall read it."""
    from app.database.audit import local_actor
    from app.knowledge import bases
    from app.knowledge.passage import Asker

    actor = local_actor()
    change(
        "add knowledge base",
        lambda _, transaction: bases.add_knowledge_base(transaction, name, asker=Asker(None), actor=actor),
    )
    say("made")


@knowledge_bases.command("list")
def list_bases(as_json: Json = False) -> None:
    """List knowledge bases with their documents."""
    from app.knowledge import bases
    from app.knowledge.passage import Asker
    from app.knowledge.permissions import Permissions

    def read(store: "Store") -> list[dict[str, object]]:
        with store.catalogue.read() as connection:
            permit = Permissions().permit(connection, Asker(None, reads_everything=True))
            return [asdict(one) for one in bases.list_bases(connection, permit)]

    listed(read, "knowledge_bases", ["name", "documents", "created_at"], as_json=as_json)


@knowledge_bases.command("delete")
def delete_base(name: str) -> None:
    """Remove an empty knowledge base."""
    from app.knowledge import bases

    change(
        "remove knowledge base",
        lambda _, transaction: bases.remove_empty_base(transaction, bases.base_named(transaction.connection, name)),
    )
    say("removed")


@knowledge_bases.command("grant")
def grant(name: str, readers: Annotated[list[str], typer.Argument(help="user:NAME or group:NAME")]) -> None:
    """Let users or groups read a knowledge base."""
    change_base_readers(name, readers, granted=True)
    say("granted")


@knowledge_bases.command("revoke")
def revoke(name: str, readers: Annotated[list[str], typer.Argument(help="user:NAME or group:NAME")]) -> None:
    """Stop users or groups from reading a knowledge base; it holds from the next query on."""
    change_base_readers(name, readers, granted=False)
    say("revoked")


def change_base_readers(name: str, readers: list[str], *, granted: bool) -> None:
    """Grant or revoke, audited."""
    from app.database.audit import Act, local_actor
    from app.database.store import open_store
    from app.knowledge.bases import change_readers

    action = "grant reading" if granted else "revoke reading"
    with open_store(load_settings()) as store:
        act = Act(secrets.token_hex(8), local_actor(), action, "knowledge base")
        change_readers(store, act, base=name, names=readers, granted=granted)


@audit.command("list")
def list_audit(limit: int = 100, actor: str | None = None, as_json: Json = False) -> None:
    """Show audit records, newest first."""
    from app.accounts.audit_trail import read_trail

    def read(store: "Store") -> list[dict[str, object]]:
        with store.journal.read() as journal:
            return [asdict(one) for one in read_trail(journal, actor=actor, limit=limit)]

    listed(read, "records", ["at", "actor", "action", "target", "state", "request_id"], as_json=as_json)
