"""Figures of a text (numbers with their units, dates, codes) and whether passages hold all of a sentence's.

Compared exactly after NFKC. '5 mg' is not '5 g', '-20' is not '20', 'XJ-9000' is not 'XJ-9001';
'1,000', '1000' and '一千' are one number, and so are '2024年3月5日' and 'March 5, 2024'.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.answering.numerals import CHINESE_NUMERAL, ENGLISH_NUMERAL, chinese_value, english_value
from app.answering.sentences import CITATION_MARK, LIST_ITEM
from app.answering.units import CURRENCY_SIGNS, LOOSE_UNIT, MULTIPLIER, MULTIPLIERS, UNIT, canonical_unit

SUPERSCRIPTS = {ord(sign): f"^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
FRACTIONS = {ord("½"): " 1/2", ord("¼"): " 1/4", ord("¾"): " 3/4"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
TAKEN = "\x00"  # put where a figure was read, so that it is not read again
MONTH = "(?P<month_{0}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"  # noqa: E501 - one pattern

DATE = re.compile(
    rf"""(?<![\d.])(?:
        (?P<y>\d{{4}})\s?(?:年|[-/.])\s?(?P<m>\d{{1,2}})\s?(?:月|[-/.])\s?(?P<d>\d{{1,2}})(?:\s?[日号])?(?![\d.]*\d)
      | {MONTH.format(1)}\.?\s+(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y1>\d{{4}})\b
      | (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s+{MONTH.format(2)}\.?,?\s+(?P<y2>\d{{4}})\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
CODE = re.compile(
    rf"""(?<![A-Za-z0-9_.,])(?:
        [A-Z][A-Z/]+[\s-]?\d+(?:\.\d+)*(?:[-–]\d{{4}})?(?!\s?{UNIT})(?![A-Za-z\d])   # GB/T 2828.1, ISO 9001
      | (?=[A-Za-z./_+-]*\d)[A-Za-z][A-Za-z0-9]*(?:[-./_+][A-Za-z0-9]+)*  # XJ-9000, v2.1, B12
      | \d+(?:\.\d+){{2,}} | \d+(?:-\d+){{2,}} | \d{{1,2}}:\d{{2}}(?::\d{{2}})? | \d+/\d+  # 1.2.3, 400-8-1, 10:30, 1/2
      | \d+(?:\.\d+)?(?!\s?(?:{MULTIPLIER}|{UNIT}))[A-Za-z][A-Za-z0-9]*(?:[-./_][A-Za-z0-9]+)*  # 80C51, 20th
      | 0\d+ (?![\d.])                                                             # 0012 is a name, not a number
    )""",
    re.VERBOSE,
)
NUMBER = re.compile(
    rf"""(?:(?P<sign>[-−]\s?))? (?P<currency>(?:US|HK)?[{re.escape(CURRENCY_SIGNS)}]\s?)?
        (?<![A-Za-z\d.]) (?P<digits>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?(?![\d,])|\d+(?:\.\d+)?)
        (?:\s?(?P<times>{MULTIPLIER}))? (?:[\s-]?[多余]?\s?(?P<unit>{UNIT}))?""",
    re.VERBOSE,
)
RANGE_SIGN = re.compile(r"\s*(?:[-~–—−/×x、,或和至到]|to|and|or|through)\s*[$€£¥]?\s*")


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one text.

    Attributes:
        numbers: (value, canonical unit or empty).
        dates: full dates as YYYY-MM-DD.
        codes: lower case, without spaces.
        loose_units: units that stand by themselves, as in the head of a table.
    """

    numbers: frozenset[tuple[str, str]]
    dates: frozenset[str]
    codes: frozenset[str]
    loose_units: frozenset[str]


def plain(text: str) -> str:
    """NFKC that keeps what exponents and fractions mean."""
    return unicodedata.normalize("NFKC", text.translate(SUPERSCRIPTS).translate(FRACTIONS))


def figures_of(text: str) -> Figures:
    """Read the figures of ``text``."""
    rest = plain(text)
    dates: set[str] = set()
    codes: set[str] = set()

    def take_date(match: re.Match[str]) -> str:
        date = iso_date(match)
        if date is None:
            return match[0]
        dates.add(date)
        return TAKEN

    def take_code(match: re.Match[str]) -> str:
        codes.add(code_key(match[0]))
        return TAKEN

    rest = CODE.sub(take_code, DATE.sub(take_date, rest))
    units = frozenset(canonical_unit(match["unit"]) for match in LOOSE_UNIT.finditer(rest))
    return Figures(frozenset(numbers_in(rest)), frozenset(dates), frozenset(codes), units)


def iso_date(match: re.Match[str]) -> str | None:
    """Return the date of a match of ``DATE`` as YYYY-MM-DD, or None if the calendar has no such day."""
    parts = match.groupdict()
    year = parts["y"] or parts["y1"] or parts["y2"]
    day = int(parts["d"] or parts["d1"] or parts["d2"])
    name = (parts["month_1"] or parts["month_2"] or "").lower()[:3]
    month = 1 + MONTHS.index(name) if name else int(parts["m"])
    return f"{year}-{month:02}-{day:02}" if 1 <= month <= 12 and 1 <= day <= 31 else None


def code_key(code: str) -> str:
    """Return the form in which codes are compared."""
    return re.sub(r"\s", "", code).casefold()


def numbers_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield (value, canonical unit or empty) of every number, written in digits or in words."""
    found: list[tuple[int, int, str, str]] = []
    for match in NUMBER.finditer(text):
        unit = match["unit"] or (match["currency"] or "").strip().removeprefix("US")
        value = Decimal(match["digits"].replace(",", "")) * MULTIPLIERS.get(match["times"] or "", 1)
        sign = "-" if match["sign"] and is_minus(text, match.start()) else ""
        start = match.start() if sign else match.start("digits") - len(match["currency"] or "")
        found.append((start, match.end(), sign + shown(value), canonical_unit(unit)))
    words = NUMBER.sub(lambda match: " " * len(match[0]), text)
    for match in CHINESE_NUMERAL.finditer(words):
        spelled = chinese_value(match)
        if spelled is not None:
            unit = match["unit"] or ("%" if match["percent"] else "")
            found.append((match.start(), match.end(), shown(spelled), canonical_unit(unit)))
    for match in ENGLISH_NUMERAL.finditer(words):
        spelled = english_value(match)
        if spelled is not None:
            found.append((match.start(), match.end(), shown(spelled), canonical_unit(match["unit"] or "")))
    found.sort()
    for index, (_, end, number, unit) in enumerate(found):
        following = found[index + 1] if index + 1 < len(found) else None
        shares = not unit and following is not None and RANGE_SIGN.fullmatch(text, end, following[0])
        yield number, following[3] if shares and following else unit  # '10-20 mg': both ends are mg


def is_minus(text: str, position: int) -> bool:
    """Whether the dash at ``position`` is a sign, and not a range or a joint."""
    before = text[:position].rstrip(" ")
    if not before:
        return not text[position + 1 :].startswith(" ")  # '- 5 days' is a bullet
    return not (before[-1].isalnum() and (before[-1].isascii() or before[-1] in "年月日天元周号时分秒度页章"))


def shown(value: Decimal) -> str:
    """Return a number without trailing zeros and without an exponent."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage made ready for checks: its figures, and its text in the form that codes are sought in."""

    figures: Figures
    text: str

    @classmethod
    def of(cls, passage: str) -> "Evidence":
        """Read a passage, once for all sentences that cite it."""
        return cls(figures_of(passage), plain(passage).casefold())


def all_figures_in(sentence: str, passages: Sequence[Evidence]) -> bool:
    """Whether every number, unit, date and code of ``sentence`` occurs in one of ``passages``.

    Citation marks and the number of a list item are not part of what the sentence says.
    """
    bare = CITATION_MARK.sub(" ", sentence)
    item = LIST_ITEM.match(bare)
    wanted = figures_of(bare[item.end() :] if item else bare)
    return (
        all(any(date in passage.figures.dates for passage in passages) for date in wanted.dates)
        and all(any(holds_number(passage.figures, number) for passage in passages) for number in wanted.numbers)
        and all(any(holds_code(passage, code) for passage in passages) for code in wanted.codes)
    )


def holds_code(passage: Evidence, code: str) -> bool:
    """Whether a passage holds a code with nothing more hanging on it."""
    if code in passage.figures.codes:
        return True
    return re.search(rf"(?<![a-z0-9]){re.escape(code)}(?![a-z0-9])", passage.text) is not None


def holds_number(figures: Figures, number: tuple[str, str]) -> bool:
    """Whether a passage holds a number with its unit, the unit possibly in the head of a table."""
    value, unit = number
    if number in figures.numbers:
        return True
    if not unit:
        return any(value == other for other, _ in figures.numbers) or (
            any(value in date.split("-") for date in figures.dates)
        )
    if (value, "") in figures.numbers and unit in figures.loose_units:
        return True
    return unit in {"year", "month", "day"} and any(part_of_date(value, unit, date) for date in figures.dates)


def part_of_date(value: str, unit: str, date: str) -> bool:
    """Whether ``date`` (YYYY-MM-DD) has this year, month or day."""
    year, month, day = date.split("-")
    return value == {"year": year, "month": month.lstrip("0"), "day": day.lstrip("0")}[unit]
