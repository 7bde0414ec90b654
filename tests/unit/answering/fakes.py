"""Stand-ins for answering: a chat model that plays a script, and short ways to make what was found."""

from collections.abc import AsyncGenerator, Iterable
from typing import TypeVar

from app.answering.events import Event
from app.inference.chat import ChatPiece
from app.knowledge.passage import Found, IndexState, Passage, Span
from app.settings import AnswerSettings, ChatSettings

USAGE = {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42, "cached_tokens": 16}
ANSWERS = AnswerSettings(passages=8, confidence_floor=0.5, finding_chars=600)
READY = IndexState(ready=3)
Kind = TypeVar("Kind")


class ScriptedChat:
    """Plays a queue of pieces, and raises what stands among them; remembers what it was asked."""

    model = "scripted"

    def __init__(self, *script: ChatPiece | Exception) -> None:
        self.script = script
        self.prompts: list[str] = []
        self.salts: list[str] = []
        self.played = 0
        self.closed_early = False

    async def stream(self, prompt: str, *, cache_salt: str) -> AsyncGenerator[ChatPiece, None]:
        self.prompts.append(prompt)
        self.salts.append(cache_salt)
        try:
            for piece in self.script:
                if isinstance(piece, Exception):
                    raise piece
                self.played += 1
                yield piece
        except GeneratorExit:
            self.closed_early = True
            raise

    async def close(self) -> None:
        """Nothing to give back."""


def thinks(text: str) -> ChatPiece:
    return ChatPiece("reasoning", text)


def says(text: str) -> ChatPiece:
    return ChatPiece("text", text)


def ends(reason: str = "stop") -> ChatPiece:
    return ChatPiece("end", finish_reason=reason, usage=USAGE)


def says_all(text: str, *, step: int = 3) -> list[ChatPiece]:
    """The text in pieces of ``step`` characters, as tokens come."""
    return [says(text[at : at + step]) for at in range(0, len(text), step)]


def passage(
    text: str,
    *,
    title: str = "Manual",
    page: int | None = 3,
    heading: str = "",
    name: str = "manual.pdf",
    spans: tuple[Span, ...] = (),
) -> Passage:
    return Passage(
        chunk_id=f"chunk-{abs(hash(text)) % 10_000}",
        document_id=f"document-{name}",
        external_id=name,
        knowledge_base="default",
        title=title,
        page=page,
        heading=heading,
        kind="text",
        text=text,
        spans=spans,
    )


def chunks_of(
    pages: dict[int, str], *cuts: tuple[int, int, int], name: str = "manual.pdf", heading: str = ""
) -> list[Passage]:
    """Chunks of one document: each ``cut`` is (page, start, end) in the text of that page."""
    return [
        Passage(
            chunk_id=f"{name}-{number}",
            document_id=name,
            external_id=name,
            knowledge_base="default",
            title=name,
            page=page or None,
            heading=heading,
            kind="text",
            text=pages[page][start:end],
            spans=(Span(page, start, end),),
        )
        for number, (page, start, end) in enumerate(cuts)
    ]


def found(*passages: Passage, confidence: float = 0.9, index: IndexState = READY) -> Found:
    return Found(passages, confidence, index, {"words": 1.5, "vectors_by": "exact"})


def chat_settings(**changes: object) -> ChatSettings:
    values: dict[str, object] = {
        "base_url": "http://model.test/v1",
        "api_key": None,
        "model": "deepseek",
        "temperature": 0.6,
        "context_tokens": 4096,
        "max_answer_tokens": 1024,
        "connections": 4,
        "connect_timeout_s": 1,
        "first_token_timeout_s": 5,
        "stall_timeout_s": 5,
    }
    return ChatSettings.model_validate(values | changes)


def of_kind(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]
