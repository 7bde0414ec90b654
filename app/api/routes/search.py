"""POST /v1/search, and the passage behind a citation."""

from dataclasses import asdict

from fastapi import APIRouter

from app.api.access import CallerNeeded, RequestId, ServicesNeeded
from app.api.schemas import Hit, IndexReply, PassageReply, SearchReply, SearchRequest
from app.api.services import Services
from app.database.audit import Act
from app.errors import TooLarge
from app.knowledge.documents import read_chunk
from app.knowledge.highlights import highlights
from app.knowledge.passage import Passage
from app.knowledge.search import Question

router = APIRouter(prefix="/v1", tags=["search"])


def checked_question(text: str, services: Services) -> str:
    """Return the question.

    Raises:
        TooLarge: longer than the settings allow.
    """
    most = services.settings.server.max_question_chars
    if len(text) > most:
        raise TooLarge(f"a question has at most {most} characters")
    return text


@router.post("/search", operation_id="search")
async def search(
    body: SearchRequest, services: ServicesNeeded, caller: CallerNeeded, request_id: RequestId
) -> SearchReply:
    """Find the passages that answer best, of those the caller may read."""
    question = Question(
        text=checked_question(body.query, services),
        vector=None,
        limit=body.limit or services.settings.retrieval.limit,
        knowledge_base=body.knowledge_base,
        document_ids=tuple(body.filters.document_ids),
        mode=body.mode,
    )
    async with services.admitted():
        found = await services.search(caller, question, request_id=request_id, action="search")
    hits = [hit_of(rank, passage, body.query) for rank, passage in enumerate(found.passages, start=1)]
    return SearchReply(
        hits=hits,
        confidence=round(found.confidence, 4),
        index=IndexReply(**asdict(found.index)),
        timings_ms=found.timings_ms,
        request_id=request_id,
    )


def hit_of(rank: int, passage: Passage, query: str) -> Hit:
    """Show a passage as a hit."""
    return Hit(
        rank=rank,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        external_id=passage.external_id,
        knowledge_base=passage.knowledge_base,
        title=passage.title,
        page=passage.page,
        heading=passage.heading,
        text=passage.text,
        highlights=highlights(passage.text, query),
        recognised=passage.recognised,
    )


@router.get("/passages/{chunk_id}", operation_id="passage")
async def passage(chunk_id: str, services: ServicesNeeded, caller: CallerNeeded, request_id: RequestId) -> PassageReply:
    """Return the passage a citation points at, checked against today's permissions."""

    def read() -> Passage:
        with services.store.catalogue.read() as connection:
            permit = services.searcher.permit(connection, caller.asker)
            found = read_chunk(services.store, connection, permit, chunk_id)
        services.store.audit.record(Act(request_id, caller.account.actor, "read passage", chunk_id), "done")
        return found

    found = await services.in_thread(read)
    shown = {name: value for name, value in asdict(found).items() if name in PassageReply.model_fields}
    return PassageReply(**shown)
