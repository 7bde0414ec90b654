"""Bytes of a text file -> characters, by what the bytes themselves say.

Order: mark at the start, strict UTF-8, UTF-16 by its zeros, GB18030 or Big5 by how common the
characters are that each would give, one byte a letter, and at last charset-normalizer.
Why not charset-normalizer first: it takes short Chinese text for something else.
"""

import codecs
import re

from app.errors import DocumentRefused

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SAMPLE_BYTES = 200_000
CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
COMMON = re.compile(
    "[\t\n\r -~\u00a0-\u024f\u0370-\u06ff\u0e00-\u0e7f\u2000-\u2bff"
    "\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]"
)
HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
BINARY = "binary data of an unknown type, or text in an unknown encoding; save it as UTF-8 text"


def strict(content: bytes, encoding: str) -> str | None:
    """Decode, forgiving only a character that was cut off at the very end."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(content) - 3 or error.start == 0:
            return None
        return strict(content[: error.start], encoding)


def utf16_by_zeros(content: bytes) -> str | None:
    """Decode UTF-16 without a mark; any line end or digit brings a zero byte, the right order common characters."""
    if b"\x00" not in content[:SAMPLE_BYTES] or len(content) < 4:
        return None
    best, text = 0.97, None
    for encoding in ("utf-16-le", "utf-16-be"):
        attempt = strict(content[: len(content) // 2 * 2], encoding)
        if attempt is None:
            continue
        sample = attempt[: SAMPLE_BYTES // 2]
        share = len(COMMON.findall(sample)) / len(sample)
        if share > best:
            best, text = share, attempt
    return text


def common_share(text: str, encoding: str, first: int, last: int) -> float:
    """How many of the two-byte characters lie in the common rows ``first..last`` of ``encoding`` (0..1)."""
    wide = "".join(character for character in text[:SAMPLE_BYTES] if character > "\x7f")[:20_000]
    if not wide:
        return 0.0
    raw = [character.encode(encoding, "ignore") for character in wide]
    return sum(1 for two in raw if len(two) == 2 and first <= two[0] <= last and two[1] >= 0x40) / len(wide)


def chinese(content: bytes) -> str | None:
    """Decode GB18030 or Big5, whichever gives common characters; None if neither does."""
    best, text = 0.5, None
    simplified = strict(content, "gb18030")
    if simplified is not None:
        share = common_share(simplified, "gb2312", 0xA1, 0xD7)
        if share > best:
            best, text = share, simplified
    traditional = strict(content, "big5hkscs")
    if traditional is not None and common_share(traditional, "big5hkscs", 0xA1, 0xC6) > best:
        text = traditional
    return text


def one_byte(content: bytes) -> str | None:
    """Decode Western European text: nearly all ASCII, accents standing alone."""
    runs = HIGH_BYTES.findall(content[:SAMPLE_BYTES])
    high = sum(map(len, runs))
    if b"\x00" in content or high > 0.3 * len(content[:SAMPLE_BYTES]) or high > 1.3 * len(runs):
        return None
    return content.decode("cp1252", "replace")


def guessed(content: bytes) -> str | None:
    """Ask charset-normalizer, for what is left."""
    # Imported where needed: most files never come this far.
    from charset_normalizer import from_bytes  # noqa: PLC0415

    best = from_bytes(content[:SAMPLE_BYTES]).best()
    return None if best is None else content.decode(best.encoding, "replace")


def nearly_utf8(content: bytes) -> str | None:
    """Decode UTF-8 in which a few bytes went bad."""
    text = content.decode("utf-8", "replace")
    wide = sum(1 for character in text[:SAMPLE_BYTES] if character > "\x7f")
    return text if text.count("\ufffd") <= 0.02 * min(wide, len(text)) else None


def decode(content: bytes) -> str:
    """Give the text.

    Raises:
        DocumentRefused: these bytes are no text.
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    text = strict(content, "utf-8") if b"\x00" not in content else utf16_by_zeros(content)
    if text is None and b"\x00" not in content:
        for attempt in (nearly_utf8, chinese, one_byte, guessed):
            text = attempt(content)
            if text is not None:
                break
    if text is None or not_text(text):
        raise DocumentRefused(BINARY)
    return text


def not_text(text: str) -> bool:
    """Tell whether so many controls and replacements are in it that it never was text."""
    sample = text[:SAMPLE_BYTES]
    bad = len(CONTROLS.findall(sample)) + sample.count("\ufffd")
    return bad > 0.02 * len(sample)
