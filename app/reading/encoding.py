"""Bytes of a text file -> characters, by what the bytes themselves say.

Order: mark at the start, strict UTF-8, UTF-32 and UTF-16 by their zeros, EBCDIC by its spaces, GB18030
or Big5 by how common the characters are that each would give, one byte a letter, and at last
charset-normalizer. Why not charset-normalizer first: it takes short Chinese text for something else.
What a page or a mail declares is believed after the marks and UTF-8, for it is often a template's.
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
ASCII = re.compile("[\x00-\x7f]")
HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
TWO_HIGH_BYTES = re.compile(rb"[\x80-\xff]{2}")
SHORT_BYTES = 64
FIRST_ACCENTED = 0xC0  # in cp1252; below it lie signs
MAX_ACCENTS = 4  # side by side in one word of a Western language; in a row of Cyrillic there are more
# Of letters, digits, spaces, line ends and plain punctuation in EBCDIC text; other bytes give hardly any of them.
EBCDIC_SHARE = 0.9
EBCDIC_PLAIN = re.compile(r"[A-Za-z0-9 \r\n\x85.,;:'()/&-]")
# Declared names -> what their senders really use: the larger encoding that holds the named one.
LARGER = {
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "cp936", "gb_2312-80", "csgb2312", "hz-gb-2312"), "gb18030"),
    **dict.fromkeys(("big5", "x-x-big5", "cn-big5", "big5-hkscs"), "big5hkscs"),
    **dict.fromkeys(("iso-8859-1", "latin1", "latin-1", "ascii", "us-ascii", "ansi_x3.4-1968", "8bit"), "cp1252"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "ks_c_5601", "ksc5601"), "cp949"),
    **dict.fromkeys(("iso-2022-jp", "csiso2022jp"), "iso2022_jp_ext"),
    **dict.fromkeys(("utf8", "unicode-1-1-utf-8", "x-unicode20utf8"), "utf-8"),
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e"), "iso-8859-8"),
    **dict.fromkeys(("windows-874", "tis-620"), "cp874"),
}
# Written in bytes that are ASCII as well, so that being UTF-8 says nothing; with what no other text holds.
STATEFUL = {"iso2022_jp_ext": b"\x1b", "iso2022_kr": b"\x1b", "hz": b"~{", "utf-7": b"+"}
CUT_OFF = ("end of data", "incomplete", "truncated")
FEW_ZEROS = 500
BINARY = "binary data of an unknown type, or text in an unknown encoding; save it as UTF-8 text"


def strict(content: bytes, encoding: str) -> str | None:
    """Decode, forgiving only a character that was cut off at the very end.

    After nothing but ASCII the last byte is no such character: it may be a letter of a one-byte encoding.
    """
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start]
        if error.end < len(content) or not any(reason in error.reason for reason in CUT_OFF):
            return None
        if before.isascii() and b"\x00" not in before:
            return None
        return strict(before, encoding)


def wide_by_zeros(content: bytes) -> str | None:
    """Decode UTF-32 or UTF-16 without a mark.

    Any line end or digit brings a zero byte, and the right width and order common characters.
    """
    if b"\x00" not in content[:SAMPLE_BYTES] or len(content) < 4:
        return None
    best, text = 0.97, None
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        sample = strict(content[:SAMPLE_BYTES], encoding)
        attempt = strict(content, encoding) if sample else None
        if not sample or attempt is None:
            continue
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
    """Decode GB18030 or Big5, whichever gives common characters; None if neither does.

    Single bytes beyond ASCII between letters may be half a character, but are more likely accents.
    """
    if not TWO_HIGH_BYTES.search(content):
        return None
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


def ebcdic(content: bytes) -> str | None:
    """Decode the text of a mainframe, whose spaces and letters stand where no other encoding has them."""
    sample = content[:SAMPLE_BYTES]
    if sample.count(b"@") < 0.05 * len(sample):
        return None
    plain = len(EBCDIC_PLAIN.findall(sample.decode("cp500")))
    return content.decode("cp500") if plain > EBCDIC_SHARE * len(sample) else None


def one_byte(content: bytes) -> str | None:
    """Decode Western European text: nearly all ASCII, accents standing alone, or a few words too short to tell."""
    sample = content[:SAMPLE_BYTES]
    runs = HIGH_BYTES.findall(sample)
    high = sum(map(len, runs))
    usual = high <= 0.3 * len(sample) and high <= 1.3 * len(runs)
    letters = sum(byte < 0x80 and chr(byte).isalpha() for byte in sample[:SHORT_BYTES])
    accented = sum(byte >= FIRST_ACCENTED for byte in sample[:SHORT_BYTES])
    short = len(content) <= SHORT_BYTES and accented <= letters and max(map(len, runs), default=0) <= MAX_ACCENTS
    if usual:
        return content.decode("cp1252", "replace")
    return strict(content, "cp1252") if short else None


def guessed(content: bytes) -> str | None:
    """Ask charset-normalizer, for what is left."""
    # Imported where needed: most files never come this far.
    from charset_normalizer import from_bytes  # noqa: PLC0415

    best = from_bytes(content[:SAMPLE_BYTES]).best()
    return None if best is None else content.decode(best.encoding, "replace")


def nearly_utf8(content: bytes) -> str | None:
    """Decode UTF-8 in which a few bytes went bad; of text in another encoding at most every third letter passes."""
    text = content.decode("utf-8", "replace")
    sample = text[:SAMPLE_BYTES]
    bad = sample.count("\ufffd")
    good = len(sample) - len(ASCII.findall(sample)) - bad
    return text if bad * 5 <= good and good > 5 else None


def marked(content: bytes) -> str | None:
    """Decode what says by its first bytes how it is written."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return None


def utf8(content: bytes) -> str | None:
    """Decode good UTF-8."""
    return strict(content, "utf-8")


def decode(content: bytes) -> str:
    """Give the text.

    Raises:
        DocumentRefused: these bytes are no text.
    """
    text = marked(content)
    if text is None and b"\x00" in content:
        text = wide_by_zeros(content)
        if content.count(0) * FEW_ZEROS <= len(content):  # a slip of a program; binary data are full of them
            content = content.replace(b"\x00", b"")
    if text is None and b"\x00" not in content:
        for attempt in (utf8, nearly_utf8, ebcdic, chinese, one_byte, guessed):
            text = attempt(content)
            if text is not None:
                break
    if text is None or not_text(text):
        raise DocumentRefused(BINARY)
    return text


def decode_declared(content: bytes, declared: str) -> str:
    """Give the text of bytes whose encoding is declared, though perhaps wrongly; ``declared`` may be empty.

    Raises:
        DocumentRefused: these bytes are no text.
    """
    text = marked(content)
    if text is None:
        text = by_declaration(content, declared)
    return decode(content) if text is None else text


def by_declaration(content: bytes, declared: str) -> str | None:
    """Decode UTF-8, and else by the declared encoding; None if the bytes belie it."""
    name = declared.strip(" \t\r\n\"'").lower()
    name = LARGER.get(name, name)
    sign = STATEFUL.get(name.replace("-", "_"), STATEFUL.get(name))
    if b"\x00" in content[:SAMPLE_BYTES]:
        return None
    if sign is None or sign not in content:
        text = strict(content, "utf-8")
        if text is not None:
            return text
    # Without a zero byte it is neither UTF-16 nor UTF-32, which would give Han characters for anything.
    if not name or name.startswith(("utf-16", "utf16", "utf-32", "utf32", "ucs", "utf-8")):
        return None
    try:
        return strict(content, name)
    except (LookupError, UnicodeError, ValueError):
        return None


def not_text(text: str) -> bool:
    """Tell whether so many controls and replacements are in it that it never was text."""
    sample = text[:SAMPLE_BYTES]
    bad = len(CONTROLS.findall(sample)) + sample.count("\ufffd")
    return bad > 0.02 * len(sample)
