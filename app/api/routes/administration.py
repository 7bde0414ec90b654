"""Knowledge bases and who reads what, users, groups, API keys and the audit trail over HTTP."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query

from app.accounts import api_keys, people
from app.accounts.audit_trail import read_trail
from app.api.access import AdministratorNeeded, CallerNeeded, RequestId, ServicesNeeded
from app.api.routes.documents import check_owner, readable_document
from app.api.schemas import KeyRequest, NameRequest, NewPasswordRequest, ReadersRequest, UserRequest
from app.api.services import Caller, Services
from app.database.audit import Act
from app.database.database import Transaction
from app.knowledge import bases
from app.knowledge.passage import IndexState
from app.knowledge.readers import index_state, readers_of_bases, readers_of_document

router = APIRouter(prefix="/v1", tags=["administration"])
T = TypeVar("T")


async def change(
    services: Services, caller: Caller, request_id: str, action: str, target: str, work: Callable[[Transaction], T]
) -> T:
    """Run a change of the catalogue, audited."""

    def run() -> T:
        with services.store.transaction(Act(request_id, caller.account.actor, action, target)) as transaction:
            return work(transaction)

    done = await services.in_thread(run)
    services.follower.nudge()
    return done


@router.get("/knowledge-bases", operation_id="knowledge_bases")
async def knowledge_bases(services: ServicesNeeded, caller: CallerNeeded) -> dict[str, Any]:
    """List the knowledge bases that the caller may read, and how far their documents are."""

    def read() -> tuple[list[bases.KnowledgeBase], IndexState]:
        with services.store.catalogue.read() as connection:
            permit = services.searcher.permit(connection, caller.asker)
            state = index_state(services.indexes.counts, permit, permit.knowledge_base_ids)
            return bases.list_bases(connection, permit), state

    found, index = await services.in_thread(read)
    if index.pending:
        services.follower.nudge()  # a refusal is no event: whoever looks again gets it counted
    return {"knowledge_bases": [asdict(one) for one in found], "index": asdict(index)}


@router.get("/readers", operation_id="readers")
async def readers(services: ServicesNeeded, _: AdministratorNeeded) -> dict[str, list[dict[str, Any]]]:
    """List all knowledge bases with their readers, also those that the administrator may not read."""

    def read() -> dict[str, list[str]]:
        with services.store.catalogue.read() as connection:
            return readers_of_bases(connection)

    found = await services.in_thread(read)
    return {"knowledge_bases": [{"name": name, "readers": named} for name, named in found.items()]}


@router.get("/documents/{document_id}/access", operation_id="document_access")
async def document_access(
    document_id: str, services: ServicesNeeded, caller: CallerNeeded
) -> dict[str, list[str] | None]:
    """Say to whom a document is cut down; null if all readers of its knowledge base may read it."""
    await readable_document(services, caller, document_id)

    def read() -> list[str] | None:
        check_owner(services, caller, document_id)
        with services.store.catalogue.read() as connection:
            return readers_of_document(connection, document_id)

    return {"readers": await services.in_thread(read)}


@router.post("/knowledge-bases", operation_id="add_knowledge_base", status_code=201)
async def add_knowledge_base(
    body: NameRequest, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> dict[str, str]:
    """Make a knowledge base, which its maker may read."""
    base_id = await change(
        services, caller, request_id, "add knowledge base", "-",
        lambda transaction: bases.add_knowledge_base(
            transaction, body.name, asker=caller.asker, actor=caller.account.actor
        ),
    )  # fmt: skip
    return {"knowledge_base_id": base_id, "name": body.name}


@router.delete("/knowledge-bases/{name}", operation_id="remove_knowledge_base", status_code=204)
async def remove_knowledge_base(
    name: str, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> None:
    """Remove an empty knowledge base."""
    await change(
        services, caller, request_id, "remove knowledge base", "-",
        lambda transaction: bases.remove_empty_base(transaction, bases.base_named(transaction.connection, name)),
    )  # fmt: skip


@router.post("/knowledge-bases/{name}/readers", operation_id="grant", status_code=204)
async def grant(
    name: str, body: ReadersRequest, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> None:
    """Let users or groups read a knowledge base."""
    act = Act(request_id, caller.account.actor, "grant reading", "knowledge base")
    await services.in_thread(
        lambda: bases.change_readers(services.store, act, base=name, names=body.readers, granted=True)
    )


@router.delete("/knowledge-bases/{name}/readers", operation_id="revoke", status_code=204)
async def revoke(
    name: str, body: ReadersRequest, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> None:
    """Stop users or groups from reading a knowledge base, from the next query on."""
    act = Act(request_id, caller.account.actor, "revoke reading", "knowledge base")
    await services.in_thread(
        lambda: bases.change_readers(services.store, act, base=name, names=body.readers, granted=False)
    )


@router.get("/users", operation_id="users")
async def users(services: ServicesNeeded, _: AdministratorNeeded) -> dict[str, list[dict[str, Any]]]:
    """List users."""

    def read() -> list[people.User]:
        with services.store.catalogue.read() as connection:
            return people.list_users(connection)

    return {"users": [asdict(one) for one in await services.in_thread(read)]}


@router.post("/users", operation_id="add_user", status_code=201)
async def add_user(
    body: UserRequest, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> dict[str, str]:
    """Add a user; without a password one is made and shown once."""
    password = body.password or people.new_password()
    user_id = await change(
        services, caller, request_id, "add user", "-",
        lambda transaction: people.add_user(transaction, body.name, role=body.role, password=password),
    )  # fmt: skip
    shown = {"user_id": user_id, "name": body.name}
    return shown if body.password else shown | {"password": password}


@router.put("/users/{name}/password", operation_id="reset_password")
async def reset_password(
    name: str, body: NewPasswordRequest, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> dict[str, str]:
    """Set a user's password and end their sessions; without a password one is made and shown once."""
    password = body.password or people.new_password()
    await change(
        services, caller, request_id, "reset password", "-",
        lambda transaction: people.set_password(transaction, name, password),
    )  # fmt: skip
    return {"name": name} if body.password else {"name": name, "password": password}


@router.delete("/users/{name}", operation_id="remove_user", status_code=204)
async def remove_user(name: str, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId) -> None:
    """Remove a user with keys, memberships and grants."""
    await change(
        services, caller, request_id, "remove user", "-", lambda transaction: people.remove_user(transaction, name)
    )


@router.get("/groups", operation_id="groups")
async def groups(services: ServicesNeeded, _: AdministratorNeeded) -> dict[str, list[dict[str, Any]]]:
    """List groups with their members."""

    def read() -> list[people.Group]:
        with services.store.catalogue.read() as connection:
            return people.list_groups(connection)

    return {"groups": [asdict(one) for one in await services.in_thread(read)]}


@router.post("/groups", operation_id="add_group", status_code=201)
async def add_group(
    body: NameRequest, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> dict[str, str]:
    """Add a group."""
    group_id = await change(
        services, caller, request_id, "add group", "-", lambda transaction: people.add_group(transaction, body.name)
    )
    return {"group_id": group_id, "name": body.name}


@router.delete("/groups/{name}", operation_id="remove_group", status_code=204)
async def remove_group(name: str, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId) -> None:
    """Remove a group with its grants."""
    await change(
        services, caller, request_id, "remove group", "-", lambda transaction: people.remove_group(transaction, name)
    )


@router.put("/groups/{name}/members/{user}", operation_id="join_group", status_code=204)
async def join_group(
    name: str, user: str, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> None:
    """Put a user into a group."""
    await change(
        services, caller, request_id, "join group", "-",
        lambda transaction: people.set_membership(transaction, name, user, member=True),
    )  # fmt: skip


@router.delete("/groups/{name}/members/{user}", operation_id="leave_group", status_code=204)
async def leave_group(
    name: str, user: str, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> None:
    """Take a user out of a group."""
    await change(
        services, caller, request_id, "leave group", "-",
        lambda transaction: people.set_membership(transaction, name, user, member=False),
    )  # fmt: skip


@router.get("/api-keys", operation_id="api_keys")
async def keys(services: ServicesNeeded, _: AdministratorNeeded) -> dict[str, list[dict[str, Any]]]:
    """List API keys; the keys themselves are kept nowhere."""

    def read() -> list[api_keys.ApiKey]:
        with services.store.catalogue.read() as connection:
            return api_keys.list_keys(connection)

    return {"api_keys": [asdict(one) for one in await services.in_thread(read)]}


@router.post("/api-keys", operation_id="add_api_key", status_code=201)
async def add_key(
    body: KeyRequest, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> dict[str, str]:
    """Make an API key for a user; it is shown once."""
    key = await change(
        services, caller, request_id, "add api key", "-",
        lambda transaction: api_keys.issue_key(
            transaction, services.store, user=body.user, name=body.name, expires_at=body.expires_at
        ),
    )  # fmt: skip
    return {"api_key": key}


@router.delete("/api-keys/{api_key_id}", operation_id="remove_api_key", status_code=204)
async def remove_key(
    api_key_id: str, services: ServicesNeeded, caller: AdministratorNeeded, request_id: RequestId
) -> None:
    """Remove an API key."""
    await change(
        services, caller, request_id, "remove api key", api_key_id,
        lambda transaction: api_keys.remove_key(transaction, api_key_id),
    )  # fmt: skip


@router.get("/audit", operation_id="audit")
async def audit(
    services: ServicesNeeded,
    _: AdministratorNeeded,
    *,
    before: int | None = None,
    actor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> dict[str, list[dict[str, Any]]]:
    """Return audit records, newest first."""

    def read() -> list[dict[str, Any]]:
        with services.store.journal.read() as journal:
            return [asdict(one) for one in read_trail(journal, before=before, actor=actor, limit=limit)]

    return {"records": await services.in_thread(read)}
