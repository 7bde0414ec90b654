"""Alive, ready (each dependency named), and metrics."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app.api.access import LOCAL_MARK, ServicesNeeded, caller_of
from app.knowledge.indexes import sequence_of

router = APIRouter(tags=["health"])
LOOPBACK = ("127.", "::1")


@router.get("/healthz", operation_id="alive")
async def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", operation_id="ready")
async def ready(services: ServicesNeeded) -> JSONResponse:
    """Say whether searches are right: the store answers and the indexes follow it."""

    def committed() -> int:
        with services.store.catalogue.read() as connection:
            return sequence_of(connection)

    newest = await services.in_thread(committed)
    trouble = services.follower.error
    parts = {
        "store": "ready",
        "indexes": "ready" if trouble is None else trouble.code,
        "embedder": "ready" if services.embedder is not None else "off: words alone",
        "chat": "off: extracts" if services.chat is None else services.chat.model,
    }
    services.metrics.feed_lag.set(newest - services.indexes.sequence)
    body = {"status": "ready" if trouble is None else "not ready", "dependencies": parts}
    return JSONResponse(body | {"sequence": services.indexes.sequence}, 200 if trouble is None else 503)


@router.get("/metrics", operation_id="metrics")
async def metrics(request: Request, services: ServicesNeeded) -> Response:
    """Return Prometheus metrics: to this machine freely, to others with an API key."""
    host = request.client.host if request.client else ""
    if LOCAL_MARK not in request.scope and not host.startswith(LOOPBACK):
        await caller_of(request, services)
    totals = dict.fromkeys(("pending", "readable", "ready", "refused"), 0)
    for slots in services.indexes.counts.values():
        for state in slots.values():
            for name in totals:
                totals[name] += getattr(state, name)
    for name, count in totals.items():
        services.metrics.documents.labels(name).set(count)
    return Response(services.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
