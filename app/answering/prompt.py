"""The prompt: fixed instructions, then the passages as quoted data, then the question.

The fixed part comes first, so that the model server computes it once for all questions in a language.
All of it is one user turn: R1 models want no system prompt. What comes from documents and people
cannot look like our markers, citation numbers or a model's control tokens.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template

from app.answering.language import PHRASES, Language, language_of, place_of
from app.answering.sentences import split_sentences
from app.errors import TooLarge
from app.inference.chat import answer_tokens
from app.knowledge.passage import Passage
from app.settings import ChatSettings

PROMPTS_DIR = Path(__file__).resolve().parents[2] / "configs" / "prompts"
CHAT_TEMPLATE_TOKENS = 32  # what the model server's chat template adds around the turn
LEAST_PASSAGE_TOKENS = 48  # a shorter rest of a passage helps nobody
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MARKER_RUN = re.compile(r"={4,}")
BRACKETED_NUMBER = re.compile(r"([\[【])(\s*\d[\d,，、;\s–-]*)([\]】])")
CONTROL_TAG = re.compile(
    r"<(?=\s*/?\s*(?:think|tool_calls?|tool_responses?|s|unk|pad|bos|eos|system|user|assistant|begin_of_text"
    r"|end_of_text|start_of_turn|end_of_turn)\s*>)|<(?=\s*[|｜])|<(?=<SYS>>|</SYS>>)|(?<=[|｜])>|\[(?=/?INST\])",
    re.IGNORECASE,
)
VISIBLE = {"<": "‹", ">": "›", "[": "［"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and the passages that are in it, whole or trimmed; number ``n`` is ``passages[n - 1]``."""

    text: str
    passages: tuple[Passage, ...]


def estimate_tokens(text: str) -> int:
    """Return more tokens than any model of the DeepSeek family makes of ``text``.

    A Han character, a digit or a sign may be a token each; three letters or spaces together are one at least.
    """
    letters = sum(1 for character in text if character.isascii() and (character.isalpha() or character == " "))
    beyond = sum(2 for character in text if ord(character) > 0xFFFF)  # rare characters fall into bytes
    return -(-letters // 3) + len(text) - letters + beyond


def neutralised(text: str) -> str:
    """Return ``text`` so that nothing in it passes for a marker, a citation number or a control token.

    What is changed stays readable: ``<think>`` becomes ``‹think>``, ``[1]`` becomes ``［1］``.
    """
    text = CONTROL_CHARACTERS.sub(" ", text)
    text = CONTROL_TAG.sub(lambda match: VISIBLE[match[0]], text)
    text = MARKER_RUN.sub(lambda match: "＝" * len(match[0]), text)
    return BRACKETED_NUMBER.sub(r"［\2］", text)


@lru_cache(maxsize=4)
def template_for(language: Language) -> Template:
    """Read the instructions in ``language``; they are part of the program and do not change while it runs."""
    return Template((PROMPTS_DIR / f"answer_{language}.txt").read_text(encoding="utf-8").strip())


def build_prompt(question: str, passages: Sequence[Passage], *, settings: ChatSettings) -> Prompt:
    """Put the best of ``passages`` before the model, as many as its context holds.

    Raises:
        TooLarge: the question leaves no room for a passage.
    """
    language = language_of(question)
    template, phrases = template_for(language), PHRASES[language]
    mark = secrets.token_hex(12)
    fixed = {"not_found": phrases.not_found, "mark": mark, "question": neutralised(question).strip()}
    frame = template.substitute(fixed, passages="")
    room = settings.context_tokens - answer_tokens(settings) - CHAT_TEMPLATE_TOKENS - estimate_tokens(frame)
    blocks: list[str] = []
    for number, passage in enumerate(passages, start=1):
        title = " ".join(place_of(passage.title, passage.page, phrases, heading=passage.heading).split())
        head = f"[{number}] {neutralised(title)}\n"
        left = room - estimate_tokens(head) - 2
        text = neutralised(passage.text).strip()
        fits = estimate_tokens(text) <= left
        if not fits:
            text = trimmed_to(text, left) if left >= LEAST_PASSAGE_TOKENS or not blocks else ""
        if text:
            blocks.append(head + text)
            room = left - estimate_tokens(text)
        if not fits:
            break  # the passages after it are worse, and numbers must stay without gaps
    if not blocks:
        raise TooLarge("the question leaves no room for a passage in the chat model's context")
    return Prompt(template.substitute(fixed, passages="\n\n".join(blocks)), tuple(passages[: len(blocks)]))


def trimmed_to(text: str, tokens: int) -> str:
    """Return the first sentences of ``text`` that fit into ``tokens``; empty if not even one does."""
    kept = 0
    for sentence in split_sentences(text):
        if estimate_tokens(text[: sentence.end]) > tokens:
            break
        kept = sentence.end
    return text[:kept]
