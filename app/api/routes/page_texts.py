"""GET /v1/documents/{document_id}/pages/{page}: what was read of a page, and the chunks that were made of it."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.access import CallerNeeded, RequestId, ServicesNeeded
from app.api.document_schemas import PageTextReply, ReadChunkReply, RecognisedReply
from app.database.audit import Act
from app.knowledge.page_texts import Asked, ReadPage, read_page_text

router = APIRouter(prefix="/v1", tags=["documents"])
USUAL_CHARS, MOST_CHARS = 20_000, 200_000


@router.get("/documents/{document_id}/pages/{page}", operation_id="page_text")
async def page_text(
    document_id: str,
    page: Annotated[int, Path(description="from 1; 0 for a format without pages, and for attached files")],
    services: ServicesNeeded,
    caller: CallerNeeded,
    request_id: RequestId,
    *,
    passage: Annotated[str | None, Query(max_length=100, description="chunk_id: of its version, where it is")] = None,
    start: Annotated[int | None, Query(ge=0, le=2**53, description="first character; next_start of a reply")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_CHARS, description="most characters")] = USUAL_CHARS,
) -> PageTextReply:
    """Return what was read of a page, in stretches where it is long, with its chunks and what is in none."""
    asked = Asked(page, limit, start, passage)

    def read() -> ReadPage:
        with services.store.catalogue.read() as connection:
            permit = services.searcher.permit(connection, caller.asker)
            found = read_page_text(services.store, connection, permit, document_id, asked)
        detail: dict[str, object] = {"page": page} | ({} if passage is None else {"passage": passage})
        services.store.audit.record(Act(request_id, caller.account.actor, "show text", document_id, detail), "done")
        return found

    found = await services.in_thread(read)
    fields = asdict(found) | {
        "chunks": [ReadChunkReply(**asdict(chunk)) for chunk in found.chunks],
        "recognised": None if found.recognised is None else RecognisedReply(confidence=found.recognised),
    }
    return PageTextReply(document_id=document_id, **fields, request_id=request_id)
