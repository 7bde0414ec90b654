"""Words as the word index sees them, the same for passages and questions.

NFKC, lower case, Traditional characters folded to Simplified; Han text as single characters and bigrams (no
dictionary, so no unknown drug or part name); Latin words with their English stem beside them; codes such as
``XJ-9000`` or ``5mg`` whole and split. Tokens never hold white space.
"""

import re
import unicodedata
from functools import lru_cache

import opencc
import Stemmer

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af\u3005\u3007"
# A Han run; or a word of any other script, with inner joints (GB/T, 2828.1, XJ-9000, don't).
PIECES = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+(?:[-/._'+][^\W_{HAN}]+)*")
PARTS = re.compile(r"[a-z]+|[0-9]+(?:\.[0-9]+)?")
CODE = re.compile(r"[a-z][a-z./_-]*[0-9]")
# A line end inside a Han sentence, which Chinese typesetting puts anywhere, also into a word; and headings set wide.
LINE_END = re.compile(rf"(?<=[{HAN}])[ \t\u3000]*\n[ \t\u3000]*(?=[{HAN}])")
SET_WIDE = re.compile(rf"(?<![{HAN}])[{HAN}](?:[ \u3000]{{1,2}}[{HAN}]){{2,}}(?![{HAN}])")
HAN_START = re.compile(f"[{HAN}]")
LONGEST_TOKEN_CHARS = 64  # longer runs are noise (base64, rulers), and tantivy drops huge terms anyway
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF])


@lru_cache(maxsize=1)
def simplified_table() -> dict[int, str]:
    """Return the single-character folding of Traditional to Simplified Han (OpenCC ``t2s``)."""
    characters = [chr(code) for start, end in ((0x3400, 0x4DC0), (0x4E00, 0xA000)) for code in range(start, end)]
    folded = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {ord(old): new for old, new in zip(characters, folded, strict=True) if old != new and len(new) == 1}


def unbroken(text: str) -> str:
    """Return text with its Han words whole: no line end inside one, no spaces between letters that are set wide."""
    return SET_WIDE.sub(lambda match: re.sub(r"[ \u3000]", "", match[0]), LINE_END.sub("", text))


def normalised(text: str) -> str:
    """Return text as it is compared: NFKC, no invisible characters, Han words whole, lower case, Simplified."""
    folded = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    return unbroken(folded).lower().translate(simplified_table())


@lru_cache(maxsize=1)
def english_stemmer() -> Stemmer.Stemmer:
    """Return the Snowball English stemmer, with its own cache of words."""
    return Stemmer.Stemmer("english", 50_000)


def tokens_of(text: str) -> list[str]:
    """Return the tokens of a text, in order, with repetitions."""
    found: list[str] = []
    stem = english_stemmer().stemWord
    for match in PIECES.finditer(normalised(text)):
        piece = match.group()
        if HAN_START.match(piece):
            found.extend(piece)
            found.extend(piece[at : at + 2] for at in range(len(piece) - 1))
            continue
        if len(piece) > LONGEST_TOKEN_CHARS:
            continue
        found.append(piece)
        if piece.isalpha():
            root = stem(piece)
            if root != piece:
                found.append(root)
        else:
            parts = PARTS.findall(piece)
            if parts != [piece]:
                found.extend(parts)
    return found


def codes_of(text: str) -> list[str]:
    """Return the codes in a text, as tokens: pieces that open with a letter and hold a digit (E-203, XJ-9000, B12)."""
    return [match.group() for match in PIECES.finditer(normalised(text)) if CODE.match(match.group())]
