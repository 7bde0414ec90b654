"""Who is calling: an API key, or the store's own socket. Nothing else, and never a header alone.

The socket lies in a 0700 folder, was bound under umask 077, and the kernel names the peer's user; an ASGI wrapper on
that server alone marks the scope. A command may then act as a user with ``Strongroom-As``; the audit trail still names
the operating system's user.
"""

import os
import pwd
import socket
import struct
from typing import Annotated, Any

from fastapi import Depends, Request

from app.accounts.api_keys import Account, account_named, account_of_key
from app.api.services import Caller, Services
from app.errors import NotAuthenticated, NotPermitted
from app.knowledge.passage import Asker

LOCAL_MARK = "strongroom.local_actor"
PEER_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class LocalOnly:
    """ASGI wrapper of the socket's server: marks each request with the operating system's user."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - an ASGI application
        """Wrap the application."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Mark and pass on."""
        scope[LOCAL_MARK] = local_actor()
        await self._app(scope, receive, send)


def local_actor() -> str:
    """Return how the local administrator stands in the audit trail."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"local:{name}"


def peer_is_us(connection: socket.socket) -> bool:
    """Whether the process at the other end of a Unix socket runs as our user."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size)
    return bool(PEER_CREDENTIALS.unpack(raw)[1] == os.getuid())


def services_of(request: Request) -> Services:
    """Return the services of this application."""
    services: Services = request.app.state.services
    return services


ServicesNeeded = Annotated[Services, Depends(services_of)]


async def caller_of(request: Request, services: ServicesNeeded) -> Caller:
    """Return who sent a request.

    Raises:
        NotAuthenticated: no valid key.
    """
    actor = request.scope.get(LOCAL_MARK)
    if actor is not None:
        shown_as = request.headers.get("Strongroom-As")
        if shown_as is None:
            account = Account(None, actor, "local administrator", administrator=True)
            return Caller(account, Asker(None, reads_everything=True), local=True)
        return await services.in_thread(lambda: account_as(services, shown_as, actor))
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise NotAuthenticated("this needs an API key")
    return await services.in_thread(lambda: account_with(services, key.strip()))


def account_as(services: Services, name: str, actor: str) -> Caller:
    """Return exactly the view of a named user, on behalf of the local administrator."""
    with services.store.catalogue.read() as connection:
        account = account_named(connection, name, actor=actor)
    return Caller(account, Asker(account.user_id, account.group_ids), local=True)


def account_with(services: Services, key: str) -> Caller:
    """Return who holds an API key."""
    with services.store.catalogue.read() as connection:
        account = account_of_key(connection, services.store, key)
    return Caller(account, Asker(account.user_id, account.group_ids), local=False)


CallerNeeded = Annotated[Caller, Depends(caller_of)]


async def administrator_of(caller: CallerNeeded) -> Caller:
    """Return the caller if it may manage people, keys and knowledge bases.

    Raises:
        NotPermitted: it may not.
    """
    if not caller.account.administrator:
        raise NotPermitted("this is for administrators")
    return caller


AdministratorNeeded = Annotated[Caller, Depends(administrator_of)]


def request_id_of(request: Request) -> str:
    """Return the id under which this request is audited and answered."""
    request_id: str = request.scope["strongroom.request_id"]
    return request_id


RequestId = Annotated[str, Depends(request_id_of)]
