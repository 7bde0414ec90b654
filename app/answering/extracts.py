"""What of a passage may be shown as an extract: whole units, never cut inside.

A unit is a sentence (with the one before it where it opens with a pronoun, with the one after it where
it only asks, announces or heads), all items of a list under their lead-in, or a table row under its header.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.answering.sentences import LIST_ITEM, TABLE_ROW, Sentence, columns, split_sentences

SHORT_COLUMNS = 14  # a heading or a remark: shown with what follows
OPENS_WITH_PRONOUN = re.compile(
    r"[\s“\"'（(]*(?:(?:它|他|她|这|那|此|该|其(?![他它余实中])|前者|后者|上述|因此|所以|但|而且|然而|同时)"
    r"|(?:it|its|they|their|he|his|she|her|this|these|those|that|such|however|therefore|thus|also|but|in addition)\b)",
    re.IGNORECASE,
)
SEPARATOR_ROW = re.compile(r"[\s|:+=-]+")


@dataclass(frozen=True, slots=True)
class Unit:
    """What may be shown as one extract.

    Attributes:
        core: the stretch that a citation quotes.
        shown: all stretches to show, in order: a table's header, then the row.
    """

    core: Sentence
    shown: tuple[Sentence, ...]

    def text_in(self, text: str) -> str:
        """Return what is shown, of the passage's ``text``."""
        return "\n".join(stretch.of(text) for stretch in self.shown)


def units_of(text: str, *, longest_chars: int) -> Iterator[Unit]:
    """Yield the units of a passage, in order; they are joined only up to ``longest_chars``."""
    sentences = split_sentences(text)
    index = 0
    while index < len(sentences):
        end = index + 1
        if is_row(text, sentences[index]):
            while end < len(sentences) and is_row(text, sentences[end]):
                end += 1
            yield from row_units(lead_before(text, sentences, index), text, sentences[index:end])
        elif starts_item(text, sentences[index]):
            while end < len(sentences) and belongs_to_list(text, sentences, end):
                end += 1
            yield from list_units(text, lead_before(text, sentences, index), sentences[index:end], longest_chars)
        elif not leads_into_list(text, sentences, index):
            yield sentence_unit(text, sentences, index, longest_chars)
        index = end


def opening_of(text: str, *, longest_chars: int) -> Unit:
    """Return the first sentences of a passage, as many as fit, and at least one."""
    first, *others = split_sentences(text) or [Sentence(0, len(text))]
    end = max((one.end for one in others if one.end - first.start <= longest_chars), default=first.end)
    whole = Sentence(first.start, end)
    return Unit(whole, (whole,))


def is_row(text: str, sentence: Sentence) -> bool:
    """Whether a sentence is a table row."""
    return TABLE_ROW.fullmatch(text, sentence.start, sentence.end) is not None


def opens_line(text: str, sentence: Sentence) -> bool:
    """Whether a sentence is the first of its line."""
    before = text[: sentence.start].rstrip(" \t")
    return not before or before.endswith("\n")


def starts_item(text: str, sentence: Sentence) -> bool:
    """Whether a sentence opens a list item."""
    return opens_line(text, sentence) and LIST_ITEM.match(text, sentence.start, sentence.end) is not None


def belongs_to_list(text: str, sentences: Sequence[Sentence], index: int) -> bool:
    """Whether the sentence opens the next item, or goes on in the line of the item before it."""
    return starts_item(text, sentences[index]) or not (
        opens_line(text, sentences[index]) or is_row(text, sentences[index])
    )


def announces(text: str, sentence: Sentence) -> bool:
    """Whether a sentence leads into what follows: it ends with a colon, or heads it."""
    shown = sentence.of(text)
    return shown[-1] in ":：" or (shown[-1] not in ".。!！" and columns(shown) <= 6 * SHORT_COLUMNS)


def leads_into_list(text: str, sentences: Sequence[Sentence], index: int) -> bool:
    """Whether a sentence is shown with the list or table after it, and not by itself."""
    if index + 1 == len(sentences) or not announces(text, sentences[index]):
        return False
    return starts_item(text, sentences[index + 1]) or is_row(text, sentences[index + 1])


def lead_before(text: str, sentences: Sequence[Sentence], index: int) -> Sentence | None:
    """Return the sentence that announces the list or table at ``index``, if one does."""
    return sentences[index - 1] if index and leads_into_list(text, sentences, index - 1) else None


def row_units(lead: Sentence | None, text: str, rows: Sequence[Sentence]) -> Iterator[Unit]:
    """Yield each row under the lead-in and the header, which is the first; a table of one row is that row."""
    header, *body = [row for row in rows if not SEPARATOR_ROW.fullmatch(row.of(text))] or rows
    above = (lead,) if lead else ()
    for row in body:
        yield Unit(row, (*above, header, row))
    if not body:
        yield Unit(header, (*above, header))


def list_units(text: str, lead: Sentence | None, items: Sequence[Sentence], longest_chars: int) -> Iterator[Unit]:
    """Yield the whole list under its lead-in if it fits, else each item under the lead-in."""
    start = lead.start if lead else items[0].start
    if items[-1].end - start <= longest_chars:
        whole = Sentence(start, items[-1].end)
        yield Unit(whole, (whole,))
        return
    openings = [index for index, item in enumerate(items) if index == 0 or starts_item(text, item)]
    for first, following in zip(openings, [*openings[1:], len(items)], strict=True):
        item = Sentence(items[first].start, items[following - 1].end)
        yield Unit(item, (lead, item) if lead else (item,))


def sentence_unit(text: str, sentences: Sequence[Sentence], index: int, longest_chars: int) -> Unit:
    """Return the sentence with the neighbours that it cannot be read without, as far as they fit."""
    core = sentences[index]
    start, end = core.start, core.end
    if OPENS_WITH_PRONOUN.match(core.of(text)) and index and end - sentences[index - 1].start <= longest_chars:
        start = sentences[index - 1].start
    following = index + 1
    while following < len(sentences) and leads_on(text, sentences[following - 1]):
        if sentences[following].end - start > longest_chars:
            break
        end = sentences[following].end
        following += 1
    whole = Sentence(start, end)
    return Unit(whole, (whole,))


def leads_on(text: str, sentence: Sentence) -> bool:
    """Whether a sentence says little without the next: a question, an announcement, a heading."""
    shown = sentence.of(text)
    return shown[-1] in "?？:：" or (shown[-1] not in ".。!！" and columns(shown) <= SHORT_COLUMNS)
