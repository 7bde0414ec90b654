"""What of a page is its frame (menus, banners, footers of a wiki or a site), and what nobody sees on it.

Decided by what the page itself says: its elements, roles, names and styles within the text. What a
style sheet hides is not known here; what is only framed is kept apart, never lost.
"""

import re
from dataclasses import dataclass, replace

from selectolax.lexbor import LexborNode

Attributes = dict[str, str | None]

MENUS = frozenset({"nav", "dialog"})
# Within the content these are notes and signatures of it.
OUTER_MENUS = frozenset({"aside", "footer"})
MENU_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "menubar", "dialog", "alertdialog"})
# Words of one class or id, by which sites and themes call their frames.
MENU_NAME = re.compile(
    r"(?:(?:site|page|global|main|top|left|right|side|sub|primary|secondary|mobile|bottom|wiki|local)[-_]?)?"
    r"(?:nav|navbar|navigation|menu|sidebar|side-bar|breadcrumbs?|crumbs?|foot|footer|copyright)"
    r"(?:[-_]?(?:bar|container|wrapper|wrap|list|area|panel|inner|box|section))?"
    r"|(?:.*[-_])?(?:cookie|gdpr)s?[-_]?(?:banner|consent|notice|bar|popup|policy|law|overlay|modal|info)(?:[-_].*)?"
    r"|cookieconsent|cc-window|onetrust-.*|toc|table-of-contents|site-header|skip-link|skip-to-content|pagination"
    r"|pager|advertisement|social-share|share-buttons|noprint|printfooter"
    # MediaWiki
    r"|mw-(?:navigation|panel|head|editsection|jump-link|indicators)|jump-to-nav|sitenotice|catlinks|navbox"
    r"|vector-(?:menu|header|toc|column-start)"
    # Confluence
    r"|acs-side-bar|ia-splitter-left|ia-fixed-sidebar|likes-and-labels-container|aui-header|aui-nav.*|space-tools-.*"
    # SharePoint
    r"|s4-ribbonrow|suitebar|suitenavwrapper|spsiteheader|sidenavbox|deltaplaceholderleftnavbar|quicklaunch|ms-nav"
    r"|ms-core-navigation"
    # DokuWiki
    r"|dokuwiki__(?:header|aside|footer|sitetools|usertools|pagetools)|dw__toc"
)
NOT_BY_NAME = frozenset({"html", "body", "main", "article", "h1"})
CONTENT = "main, [role=main], h1"
# Where the content lies, the surest sign first.
CONTENT_ROOTS = (
    "main",
    "[role=main]",
    "#mw-content-text",
    "#main-content",
    "#dokuwiki__content",
    "#DeltaPlaceHolderMain",
    "article",
    "#content",
    ".wiki-content",
    ".markdown-body",
)
MIN_CANDIDATE_SHARE = 0.2  # of all text; menus may have the most of it
MAX_ICON_CHARS = 100  # of what is hidden from screen readers alone; more is content under an open dialog
MAX_CHECKS = 1_000  # that look at all below an element; a hostile page nests what needs them

HIDDEN_STYLE = re.compile(
    r"(?i)(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0?\.?0*\s*(?:!|;|$)"
    r"|mso-hide\s*:\s*all|text-indent\s*:\s*-\d{3,}|(?:left|top)\s*:\s*-\d{3,}|clip\s*:\s*rect\(\s*0)"
)
NO_HEIGHT = re.compile(r"(?i)(?:^|;)\s*(?:max-)?height\s*:\s*0(?:px)?\s*(?:!|;|$)")
OVERFLOW = re.compile(r"(?i)(?:^|;)\s*overflow\s*:\s*hidden")
FONT_SIZE = re.compile(r"(?i)(?:^|;)\s*font-size\s*:\s*([\d.]+)\s*(px|pt|r?em|%)?\s*(?:!|;|$)|(?:^|;)\s*font-size\s*:")
COLOUR = re.compile(r"(?i)(?:^|;)\s*color\s*:\s*([^;!]{1,60})")
BACKGROUND = re.compile(r"(?i)(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]{1,200})")
HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})")
RGB = re.compile(r"rgba?\((\d{1,3})[, ]+(\d{1,3})[, ]+(\d{1,3})(?:[,/ ]+([\d.]+))?\)")
NAMED = {"white": (255, 255, 255), "black": (0, 0, 0)}
TRANSPARENT = (-1, -1, -1)
ALIKE = 12  # steps of 255; nobody tells two colours apart that lie closer
LEAST_SIZE = {"px": 2.0, "pt": 1.5, "em": 0.1, "rem": 0.1, "%": 10.0}

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """How the text of an element is seen, as far as the page's text tells.

    Attributes:
        colour: None where unknown; ``background`` likewise.
        tiny: so small that nobody reads it.
    """

    colour: Colour | None = None
    background: Colour | None = None
    tiny: bool = False

    @property
    def unseen(self) -> bool:
        """Whether text of this look cannot be seen."""
        if self.tiny or self.colour == TRANSPARENT:
            return True
        if self.colour is None or self.background is None:
            return False
        return all(abs(one - other) <= ALIKE for one, other in zip(self.colour, self.background, strict=True))


def colour_of(value: str) -> Colour | None:
    """Read a colour; None if it is written in a way that is not known here."""
    value = value.strip().lower()
    found = HEX.match(value)
    if found:
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    found = RGB.match(value)
    if found:
        clear = found[4] is not None and found[4].strip("0.") == ""
        return TRANSPARENT if clear else (int(found[1]), int(found[2]), int(found[3]))
    word = value.split(" ")[0]
    return TRANSPARENT if word == "transparent" else NAMED.get(word)


def look_of(attributes: Attributes, around: Look, *, styled: bool) -> Look:
    """Give the look of an element within one of the look ``around``.

    Where a style sheet may colour what has a class or an id (``styled``), the background of that is unknown.
    """
    look = around
    style = attributes.get("style") or ""
    if styled and ("class" in attributes or "id" in attributes):
        look = replace(look, background=None)
    background = BACKGROUND.search(style)
    ground = background[1] if background else attributes.get("bgcolor")
    if ground:
        found = colour_of(ground)
        if found != TRANSPARENT:
            look = replace(look, background=found)
    colour = COLOUR.search(style)
    shade = colour[1] if colour else attributes.get("color")
    if shade:
        look = replace(look, colour=colour_of(shade))
    size = FONT_SIZE.search(style)
    if size:
        number = float(size[1]) if size[1] and size[1].count(".") < 2 and size[1] != "." else 16.0
        look = replace(look, tiny=number < LEAST_SIZE.get((size[2] or "px").lower(), 2.0))
    return look


def is_hidden(tag: str, attributes: Attributes) -> bool:
    """Tell whether the page itself hides this element and all in it."""
    if tag in {"html", "body", "main"}:
        return False  # scripts show them when the page is ready
    if ("hidden" in attributes and attributes["hidden"] != "until-found") or (
        tag == "dialog" and "open" not in attributes
    ):
        return True
    style = attributes.get("style")
    if not style:
        return False
    return bool(HIDDEN_STYLE.search(style) or (NO_HEIGHT.search(style) and OVERFLOW.search(style)))


def is_menu(tag: str, attributes: Attributes, *, in_content: bool) -> bool:
    """Tell whether the page itself says that this element is no content."""
    if tag in MENUS or (tag in OUTER_MENUS and not in_content):
        return True
    role = attributes.get("role")
    if role in MENU_ROLES or (role == "complementary" and not in_content):
        return True
    if tag in NOT_BY_NAME or not ("class" in attributes or "id" in attributes):
        return False
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"[:1_000].lower().split()
    return any(MENU_NAME.fullmatch(name) for name in names)


def content_root(body: LexborNode) -> LexborNode | None:
    """Give the element that the page marks as its content, if it has a good part of the text."""
    whole = len(body.text())
    for selector in CONTENT_ROOTS:
        found = body.css(selector)
        if len(found) == 1 and len(found[0].text()) > MIN_CANDIDATE_SHARE * whole:
            return found[0]
    return None
