"""What of a text may be shown as an extract: whole units, never cut inside.

A unit is a sentence (with the one before it where it opens with a pronoun, with the one after it where that
takes something of it back, or where it only asks or announces), all items of a list under their lead-in, an
article of a set of rules, or a table row under its header.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.answering.line_signs import (
    ARTICLE,
    OPENS_WITH_PRONOUN,
    SEPARATOR_ROW,
    TAKES_BACK,
    UNENDING,
    number_of,
    style_of,
)
from app.answering.printed_tables import NUMBERED_HEADING, PrintedTable, printed_tables
from app.answering.sentences import LIST_ITEM, TABLE_ROW, Sentence, columns, split_sentences, trimmed, unwrapped

SHORT_COLUMNS = 14  # a remark: shown with what follows
HEADING_COLUMNS = 84
LONGEST_RUN = 3  # sentences of one paragraph that may be shown together
LONGEST_CHAIN = 4  # neighbours on either side that are taken along, each because the one beside it needs it


@dataclass(frozen=True, slots=True)
class Unit:
    """What may be shown as one extract.

    Attributes:
        core: the stretch that answers.
        shown: all stretches to show, in order: a table's caption and header, then the row.
        heading: the nearest heading above, which says what the unit is about; may be empty.
        sentences: how many sentences of running text were put together.
    """

    core: Sentence
    shown: tuple[Sentence, ...]
    heading: str = ""
    sentences: int = 1

    def text_in(self, text: str) -> str:
        """Return its stretches of the ``text`` in which the unit lies."""
        return "\n".join(stretch.of(text) for stretch in self.shown)

    def shown_of(self, text: str) -> str:
        """Return what is shown: its stretches, sentences that print breaks over lines being whole again."""
        return "\n".join(unwrapped(text, stretch) for stretch in self.shown)


def units_of(text: str, *, longest_chars: int) -> Iterator[Unit]:
    """Yield the units of a text, in order; they are joined only up to ``longest_chars``."""
    position, heading = 0, ""
    for table in (*printed_tables(text), None):
        end = table.start if table else len(text)
        prose = Prose(text, position, end, longest_chars, heading)
        yield from prose.units(before_table=table is not None)
        heading = prose.heading
        if table:
            lead = prose.lead_into_table()
            yield from printed_units(table, lead, heading)
            position = table.end


def printed_units(table: PrintedTable, lead: Sentence | None, heading: str) -> Iterator[Unit]:
    """Yield the rows of a printed table, each under the caption and the header."""
    above = tuple(one for one in (lead, table.header) if one)
    for row in table.rows:
        yield Unit(row, (*above, row), heading)


def opening_of(text: str, start: int, end: int, *, longest_chars: int) -> Unit:
    """Return the first units that begin in ``text[start:end]`` or run into it, as many as fit, and at least one."""
    first: Unit | None = None
    reached = 0
    for unit in units_of(text, longest_chars=longest_chars):
        if unit.core.end <= max(start, reached):
            continue
        if first is not None and (unit.core.start >= end or unit.core.end - first.shown[0].start > longest_chars):
            break
        first, reached = first or unit, unit.core.end
    if first is None:
        bare = trimmed(text, start, end) or trimmed(text, 0, len(text)) or Sentence(0, len(text))
        return Unit(bare, (bare,))
    whole = Sentence(first.core.start, reached)
    return Unit(whole, (*first.shown[:-1], whole))


class Prose:
    """A stretch of text without printed tables: its sentences, lists, ruled tables and headings."""

    def __init__(self, text: str, start: int, end: int, longest_chars: int, heading: str) -> None:
        """Cut ``text[start:end]`` into sentences; ``heading`` is the last one above it."""
        self.text = text
        self.longest = longest_chars
        self.heading = heading
        self.sentences = [Sentence(start + one.start, start + one.end) for one in split_sentences(text[start:end])]
        shown = [one.of(text) for one in self.sentences]
        self.rows = [TABLE_ROW.fullmatch(one) is not None for one in shown]
        self.marked = [LIST_ITEM.match(one) is not None for one in shown]
        self.points_back = [OPENS_WITH_PRONOUN.match(one) is not None for one in shown]
        self.takes_back = [TAKES_BACK.match(one) is not None for one in shown]
        self.heads = self.numbered_headings()

    def units(self, *, before_table: bool) -> Iterator[Unit]:
        """Yield the units, in order; ``before_table`` says that the last line may announce a printed table."""
        index = 0
        while index < len(self.sentences):
            end = index + 1
            if self.is_row(index):
                while end < len(self.sentences) and self.is_row(end):
                    end += 1
                yield from self.row_units(index, end)
            elif self.starts_item(index):
                end = self.end_of_list(index)
                yield from self.list_units(index, end)
            elif self.is_heading(index) or self.leads_into_list(index):
                self.heading = self.sentences[index].of(self.text)
            elif not (before_table and end == len(self.sentences) and self.announces(index)):
                end = self.end_of_paragraph(index)
                yield from self.sentence_units(index, end)
            index = end

    def lead_into_table(self) -> Sentence | None:
        """Return the last sentence if it announces or heads what follows."""
        last = len(self.sentences) - 1
        return self.sentences[last] if last >= 0 and self.opens_line(last) and self.announces(last) else None

    def is_row(self, index: int) -> bool:
        """Whether a sentence is a row of a ruled table."""
        return self.rows[index]

    def opens_line(self, index: int) -> bool:
        """Whether a sentence is the first of its line."""
        at = self.sentences[index].start
        while at and self.text[at - 1] in " \t\u3000":
            at -= 1
        return at == 0 or self.text[at - 1] == "\n"

    def starts_item(self, index: int) -> bool:
        """Whether a sentence opens a list item, and is not a numbered heading."""
        return self.opens_line(index) and self.marked[index] and not self.heads[index]

    def numbered_headings(self) -> list[bool]:
        """Say of each sentence whether it is a numbered line that heads the text or the list below it.

        It is short and unended, and no item of its own kind stands before or behind it.
        """
        styles = [style_of(one.of(self.text)) for one in self.sentences]
        found: list[bool] = []
        for index, one in enumerate(self.sentences):
            shown, style = one.of(self.text), styles[index]
            before = styles[index - 1] if index and not found[index - 1] else ""
            if not style or before == style or shown[-1] in UNENDING or columns(shown) > HEADING_COLUMNS:
                found.append(False)
            elif index + 1 == len(self.sentences):
                found.append(NUMBERED_HEADING.fullmatch(shown) is not None)
            else:
                found.append(self.opens_line(index + 1) and styles[index + 1] != style)
        return found

    def item_at(self, index: int) -> bool:
        """Whether a sentence has the mark of a list item."""
        return self.marked[index]

    def is_heading(self, index: int) -> bool:
        """Whether a sentence is a line of its own that heads what follows: short and without an end."""
        shown = self.sentences[index].of(self.text)
        if not self.opens_line(index) or shown[-1] in UNENDING or columns(shown) > HEADING_COLUMNS:
            return False
        if self.heads[index]:
            return True
        alone = index + 1 == len(self.sentences) or self.opens_line(index + 1)
        return alone and not self.item_at(index) and "，" not in shown and "\n" not in shown

    def announces(self, index: int) -> bool:
        """Whether a sentence leads into what follows: it ends with a colon, or heads it."""
        shown = self.sentences[index].of(self.text)
        if self.is_row(index):
            return False
        return shown[-1] in ":：" or (shown[-1] not in ".。!！" and columns(shown) <= HEADING_COLUMNS)

    def leads_into_list(self, index: int) -> bool:
        """Whether a sentence is shown with the list or table after it, and not by itself."""
        if index + 1 == len(self.sentences) or not self.announces(index):
            return False
        return self.starts_item(index + 1) or self.is_row(index + 1)

    def lead_before(self, index: int) -> Sentence | None:
        """Return the sentence that announces the list or table at ``index``, if one does."""
        return self.sentences[index - 1] if index and self.leads_into_list(index - 1) else None

    def end_of_list(self, begin: int) -> int:
        """Return where the items end: those beside each other, with what stands in their lines or between two steps."""
        last, end = begin, begin + 1
        article = self.is_article(begin)
        while end < len(self.sentences):
            if self.starts_item(end):
                if self.is_article(end) != article:
                    break
                last = end
            elif self.is_row(end) or (self.opens_line(end) and not self.next_step_near(last, end)):
                break
            end += 1
        return end

    def is_article(self, index: int) -> bool:
        """Whether a sentence opens an article of a set of rules, which stands for itself."""
        return ARTICLE.match(self.sentences[index].of(self.text)) is not None

    def next_step_near(self, item: int, index: int) -> bool:
        """Whether lines from ``index`` explain the numbered ``item``, because the next number follows them closely."""
        number = number_of(self.sentences[item].of(self.text))
        if number is None:
            return False
        for near in range(index, min(index + LONGEST_RUN + 1, len(self.sentences))):
            if self.starts_item(near):
                return number_of(self.sentences[near].of(self.text)) == number + 1
            if self.heads[near] or self.is_row(near):
                return False
        return False

    def end_of_paragraph(self, begin: int) -> int:
        """Return where the running text that begins at a sentence ends."""
        end = begin + 1
        while end < len(self.sentences) and not self.opens_line(end):
            end += 1
        while end > begin + 1 and self.leads_into_list(end - 1):
            end -= 1
        return end

    def row_units(self, begin: int, end: int) -> Iterator[Unit]:
        """Yield each row under the caption and the header, which is the first; a table of one row is that row."""
        rows = self.sentences[begin:end]
        header, *body = [row for row in rows if not SEPARATOR_ROW.fullmatch(row.of(self.text))] or rows
        lead = self.lead_before(begin)
        above = (lead,) if lead else ()
        for row in body:
            yield Unit(row, (*above, header, row), self.heading)
        if not body:
            yield Unit(header, (*above, header), self.heading)

    def list_units(self, begin: int, end: int) -> Iterator[Unit]:
        """Yield the whole list under its lead-in if it fits, else each item under it; articles by themselves."""
        items = self.sentences[begin:end]
        lead = self.lead_before(begin)
        article = self.is_article(begin)
        start = lead.start if lead else items[0].start
        if not article and items[-1].end - start <= self.longest:
            whole = Sentence(start, items[-1].end)
            yield Unit(whole, (whole,), self.heading)
            return
        openings = [index for index in range(begin, end) if index == begin or self.starts_item(index)]
        for first, following in zip(openings, [*openings[1:], end], strict=True):
            item = Sentence(self.sentences[first].start, self.sentences[following - 1].end)
            yield Unit(item, (item,) if article or not lead else (lead, item), self.heading)

    def sentence_units(self, begin: int, end: int) -> Iterator[Unit]:
        """Yield runs of one to three sentences of a paragraph, each with what it cannot be read without."""
        seen: set[Sentence] = set()
        for count in range(1, LONGEST_RUN + 1):
            for first in range(begin, end - count + 1):
                whole = self.completed(first, first + count - 1)
                if whole not in seen and (count == 1 or whole.end - whole.start <= self.longest):
                    seen.add(whole)
                    yield Unit(whole, (whole,), self.heading, count)

    def completed(self, first: int, last: int) -> Sentence:
        """Return sentences with the neighbours that they cannot be read without, as far as they fit."""
        start, end = self.sentences[first].start, self.sentences[last].end
        reach = max(0, first - LONGEST_CHAIN), min(len(self.sentences), last + 1 + LONGEST_CHAIN)
        while first > reach[0] and (self.points_back[first] or self.text[self.sentences[first - 1].end - 1] in ":："):
            before = self.sentences[first - 1]
            if end - before.start > self.longest or self.is_row(first - 1) or self.is_heading(first - 1):
                break
            first, start = first - 1, before.start
        following = last + 1
        while following < reach[1] and (self.leads_on(following - 1) or self.takes_back[following]):
            if self.is_row(following) or self.sentences[following].end - start > self.longest:
                break
            end = self.sentences[following].end
            following += 1
        return Sentence(start, end)

    def leads_on(self, index: int) -> bool:
        """Whether a sentence says little without the next: a question, an announcement, a remark."""
        shown = self.sentences[index].of(self.text)
        return shown[-1] in "?？:：" or (shown[-1] not in ".。!！;；" and columns(shown) <= SHORT_COLUMNS)
