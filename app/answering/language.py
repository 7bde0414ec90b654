"""The language of a question, and the fixed phrases of an answer in it. Knows no model and no store."""

from dataclasses import dataclass
from typing import Literal

from app.answering.words import HAN, LATIN_WORD

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the answer says in its own words; everything else comes from documents or the model.

    Attributes:
        not_found: the exact sentence that a model is told to say, and that we say ourselves.
        near: beside it, where passages come near.
        still_reading: instead of it while ``{count}`` documents are not searchable in full.
        extracts: label over the extract shown without a chat model; ``{place}`` names its passage.
        not_by_extracts: instead of it where counting, comparing or summing up was asked for.
        no_answer: instead of it where the model thought, but gave no answer.
        also_in: label of a further passage.
        differs: instead of it where that passage gives another number than the first.
        connect_model: how to get prose answers; stands beside an answer, never in it.
        cut: the model reached its token limit.
        unverified: no sentence of the answer names a passage.
    """

    not_found: str
    near: str
    between: str
    still_reading: str
    extracts: str
    not_by_extracts: str
    also_in: str
    differs: str
    page: str
    untitled: str
    connect_model: str
    cut: str
    no_answer: str
    unverified: str


PHRASES: dict[Language, Phrases] = {
    "zh": Phrases(
        not_found="文档中没有找到答案。",
        between="；",
        near="文中说法可能与提问不同，答案或许在这里，请核对：{places}。",
        still_reading=(
            "目前能查到的内容中没有找到答案；还有 {count} 份文档尚未完全可查（先按词语，后按含义），请稍后再问。"
        ),
        extracts="文档摘录（未连接语言模型）— {place}：",
        not_by_extracts="这个问题需要统计、比较或总结，文档摘录（未连接语言模型）无法直接回答；相关段落见{place}：",
        also_in="另见{place}：",
        differs="数字与上文不一致，请核对 — {place}：",
        page="第 {page} 页",
        untitled="无标题文档",
        connect_model="在设置 chat.base_url 中填写 vLLM 等模型服务的地址，即可得到语言模型撰写的回答。",
        cut="回答达到长度上限（chat.max_answer_tokens），未完成的句子已省略。",
        no_answer="语言模型没有给出回答，文档摘录 — {place}：",
        unverified="回答没有引用任何文档，无法核对。",
    ),
    "en": Phrases(
        not_found="The documents do not contain the answer.",
        between="; ",
        near="It may be told in other words here, please look: {places}.",
        still_reading=(
            "What can be searched so far does not contain the answer; {count} documents are not searchable in full yet "
            "(words come first, meaning follows), so please ask again later."
        ),
        extracts="Extract from the documents (no language model connected) — {place}:",
        not_by_extracts=(
            "This question asks to count, compare or sum up, which extracts (no language model connected) "
            "cannot do; passages about it stand in {place}:"
        ),
        also_in="Also in {place}:",
        differs="A different number, please check — {place}:",
        page="page {page}",
        untitled="an untitled document",
        connect_model="Set chat.base_url to the address of a model server, such as vLLM, for answers in prose.",
        cut="The answer reached its limit (chat.max_answer_tokens); its unfinished sentence is left out.",
        no_answer="The language model gave no answer; extract from {place}:",
        unverified="The answer cites no document, so it could not be checked.",
    ),
}


def language_of(text: str) -> Language:
    """Chinese if there are at least as many Han characters as Latin words, and any at all."""
    han = len(HAN.findall(text))
    return "zh" if han and han >= len(LATIN_WORD.findall(text)) else "en"


def phrases_for(question: str) -> Phrases:
    """Return the phrases in the language of ``question``."""
    return PHRASES[language_of(question)]


def place_of(title: str, page: int | None, phrases: Phrases, *, heading: str = "") -> str:
    """Name a passage's document, page and heading, in the language of ``phrases``, on one line."""
    chinese = phrases is PHRASES["zh"]
    name = " ".join(title.split())
    parts = [f"《{name}》" if chinese and name else name or phrases.untitled]
    if page is not None:
        parts.append(phrases.page.format(page=page))
    if heading.strip():
        parts.append(" ".join(heading.split()))
    return ("，" if chinese else ", ").join(parts)
