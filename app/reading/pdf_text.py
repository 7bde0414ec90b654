"""The text of a page of a PDF: is it one, and which of its hyphens are."""

import re
import unicodedata

MAX_UNREADABLE_SHARE = 0.12
MIN_LATIN_LETTERS = 300  # fewer tell nothing about vowels
MIN_VOWEL_SHARE = 0.2  # of Latin letters; languages have more than 0.3, lists of types and codes about 0.25
MIN_ACCENTED, MAX_ACCENTED_SHARE = 50, 0.4  # of all characters; no language has more than 0.15

GLYPH_NAMES = re.compile(r"(?:/(?:g|G|c|C|cid|glyph|uni)\d{1,5}){2,}|(?:\(cid:\d+\)){2,}")
# PDFium's line-end hyphen is U+0002 and stands for itself; other controls mean a font without a map.
BAD = re.compile("[\x00\x01\x03-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff\U000f0000-\U0010fffd]")
SPACES = re.compile(r"\s+")
BULLET_PRIVATE = re.compile("[\uf000-\uf0ff](?=\\s)")  # Symbol font bullets: harmless
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
VOWELS = frozenset("aeiouy")
# Read in a wrong encoding, UTF-8 and the Chinese ones become letters with accents and signs, most of them side by side.
ACCENTED = re.compile(
    "[\u00a1-\u00ac\u00ae\u00af\u00b1-\u00b6\u00b8-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192]"
)
WORDS = re.compile(
    r"\b(?:the|of|and|to|in|is|for|de|la|le|les|el|los|et|en|un|der|die|das|und|il|di|het|van|och|att|na|do|que)\b",
    re.IGNORECASE,
)
HYPHEN = re.compile("(\\w{1,64})\x02(?:\r?\n)?(\\w{1,64})")
WORD = re.compile(r"\w+(?:-\w+)*")


def visible(text: str) -> int:
    """Count the characters that are not white space."""
    return len(SPACES.sub("", text))


def unreadable(text: str) -> bool:
    """Tell whether a page's text is not what the page shows: controls, names of glyphs, a wrong encoding, a cipher."""
    count = visible(text)
    names = sum(len(match.group()) for match in GLYPH_NAMES.finditer(text))
    bad = len(BAD.findall(BULLET_PRIVATE.sub("", text)))
    return bad + names > MAX_UNREADABLE_SHARE * count or misread(text, count) or without_vowels(text, count)


def misread(text: str, count: int) -> bool:
    """Tell whether a text was decoded in a wrong encoding."""
    accented = len(ACCENTED.findall(text))
    return accented > max(MIN_ACCENTED, MAX_ACCENTED_SHARE * count)


def without_vowels(text: str, count: int) -> bool:
    """Tell whether a text in Latin letters has hardly any vowel and no common word, as one with shifted letters."""
    letters = LATIN.findall(text)
    if len(letters) < max(MIN_LATIN_LETTERS, count / 2) or WORDS.search(text):
        return False
    plain = unicodedata.normalize("NFD", "".join(letters)).lower()
    return sum(letter in VOWELS for letter in plain) < MIN_VOWEL_SHARE * len(letters)


class Hyphens:
    """Puts words together that a line end had parted, as the rest of the document writes them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._marks = 0

    def learn(self, text: str) -> None:
        """Take note of the words of a page before its parts are mended."""
        self._marks = text.count("\x02")
        if self._marks:
            self._seen.update(word.lower() for word in WORD.findall(text))

    def mend(self, text: str) -> str:
        """Give a text of the page without PDFium's hyphen marks."""
        return HYPHEN.sub(self._join, text).replace("\x02", "-") if "\x02" in text else text

    def _join(self, match: re.Match[str]) -> str:
        whole, parted = match[1] + match[2], f"{match[1]}-{match[2]}"
        if parted.lower() in self._seen:
            return parted
        # A page set with hyphenation has several; a single one is most often a true hyphen.
        return whole if whole.lower() in self._seen or (self._marks > 2 and match[2].islower()) else parted
