"""HTML -> blocks: headings, paragraphs, lists and tables; the menus around them as margins.

Why not trafilatura: it lost every section heading of the pages we measured and up to 9 % of their
text, and took six times as long on a long report. What a menu is, is decided by the page's own
elements, roles and names (``html_frame``), and undone where that would leave hardly any text.

The walk is a loop, not a recursion: a page may nest a hundred thousand elements. Nothing is ever
fetched: neither frames nor pictures nor what a page would lead to.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.reading import html_frame as frame
from app.reading.block import Block
from app.reading.contract import Reading
from app.reading.encoding import decode_declared
from app.reading.html_flow import HEADINGS, LINE_BREAK, Flow


def words(text: str) -> frozenset[str]:
    """Make a set of the words of a line."""
    return frozenset(text.split())


META_CHARSET = re.compile(
    rb"(?i)<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w:.-]{2,40})"
    rb"|<\?xml[^>]{0,100}?encoding=[\"']([\w:.-]{2,40})"
)
META_BYTES = 8_192
NEVER_TEXT = words(
    "script style noscript template svg iframe object embed canvas audio video select datalist input textarea"
)
BREAKS = HEADINGS | words(
    "p div section article main header footer nav aside body html blockquote pre figure figcaption dl dt dd address "
    "form fieldset legend details summary center hr ul ol dir menu li table caption tr td th thead tbody tfoot dialog"
)
MAY_BEGIN_ZONE = frame.MENUS | frame.OUTER_MENUS | {"main", "article"}  # without any attribute
Zone = Literal["content", "around", "menu"]
MIN_CONTENT_SHARE = 0.5  # of what is no menu; with less, the element marked as the content is not all of it
MIN_KEPT_SHARE = 0.25  # of all text; with less, the menus are no menus
# The time to parse a page grows with the square of the depth of these; browsers stop at 512.
MAX_DEPTH = 5_000
NESTING = re.compile(
    r"(?i)<(/?)(?:div|[uo]l|dl|table|section|article|aside|blockquote|center|details|fieldset|figure|header|footer"
    r"|main|nav|form|pre|h[1-6]|dialog|menu|dir|address)\b[^<>]*>"
)
WHITE_PAGE = frame.Look(colour=None, background=(255, 255, 255))
UNKNOWN_PAGE = frame.Look()
ALL_HIDDEN = "all text of the page is hidden from those who look at it"


def declared_charset(content: bytes) -> str:
    """Give the encoding that a page declares; empty if none."""
    found = META_CHARSET.search(content[:META_BYTES])
    return (found[1] or found[2]).decode("ascii", "replace") if found else ""


def decode_html(content: bytes, declared: str = "") -> str:
    """Decode by mark, by being UTF-8, by what is declared beside the page and in it, and at last by its bytes."""
    return decode_declared(content, declared or declared_charset(content))


class Walk:
    """One pass over the elements of a page.

    Attributes:
        blocks: what was found, each with its zone.
        hidden: how many elements or texts nobody sees.
    """

    def __init__(self, root: LexborNode | None, *, styled: bool) -> None:
        self.blocks: list[tuple[Block, Zone]] = []
        self.hidden = 0
        self._root = None if root is None else root.mem_id
        self._outer_heading = root is not None and root.css_first("h1") is None
        self._styled = styled
        self._looks = [(-1, UNKNOWN_PAGE if styled else WHITE_PAGE)]  # by the depth of the element that has it
        self._flow = self._new_flow("content" if root is None else "around")
        self._flows: list[tuple[int, Flow]] = []  # those that wait, by the depth of the element that began another
        self._in_menu = self._in_content = self._in_heading = 0  # how many such elements are open
        self._checks = 0

    def _new_flow(self, zone: Zone) -> Flow:
        return Flow(lambda block: self.blocks.append((block, "content" if self._keeps(block) else zone)))

    def _keeps(self, block: Block) -> bool:
        """The title of a page often stands above the element that the page marks as its content."""
        return self._outer_heading and not self._in_menu and block.kind == "heading" and block.level == 1

    def run(self, top: LexborNode) -> None:
        """Visit an element and all below it."""
        above: list[LexborNode] = []
        node: LexborNode | None = top
        while node is not None:
            if self._enter(node, len(above)):
                child = node.child
                if child is not None:
                    above.append(node)
                    node = child
                    continue
                self._leave(node, len(above))
            while above and node.next is None:
                node = above.pop()
                self._leave(node, len(above))
            node = node.next if above else None
        self._flow.finish()

    def _enter(self, node: LexborNode, depth: int) -> bool:
        """Begin an element; False if nothing below it counts."""
        tag = node.tag
        if tag == "-text":
            self._add(node.text_content or "")
            return False
        if not tag or tag[0] in "-!_" or tag == "head" or (tag == "button" and not self._in_heading):
            return False
        if tag == "br":
            self._flow.break_line()
            return False
        if tag == "math":
            self._add(formula(node))
            return False
        attributes = node.attributes
        if attributes:
            if self._hides(node, tag, attributes):
                self.hidden += 1
                return False
            self._begin_zone(node, tag, attributes, depth)
        elif tag in MAY_BEGIN_ZONE:
            self._begin_zone(node, tag, attributes, depth)
        self._in_content += tag in {"main", "article", "blockquote"}
        self._in_heading += tag in HEADINGS or tag == "summary"
        if tag in BREAKS:
            self._flow.begin(tag, attributes)
        return True

    def _add(self, text: str) -> None:
        look = self._looks[-1][1]
        if (look.tiny or look.colour) and look.unseen:
            self.hidden += bool(text.strip())
        else:
            self._flow.add(text)

    def _hides(self, node: LexborNode, tag: str, attributes: frame.Attributes) -> bool:
        if frame.is_hidden(tag, attributes):
            return bool(node.text().strip())
        if attributes.get("aria-hidden") == "true" and self._checks < frame.MAX_CHECKS:
            self._checks += 1
            return 0 < len(node.text().strip()) <= frame.MAX_ICON_CHARS
        return False

    def _begin_zone(self, node: LexborNode, tag: str, attributes: frame.Attributes, depth: int) -> None:
        """Note where the content begins, or a menu, or another look."""
        if self._root is not None and node.mem_id == self._root:
            self._flows.append((depth, self._flow))
            self._flow = self._new_flow("content")
            self._in_content += 1
        elif not self._in_menu and self._begins_menu(node, tag, attributes):
            self._flows.append((depth, self._flow))
            self._flow = self._new_flow("menu")
            self._in_menu += 1
        if attributes:
            around = self._looks[-1][1]
            look = frame.look_of(attributes, around, styled=self._styled)
            if look is not around:
                self._looks.append((depth, look))

    def _begins_menu(self, node: LexborNode, tag: str, attributes: frame.Attributes) -> bool:
        if not frame.is_menu(tag, attributes, in_content=self._in_content > 0):
            return False
        self._checks += 1
        return self._checks > frame.MAX_CHECKS or node.css_first(frame.CONTENT) is None

    def _leave(self, node: LexborNode, depth: int) -> None:
        """End an element that was begun."""
        tag = node.tag
        if tag in BREAKS:
            self._flow.end(tag)
        self._in_content -= tag in {"main", "article", "blockquote"}
        self._in_heading -= tag in HEADINGS or tag == "summary"
        if self._looks[-1][0] == depth:
            self._looks.pop()
        if self._flows and self._flows[-1][0] == depth:
            self._flow.finish()
            _, self._flow = self._flows.pop()
            if self._in_menu:
                self._in_menu -= 1
            else:
                self._in_content -= 1


def shallow(text: str) -> str:
    """Leave out the tags of elements that are nested deeper than anyone writes."""
    depth = 0

    def kept(tag: re.Match[str]) -> str:
        nonlocal depth
        if tag[1]:
            depth = max(depth - 1, 0)
            return tag[0] if depth < MAX_DEPTH else ""
        depth += 1
        return tag[0] if depth <= MAX_DEPTH else ""

    return NESTING.sub(kept, text) if text.count("<") > MAX_DEPTH else text


def formula(node: LexborNode) -> str:
    """Give a formula as its author wrote it, where the page tells that."""
    written = node.attributes.get("alttext")
    source = node.css_first("annotation")
    return f" {written or (source or node).text().strip()} "


def page_blocks(text: str, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a page that is decoded."""
    page = LexborHTMLParser(shallow(text.replace(LINE_BREAK, "").replace("\x00", "")))
    title = page.css_first("head > title") or page.css_first("title")
    reading.title = "" if title is None else title.text()
    body = page.body or page.root
    if body is None:
        return
    styled = page.css_first("link[rel~=stylesheet]") is not None or any(
        "background" in style.text() for style in page.css("style")
    )
    page.strip_tags(list(NEVER_TEXT))
    walk = Walk(frame.content_root(body), styled=styled)
    walk.run(body)
    if walk.hidden:
        reading.notes.append(f"{walk.hidden} hidden pieces of text were left out")
        reading.empty_reason = ALL_HIDDEN
    kept = kept_zones(walk.blocks)
    for block, zone in walk.blocks:
        yield block if zone in kept else replace(block, kind="margin", level=0)


def kept_zones(blocks: list[tuple[Block, Zone]]) -> frozenset[Zone]:
    """Tell which zones of a page are its content."""
    chars: Counter[Zone] = Counter()
    for block, zone in blocks:
        chars[zone] += len(block.text)
    kept: set[Zone] = {"content"}
    if chars["content"] < MIN_CONTENT_SHARE * (chars["content"] + chars["around"]):
        kept.add("around")
    if sum(chars[zone] for zone in kept) < MIN_KEPT_SHARE * chars.total():
        kept = {"content", "around", "menu"}
    return frozenset(kept)


def read(content: bytes, reading: Reading) -> Iterator[Block]:
    """Give the blocks of a page."""
    yield from page_blocks(decode_html(content), reading)
