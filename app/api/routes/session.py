"""Signing in by name and password, for the page: a cookie that no script can read, and a token that only the page has.

The cookie is ``__Host-strongroom`` under TLS and ``strongroom`` on this machine's plain HTTP. API keys need none of it.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.accounts.sessions import csrf_token_of
from app.accounts.sign_in import Attempt
from app.api.access import (
    CallerNeeded,
    RequestId,
    ServicesNeeded,
    cookie_name,
    refuse_cross_site,
    session_token_of,
    tokens_in_cookies,
)
from app.api.schemas import PasswordRequest, SessionReply, SignInRequest
from app.database.audit import Act
from app.errors import NotPermitted

router = APIRouter(prefix="/v1/session", tags=["session"])


async def own_token(request: Request, _: CallerNeeded) -> str:
    """Return the token of the caller's session.

    Raises:
        NotPermitted: the caller came with an API key.
    """
    token = session_token_of(request)
    if token is None:
        raise NotPermitted("this is for a session, not for an API key", advice="Sign in with POST /v1/session.")
    return token


OwnToken = Annotated[str, Depends(own_token)]


def client_address(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else "local"


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Give the browser its session; it ends with the browser."""
    response.set_cookie(
        cookie_name(request), token, path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )


@router.post("", operation_id="sign_in", dependencies=[Depends(refuse_cross_site)], response_model_exclude_none=True)
async def sign_in(
    body: SignInRequest, request: Request, response: Response, services: ServicesNeeded, request_id: RequestId
) -> SessionReply:
    """Sign in. A session that the browser had before is ended, whoever it belonged to."""
    attempt = Attempt(request_id, body.username.strip(), body.password, client_address(request))
    signed_in = await services.sign_in.sign_in(attempt, replaced=tokens_in_cookies(request))
    set_cookie(request, response, signed_in.token)
    return SessionReply(
        username=signed_in.username,
        role=signed_in.role,
        csrf_token=csrf_token_of(signed_in.token),
        idle_minutes=services.settings.server.session_idle_minutes,
    )


@router.get("", operation_id="session", response_model_exclude_none=True)
async def session(request: Request, services: ServicesNeeded, caller: CallerNeeded) -> SessionReply:
    """Say who is signed in, by cookie or API key."""
    token = session_token_of(request)
    return SessionReply(
        username=caller.account.name,
        role="administrator" if caller.account.administrator else "member",
        csrf_token=None if token is None else csrf_token_of(token),
        idle_minutes=services.settings.server.session_idle_minutes,
    )


@router.delete("", operation_id="sign_out", status_code=204)
async def sign_out(
    request: Request,
    response: Response,
    services: ServicesNeeded,
    caller: CallerNeeded,
    token: OwnToken,
    request_id: RequestId,
) -> None:
    """Sign out: the session is over on the server too."""

    def end() -> None:
        services.sessions.end(request_id, token)
        services.store.audit.record(Act(request_id, caller.account.actor, "sign out", caller.account.actor), "done")

    await services.in_thread(end)
    response.delete_cookie(
        cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )


@router.put("/password", operation_id="change_password", status_code=204, dependencies=[Depends(own_token)])
async def change_password(
    body: PasswordRequest,
    request: Request,
    response: Response,
    services: ServicesNeeded,
    caller: CallerNeeded,
    request_id: RequestId,
) -> None:
    """Change one's own password. All other sessions end; this one goes on under a new token."""
    attempt = Attempt(request_id, caller.account.name, body.old, client_address(request))
    signed_in = await services.sign_in.change_password(attempt, body.new)
    set_cookie(request, response, signed_in.token)
