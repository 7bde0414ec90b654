"""The text of a Word paragraph as its reader sees it: changes accepted, hidden text and field codes left out."""

from collections.abc import Iterator

from app.reading.office_parts import Element, shown, whole
from app.reading.office_symbols import PRIVATE, M, drawn, formula, placed, sign

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
V_TEXT = "{urn:schemas-microsoft-com:vml}textpath"
DELETED = frozenset({W + "del", W + "moveFrom"})
# What holds no text of its own, or text that is read elsewhere: text boxes after their paragraph, notes likewise.
APART = frozenset({W + "pPr", W + "rPr", W + "sdtPr", W + "sdtEndPr", W + "txbxContent"})
SIGNS = {W + "tab": "\t", W + "ptab": "\t", W + "br": "\n", W + "cr": "\n", W + "noBreakHyphen": "-"}
RUN_SETTINGS, VANISH, RUN_STYLE, PLACE, FONTS = (
    W + name for name in ("rPr", "vanish", "rStyle", "vertAlign", "rFonts")
)
OFF = frozenset({"0", "false", "off"})


def on(element: Element | None) -> bool:
    """Whether a switch is there and not turned off."""
    return element is not None and element.get(W + "val") not in OFF


def value(element: Element, path: str) -> str:
    """Give the value of a setting below an element; empty if it is not there."""
    found = element.find(path)
    return "" if found is None else found.get(W + "val") or ""


class Field:
    """A field whose code is being passed over."""

    def __init__(self, start: int, form: str) -> None:
        self.start = start  # its code begins here among the pieces
        self.form = form  # what a form field shows, which has no result
        self.coded = True


class Inline:
    """Reads paragraphs one after the other.

    Attributes:
        hidden: so many runs were left out because the author hid them.
        comments: so many comments were left out.
        changed: deleted or moved text was left out.
        notes: ids of the foot- and endnotes referred to since they were last taken.
    """

    def __init__(self, hidden_styles: frozenset[str]) -> None:
        self._hidden_styles = hidden_styles
        self._fields: list[Field] = []
        self.hidden = 0
        self.comments = 0
        self.changed = False
        self.notes: list[str] = []

    def text_of(self, paragraph: Element, *, hidden: bool = False) -> str:
        """Give the visible text of a paragraph, without that of its text boxes.

        Args:
            paragraph: any element whose runs are wanted.
            hidden: its style hides what does not say otherwise.
        """
        pieces: list[str] = []
        self._fields = []  # a code never passes the end of its paragraph, however damaged
        stack = list(reversed(paragraph))
        while stack:
            node = stack.pop()
            tag = node.tag
            if tag == W + "r":
                self._run(node, pieces, hidden=hidden)
            elif tag in DELETED:
                self.changed = True
            elif tag == M + "oMath":
                pieces.append(formula(node))
            elif tag not in APART and shown(node):
                stack.extend(reversed(node))
        return "".join(pieces)

    def _run(self, run: Element, pieces: list[str], *, hidden: bool) -> None:
        """Add what a run shows."""
        first = len(pieces)
        place = font = None
        for child in run:
            tag = child.tag
            if tag == W + "t":
                pieces.append(child.text or "")
            elif tag == RUN_SETTINGS:
                settings = {one.tag: one for one in child}
                if self._is_hidden(settings, by_style=hidden):
                    self.hidden += run.find(W + "t") is not None
                    return
                place, font = settings.get(PLACE), settings.get(FONTS)
            elif tag in SIGNS:
                pieces.append(SIGNS[tag])
            else:
                self._special(child, tag, pieces)
        if place is not None:
            pieces[first:] = [placed(piece, place.get(W + "val") or "") for piece in pieces[first:]]
        if font is not None and any(PRIVATE.search(piece) for piece in pieces[first:]):
            name = font.get(W + "ascii") or font.get(W + "hAnsi") or ""
            pieces[first:] = [drawn(piece, name) for piece in pieces[first:]]

    def _is_hidden(self, settings: dict[str, Element], *, by_style: bool) -> bool:
        """Whether a run is not shown."""
        if VANISH in settings:
            return on(settings[VANISH])
        style = settings.get(RUN_STYLE)
        return by_style or (style is not None and style.get(W + "val") in self._hidden_styles)

    def _special(self, child: Element, tag: str, pieces: list[str]) -> None:
        """Add what the rarer parts of a run show."""
        if tag == W + "fldChar":
            self._field(child, pieces)
        elif tag == W + "sym":
            code = child.get(W + "char") or ""
            letter = chr(int(code, 16)) if len(code) == 4 and code.isalnum() and is_hexadecimal(code) else ""
            pieces.append(sign(child.get(W + "font") or "", letter) if letter else "")
        elif tag in {W + "footnoteReference", W + "endnoteReference"}:
            self.notes.append(f"{tag}{child.get(W + 'id')}")
        elif tag == W + "commentReference":
            self.comments += 1
        elif tag == W + "ruby":
            pieces.extend(self.text_of_runs(child.iterfind(f"{W}rubyBase/{W}r")))
        elif tag == W + "pict":
            pieces.extend(shape.get("string") or "" for shape in child.iter(V_TEXT))

    def text_of_runs(self, runs: Iterator[Element]) -> list[str]:
        """Give what runs inside a run show."""
        pieces: list[str] = []
        for run in runs:
            self._run(run, pieces, hidden=False)
        return pieces

    def _field(self, mark: Element, pieces: list[str]) -> None:
        """Pass over the code of a field; what stands after it is the result, which is shown."""
        kind = mark.get(W + "fldCharType")
        if kind == "begin":
            self._fields.append(Field(len(pieces), form_field(mark)))
        elif self._fields and kind in {"separate", "end"}:
            field = self._fields[-1]
            if field.coded:
                del pieces[field.start :]
                field.coded = False
                pieces.append(field.form)
            if kind == "end":
                self._fields.pop()


def is_hexadecimal(code: str) -> bool:
    """Whether a code is written in the digits of base 16."""
    return all(letter in "0123456789abcdefABCDEF" for letter in code)


def form_field(mark: Element) -> str:
    """Give what a field of a form shows: a box, ticked or not, or the chosen entry of a list."""
    box = mark.find(f"{W}ffData/{W}checkBox")
    if box is not None:
        ticked = box.find(W + "checked")
        return "☒" if on(ticked if ticked is not None else box.find(W + "default")) else "☐"
    entries = mark.find(f"{W}ffData/{W}ddList")
    if entries is None:
        return ""
    chosen = whole(value(entries, W + "result") or value(entries, W + "default"))
    names = [entry.get(W + "val") or "" for entry in entries.iterfind(W + "listEntry")]
    return names[chosen] if 0 <= chosen < len(names) else ""
