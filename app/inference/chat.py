"""Chat models: a prompt in, a stream of pieces out, thinking apart from text.

Knows LangChain and the OpenAI protocol, and loads them only when a model is configured. Does not know
passages or citations. Whatever a model server does, what leaves here is pieces, ModelUnavailable or TooBusy.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from app.errors import ModelUnavailable, SettingsError, StrongroomError, TooBusy
from app.settings import ChatSettings

if TYPE_CHECKING:
    import httpx2
    from langchain_core.messages import AIMessageChunk

# vLLM closes an idle connection after 5 s; a client that keeps it longer sends into a closed one.
KEEPALIVE_EXPIRY_S = 4.0
WRITE_TIMEOUT_S = 30.0
# The house's own limits come first; the transport's read limit only backs them.
READ_MARGIN_S = 5.0
# Before the first token only: the OpenAI client never tries again once a reply has begun.
RETRIES = 1


@dataclass(frozen=True, slots=True)
class ChatPiece:
    """A piece of a reply.

    Attributes:
        kind: ``reasoning`` and ``text`` in the order they were written; ``end`` once, last.
        text: empty for ``end``.
        finish_reason: with ``end``: ``stop``, or ``length`` where the token limit cut the reply.
        usage: with ``end``: input_tokens, output_tokens, total_tokens, cached_tokens; None if not told.
    """

    kind: Literal["reasoning", "text", "end"]
    text: str = ""
    finish_reason: str | None = None
    usage: dict[str, int] | None = None


class Chat(Protocol):
    """Continues a prompt, piece by piece."""

    @property
    def model(self) -> str:
        """Name of the model, as shown with its answers."""

    def stream(self, prompt: str, *, cache_salt: str) -> AsyncGenerator[ChatPiece, None]:
        """Stream the reply to ``prompt``; closing the stream early stops the model.

        ``cache_salt`` parts the prefix caches of those who must not learn of each other.

        Raises:
            ModelUnavailable: no answer, a wrong one, or a stream that broke off or stood still.
            TooBusy: the model server is at its limit.
        """

    async def close(self) -> None:
        """Give the connections back."""


def answer_tokens(settings: ChatSettings) -> int:
    """Return the tokens an answer may take: what is set, but never more than half of the context."""
    return min(settings.max_answer_tokens, settings.context_tokens // 2)


class VllmChat:
    """A model behind vLLM, or any OpenAI-compatible server, through LangChain's DeepSeek client.

    One for each process and event loop; its connections are shared by all requests.
    """

    def __init__(self, settings: ChatSettings, *, transport: "httpx2.AsyncBaseTransport | None" = None) -> None:
        """Make the client; nothing is sent yet. ``transport`` stands in for the network."""
        if settings.base_url is None:
            raise SettingsError("chat.base_url names no model server")
        import httpx2  # noqa: PLC0415 - serve without a chat model must not pay for it
        import langsmith  # noqa: PLC0415 - as above
        from langchain_deepseek import ChatDeepSeek  # noqa: PLC0415 - as above: a second of imports

        # Tracing would send prompts away; off in code, whatever the environment says.
        langsmith.configure(enabled=False)
        self._settings = settings
        timeout = httpx2.Timeout(
            connect=settings.connect_timeout_s,
            pool=settings.connect_timeout_s,
            write=WRITE_TIMEOUT_S,
            read=max(settings.first_token_timeout_s, settings.stall_timeout_s) + READ_MARGIN_S,
        )
        trust = ssl.create_default_context()
        # trust_env off: no proxy of the environment may see a prompt.
        self._http = httpx2.AsyncClient(
            transport=transport,
            verify=trust,
            trust_env=False,
            timeout=timeout,
            limits=httpx2.Limits(
                max_connections=settings.connections,
                max_keepalive_connections=settings.connections,
                keepalive_expiry=KEEPALIVE_EXPIRY_S,
            ),
        )
        self._unused_http = httpx2.Client(verify=trust, trust_env=False)  # or the library opens one of its own
        key = settings.api_key.get_secret_value() if settings.api_key else "none"
        self._chat = ChatDeepSeek(
            model=settings.model,
            base_url=settings.base_url,
            api_key=key,
            temperature=settings.temperature,
            max_tokens=answer_tokens(settings),
            max_retries=RETRIES,
            timeout=timeout,
            stream_usage=True,
            stream_chunk_timeout=None,
            use_responses_api=False,
            cache=False,
            http_async_client=self._http,
            http_client=self._unused_http,
        )

    @property
    def model(self) -> str:
        """Name under which the server serves the model."""
        return self._settings.model

    async def stream(self, prompt: str, *, cache_salt: str) -> AsyncGenerator[ChatPiece, None]:
        """Stream the reply; see ``Chat.stream``."""
        reply = Reply()
        async with aclosing(self._chat.astream(prompt, extra_body={"cache_salt": cache_salt})) as chunks:
            clock = asyncio.get_running_loop().time
            deadline = clock() + self._settings.first_token_timeout_s
            while (chunk := await self._next(chunks, deadline, begun=reply.begun)) is not None:
                for piece in reply.take(chunk):
                    yield piece
                if reply.begun:
                    deadline = clock() + self._settings.stall_timeout_s
        for piece in reply.end():
            yield piece

    async def _next(
        self, chunks: "AsyncGenerator[AIMessageChunk, None]", deadline: float, *, begun: bool
    ) -> "AIMessageChunk | None":
        """Return the next chunk, or None after the last; library errors become the house's own.

        Their texts may repeat the prompt, so neither they nor their trace go on.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(chunks, None)
        except TimeoutError:
            waited = "stood still" if begun else "gave no first token in time"
            raise ModelUnavailable(f"the chat model {waited}") from None
        except Exception as error:  # noqa: BLE001 - a library's edge: six kinds of errors of four packages meet here
            raise translated(error, begun=begun) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        self._unused_http.close()


class Reply:
    """What has come of one reply: takes chunks, gives pieces, and knows whether it ended as it should."""

    def __init__(self) -> None:
        self.begun = False
        self._thoughts: list[str] = []
        self._said = False
        self._tags = ThinkTags()
        self._finish_reason: str | None = None
        self._usage: dict[str, int] | None = None

    def take(self, chunk: "AIMessageChunk") -> Iterator[ChatPiece]:
        """Yield the pieces of a chunk: of its reasoning field, then of its content."""
        thought = chunk.additional_kwargs.get("reasoning_content")
        if isinstance(thought, str) and thought:
            yield self._piece("reasoning", thought)
        if isinstance(chunk.content, str) and chunk.content:
            for kind, text in self._tags.feed(chunk.content):
                yield self._piece(kind, text)
        self._finish_reason = chunk.response_metadata.get("finish_reason") or self._finish_reason
        if chunk.usage_metadata:
            counts = chunk.usage_metadata
            self._usage = {
                "input_tokens": counts["input_tokens"],
                "output_tokens": counts["output_tokens"],
                "total_tokens": counts["total_tokens"],
                "cached_tokens": counts.get("input_token_details", {}).get("cache_read") or 0,
            }

    def end(self) -> Iterator[ChatPiece]:
        """Yield what is left, and the end.

        Raises:
            ModelUnavailable: the stream stopped before the model did.
        """
        for kind, text in self._tags.rest():
            yield self._piece(kind, text)
        if self._finish_reason is None:
            raise ModelUnavailable("the chat model's stream ended before its answer")
        if not self._said and self._thoughts and self._finish_reason == "stop":
            # A parser that waits for </think> takes the whole reply of a model that never thinks for thinking.
            yield self._piece("text", "".join(self._thoughts))
        yield ChatPiece("end", finish_reason=self._finish_reason, usage=self._usage)

    def _piece(self, kind: Literal["reasoning", "text"], text: str) -> ChatPiece:
        self.begun = True
        if kind == "reasoning":
            self._thoughts.append(text)
        elif text.strip():
            self._said = True
        return ChatPiece(kind, text)


class ThinkTags:
    """Parts ``<think>...</think>`` from text, for servers that run without a reasoning parser."""

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._state: Literal["unknown", "reasoning", "text"] = "unknown"
        self._held = ""

    def feed(self, piece: str) -> Iterator[tuple[Literal["reasoning", "text"], str]]:
        """Yield what is certain; a tag that may just be arriving is held back."""
        self._held += piece
        if self._state == "unknown":
            start = self._held.lstrip()
            if self.OPEN.startswith(start[: len(self.OPEN)]) and len(start) < len(self.OPEN):
                return
            if start.startswith(self.OPEN):
                self._state, self._held = "reasoning", start.removeprefix(self.OPEN)
            else:
                self._state = "text"
        while self.CLOSE in self._held:
            before, _, self._held = self._held.partition(self.CLOSE)
            if before:
                yield self._state, before
            self._state = "text"
        keep = next((n for n in range(len(self.CLOSE) - 1, 0, -1) if self._held.endswith(self.CLOSE[:n])), 0)
        certain, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        if certain:
            yield self._state, certain

    def rest(self) -> Iterator[tuple[Literal["reasoning", "text"], str]]:
        """Yield what was held back when the reply ended."""
        if self._held.strip():
            yield ("text" if self._state == "unknown" else self._state), self._held


def translated(error: Exception, *, begun: bool) -> StrongroomError:
    """Return the house's error for a library's, told by its kind and HTTP status alone."""
    names = {type(cause).__name__ for cause in causes_of(error)}
    status = next(
        (code for cause in causes_of(error) if isinstance(code := getattr(cause, "status_code", None), int)), 0
    )
    if status in {429, 503} or "PoolTimeout" in names:
        return TooBusy("the chat model is at its limit")
    if begun:
        return ModelUnavailable("the chat model broke off its answer")
    if status in {401, 403}:
        return ModelUnavailable(f"the chat model server refused the key ({status})")
    if status == 404:
        return ModelUnavailable("the chat model server does not serve this model (404)")
    if status:
        return ModelUnavailable(f"the chat model server refused the request ({status})")
    return ModelUnavailable(f"the chat model does not answer ({type(error).__name__})")


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
