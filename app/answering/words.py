"""Words that matter for matching a question with text: Latin words, codes, numbers, pairs of Han characters.

Small texts only (a question and a handful of passages); the word index of the whole store lives in ``knowledge``.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from app.knowledge.tokens import simplified_table

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
HAN_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
LATIN_WORD = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff]+")
# A word, a number, or a code whose parts are joined: XJ-9000, GB/T, 2828.1.
TOKEN = re.compile(r"[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+(?:[-./_'’][^\W_\u3400-\u9fff]+)*")

_ENGLISH = """
a about all am an and any are as at be been being but by can could did do does for from had has have he her his how i if
in into is it its me more most must my no not of on or our she should so some such than that the their them then there
these they this those to us was we were what when where which who whom whose why will with would you your please tell
"""
_CHINESE = """
什么 怎么 怎样 如何 多少 哪些 哪个 哪里 哪几 几种 是否 可以 能否 请问 为什 为何 么样 有没 没有 是什 的是 多久 需要 应该
我们 你们 他们 这个 那个 一个 以及 或者 还是
"""
ENGLISH_STOP_WORDS = frozenset(_ENGLISH.split())
CHINESE_STOP_PAIRS = frozenset(_CHINESE.split())  # in most questions, and nothing about their subject
CODE_WEIGHT = 2.0  # a number or code names one thing; a word is shared by many


def normalised(text: str) -> str:
    """NFKC, lower case and Simplified characters, the form in which words are compared."""
    return unicodedata.normalize("NFKC", text).lower().translate(simplified_table())


def stem(word: str) -> str:
    """Take common English endings off, so that 'filters' meets 'filter' and 'charging' meets 'charge'."""
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    for ending, put in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending) + put
            break
    return word.removesuffix("e") if len(word) > 3 else word


def terms_of(text: str) -> list[str]:
    """Return the terms of ``text`` in order, with repeats: stems, codes whole and split, Han pairs."""
    plain = normalised(text)
    found: list[str] = []
    for token in TOKEN.findall(plain):
        if token in ENGLISH_STOP_WORDS:
            continue
        parts = re.split(r"[-./_'’]", token)
        if len(parts) > 1 or any(character.isdigit() for character in token):
            found.append(token)
        if len(parts) > 1 or token.isalpha():
            found.extend(stem(part) for part in parts if len(part) > 1 and part not in ENGLISH_STOP_WORDS)
    for run in HAN_RUN.findall(plain):
        if len(run) == 1:
            found.append(run)
        found.extend(pair for pair in map("".join, pairwise(run)) if pair not in CHINESE_STOP_PAIRS)
    return found


def places_of(text: str, wanted: Collection[str], known: dict[str, list[str]]) -> list[tuple[int, str]]:
    """Return (code point, term) of every place where ``text`` has one of the ``wanted`` terms, in order.

    ``known`` is kept between texts: which of the wanted terms a word holds.
    """
    found: list[tuple[int, str]] = []
    for match in TOKEN.finditer(text):
        token = match[0]
        if token not in known:
            known[token] = [term for term in terms_of(token) if term in wanted]
        found.extend((match.start(), term) for term in known[token])
    for match in HAN_RUN.finditer(text):
        run = normalised(match[0])
        pairs = [run] if len(run) == 1 else map("".join, pairwise(run))
        found.extend((match.start() + at, pair) for at, pair in enumerate(pairs) if pair in wanted)
    found.sort()
    return found


def term_weight(term: str) -> float:
    """Numbers and codes weigh more than words."""
    return CODE_WEIGHT if any(character.isdigit() for character in term) else 1.0


def weights_among(texts: Iterable[str]) -> dict[str, float]:
    """Return the rarity of every term among ``texts``: a term that all of them share weighs little."""
    counts: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        counts.update(set(terms_of(text)))
    return {term: math.log(1 + (total - count + 0.5) / (count + 0.5)) + 0.2 for term, count in counts.items()}


def overlap(wanted: Iterable[str], text: str, rarity: Mapping[str, float] | None = None) -> float:
    """Return the share, 0..1 and weighted, of the distinct ``wanted`` terms that occur in ``text``."""
    there = set(terms_of(text))
    total = met = 0.0
    for term in set(wanted):
        weight = term_weight(term) * (1.0 if rarity is None else rarity.get(term, 1.0))
        total += weight
        if term in there:
            met += weight
    return met / total if total else 0.0
