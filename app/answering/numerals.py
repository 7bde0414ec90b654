"""Numbers written as words: 一百二十 and 'twenty-five'."""

import re
from decimal import Decimal

from app.answering.units import UNIT

DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
SMALL_POWERS = {"十": 10, "百": 100, "千": 1_000}
LARGE_POWERS = {"万": 10**4, "亿": 10**8}
SIGNS = "".join([*DIGITS, *SMALL_POWERS, *LARGE_POWERS])
# A lone sign counts only with a unit: 一些, 万一 and 十分 are words, not numbers.
CHINESE_NUMERAL = re.compile(rf"(?P<percent>百分之)?(?<!第)(?P<numeral>[{SIGNS}]+)(?:[多余]?(?P<unit>{UNIT}))?")
GRAMMAR = frozenset("次人度")  # 每两周清洗一次: the 一 is grammar
NOT_NUMBERS = frozenset({"千万", "万一", "百万", "万千", "一一", "万万", "千百", "一百一"})

_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = """twenty thirty forty fifty sixty seventy eighty ninety"""
SMALL = {word: value for value, word in enumerate(_SMALL.split())}
TENS = {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
POWERS = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_WORD = "|".join(sorted([*SMALL, *TENS, *POWERS], key=len, reverse=True))
_STARTS = "|".join(sorted([*SMALL, *TENS], key=len, reverse=True))
# 'one' and 'zero' are numbers only before a unit: 'one of them', 'zero tolerance'.
ENGLISH_NUMERAL = re.compile(
    rf"(?i:\b(?P<numeral>(?:{_STARTS})(?:(?:[\s-]+|\s+and\s+)(?:{_WORD}))*)\b)(?:[\s-](?P<unit>{UNIT}))?"
)


def chinese_value(match: re.Match[str]) -> Decimal | None:
    """Return the value of a match of ``CHINESE_NUMERAL``, or None where it is no number."""
    numeral = match["numeral"]
    marked = match["unit"] is not None or match["percent"] is not None
    if (numeral in NOT_NUMBERS and not marked) or (numeral == "一" and match["unit"] in GRAMMAR):
        return None
    if not marked and (len(numeral) < 2 or not set(numeral) & set("十百千万亿") or not set(numeral) & set(DIGITS)):
        return None
    if not set(numeral) & {*SMALL_POWERS, *LARGE_POWERS}:
        return Decimal("".join(str(DIGITS[sign]) for sign in numeral))  # 二〇二四
    return Decimal(_read_powers(numeral))


def _read_powers(numeral: str) -> int:
    total = section = digit = 0
    for sign in numeral:
        if sign in DIGITS:
            digit = DIGITS[sign]
        elif sign in SMALL_POWERS:
            section += (digit or 1) * SMALL_POWERS[sign]
            digit = 0
        else:
            total = (total + section + digit or 1) * LARGE_POWERS[sign]
            section = digit = 0
    return total + section + digit


def english_value(match: re.Match[str]) -> Decimal | None:
    """Return the value of a match of ``ENGLISH_NUMERAL``, or None where it is no number."""
    words = re.findall(r"[a-z]+", match["numeral"].lower())
    if match["unit"] is None and words in (["one"], ["zero"]):
        return None
    total = section = 0
    for word in words:
        if word in SMALL or word in TENS:
            section += SMALL.get(word, 0) + TENS.get(word, 0)
        elif word == "hundred":
            section = (section or 1) * 100
        elif word in POWERS:
            total += (section or 1) * POWERS[word]
            section = 0
    return Decimal(total + section)
