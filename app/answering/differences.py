"""Whether two extracts of different documents say the same of something with another number."""

import re

from app.answering.figures import figures_of
from app.answering.sentences import LIST_ITEM
from app.answering.words import terms_of

NUMERALS = re.compile(r"[\d,.]*\d|[一二三四五六七八九十百千万两零〇]+")
ALIKE = 0.6  # share of the words of the shorter extract that stand in both: one statement in two versions
RELATED = 0.3  # enough where both give a figure in the same unit


def differ(first: str, other: str, question: str) -> bool:
    """Whether ``other`` gives a figure for what ``first`` gives another for.

    Either they say nearly the same, or they have words beyond the question's in common and figures of one unit.
    In both cases each must hold a figure that the other lacks: who only says more does not contradict.
    """
    ours, theirs = numbers_of(first), numbers_of(other)
    only_ours, only_theirs = ours - theirs, theirs - ours
    if not only_ours or not only_theirs:
        return False
    words, others = words_of(first), words_of(other)
    if not words or not others:
        return False
    shared = len(words & others) / min(len(words), len(others))
    if shared >= ALIKE:
        return True
    units = {unit for _, unit in only_ours} & {unit for _, unit in only_theirs}
    return shared >= RELATED and bool(units - {""}) and bool((words & others) - words_of(question) or shared >= 0.5)


def numbers_of(text: str) -> set[tuple[str, str]]:
    """Return (value, unit) of the figures that a text gives, the numbers of its list items left out."""
    lines = [line[match.end() :] if (match := LIST_ITEM.match(line)) else line for line in text.splitlines()]
    return set(figures_of("\n".join(lines)).numbers)


def words_of(text: str) -> set[str]:
    """Return the terms of a text without its numbers, in digits or in Han numerals."""
    return set(terms_of(NUMERALS.sub(" ", text)))
