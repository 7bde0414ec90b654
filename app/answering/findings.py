"""Answers without a chat model: the one best whole extract, and where else to look. Nothing is composed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.answering.extracts import Unit, opening_of, units_of
from app.answering.sentences import Sentence
from app.answering.words import normalised, overlap, terms_of, weights_among
from app.knowledge.passage import Passage

ALSO_IN_AT_MOST = 2
ALSO_IN_SHARE = 0.5  # a further passage is shown if its extract reaches this share of the best one's value
RANK_DISCOUNT = 0.15  # what one place further down the search costs
RANK_FLOOR = 0.15  # what the search's order is worth where no word is shared, as across languages
FIGURE_BONUS = 0.1  # for an extract with a number, where a number is asked for
WANTS_FIGURE = re.compile(
    r"多少|几[个天年月次种人时小位岁]|多[长久大高远重深快]|何时|什么时[候间]|哪[一]?[年天月日]|[上下]限|电话|价格|费用|日期|时间"
    r"|\b(?:how (?:many|much|long|often|old|far|large|big|high|fast|tall)|when|what (?:year|date|time|percentage|number"
    r"|age)|which year|price|cost)\b",
    re.IGNORECASE,
)
BEYOND_EXTRACTS = re.compile(
    r"比较|对比|相比|区别|差异|差别|异同|不同点|优缺点|总结|概括|归纳|概述|综述|摘要|统计|合计|总计|总共有?多少|平均"
    r"|列出(?:所有|全部)|(?:所有|全部|哪些|多少[个份篇]?|几[个份篇])(?:文档|文件|资料|文章|报告)"
    r"|\b(?:compar(?:e|es|ed|ing|ison)|contrast|differ(?:ence|ences)?|versus|vs|summar(?:y|ies|i[sz]e|i[sz]ing)|overview"
    r"|list (?:all|every)|how many (?:documents|files|reports|articles|papers)|count|total number|on average"
    r"|pros and cons|sum up)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """An extract: of which passage (from 1), the stretch to quote, and the text to show."""

    number: int
    quote: Sentence
    text: str


def beyond_extracts(question: str) -> bool:
    """Whether a question asks to count, compare or sum up, which no extract can answer."""
    return BEYOND_EXTRACTS.search(question) is not None


def find_extracts(question: str, passages: Sequence[Passage], *, finding_chars: int) -> tuple[Finding, ...]:
    """Return the best extract, then at most two more of other passages; empty only without passages."""
    wanted = terms_of(question)
    rarity = weights_among(passage.text for passage in passages)
    ranked: list[tuple[float, Finding]] = []
    for index, passage in enumerate(passages):
        value, unit = best_unit(question, passage, wanted, rarity, finding_chars)
        ranked.append((value / (1 + RANK_DISCOUNT * index), Finding(index + 1, unit.core, unit.text_in(passage.text))))
    ranked.sort(key=lambda pair: -pair[0])
    return chosen(ranked)


def best_unit(
    question: str, passage: Passage, wanted: Sequence[str], rarity: Mapping[str, float], finding_chars: int
) -> tuple[float, Unit]:
    """Return the unit of a passage that fits the question best, and its value.

    Where no word is shared, as across languages, that is as much of the passage as may be shown.
    """
    best, most = opening_of(passage.text, longest_chars=finding_chars), RANK_FLOOR
    for unit in units_of(passage.text, longest_chars=finding_chars):
        text = unit.text_in(passage.text)
        shared = overlap(wanted, f"{passage.heading} {text}", rarity)
        value = shared + RANK_FLOOR
        if shared and WANTS_FIGURE.search(question) and gives_figure(text, question):
            value += FIGURE_BONUS
        if len(text) > finding_chars:
            value /= 2
        if value > most:
            best, most = unit, value
    return most, best


def chosen(ranked: Sequence[tuple[float, Finding]]) -> tuple[Finding, ...]:
    """Return the first and at most two more that are nearly as good and say something else."""
    kept: list[Finding] = []
    seen: list[str] = []
    for value, finding in ranked:
        text = re.sub(r"\s", "", normalised(finding.text))
        if len(kept) > ALSO_IN_AT_MOST or value < ALSO_IN_SHARE * ranked[0][0]:
            break
        if not any(text in other or other in text for other in seen):
            kept.append(finding)
            seen.append(text)
    return tuple(kept)


def gives_figure(text: str, question: str) -> bool:
    """Whether ``text`` holds a number that the question does not."""
    asked = set(re.findall(r"\d+", normalised(question)))
    return (
        bool(set(re.findall(r"\d+", normalised(text))) - asked)
        or re.search(r"[一二三四五六七八九十百]{2,}", text) is not None
    )
