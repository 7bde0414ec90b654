import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import httpx2
import langsmith
import pytest
from pydantic import SecretStr

from app.errors import ModelUnavailable, SettingsError, StrongroomError, TooBusy
from app.inference.chat import ChatPiece, ThinkTags, VllmChat, answer_tokens
from app.settings import ChatSettings, load_settings

SECRET = "薪资是机密 the-secret-question"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 8}}


def settings(**changes: object) -> ChatSettings:
    values = {"base_url": "http://model.test/v1", "context_tokens": 4096, "max_answer_tokens": 1024, "connections": 2}
    return load_settings({}).chat.model_copy(update=values | {"api_key": SecretStr("key-1")} | changes)


def event(*, finish: str | None = None, usage: dict[str, Any] | None = None, **delta: str | None) -> str:
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "deepseek", "choices": choices}
    return f"data: {json.dumps(body | ({'usage': usage} if usage else {}))}\n\n"


class Body(httpx2.AsyncByteStream):
    """Plays lines; an exception among them is raised, a number is waited for, in seconds."""

    def __init__(self, *lines: str | float | Exception) -> None:
        self.lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for line in self.lines:
            if isinstance(line, Exception):
                raise line
            if isinstance(line, str):
                yield line.encode()
            else:
                await asyncio.sleep(line)


class ScriptedServer(httpx2.AsyncBaseTransport):
    """Answers each request with the next reply of its script, the last one for ever."""

    def __init__(self, *replies: httpx2.Response | Exception | Callable[[], httpx2.Response]) -> None:
        self.replies = list(replies)
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply() if callable(reply) else reply

    @property
    def sent(self) -> dict[str, Any]:
        return json.loads(self.requests[-1].content)


def streamed(*lines: str | float | Exception) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Body(*lines))


async def pieces_of(server: ScriptedServer, **changes: object) -> list[ChatPiece]:
    async with aclosing(VllmChat(settings(**changes), transport=server).stream(SECRET, cache_salt="salt-1")) as pieces:
        return [piece async for piece in pieces]


async def failure_of(server: ScriptedServer, **changes: object) -> StrongroomError:
    with pytest.raises(StrongroomError) as caught:
        await pieces_of(server, **changes)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def texts(pieces: list[ChatPiece], kind: str) -> str:
    return "".join(piece.text for piece in pieces if piece.kind == kind)


async def test_reasoning_and_text_come_apart_and_the_end_carries_the_usage() -> None:
    server = ScriptedServer(
        streamed(
            event(role="assistant", content=""),
            event(reasoning="Let me "),
            event(reasoning_content="see."),
            event(content="\n\nTwo years"),
            event(content=" [1].", finish="stop"),
            event(usage=USAGE),
            "data: [DONE]\n\n",
        )
    )

    pieces = await pieces_of(server)

    assert texts(pieces, "reasoning") == "Let me see."
    assert texts(pieces, "text") == "\n\nTwo years [1]."
    counts = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "cached_tokens": 8}
    assert pieces[-1] == ChatPiece("end", finish_reason="stop", usage=counts)
    assert [piece.kind for piece in pieces].count("end") == 1


async def test_the_request_is_one_user_turn_with_salt_limits_and_usage() -> None:
    server = ScriptedServer(streamed(event(content="Yes.", finish="stop"), "data: [DONE]\n\n"))

    await pieces_of(server)

    assert server.sent["messages"] == [{"role": "user", "content": SECRET}]
    assert server.sent["cache_salt"] == "salt-1"
    assert (server.sent["model"], server.sent["temperature"]) == ("deepseek", 0.6)
    assert (server.sent["max_tokens"], server.sent["stream"]) == (1024, True)
    assert server.sent["stream_options"] == {"include_usage": True}
    assert server.requests[0].headers["authorization"] == "Bearer key-1"
    assert str(server.requests[0].url) == "http://model.test/v1/chat/completions"


async def test_null_content_and_a_reply_cut_while_thinking_end_with_length() -> None:
    server = ScriptedServer(
        streamed(event(role="assistant", content=None), event(reasoning="Hmm", content=None, finish="length"))
    )

    pieces = await pieces_of(server)

    assert [(piece.kind, piece.finish_reason) for piece in pieces] == [("reasoning", None), ("end", "length")]


async def test_a_reply_that_the_parser_took_for_thinking_is_its_text() -> None:
    server = ScriptedServer(streamed(event(reasoning="Two years [1]."), event(content="\n", finish="stop")))

    pieces = await pieces_of(server)

    assert texts(pieces, "text").strip() == "Two years [1]."


async def test_think_tags_in_the_content_are_parted_where_the_server_has_no_parser() -> None:
    server = ScriptedServer(
        streamed(*(event(content=text) for text in ("<th", "ink>\nHm", "m</", "think>", "Two")), event(finish="stop"))
    )

    pieces = await pieces_of(server)

    assert texts(pieces, "reasoning") == "\nHmm"
    assert texts(pieces, "text") == "Two"


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_think_tags_are_found_however_the_text_is_cut(step: int) -> None:
    text = " <think>a < b</think>c </th d"
    tags = ThinkTags()

    parts = [part for at in range(0, len(text), step) for part in tags.feed(text[at : at + step])] + list(tags.rest())

    assert "".join(text for kind, text in parts if kind == "reasoning") == "a < b"
    assert "".join(text for kind, text in parts if kind == "text") == "c </th d"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ModelUnavailable), (401, ModelUnavailable), (404, ModelUnavailable), (500, ModelUnavailable),
     (429, TooBusy), (503, TooBusy)],
)  # fmt: skip
async def test_a_refusal_names_its_status_and_never_the_prompt(status: int, kind: type[StrongroomError]) -> None:
    body = {"error": {"message": f"cannot do {SECRET}", "type": "x", "code": status}}
    server = ScriptedServer(lambda: httpx2.Response(status, json=body, headers={"retry-after-ms": "1"}))

    error = await failure_of(server)

    assert type(error) is kind


async def test_a_busy_server_is_asked_once_more_before_the_first_token() -> None:
    busy = httpx2.Response(503, json={"error": {"message": "busy"}}, headers={"retry-after-ms": "1"})
    server = ScriptedServer(busy, streamed(event(content="Yes.", finish="stop")))

    pieces = await pieces_of(server)

    assert texts(pieces, "text") == "Yes."
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("broken", "kind"),
    [(httpx2.ConnectError("refused"), ModelUnavailable), (httpx2.ConnectTimeout("slow"), ModelUnavailable),
     (httpx2.PoolTimeout("full"), TooBusy)],
)  # fmt: skip
async def test_no_connection_is_told_apart_from_too_many(broken: Exception, kind: type[StrongroomError]) -> None:
    error = await failure_of(ScriptedServer(broken))

    assert type(error) is kind


@pytest.mark.parametrize(
    "broken",
    [
        httpx2.ReadError("gone"),
        httpx2.RemoteProtocolError("incomplete"),
        'data: {"error": {"message": "engine died", "code": 500}}\n\n',
        "data: {not json\n\n",
        'data: {"choices": 5}\n\n',
    ],
)
async def test_a_stream_that_breaks_is_not_tried_again(broken: str | Exception) -> None:
    server = ScriptedServer(streamed(event(content="Two"), broken, "data: [DONE]\n\n"))

    error = await failure_of(server)

    assert type(error) is ModelUnavailable
    assert len(server.requests) == 1


async def test_a_stream_that_stops_without_an_end_is_no_answer() -> None:
    error = await failure_of(ScriptedServer(streamed(event(content="The limit is 5"))))

    assert "ended before" in str(error)


async def test_no_first_token_in_time() -> None:
    reply = streamed(event(role="assistant", content=""), 5.0)

    error = await failure_of(ScriptedServer(reply), first_token_timeout_s=0.05)

    assert "first token" in str(error)
    assert reply.is_closed


async def test_a_stream_that_stands_still() -> None:
    error = await failure_of(
        ScriptedServer(streamed(event(content="Two"), 5.0)), first_token_timeout_s=5, stall_timeout_s=0.05
    )

    assert "stood still" in str(error)


async def test_who_stops_listening_closes_the_connection() -> None:
    reply = streamed(event(content="Two"), event(content=" years"), 5.0)
    chat = VllmChat(settings(), transport=ScriptedServer(reply))

    async with aclosing(chat.stream("q", cache_salt="s")) as pieces:
        await anext(pieces)
    await asyncio.sleep(0)

    assert reply.is_closed
    await chat.close()


async def test_a_cancelled_request_closes_the_connection() -> None:
    reply = streamed(event(content="Two"), 5.0)
    begun = asyncio.Event()
    chat = VllmChat(settings(), transport=ScriptedServer(reply))

    async def listen() -> None:
        async for _ in chat.stream("q", cache_salt="s"):
            begun.set()

    task = asyncio.create_task(listen())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert reply.is_closed
    await chat.close()


async def test_tracing_is_off_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "true")
    chat = VllmChat(settings(), transport=ScriptedServer(streamed()))

    assert not langsmith.utils.tracing_is_enabled()
    await chat.close()


def test_no_model_server_no_client() -> None:
    with pytest.raises(SettingsError):
        VllmChat(settings(base_url=None))


def test_an_answer_takes_at_most_half_of_the_context() -> None:
    assert answer_tokens(settings(context_tokens=1024, max_answer_tokens=2048)) == 512
    assert answer_tokens(settings(context_tokens=16384, max_answer_tokens=2048)) == 2048


def test_importing_the_module_loads_no_langchain() -> None:
    code = (
        "import sys, app.inference.chat, app.answering.answer\n"
        "heavy = {'langchain_core', 'langchain_deepseek', 'openai', 'langsmith', 'httpx2', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
