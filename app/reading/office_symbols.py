"""What office documents draw in another way than they store it: symbol fonts, raised digits, formulas."""

import re

from app.reading.office_parts import Element

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"

# The Greek letters of the Symbol font stand where its Latin ones would; so do the signs that figures need.
SYMBOL = dict(
    zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True),
    **dict(zip("abcdefghijklmnopqrstuvwxyz", "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True)),
    **{"\xa3": "≤", "\xa5": "∞", "\xab": "↔", "\xac": "←", "\xad": "↑", "\xae": "→", "\xaf": "↓", "\xb0": "°"},
    **{"\xb1": "±", "\xb3": "≥", "\xb4": "×", "\xb6": "∂", "\xb7": "•", "\xb8": "÷", "\xb9": "≠", "\xbb": "≈"},
    **{"\xd1": "∇", "\xd6": "√", "\xde": "⇒", "\xe5": "∑", "\xf2": "∫", "-": "−"},
)
# Boxes and ticks of forms, arrows and bullets; the rest of these fonts are ornaments.
WINGDINGS = {"o": "☐", "q": "☐", "\xa8": "☐", "\xfb": "✗", "\xfc": "✓", "\xfd": "☒", "\xfe": "☑", "l": "●"}
WINGDINGS |= {"n": "■", "u": "◆", "\xa7": "▪", "\xd8": "➢", "\xdf": "←", "\xe0": "→", "\xe1": "↑", "\xe2": "↓"}
WINGDINGS_2 = {"O": "✗", "P": "✓", "Q": "☒", "R": "☑", "S": "☒", "T": "☒", "\xa3": "☐", "\x98": "●"}
FONTS = {"symbol": SYMBOL, "wingdings": WINGDINGS, "wingdings 2": WINGDINGS_2}
PRIVATE = re.compile("[\uf020-\uf0ff]")  # where symbol fonts have their signs

RAISED = str.maketrans("0123456789+-−()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿ")
LOWERED = str.maketrans("0123456789+-−()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎")
RAISABLE = re.compile(r"[0-9+\-−()n]+")
LOWERABLE = re.compile(r"[0-9+\-−()]+")

BEFORE = {M + "den": "/", M + "sup": "^", M + "sub": "_"}
OPERANDS = frozenset({M + "num", M + "den", M + "sup", M + "sub"})


def sign(font: str, letter: str) -> str:
    """Give the sign that a symbol font draws for a letter, stored plainly or in the private area."""
    table = FONTS.get(font.lower())
    if table is None:
        return letter
    plain = chr(ord(letter) - 0xF000) if PRIVATE.match(letter) else letter
    return table.get(plain, letter)


def drawn(text: str, font: str) -> str:
    """Give a text with the private signs of its symbol font as ordinary ones."""
    return PRIVATE.sub(lambda found: sign(font, found[0]), text)


def placed(text: str, place: str) -> str:
    """Give an exponent or index in raised or lowered digits, so that 10 to the ninth does not read 109.

    Args:
        text: any; what is not made of digits stays as it is.
        place: ``superscript``, ``subscript``, or anything else.
    """
    if place == "superscript" and RAISABLE.fullmatch(text):
        return text.translate(RAISED)
    return text.translate(LOWERED) if place == "subscript" and LOWERABLE.fullmatch(text) else text


def property_of(element: Element, holder: str, name: str, default: str) -> str:
    """Give a setting of a formula's part."""
    found = element.find(f"{M}{holder}/{M}{name}")
    return default if found is None else found.get(M + "val") or ""


def formula(element: Element) -> str:
    """Write a formula on one line: x^2, (a+b)/c, √(y)."""
    tag = element.tag
    if tag == M + "t":
        return element.text or ""
    inner = "".join(formula(child) for child in element if not child.tag.endswith("Pr"))
    if tag == M + "nary":
        return property_of(element, "naryPr", "chr", "∫") + inner
    if tag == M + "d":
        return property_of(element, "dPr", "begChr", "(") + inner + property_of(element, "dPr", "endChr", ")")
    if tag == M + "rad":
        return f"√({inner})"
    if tag in OPERANDS and inner:
        return BEFORE.get(tag, "") + (inner if len(inner) == 1 or inner.isalnum() else f"({inner})")
    return inner
