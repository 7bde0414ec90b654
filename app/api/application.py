"""The application: services for its life, a request id and safe headers on everything, the routes, the page."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader
from starlette.types import Receive, Scope, Send

from app import __version__
from app.api.error_handlers import add_error_handlers, problem, reply
from app.api.gate import Gate
from app.api.metrics import Metrics
from app.api.routes import administration, ask, documents, health, page_pictures, page_texts, search, session
from app.api.services import Services
from app.errors import TooLarge

WEB_DIR = Path(str(files("app.web")))
# Found, not imported: its Swagger UI files are all that is used.
DOCS_DIR = Path(str(distribution("fastapi-offline").locate_file("fastapi_offline"))) / "static"
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TOO_LARGE, PROBLEM = 413, b"application/problem+json"
SAFE_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        b" base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    ),
]


class Envelope:
    """ASGI middleware: a request id, safe headers, and the request's metrics. It never looks into a body."""

    def __init__(self, app: Any, metrics: Metrics) -> None:  # noqa: ANN401 - an ASGI application
        """Wrap an application."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope["strongroom.request_id"] = request_id
        begun = time.perf_counter()
        status = 500

        replaced = False

        async def send_with_headers(message: Any) -> None:  # noqa: ANN401 - ASGI
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                safe = [pair for pair in SAFE_HEADERS if pair[0] not in present]
                message["headers"] = [*message["headers"], *safe, (b"x-request-id", request_id.encode())]
            await send(message)

        async def send_problems(message: Any) -> None:  # noqa: ANN401 - ASGI
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == TOO_LARGE:
                # A body over the limit is refused by the framework in its own words: say it in ours.
                replaced = (b"content-type", PROBLEM) not in message["headers"]
                if replaced:
                    refused = reply(problem(TooLarge("the request is larger than this service takes"), request_id))
                    await refused(scope, receive, send_with_headers)
            if not replaced:
                await send_with_headers(message)

        try:
            await self._app(scope, receive, send_problems)
        finally:
            # The template of the route, never the path: ids and names stay out of metrics.
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - begun)


class RevalidatedFiles(StaticFiles):
    """Static files that a browser may keep but must ask about, so that an update is seen at once."""

    def file_response(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the parent's signature
        """Send a file with an ETag and a demand to revalidate."""
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


class Application(FastAPI):
    """FastAPI inside the envelope: outermost, so that what the framework itself refuses is wrapped too."""

    envelope: Envelope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        await self.envelope(scope, receive, send)


def create_app(
    open_services: Callable[[Metrics], AbstractAsyncContextManager[Services]], *, max_upload_bytes: int
) -> Application:
    """Return the application; ``open_services`` is entered at its start and left at its end."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(metrics) as services:
            app.state.services = services
            yield

    app = Application(
        title="Strongroom",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    add_error_handlers(app)
    for part in (session, search, ask, documents, page_pictures, page_texts, administration, health):
        app.include_router(part.router)
    pages = Environment(loader=FileSystemLoader(WEB_DIR / "templates"), autoescape=True)
    rendered = {name: pages.get_template(f"{name}.html").render(version=__version__) for name in ("index", "docs")}

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(rendered["index"])

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        # Swagger UI writes HTML and styles itself; it shows our own description alone.
        return HTMLResponse(rendered["docs"], headers={"Content-Security-Policy": DOCS_POLICY})

    app.mount("/static/docs", RevalidatedFiles(directory=DOCS_DIR), name="docs")
    app.mount("/static", RevalidatedFiles(directory=WEB_DIR / "static"), name="static")
    gate = Gate(super(Application, app).__call__, lambda: app.state.services, max_upload_bytes=max_upload_bytes)
    app.envelope = Envelope(gate, metrics)
    return app
