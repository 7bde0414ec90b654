"""Who is calling: an API key, a session cookie, or the store's own socket. Nothing else.

An Authorization header decides where there is one. A cookie comes along unasked, so it counts only in requests of our
own page: from no other origin, and with the page's token for whatever is not a plain read.

The socket lies in a 0700 folder, was bound under umask 077, and the kernel names the peer's user; an ASGI wrapper on
that server alone marks the scope. A command may then act as a user with ``Strongroom-As``; the audit trail still names
the operating system's user.
"""

import os
import socket
import struct
from typing import Annotated, Any

from fastapi import Depends, Request

from app.accounts.api_keys import Account, account_named, account_of_key
from app.accounts.sessions import csrf_token_of
from app.api.services import Caller, Services
from app.database.audit import local_actor
from app.errors import CsrfRefused, NotAuthenticated, NotPermitted
from app.knowledge.passage import Asker
from app.vault.keys import same

LOCAL_MARK = "strongroom.local_actor"
COOKIE, HOST_COOKIE = "strongroom", "__Host-strongroom"
MOST_COOKIES = 4  # looked at: an honest browser sends one
SAFE_METHODS = frozenset({"GET", "HEAD"})
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
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
        NotAuthenticated: no valid key or session.
        NotPermitted: a cookie that another site's page sent along, or without the page's token.
    """
    actor = request.scope.get(LOCAL_MARK)
    if actor is not None:
        shown_as = request.headers.get("Strongroom-As")
        if shown_as is None:
            account = Account(None, actor, "local administrator", administrator=True)
            return Caller(account, Asker(None, reads_everything=True), local=True)
        return await services.in_thread(lambda: account_as(services, shown_as, actor))
    token = session_token_of(request)
    if token is not None:
        refuse_cross_site(request)
        check_csrf(request, token)
        request_id = request_id_of(request)
        return await services.in_thread(lambda: account_in(services, token, request_id))
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise NotAuthenticated("this needs a session or an API key")
    return await services.in_thread(lambda: account_with(services, key.strip()))


def cookie_name(request: Request) -> str:
    """Return the name of the session cookie; under TLS one that no other host or path can set."""
    return HOST_COOKIE if request.url.scheme == "https" else COOKIE


def tokens_in_cookies(request: Request) -> list[str]:
    """Return all session tokens that came along, at most a few."""
    name = cookie_name(request)
    pairs = [pair.partition("=") for line in request.headers.getlist("Cookie") for pair in line.split(";")]
    return [value.strip() for key, _, value in pairs if key.strip() == name and value.strip()][:MOST_COOKIES]


def session_token_of(request: Request) -> str | None:
    """Return the session token that decides who is calling; None where the socket or an Authorization header does.

    Two cookies of the name mean that somebody else set one of them: then neither counts.
    """
    if LOCAL_MARK in request.scope or "Authorization" in request.headers:
        return None
    tokens = tokens_in_cookies(request)
    return tokens[0] if len(tokens) == 1 else None


def refuse_cross_site(request: Request) -> None:
    """Refuse what a page of another origin sends with the browser's cookies.

    Raises:
        NotPermitted: the browser says so, in Origin or Sec-Fetch-Site.
    """
    scheme = request.url.scheme
    own, origin = f"{scheme}://{request.headers.get('Host', '')}".lower(), request.headers.get("Origin")
    if origin is not None and origin.lower() != own.removesuffix(DEFAULT_PORTS.get(scheme, "")):
        raise NotPermitted("this request comes from a page of another site", advice="Use the page of this service.")
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        raise NotPermitted("this request comes from a page of another site", advice="Use the page of this service.")


def check_csrf(request: Request, token: str) -> None:
    """Check the page's own token where something may be changed.

    Raises:
        CsrfRefused: missing or wrong.
    """
    if request.method in SAFE_METHODS:
        return
    sent = request.headers.get("X-CSRF-Token", "")
    if not same(sent.encode(errors="replace"), csrf_token_of(token).encode()):
        raise CsrfRefused("the X-CSRF-Token header is missing or of another session")


def account_in(services: Services, token: str, request_id: str) -> Caller:
    """Return who holds a session."""
    account = services.sessions.account_of(token, request_id)
    return Caller(account, Asker(account.user_id, account.group_ids), local=False)


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
