"""What drawings in office documents say: text frames' lines, charts as tables, the points of SmartArt as a list."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import isfinite

from app.reading.block import Block
from app.reading.contract import markdown_table
from app.reading.office_parts import Element, Package, R, Reference, shown, whole
from app.reading.office_symbols import PRIVATE, drawn, formula, placed

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
CHART, DIAGRAM = C + "chart", DGM + "relIds"
MOST_POINTS = 2_000
MOST_SERIES = 100
DEEPEST_INDENT = 8
DAYS_FROM = datetime(1899, 12, 30)  # noqa: DTZ001 - a date of a chart has no time zone
MOST_DAYS = 2_000_000
DATE_FORMAT = re.compile(r"[yd]", re.IGNORECASE)
QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')


def line_of(paragraph: Element) -> str:
    """Give the text of a paragraph of a text frame; a line break stays one."""
    pieces: list[str] = []
    for child in paragraph:
        tag = child.tag
        if tag in {A + "r", A + "fld"}:
            pieces.append(run_text(child))
        elif tag == A + "br":
            pieces.append("\n")
        elif tag not in {A + "pPr", A + "endParaRPr"} and shown(child):
            pieces.extend(formula(choice) for choice in child if shown(choice))
    return "".join(pieces)


def run_text(run: Element) -> str:
    """Give the text of a run, its exponents raised and its symbols as they are drawn."""
    text = run.findtext(A + "t") or ""
    settings = run.find(A + "rPr")
    if settings is None or not text:
        return text
    height = whole(settings.get("baseline"))
    if height:
        text = placed(text, "superscript" if height > 0 else "subscript")
    if PRIVATE.search(text):
        fonts = [font for font in (settings.find(A + "sym"), settings.find(A + "latin")) if font is not None]
        text = drawn(text, fonts[0].get("typeface") or "") if fonts else text
    return text


def drawing_blocks(element: Element, package: Package, references: dict[str, Reference], page: int) -> Iterator[Block]:
    """Give what a chart or a SmartArt drawing says."""
    identifier = element.get(R + "id") if element.tag == CHART else element.get(R + "dm")
    reference = references.get(identifier or "")
    root = None if reference is None else package.root(reference.target)
    if root is None:
        return
    yield from chart_blocks(root, page) if element.tag == CHART else diagram_blocks(root, page)


def chart_blocks(root: Element, page: int) -> Iterator[Block]:
    """Give a chart as its title and a table: a row for each category, a column for each series."""
    titles = [*root.iterfind(f"{C}chart/{C}title"), *root.iterfind(f"{C}chart/{C}plotArea/{C}valAx/{C}title")]
    caption = "\n".join(filter(None, map(title_text, titles)))
    if caption:
        yield Block("paragraph", caption, page)
    axis = next(root.iterfind(f"{C}chart/{C}plotArea/{C}catAx/{C}title"), None)
    header, rows = ["" if axis is None else title_text(axis)], dict[int, list[str]]()
    for column, series in enumerate(series_of(root), 1):
        header.append(" ".join(points_of(series.find(C + "tx")).values()))
        for place in ("cat", "xVal", "val", "yVal"):
            for index, text in points_of(series.find(C + place)).items():
                row = rows.setdefault(index, [])
                row.extend([""] * (column + 1 - len(row)))
                target = 0 if place in {"cat", "xVal"} else column
                row[target] = row[target] or text
    if rows:
        yield Block("table", markdown_table([header, *(rows[index] for index in sorted(rows))]), page)


def series_of(root: Element) -> Iterator[Element]:
    """Give the series of a chart, a bounded number of them."""
    for count, series in enumerate(root.iter(C + "ser")):
        if count == MOST_SERIES:
            return
        yield series


def title_text(title: Element) -> str:
    """Give a title of a chart or of its axis, typed or taken from a cell."""
    typed = " ".join(filter(None, (line_of(line).strip() for line in title.iter(A + "p"))))
    return typed or " ".join(point.findtext(C + "v") or "" for point in title.iter(C + "pt"))


def points_of(data: Element | None) -> dict[int, str]:
    """Give the stored values of a series by their places; those of several levels from the outermost inwards."""
    found: dict[int, list[str]] = {}
    if data is None:
        return {}
    form = next((one.text or "" for one in data.iter(C + "formatCode")), "")
    plain = data.findtext(C + "v")
    if plain:
        return {0: plain}
    for level in reversed(list(data.iter(C + "lvl", C + "strCache", C + "numCache", C + "strLit", C + "numLit"))):
        for point in level.iterchildren(C + "pt"):
            index = whole(point.get("idx"), -1)
            if 0 <= index < MOST_POINTS:
                stored = point.findtext(C + "v") or ""
                is_number = level.tag in {C + "numCache", C + "numLit"}
                found.setdefault(index, []).append(figure(stored, form) if is_number else stored)
    return {index: " ".join(texts) for index, texts in found.items()}


def figure(stored: str, form: str) -> str:
    """Write a number of a chart as its format shows it, as far as percentages and dates go."""
    try:
        number = float(stored)
    except ValueError:
        return stored
    if not isfinite(number):
        return stored
    plain = QUOTED.sub("", form)
    if "%" in plain:
        return f"{number * 100:.12g}%"
    if DATE_FORMAT.search(plain) and "General" not in plain and 0 < number < MOST_DAYS:
        return (DAYS_FROM + timedelta(days=number)).date().isoformat()
    return f"{number:.15g}"


def diagram_blocks(root: Element, page: int) -> Iterator[Block]:
    """Give the points of a SmartArt drawing as a list, each under the one it belongs to."""
    texts: dict[str, str] = {}
    for point in root.iterfind(f"{DGM}ptLst/{DGM}pt"):
        lines = (line_of(line).strip() for line in point.iterfind(f"{DGM}t/{A}p"))
        texts[point.get("modelId") or ""] = " ".join(filter(None, lines))
    below: dict[str, list[tuple[int, str]]] = {}
    inner: set[str] = set()
    for link in root.iterfind(f"{DGM}cxnLst/{DGM}cxn"):
        if link.get("type", "parOf") == "parOf":
            below.setdefault(link.get("srcId") or "", []).append((whole(link.get("srcOrd")), link.get("destId") or ""))
            inner.add(link.get("destId") or "")
    items: list[str] = []
    stack = [(0, one) for one in reversed(texts) if one not in inner]
    while stack:
        depth, one = stack.pop()
        text = texts.pop(one, "")  # each point once, however they are linked
        if text:
            items.append("  " * min(depth, DEEPEST_INDENT) + "- " + " ".join(text.split()))
        ordered = sorted(below.pop(one, []), reverse=True)
        stack.extend((depth + bool(text), child) for _, child in ordered)
    if items:
        yield Block("list", "\n".join(items), page)
