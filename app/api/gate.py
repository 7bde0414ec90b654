"""The gate: requests that no honest client sends are refused before anything else looks at them.

Checked are the Host header (CVE-2026-48710, DNS rebinding), headers that decide who is asking and may stand once, and
API keys in the address, where browsers, proxies and logs would keep them. WebSockets are not spoken here.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from app.api.access import LOCAL_MARK, caller_of
from app.api.error_handlers import problem, reply
from app.api.services import Services
from app.errors import StrongroomError, TooLarge, UsageError

HOST = re.compile(r"(?P<name>[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
SINGLE_HEADERS = (b"authorization", b"content-type", b"origin", b"sec-fetch-site", b"strongroom-as", b"x-csrf-token")
KEY_NAMES = frozenset({
    "api_key", "apikey", "api-key", "x-api-key", "key", "token", "access_token", "accesstoken", "auth", "authorization",
    "bearer", "password", "secret",
})  # fmt: skip
UPLOADS = "/v1/documents"
FORM_BYTES = 64 * 1024  # beside the file itself: fields and boundaries of the form
JSON_BYTES = 2 * 2**20  # a question with its history, or a thousand readers by name
POLICY_VIOLATION = 1008  # RFC 6455


class Gate:
    """ASGI middleware inside the envelope: what it refuses still gets a request id and safe headers."""

    def __init__(
        self,
        app: Any,  # noqa: ANN401 - ASGI
        services: Callable[[], Services],
        *,
        max_upload_bytes: int,
    ) -> None:
        """Wrap an application whose services are asked for at each request: they open after it is made."""
        # The framework reads a body whole, and parses it, before it asks who sends it: JSON is kept small.
        self._app = RequestBodyLimitMiddleware(app, max_body_size=JSON_BYTES)
        self._most_upload = max_upload_bytes + FORM_BYTES
        self._uploads = RequestBodyLimitMiddleware(app, max_body_size=self._most_upload)
        self._services = services

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Let one request in, or refuse it."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        app = self._app
        if scope["type"] == "http":
            try:
                self._check(scope)
                if scope["path"] == UPLOADS and scope["method"] == "POST":
                    # The framework takes a form in before it asks who sends it: an upload has to be somebody's first.
                    await caller_of(Request(scope), self._services())
                    app = self._uploads
                refuse_too_long(scope, self._most_upload if app is self._uploads else JSON_BYTES)
            except StrongroomError as error:
                refusal = reply(problem(error, scope["strongroom.request_id"]))
                await refusal(scope, receive, send)
                return
        await app(scope, receive, send)

    def _check(self, scope: Any) -> None:  # noqa: ANN401 - ASGI
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if LOCAL_MARK not in scope:
            check_host(headers, scheme=scope["scheme"], allowed=self._services().settings.server.allowed_hosts)
        names = [name for name, _ in headers]
        for name in SINGLE_HEADERS:
            if names.count(name) > 1:
                raise UsageError(f"the header {name.decode()} stands more than once")
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if any(name.strip().lower() in KEY_NAMES for name, _ in query):
            raise UsageError(
                "a key in the address is not read",
                advice="Send it as 'Authorization: Bearer ...', and replace it: browsers and logs keep addresses.",
            )


def refuse_too_long(scope: Any, most_bytes: int) -> None:  # noqa: ANN401 - ASGI
    """Refuse a body that is announced to be too long; what is longer than announced is cut off as it comes.

    Raises:
        TooLarge: it is.
    """
    length = dict(scope["headers"]).get(b"content-length", b"")
    if length.isdigit() and int(length) > most_bytes:
        raise TooLarge("the request is larger than this service takes")


def check_host(headers: list[tuple[bytes, bytes]], *, scheme: str, allowed: tuple[str, ...]) -> None:
    """Check the Host header.

    Raises:
        UsageError: missing, twice, odd, or a name under which this service is not reached.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1:
        raise UsageError("a request has one Host header")
    host = HOST.fullmatch(hosts[0].decode("latin-1").lower())
    if host is None:
        raise UsageError("the Host header is no host name")
    name = host["name"].removesuffix(".")
    if name in LOOPBACK_NAMES or name in allowed:
        return
    if allowed or scheme == "http":
        raise UsageError(
            "this service is not reached under that host name",
            advice="Use localhost or 127.0.0.1, or add the name to the setting server.allowed_hosts.",
        )
