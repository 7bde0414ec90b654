"""What the styles of a Word document mean: headings, lists, hidden text, entries of a table of contents."""

import re
from dataclasses import dataclass

from app.reading.docx_text import W, on, value
from app.reading.office_parts import Element, whole

MOST_ANCESTORS = 20
HEADING_NAME = re.compile(r"(?:heading|标题|標題) ?([1-9])")
CONTENTS_NAME = re.compile(r"(?:toc|目录|目錄) ?\d")


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style means.

    Attributes:
        level: of a heading, from 1; 0 for other text.
        list_id: of the list that its paragraphs are counted in; empty if none.
        list_level: level in that list; None if the list itself says which level the style has.
        hidden: its text is not shown.
        contents: it is a line of a table of contents.
        title: it is that of the whole document.
    """

    level: int = 0
    list_id: str = ""
    list_level: int | None = None
    hidden: bool = False
    contents: bool = False
    title: bool = False


def outline_level(properties: Element | None) -> int | None:
    """Give the heading level that paragraph properties set: 0 for body text, None if they set none."""
    outline = None if properties is None else properties.find(W + "outlineLvl")
    if outline is None:
        return None
    level = whole(outline.get(W + "val"), 9)
    return level + 1 if 0 <= level < 9 else 0


class Styles:
    """The styles of a document by their ids.

    Attributes:
        hidden_runs: ids of the character styles whose text is not shown.
    """

    def __init__(self, root: Element | None) -> None:
        self._raw: dict[str, Element] = {}
        self.hidden_runs: frozenset[str] = frozenset()
        if root is None:
            return
        styles = list(root.iterchildren(W + "style"))
        self._raw = {style.get(W + "styleId") or "": style for style in styles}
        self.hidden_runs = frozenset(
            style.get(W + "styleId") or ""
            for style in styles
            if style.get(W + "type") == "character" and on(style.find(f"{W}rPr/{W}vanish"))
        )
        self._known: dict[str, Style] = {}

    def __getitem__(self, identifier: str) -> Style:
        """Give what a style means, inherited meaning included."""
        if identifier not in self._raw:
            return Style()
        if identifier not in self._known:
            self._known[identifier] = self._resolved(identifier)
        return self._known[identifier]

    def _resolved(self, identifier: str) -> Style:
        """Work out what a style means: what it leaves open its ancestors say."""
        level: int | None = None
        listed: tuple[str, int | None] | None = None
        hidden: bool | None = None
        contents = title = False
        for _ in range(MOST_ANCESTORS):
            style = self._raw.get(identifier)
            if style is None:
                break
            name = value(style, W + "name").lower()
            contents = contents or CONTENTS_NAME.fullmatch(name) is not None
            if level is None:
                level, title = own_level(style, name), name == "title"
            if listed is None and (numbering := style.find(f"{W}pPr/{W}numPr")) is not None:
                inner = value(numbering, W + "ilvl")
                listed = value(numbering, W + "numId"), whole(inner) if inner else None
            if hidden is None and (switch := style.find(f"{W}rPr/{W}vanish")) is not None:
                hidden = on(switch)
            identifier = value(style, W + "basedOn")
        list_id, list_level = listed or ("", None)
        return Style(level or 0, list_id, list_level, hidden or False, contents, title)


def own_level(style: Element, name: str) -> int | None:
    """Give the heading level that a style itself sets; None if it leaves that to its ancestors."""
    if name == "title":
        return 1
    heading = HEADING_NAME.fullmatch(name)
    return int(heading[1]) if heading else outline_level(style.find(W + "pPr"))
