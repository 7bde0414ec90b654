"""What the pages of a PDF repeat at their edges: running headers, footers, page numbers."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.reading.pdf_parts import Line, Page, Table
from app.reading.pdf_place import Box

WINDOW = 6  # pages before and after a page that it is compared with; three of each side, left and right
ENOUGH = 3  # pages that say the same at the same place
EARLIER = 3  # pages before that had a margin at a place, for other words there to be one
ZONE = 0.2  # of the page's height at either end
ROWS = 4  # at either end
IN_A_ROW = 20
MOST_CHARS = 300
SAME_PLACE = 4.0  # points
LARGE = 1.3  # times the size of the body: a title, which must come back more often
SPACES = re.compile(r"\s+")
DIGITS = re.compile(r"\d+")
LETTERS = re.compile(r"[^\W\d_]")
ROMAN = re.compile(r"[ivxlcdm]{1,8}|[IVXLCDM]{1,8}")
ROMAN_VALUES = dict(zip("ivxlcdm", (1, 5, 10, 50, 100, 500, 1_000), strict=True))


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item near an end of its page.

    Attributes:
        item: its index among the page's items.
        key: its words without numbers and spaces.
        numbers: the numbers in it, in order.
        away: points from the end of the page.
    """

    item: int
    key: str
    numbers: tuple[int, ...]
    at_top: bool
    away: float
    size: float


@dataclass(slots=True)
class Ends:
    """The items near the ends of a page, by row from the end inwards, and by their key."""

    rows: list[list[Candidate]] = field(default_factory=list)
    by_key: dict[str, list[Candidate]] = field(default_factory=lambda: defaultdict(list))
    margins: list[Candidate] = field(default_factory=list)


def roman(text: str) -> int:
    """Give the value of a Roman numeral."""
    values = [ROMAN_VALUES[letter] for letter in text.lower()]
    following = [*values[1:], 0]
    return sum(value if value >= after else -value for value, after in zip(values, following, strict=True))


def key_of(text: str) -> tuple[str, tuple[int, ...]]:
    """Give the words of a text without its numbers, and the numbers."""
    squeezed = SPACES.sub("", text)
    if ROMAN.fullmatch(squeezed):
        return "#", (roman(squeezed),)
    return DIGITS.sub("#", squeezed).lower(), tuple(int(number[:9]) for number in DIGITS.findall(squeezed))


def place_of(item: Line | Table) -> Box:
    """Where an item lies."""
    return item.place if isinstance(item, Table) else item.first.joined(item.last)


def ends_of(page: Page) -> Ends:
    """Find the items near the ends of a page."""
    ends = Ends()
    found: dict[bool, list[Candidate]] = {True: [], False: []}
    for index, item in enumerate(page.items):
        place = place_of(item)
        at_top, at_bottom = place.bottom <= ZONE * page.height, place.top >= (1 - ZONE) * page.height
        if len(item.text) <= MOST_CHARS and (at_top or at_bottom):
            size = 0.0 if isinstance(item, Table) else item.size
            away = place.bottom if at_top else page.height - place.top
            found[at_top].append(Candidate(index, *key_of(item.text), at_top, away, size))
    for candidates in found.values():
        rows: list[list[Candidate]] = []
        for candidate in sorted(candidates, key=lambda one: one.away):
            if rows and candidate.away - rows[-1][0].away <= SAME_PLACE:
                rows[-1].append(candidate)
            else:
                rows.append([candidate])
        ends.rows += [row[:IN_A_ROW] for row in rows[:ROWS]]
    for candidate in (candidate for row in ends.rows for candidate in row):
        ends.by_key[candidate.key].append(candidate)
    return ends


def goes_on(one: Candidate, other: Candidate, pages: int) -> bool:
    """Tell whether two items have the same words at the same place, their numbers the same or counting pages.

    A page number alone may stand a little higher where a page is not full.
    """
    if one.at_top != other.at_top or len(one.numbers) != len(other.numbers):
        return False
    steps = [second - first for first, second in zip(one.numbers, other.numbers, strict=True)]
    counts = steps[:1] == [pages] and not LETTERS.search(one.key)
    return all(step in (0, pages) for step in steps) and (counts or abs(one.away - other.away) <= SAME_PLACE)


class Margins:
    """Tells the margins of one page after the other."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._earlier: list[tuple[int, Ends]] = []

    def of(self, page: Page, ends: Ends, others: Sequence[tuple[int, Ends]], body: float) -> set[int]:
        """Give the indexes of a page's items that are margins.

        Args:
            page: the page.
            ends: the items near its ends.
            others: the numbers of the pages around it, and the items near their ends.
            body: the size of ordinary text in the document.
        """
        margins: set[int] = set()
        for row in ends.rows:
            repeated = [one for one in row if self._comes_back(one, page.number, others, body)]
            if repeated or self._usual_place(row, page.number):
                largest = max(one.size for one in repeated or row)
                chosen = [one for one in row if one in repeated or one.size <= 1.15 * largest]
                ends.margins += chosen
                margins.update(one.item for one in chosen)
        self._earlier = [*self._earlier[-WINDOW:], (page.number, ends)]
        if len(margins) == len(page.items):
            return set()  # a page that says nothing else says that
        return margins

    def _comes_back(self, one: Candidate, number: int, others: Iterable[tuple[int, Ends]], body: float) -> bool:
        pages = 1
        around = 1
        for other_number, other in others:
            around += 1
            pages += any(goes_on(one, found, other_number - number) for found in other.by_key.get(one.key, ()))
        short = self._pages < 2 * ENOUGH - 1 and 2 * pages > self._pages and pages > 1
        if body and one.size > LARGE * body:
            return pages >= ENOUGH and 2 * pages > around
        return pages >= ENOUGH or short

    def _usual_place(self, row: list[Candidate], number: int) -> bool:
        """Tell whether a row has the page's number where the pages before had theirs, among other words."""
        offsets = {(one.at_top, value - number) for one in row for value in one.numbers}
        there = 0
        for earlier, ends in self._earlier:
            there += any(
                (margin.at_top, value - earlier) in offsets and abs(margin.away - row[0].away) <= SAME_PLACE
                for margin in ends.margins
                for value in margin.numbers
            )
        return there >= EARLIER
