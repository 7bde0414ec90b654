"""The parts of a mail: text, names and header fields, decoded as mail programs really write them.

Why not ``email.policy.default``: it parses a header by a grammar, gives up on what is malformed, and
takes time that grows faster than the header. Here headers stay as they came until they are asked for.
"""

import binascii
import email
import quopri
import re
from email.message import Message
from email.policy import Compat32

from app.errors import DocumentRefused
from app.reading.encoding import LARGER, decode, decode_declared

Part = Message

MAX_FIELD_CHARS = 5_000  # some two hundred recipients
MAX_FIELDS = 20  # of one name
MAX_NAME_CHARS = 200
ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]*)\?=")
NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
# A line that goes on in the next one ends in a space; a signature's line does as well.
FLOWED = re.compile(r"(?<!\n--) \r?\n(?=[^>\r\n])(?!-- \r?\n)")


class AsTheyCame(Compat32):
    """Headers with the very bytes of the file, those beyond ASCII as surrogates.

    Long ones end early: the library's time to find their parameters grows with the square of the length.
    """

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the policy's own signature
        """Give the value as it is stored."""
        return value[:MAX_FIELD_CHARS]


def parse(content: bytes) -> Part:
    """Take a mail apart; anything passes, for text without headers is a body."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = decode(content).encode("utf-8", "replace")
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return email.message_from_bytes(content, policy=AsTheyCame())


def field(part: Part, name: str) -> str:
    """Give a header field as people see it, in one line; empty if there is none."""
    values = part.get_all(name) or []
    return ", ".join(" ".join(decoded(value).split()) for value in values[:MAX_FIELDS])


def decoded(raw: str) -> str:
    """Decode a header field: encoded words, and bytes that should have been encoded words."""
    if not raw.isascii():
        content = raw.encode("utf-8", "surrogateescape")
        try:
            raw = decode(content)
        except DocumentRefused:
            raw = content.decode("utf-8", "replace")
    pieces: list[tuple[bytes, str]] = []  # with the encoding of each
    at = 0
    for word in ENCODED_WORD.finditer(raw):
        between, charset = raw[at : word.start()], word[1].lower()
        content = from_base64(word[3]) if word[2] in "bB" else quopri.decodestring(word[3].encode(), header=True)
        if pieces and not between.strip() and pieces[-1][1] == charset:
            # A character may be parted between two words.
            pieces[-1] = (pieces[-1][0] + content, charset)
        else:
            if between.strip() or not pieces:
                pieces.append((between.encode(), "utf-8"))
            pieces.append((content, charset))
        at = word.end()
    return "".join(lenient(*piece) for piece in pieces) + raw[at:]


def from_base64(text: str) -> bytes:
    """Decode Base64 with its faults: signs that do not belong, an end that is missing."""
    text = NOT_BASE64.sub("", text)
    text = text[:-1] if len(text) % 4 == 1 else text
    return binascii.a2b_base64(text + "=" * (-len(text) % 4))


def lenient(content: bytes, charset: str) -> str:
    """Decode by the bytes and what is declared; at last with bad bytes replaced."""
    try:
        return decode_declared(content, charset)
    except DocumentRefused:
        pass
    try:
        return content.decode(LARGER.get(charset.lower(), charset), "replace")
    except (LookupError, UnicodeError, ValueError):
        return content.decode("utf-8", "replace")


def parameter(part: Part, name: str, of: str) -> str:
    """Give a parameter of a header field, in each of the three ways to write it."""
    value = part.get_param(name, "", of)
    if isinstance(value, tuple):
        charset, _, escaped = value
        return lenient(escaped.encode("latin-1", "replace"), charset or "utf-8")
    return decoded(str(value))


def charset_of(part: Part) -> str:
    """Give the encoding that a part declares; empty if none."""
    return re.split(r"[\s;\"']", parameter(part, "charset", "content-type").strip(" \"'"), maxsplit=1)[0][:60]


def file_name(part: Part) -> str:
    """Give the name of an attachment in one line; empty if it has none."""
    name = parameter(part, "filename", "content-disposition") or parameter(part, "name", "content-type")
    return " ".join(name.split())[:MAX_NAME_CHARS]


def bytes_of(part: Part) -> bytes:
    """Give the bytes of a part, its transfer encoding undone."""
    encoding = part.get("content-transfer-encoding", "")
    plain = encoding.strip().lower().partition(";")[0]
    if plain != encoding:
        part.replace_header("content-transfer-encoding", plain)
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def text_of(part: Part) -> str:
    """Decode the text of a part; lines that only its width parted are joined."""
    text = lenient(bytes_of(part), charset_of(part) or "utf-8")
    if parameter(part, "format", "content-type").lower() == "flowed":
        joint = "" if parameter(part, "delsp", "content-type").lower() == "yes" else " "
        text = FLOWED.sub(joint, text)
    return text
