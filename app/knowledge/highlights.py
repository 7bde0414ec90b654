"""Where the words of a question stand in a passage, for the eye of the reader."""

import re
import unicodedata

from app.knowledge.tokens import HAN_START, PIECES, english_stemmer, normalised, simplified_table

MOST_HIGHLIGHTS = 200


def highlights(text: str, question: str) -> list[tuple[int, int]]:
    """Return [start, end) code points of ``text`` that match words of the question, merged and in order.

    Han text matches by bigrams (a single-character question by that character), other words by their stem.
    """
    wanted_han, wanted_words = wanted(question)
    spots: list[tuple[int, int]] = []
    # Folding must keep offsets, so it goes character by character; what would change its length stays as it is.
    folded = "".join(map(folded_alone, text)).translate(simplified_table())
    for match in PIECES.finditer(folded):
        piece, start = match.group(), match.start()
        if HAN_START.match(piece):
            spots += [
                (start + at, start + at + width)
                for width in (1, 2)
                for at in range(len(piece) - width + 1)
                if piece[at : at + width] in wanted_han
            ]
        elif stem(piece) in wanted_words or any(stem(part) in wanted_words for part in re.split(r"[-/._'+]", piece)):
            spots.append(match.span())
    return merged(spots)[:MOST_HIGHLIGHTS]


def folded_alone(character: str) -> str:
    """Return the NFKC and lower-case form of a character if that is one character too."""
    folded = unicodedata.normalize("NFKC", character).lower()
    return folded if len(folded) == 1 else character


def wanted(question: str) -> tuple[set[str], set[str]]:
    """Return the Han bigrams (or single characters) and the stems of a question."""
    han: set[str] = set()
    words: set[str] = set()
    for match in PIECES.finditer(normalised(question)):
        piece = match.group()
        if HAN_START.match(piece):
            han.update(piece[at : at + 2] for at in range(len(piece) - 1))
            if len(piece) == 1:
                han.add(piece)
        else:
            words.add(stem(piece))
    return han, words


def stem(word: str) -> str:
    """Return the English stem of a word; codes and numbers are their own."""
    return str(english_stemmer().stemWord(word)) if word.isalpha() else word


def merged(spots: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spots that touch or overlap."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spots):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
