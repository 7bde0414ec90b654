"""HTML -> blocks: headings, paragraphs, lists and tables, without the menus around them.

Why not trafilatura: it lost every section heading of the pages we measured and up to 9 % of their
text, and took six times as long on a long report. What a menu is, is decided here by the page's
own roles and names, and undone where that would leave hardly any text.

The walk is a loop, not a recursion: a page may nest a hundred thousand elements.
"""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.reading.block import Block
from app.reading.contract import Reading, markdown_table
from app.reading.encoding import MARKS, decode, strict


def words(text: str) -> frozenset[str]:
    """Make a set of the words of a line."""
    return frozenset(text.split())


META_CHARSET = re.compile(
    rb"(?i)<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w-]{2,40})"
    rb"|<\?xml[^>]{0,100}?encoding=[\"']([\w-]{2,40})"
)
SAME_FAMILY = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "big5": "big5hkscs",
    "iso-8859-1": "cp1252",
    "ascii": "cp1252",
}
NEVER_TEXT = words(
    "script style noscript template svg math iframe object embed canvas audio video select button head input textarea"
)
MENUS = frozenset({"nav", "footer", "aside", "dialog"})
MENU_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog"})
MENU_NAMES = words(
    "nav navbar navigation menu sidebar breadcrumb breadcrumbs footer cookie-banner noprint navbox catlinks "
    "mw-editsection mw-jump-link site-header site-footer page-footer advertisement"
)
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BREAKS = HEADINGS | words(
    "p div section article main header body html blockquote pre figure figcaption dl dt dd address form "
    "fieldset details summary center hr ul ol li table caption tr td th thead tbody tfoot"
)
LISTS = frozenset({"ul", "ol", "menu"})
HIDDEN_STYLE = re.compile(r"(?i)display\s*:\s*none|visibility\s*:\s*hidden")
WHITE = re.compile(r"[ \t\r\n\f]+")
LINE_BREAK = "\ue000"  # stands for <br> until white space is squeezed; not in clean text
MIN_KEPT_SHARE = 0.25


def decode_html(content: bytes) -> str:
    """Decode by mark, by being UTF-8, by what the page declares, and at last by its bytes."""
    if not content.startswith(tuple(mark for mark, _ in MARKS)) and b"\x00" not in content[:1_000]:
        found = strict(content, "utf-8")
        declared = META_CHARSET.search(content[:8_192])
        if found is None and declared:
            name = (declared[1] or declared[2]).decode("ascii", "replace").lower()
            try:
                found = strict(content, SAME_FAMILY.get(name, name))
            except (LookupError, UnicodeError):
                found = None
        if found is not None:
            return found
    return decode(content)


def is_menu(node: LexborNode) -> bool:
    """Tell whether the page itself says that this element is no content."""
    if node.tag in MENUS:
        return True
    attributes = node.attributes
    if not attributes:
        return False
    if attributes.get("role") in MENU_ROLES or "hidden" in attributes:
        return True
    if HIDDEN_STYLE.search(attributes.get("style") or ""):
        return True
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower().split()
    return node.tag not in {"body", "main", "article"} and any(name in MENU_NAMES for name in names)


class Table:
    """A table being collected; ``layout`` if it turned out to frame the page rather than hold data."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.layout = False

    def add_cell(self, text: str) -> None:
        """Add a cell to the last row."""
        if not self.rows:
            self.rows.append([])
        self.rows[-1].append(text.replace("\n", " "))


class Walk:
    """One pass over the elements of a page; ``blocks`` fills as it goes."""

    def __init__(self, *, keep_menus: bool) -> None:
        self.blocks: list[Block] = []
        self._keep_menus = keep_menus
        self._text: list[str] = []
        self._items: list[str] = []
        self._lists: list[int] = []  # for each open list: the next number, or -1 without numbers
        self._tables: list[Table] = []
        self._mark = ""  # of the list item that begins
        self._pre = 0

    def run(self, root: LexborNode) -> None:
        """Visit all below ``root``."""
        above: list[LexborNode] = []
        node = root.child
        while node is not None:
            if self._enter(node) and node.child is not None:
                above.append(node)
                node = node.child
                continue
            self._leave(node)
            while node.next is None and above:
                node = above.pop()
                self._leave(node)
            node = node.next
        self._flush()
        self._end_list()

    def _enter(self, node: LexborNode) -> bool:
        """Begin an element; False if nothing below it counts."""
        tag = node.tag
        if tag == "-text":
            text = node.text_lexbor() if hasattr(node, "text_lexbor") else node.text()
            self._text.append(text.replace("\n", LINE_BREAK) if self._pre else text)
            return False
        if tag in NEVER_TEXT or not tag or tag.startswith(("-", "!", "_")):
            return False
        if not self._keep_menus and is_menu(node):
            return False
        if tag == "br":
            self._text.append(LINE_BREAK)
        elif tag in BREAKS:
            self._flush()
            self._begin(tag)
        return True

    def _begin(self, tag: str) -> None:
        """Note what kind of block is open now."""
        if tag == "pre":
            self._pre += 1
        elif tag in LISTS:
            self._lists.append(1 if tag == "ol" else -1)
        elif tag == "li" and self._lists:
            number = self._lists[-1]
            self._mark = "  " * (len(self._lists) - 1) + ("- " if number < 0 else f"{number}. ")
            if number > 0:
                self._lists[-1] = number + 1
        elif tag == "table":
            if self._tables:
                self._give_up(self._tables[-1])
            self._end_list()
            self._tables.append(Table())
        elif tag == "tr" and self._tables:
            self._tables[-1].rows.append([])

    def _leave(self, node: LexborNode) -> None:
        """End an element that was begun."""
        tag = node.tag
        if tag not in BREAKS or (not self._keep_menus and is_menu(node)):
            return
        if tag in HEADINGS and not self._in_table() and not self._lists:
            text = self._take()
            if text:
                self.blocks.append(Block("heading", text, level=int(tag[1])))
        elif tag in {"td", "th"} and self._in_table():
            self._tables[-1].add_cell(self._take())
        else:
            self._flush()
        self._close(tag)

    def _close(self, tag: str) -> None:
        """Note what kind of block is open no longer."""
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        elif tag in LISTS and self._lists:
            self._lists.pop()
            if not self._lists:
                self._end_list()
        elif tag == "table" and self._tables:
            table = self._tables.pop()
            if not table.layout:
                self._add_table(table)

    def _in_table(self) -> bool:
        return bool(self._tables) and not self._tables[-1].layout

    def _give_up(self, table: Table) -> None:
        """A table within a table: the outer one is layout, and what it held is text."""
        if not table.layout:
            table.layout = True
            self.blocks.extend(Block("paragraph", cell) for row in table.rows for cell in row if cell)

    def _add_table(self, table: Table) -> None:
        text = markdown_table(table.rows)
        if text:
            self.blocks.append(Block("table" if text.startswith("|") else "paragraph", text))

    def _take(self) -> str:
        """Take the collected text, white space as a browser shows it."""
        if not self._text:
            return ""
        text = "".join(self._text)
        self._text = []
        if self._pre:
            return text.replace(LINE_BREAK, "\n").strip("\n")
        return "\n".join(line.strip() for line in WHITE.sub(" ", text).split(LINE_BREAK)).strip()

    def _flush(self) -> None:
        """End the running text: it becomes a paragraph, an item, or stays with its table cell."""
        if self._in_table():
            if self._text:
                self._text.append(" ")
            return
        text = self._take()
        if not text:
            return
        if self._lists:
            line = " ".join(text.split())
            if self._mark or not self._items:
                self._items.append(f"{self._mark or '- '}{line}")
            else:
                self._items[-1] += f" {line}"
            self._mark = ""
        else:
            self.blocks.append(Block("paragraph", text))

    def _end_list(self) -> None:
        if self._items:
            self.blocks.append(Block("list", "\n".join(self._items)))
        self._items, self._mark = [], ""


def content_root(page: LexborHTMLParser) -> LexborNode | None:
    """Give ``main`` or the only article if it has most of the text, else the body."""
    body = page.body or page.root
    for selector in ("main", '[role="main"]', "article"):
        found = page.css(selector)
        if len(found) == 1 and body is not None and len(found[0].text()) > 0.5 * len(body.text()):
            return found[0]
    return body


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a page."""
    page = LexborHTMLParser(decode_html(content).replace(LINE_BREAK, "").replace("\x00", ""))
    title = page.css_first("title")
    reading.title = "" if title is None else title.text()
    root = content_root(page)
    if root is None:
        return
    walk, all_text = Walk(keep_menus=False), Walk(keep_menus=True)
    walk.run(root)
    all_text.run(page.body or root)
    kept, whole = (sum(len(block.text) for block in found.blocks) for found in (walk, all_text))
    yield from walk.blocks if kept >= MIN_KEPT_SHARE * whole else all_text.blocks
