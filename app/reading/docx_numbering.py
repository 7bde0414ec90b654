"""The numbers and bullets that Word draws before the paragraphs of its lists, counted as Word counts them."""

import re
from dataclasses import dataclass

from app.reading.docx_text import W, on, value
from app.reading.office_numbers import written
from app.reading.office_parts import Element, whole

LEVELS = 9
MAX_LABEL_CHARS = 60
BULLET = "-"
PLACE = re.compile(r"%([1-9])")
GLUED = "、．，：；）】〕。"  # full-width signs bring their own space


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered.

    Attributes:
        form: as Office names it, such as ``lowerLetter`` or ``bullet``.
        text: the label, with ``%1`` for the number of the first level.
        legal: all its numbers are written in digits.
        restart: the numbering begins anew after a level below this one, counted from 1; 0 for never.
        style: id of the paragraph style that belongs to this level.
        glue: what stands between the label and the text.
    """

    start: int = 1
    form: str = "decimal"
    text: str = ""
    legal: bool = False
    restart: int = LEVELS
    style: str = ""
    glue: str = " "


def level_of(element: Element) -> Level:
    """Read the definition of a level."""
    form = next(element.iter(W + "numFmt"), None)  # the first of several renderings
    kind = "decimal" if form is None else form.get(W + "val") or "decimal"
    restart = value(element, W + "lvlRestart")
    return Level(
        start=whole(value(element, W + "start")),
        form=(form.get(W + "format") or kind) if form is not None and kind == "custom" else kind,
        text=value(element, W + "lvlText")[:MAX_LABEL_CHARS],
        legal=on(element.find(W + "isLgl")),
        restart=whole(restart) if restart else LEVELS,
        style=value(element, W + "pStyle"),
        glue="" if value(element, W + "suff") == "nothing" else " ",
    )


def levels_of(parent: Element) -> dict[int, Level]:
    """Read the levels that a list defines."""
    return {whole(level.get(W + "ilvl")): level_of(level) for level in parent.iterchildren(W + "lvl")}


@dataclass(slots=True)
class Numbered:
    """A list as paragraphs refer to it; several may share one definition, and with it their counting.

    Attributes:
        definition: id of the shared definition.
        levels: the definition's, with those that this list sets itself.
        starts: level -> where this list begins to count anew; taken out once done.
    """

    definition: str
    levels: dict[int, Level]
    starts: dict[int, int]


class Numbering:
    """All lists of a document, and how far each is counted."""

    def __init__(self, root: Element | None) -> None:
        self._lists: dict[str, Numbered] = {}
        self._counts: dict[str, list[int | None]] = {}
        if root is None:
            return
        definitions = {one.get(W + "abstractNumId") or "": one for one in root.iterchildren(W + "abstractNum")}
        by_style = {value(one, W + "styleLink"): key for key, one in definitions.items()}
        levels = {key: levels_of(one) for key, one in definitions.items()}
        for key, one in definitions.items():
            linked = value(one, W + "numStyleLink")
            if linked and not levels[key]:
                levels[key] = levels.get(by_style.get(linked, ""), {})
        for one in root.iterchildren(W + "num"):
            self._lists[one.get(W + "numId") or ""] = self._list(one, levels)

    def _list(self, element: Element, levels: dict[str, dict[int, Level]]) -> Numbered:
        """Read a list with what it sets differently from its definition."""
        definition = value(element, W + "abstractNumId")
        own = dict(levels.get(definition, {}))
        starts: dict[int, int] = {}
        for override in element.iterchildren(W + "lvlOverride"):
            index = whole(override.get(W + "ilvl"))
            for level in override.iterchildren(W + "lvl"):
                own[index] = level_of(level)
            start = value(override, W + "startOverride")
            if start:
                starts[index] = whole(start)
        return Numbered(definition, own, starts)

    def level_for(self, list_id: str, style: str) -> int:
        """Give the level that a list has for a paragraph style."""
        found = self._lists.get(list_id)
        levels = {} if found is None else found.levels
        return next((index for index, level in levels.items() if style and level.style == style), 0)

    def label(self, list_id: str, index: int) -> str | None:
        """Count one more paragraph of a list and give what Word draws before it, with the space that follows.

        None if there is no such list.
        """
        found = self._lists.get(list_id)
        if found is None or index not in found.levels or not 0 <= index < LEVELS:
            return None
        level = found.levels[index]
        counts = self._count(found, index)
        if level.form == "bullet":
            return BULLET + " " if level.text.strip() else ""
        label = PLACE.sub(lambda place: self._number(found, level, int(place[1]) - 1, counts), level.text).strip()
        return label and label + ("" if label[-1] in GLUED else level.glue)

    def _count(self, found: Numbered, index: int) -> list[int | None]:
        """Count one more at a level: those above begin if they have not, those below begin anew."""
        counts = self._counts.setdefault(found.definition, [None] * LEVELS)
        before = counts[index]
        if index in found.starts:
            counts[index] = found.starts.pop(index)
        else:
            counts[index] = self._start(found, index) if before is None else before + 1
        for above in range(index):
            if counts[above] is None:
                counts[above] = self._start(found, above)
        for below in range(index + 1, LEVELS):
            level = found.levels.get(below, Level())
            if index < level.restart:
                counts[below] = None
        return counts

    def _start(self, found: Numbered, index: int) -> int:
        return found.levels.get(index, Level()).start

    def _number(self, found: Numbered, level: Level, index: int, counts: list[int | None]) -> str:
        """Write the number of one level as a label asks for it."""
        number = counts[index]
        form = found.levels.get(index, Level()).form
        if form == "bullet":
            return ""
        if level.legal and form != "decimalZero":
            form = "decimal"
        return written(form, self._start(found, index) if number is None else number)
