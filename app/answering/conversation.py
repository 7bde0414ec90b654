"""Make a follow-up question stand by itself, by rule: 'And how long is it?' needs the question before it."""

import re
from collections.abc import Sequence

from app.answering.words import HAN, LATIN_WORD, terms_of

# Words that point back, and openings that go on from what was said.
POINTS_BACK = re.compile(
    r"(?:它|他们|她们|他|她|这个|那个|这些|那些|这种|那种|这里|那里|此|该|其中|其|上述|前者|后者|刚才|上面|前面)"
    r"|\b(?:it|its|they|them|their|theirs|he|him|his|she|her|this|these|the (?:same|former|latter|others?)|above)\b"
    r"|(?:\A|\b(?:about|of|for|with|is|are|was|does|do|did|in|on|to|like|after|before)\s+)(?:that|those|such|there)\b",
    re.IGNORECASE,
)
GOES_ON = re.compile(
    r"\s*(?:那么?|还有|另外|然后|以及|此外|再|而|如果不|为什么[？?]|(?:and|or|but|so|also|then|what about|how about"
    r"|what else|really|why(?: not)?\s*\?)(?!\w))",
    re.IGNORECASE,
)
NOT_POINTING = re.compile(r"其他|其它|其实|其余|他人|此外|\b(?:is|are|was|were) there\b", re.IGNORECASE)
# A long question names what it is about, whatever pronouns it has.
MANY_HAN = 24
MANY_TERMS = 9
FEW_HAN = 5
FEW_TERMS = 3
MOST_TURNS = 3
LONGEST_CONTEXT_CHARS = 400


def standalone_question(question: str, history: Sequence[tuple[str, str]]) -> str:
    """Return ``question``, with the question before it in front where it cannot stand by itself.

    ``history`` holds (role, text), oldest first; the asker's role is ``user``.
    """
    earlier = [text.strip() for role, text in history if role == "user" and text.strip()]
    parts = [question.strip()]
    for text in reversed(earlier[-MOST_TURNS:]):
        if not leans_on_earlier(parts[0]) or sum(map(len, parts)) + len(text) > LONGEST_CONTEXT_CHARS:
            break
        parts.insert(0, text)
    return " ".join(parts)


def leans_on_earlier(question: str) -> bool:
    """Whether a question is short, goes on from what was said, or points back without saying much itself."""
    if GOES_ON.match(question):
        return True
    points_back = POINTS_BACK.search(NOT_POINTING.sub(" ", question)) is not None
    han = len(HAN.findall(question))
    if han >= len(LATIN_WORD.findall(question)):
        return han <= (MANY_HAN if points_back else FEW_HAN)
    return len(set(terms_of(question))) <= (MANY_TERMS if points_back else FEW_TERMS)
