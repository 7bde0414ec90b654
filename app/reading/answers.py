"""What a reading process sent, checked: it may have been taken over by a hostile file."""

import base64
import binascii
from typing import Any, cast, get_args

from app.reading.block import Block, Kind, ReadDocument, TextBox

MAX_MESSAGE_CHARS = 500
MAX_NOTES = 100
MAX_LEVEL = 100
MAX_NAME_CHARS = 1_000
KINDS = frozenset(get_args(Kind))


class ProcessGone(Exception):
    """The process ended without an answer, or sent what no sound one sends (code None)."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__("reading process ended")
        self.code = code


def message(value: object) -> str:
    """Take a message of the child: one short line."""
    return "".join(letter for letter in str(value)[:MAX_MESSAGE_CHARS] if letter.isprintable())


def piece_of(answer: dict[str, Any]) -> bytes:
    """Check and give a piece of a file."""
    try:
        return base64.b64decode(answer.get("piece", ""), validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ProcessGone from error


def member_name(value: object) -> str:
    """Check the name of a member of an archive, which is text and no path."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARS:
        raise ProcessGone
    return value


def block_of(answer: dict[str, Any]) -> Block:
    """Check and build a block."""
    kind, text, page, level = (answer.get(name) for name in ("kind", "text", "page", "level"))
    if kind not in KINDS or not isinstance(text, str) or not text:
        raise ProcessGone
    if not isinstance(page, int) or not isinstance(level, int) or page < 0 or not 0 <= level <= MAX_LEVEL:
        raise ProcessGone
    boxes = answer.get("boxes", [])
    if not isinstance(boxes, list):
        raise ProcessGone
    return Block(cast(Kind, kind), text, page, level, tuple(box_of(box, len(text)) for box in boxes))


def box_of(numbers: object, chars: int) -> TextBox:
    """Check and build the box of a stretch of a text with so many characters."""
    match numbers:
        case [int(start), int(end), *corners] if len(corners) == 4 and 0 <= start < end <= chars:
            left, top, right, bottom = (share(corner) for corner in corners)
            return TextBox(start, end, left, top, right, bottom)
    raise ProcessGone


def share(value: object) -> float:
    """Check a number between 0 and 1."""
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ProcessGone
    return float(value)


def reasons(value: object) -> dict[int, str]:
    """Check a table of reasons by page."""
    if not isinstance(value, dict):
        raise ProcessGone
    checked: dict[int, str] = {}
    for page, reason in value.items():
        if not (isinstance(page, str) and page.isascii() and page.isdigit() and len(page) < 10 and int(page) > 0):
            raise ProcessGone
        checked[int(page)] = message(reason)
    return checked


def document_of(end: object, blocks: list[Block]) -> ReadDocument:
    """Check and build the document."""
    if not isinstance(end, dict) or not isinstance(end.get("pages"), int) or not isinstance(end.get("notes"), list):
        raise ProcessGone
    return ReadDocument(
        media_type=message(end.get("media_type", "")),
        title=message(end.get("title", "")),
        pages=end["pages"],
        blocks=tuple(blocks),
        notes=tuple(message(note) for note in end["notes"][:MAX_NOTES]),
        scanned=reasons(end.get("scanned", {})),
    )
