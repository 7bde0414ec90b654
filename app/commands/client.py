"""How commands reach the application: over the socket of the running service, else in this process.

Either way it is the same application, so there is one search path, audited, for everybody.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from app.errors import NotAuthenticated, NotFound, NotPermitted, StoreError, StrongroomError, UsageError
from app.settings import Settings

TIMEOUT_S = 600.0
RAISED = {401: NotAuthenticated, 403: NotPermitted, 404: NotFound, 400: UsageError, 422: UsageError, 503: StoreError}


def call(
    settings: Settings,
    method: str,
    path: str,
    *,
    body: dict[str, Any] | None = None,
    query: dict[str, Any] | None = None,
    shown_as: str | None = None,
) -> Any:  # noqa: ANN401 - JSON
    """Send one request and return the JSON reply (None for an empty one).

    Raises:
        StrongroomError: what the reply says went wrong.
    """
    return asyncio.run(call_many(settings, [(method, path, body, query)], shown_as=shown_as))[0]


def call_on_document(
    settings: Settings,
    method: str,
    document: str,
    rest: str = "",
    *,
    body: dict[str, Any] | None = None,
    shown_as: str | None = None,
) -> Any:  # noqa: ANN401 - JSON
    """Send a request about one document, which is named by its id or its file name.

    Raises:
        NotFound: no such document.
        UsageError: several have this file name.
    """

    async def found_and_called() -> Any:  # noqa: ANN401 - JSON
        headers = {"Strongroom-As": shown_as} if shown_as else {}
        async with open_client(settings) as client:
            path = f"/v1/documents/{await document_named(client, document, headers)}{rest}"
            return content_of(await client.request(method, path, json=body, headers=headers))

    return asyncio.run(found_and_called())


async def document_named(client: Any, document: str, headers: dict[str, str]) -> str:  # noqa: ANN401 - an httpx client
    """Return the id of a document that is named by its file name, or by its id, as a part of a path.

    Raises:
        UsageError: several have this file name.
    """
    listing = await client.get("/v1/documents", params={"external_id": document}, headers=headers)
    named = content_of(listing)["documents"]
    if len(named) > 1:
        listed = ", ".join(f"{one['document_id']} in {one['knowledge_base']}" for one in named)
        raise UsageError(f"{len(named)} documents are named '{document}'", advice=f"Name its id: {listed}.")
    return str(named[0]["document_id"]) if named else quote(document, safe="")


async def call_many(
    settings: Settings,
    requests: list[tuple[str, str, dict[str, Any] | None, dict[str, Any] | None]],
    *,
    shown_as: str | None = None,
) -> list[Any]:
    """Send requests one after the other to one application."""
    headers = {"Strongroom-As": shown_as} if shown_as else {}
    replies = []
    async with open_client(settings) as client:
        for method, path, body, query in requests:
            reply = await client.request(method, path, json=body, params=query, headers=headers)
            replies.append(content_of(reply))
    return replies


def content_of(reply: Any) -> Any:  # noqa: ANN401 - an httpx reply; JSON
    """Return the JSON of a reply, or raise what it says."""
    if reply.status_code < 400:
        return json.loads(reply.content) if reply.content else None
    try:
        details = json.loads(reply.content)
    except ValueError:
        details = {}
    kind = RAISED.get(reply.status_code, StrongroomError)
    raise kind(str(details.get("detail", f"status {reply.status_code}")), advice=details.get("advice"))


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[Any]:
    """Open a client of the running service; where none runs, of the application in this process."""
    import httpx

    from app.database.locks import is_held
    from app.database.store import read_manifest
    from app.knowledge.ram import socket_file

    manifest, _ = read_manifest(settings.data_dir)
    if is_held(settings.data_dir / "locks" / "serve.lock"):
        transport = httpx.AsyncHTTPTransport(uds=str(socket_file(settings, manifest.store_id)))
        async with httpx.AsyncClient(transport=transport, base_url="http://strongroom", timeout=TIMEOUT_S) as client:
            yield client
        return
    from app.api.access import LocalOnly
    from app.api.application import create_app
    from app.api.services import open_services

    application = create_app(
        lambda metrics: open_services(settings, metrics=metrics), max_upload_bytes=settings.server.max_upload_bytes
    )
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(LocalOnly(application)), base_url="http://strongroom", timeout=TIMEOUT_S
        ) as client,
    ):
        yield client
