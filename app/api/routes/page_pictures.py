"""GET /v1/documents/{document_id}/pages/{page}.png: the page a citation points at, its words marked."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.access import CallerNeeded, RequestId, ServicesNeeded
from app.api.services import Caller, Services
from app.database.audit import Act
from app.errors import StoreDamaged, UsageError
from app.knowledge.pages import Citation, CitedPage, find_page
from app.reading.pictures import PageAsked

router = APIRouter(prefix="/v1", tags=["documents"])
LEAST_WIDTH, USUAL_WIDTH, MOST_WIDTH = 400, 1_000, 2_000
PNG = "image/png"
Place = Annotated[int | None, Query(ge=0, le=2**53, description="code points of the passage's text")]


@router.get(
    "/documents/{document_id}/pages/{page}.png",
    operation_id="document_page",
    response_class=Response,
    responses={200: {"content": {PNG: {}}, "description": "The picture"}},
)
async def document_page(  # noqa: PLR0913 - the parameters of the query
    document_id: str,
    page: int,
    services: ServicesNeeded,
    caller: CallerNeeded,
    request_id: RequestId,
    *,
    highlight: Annotated[str | None, Query(max_length=100, description="chunk_id of the passage to mark")] = None,
    start: Place = None,
    end: Place = None,
    width: Annotated[int, Query(ge=LEAST_WIDTH, le=MOST_WIDTH, description="pixels")] = USUAL_WIDTH,
) -> Response:
    """Return a page of a PDF as a picture; of the passage, only [start, end) is marked where these are given."""
    if highlight is None and (start, end) != (None, None):
        raise UsageError("start and end say which part of highlight is marked: name the passage too")
    citation = None if highlight is None else Citation(highlight, start, end)
    picture = await services.pictures.draw(
        lambda: page_asked(services, caller, document_id, page, citation),
        width=width,
        asker=caller.account.actor,
    )
    detail: dict[str, object] = {"page": page} | ({} if citation is None else {"passage": citation.chunk_id})
    act = Act(request_id, caller.account.actor, "show page", document_id, detail)
    await services.in_thread(lambda: services.store.audit.record(act, "done"))
    return Response(picture, media_type=PNG, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def page_asked(services: Services, caller: Caller, document_id: str, page: int, citation: Citation | None) -> PageAsked:
    """Return a page that the caller may see, with its original."""

    def find() -> CitedPage:
        with services.store.catalogue.read() as connection:
            permit = services.searcher.permit(connection, caller.asker)
            return find_page(services.store, connection, permit, document_id, page, citation)

    found = find()
    try:
        content = found.content(services.store)
    except StoreDamaged:
        found = find()  # deleted or replaced since a moment; if neither, it is damaged indeed
        content = found.content(services.store)
    return PageAsked(content, found.page, found.stored, found.cited, found.boxes, found.password)
