"""POST /v1/ask: a cited answer, whole or as server-sent events."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from app.answering.events import (
    CitationEvent,
    DoneEvent,
    Event,
    ReasoningEvent,
    RetrievalEvent,
    SentenceEvent,
    collect,
)
from app.api.access import CallerNeeded, RequestId, ServicesNeeded
from app.api.error_handlers import problem
from app.api.routes.search import checked_question
from app.api.schemas import AskReply, AskRequest, CitationReply, IndexReply, PassageReply, SentenceReply
from app.errors import StrongroomError
from app.logs import get_log

router = APIRouter(prefix="/v1", tags=["ask"])
log = get_log(__name__)
NAMES: dict[type[object], str] = {
    RetrievalEvent: "retrieval",
    ReasoningEvent: "reasoning",
    SentenceEvent: "sentence",
    CitationEvent: "citation",
    DoneEvent: "done",
}


@router.post("/ask", operation_id="ask", response_model=AskReply)
async def ask(
    body: AskRequest, services: ServicesNeeded, caller: CallerNeeded, request_id: RequestId
) -> AskReply | StreamingResponse:
    """Answer from the documents the caller may read; every sentence cites, or the answer says that it is not there."""
    events = services.ask(
        caller,
        checked_question(body.question, services),
        knowledge_base=body.knowledge_base,
        history=[part for turn in body.history for part in (("user", turn.question), ("assistant", turn.answer))],
        document_ids=tuple(body.filters.document_ids),
        request_id=request_id,
    )
    if not body.stream:
        async with services.admitted():
            answered = await collect(events)
        return AskReply(
            answer=answered.answer,
            answerable=answered.answerable,
            sentences=[SentenceReply(**sentence_fields(one)) for one in answered.sentences],
            citations=[CitationReply(**asdict(one)) for one in answered.citations],
            model=answered.model,
            note=answered.note,
            index=IndexReply(**asdict(answered.index)),
            timings_ms=answered.timings_ms,
            usage=answered.usage,
            request_id=request_id,
        )
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(services.admitted())
        opened.push_async_callback(events.aclose)
        # The first event is awaited here, so that an error before it still is a plain problem reply.
        first = await anext(events)
        return OwningStream(framed(first, events, request_id), opened.pop_all())


class OwningStream(StreamingResponse):
    """An event stream that gives back what it holds however it ends, also if the client left before it began."""

    def __init__(self, content: AsyncIterator[bytes], held: AsyncExitStack) -> None:
        """Stream ``content`` and close ``held`` afterwards."""
        super().__init__(content, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        async with self._held:
            await super().__call__(scope, receive, send)


async def framed(first: Event, events: AsyncGenerator[Event, None], request_id: str) -> AsyncIterator[bytes]:
    """Frame events; an error in mid-stream becomes an ``error`` event, the last one."""
    retrieval: RetrievalEvent | None = first if isinstance(first, RetrievalEvent) else None
    yield frame(first, retrieval, request_id)
    try:
        async for event in events:
            yield frame(event, retrieval, request_id)
    except StrongroomError as error:
        log.error("answer broke off", code=error.code, request_id=request_id)
        yield format_sse_event(event="error", data_str=json.dumps(problem(error, request_id), ensure_ascii=False))


def frame(event: Event, retrieval: RetrievalEvent | None, request_id: str) -> bytes:
    """Write one event."""
    if isinstance(event, RetrievalEvent):
        data: dict[str, Any] = {
            "passages": [
                {name: value for name, value in asdict(passage).items() if name in PassageReply.model_fields}
                for passage in event.passages
            ],
            "index": asdict(event.index),
            "timings_ms": event.timings_ms,
        }
    elif isinstance(event, SentenceEvent):
        data = sentence_fields(event)
    elif isinstance(event, DoneEvent):
        data = asdict(event) | {"request_id": request_id}
        if retrieval is not None:
            data |= {"index": asdict(retrieval.index), "timings_ms": retrieval.timings_ms | event.timings_ms}
    else:
        data = asdict(event)
    return format_sse_event(event=NAMES[type(event)], data_str=json.dumps(data, ensure_ascii=False))


def sentence_fields(sentence: SentenceEvent) -> dict[str, Any]:
    """Show a sentence; what marks further findings is left out of all others."""
    marks = {name: True for name in ("also_in", "differs") if getattr(sentence, name)}
    return {"text": sentence.text, "citations": list(sentence.citations), "supported": sentence.supported} | marks
