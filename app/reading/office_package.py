"""What every office file in a ZIP container must pass before a parser sees it: no bombs, no entities.

The noun in each refusal is the document's own ("Word document", "presentation", "workbook").
"""

import io
import zipfile
import zlib

from app.errors import DocumentRefused

MAX_MEMBERS = 5_000
MAX_EXPANDED_BYTES = 500 * 10**6
RATIO_FROM_BYTES = 10 * 10**6
MAX_RATIO = 100
PIECE_BYTES = 1 << 20
ENTITY_MARKS = tuple(
    word.encode(encoding) for word in ("<!DOCTYPE", "<!ENTITY") for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
LONGEST_MARK = max(map(len, ENTITY_MARKS))


def check_package(content: bytes, noun: str) -> None:
    """Refuse bombs before anything is expanded for good; a member never expands beyond its declared size.

    Args:
        content: the whole file.
        noun: what the document is called, as in "the workbook needs a password".

    Raises:
        DocumentRefused: the package is damaged, protected, or expands out of measure.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            check_sizes(members, noun)
            for member in members:
                if member.filename.lower().endswith((".xml", ".rels")):
                    check_entities(archive, member, noun)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise DocumentRefused(f"the {noun} is damaged or cut off; save it again") from error


def check_sizes(members: list[zipfile.ZipInfo], noun: str) -> None:
    """Refuse by the container's directory alone: too many parts, too large, too dense, protected."""
    if len(members) > MAX_MEMBERS:
        raise DocumentRefused(f"the {noun} has {len(members)} parts, the limit is {MAX_MEMBERS}")
    if sum(member.file_size for member in members) > MAX_EXPANDED_BYTES:
        raise DocumentRefused(f"the {noun} expands beyond {MAX_EXPANDED_BYTES // 10**6} MB")
    for member in members:
        if member.flag_bits & 0x1:
            raise DocumentRefused(f"the {noun} needs a password")
        if member.file_size > RATIO_FROM_BYTES and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise DocumentRefused(f"a part of the {noun} expands more than {MAX_RATIO} times")


def check_entities(archive: zipfile.ZipFile, member: zipfile.ZipInfo, noun: str) -> None:
    """Refuse a part that declares entities: office programs never do, bombs and file thieves do."""
    tail = b""
    with archive.open(member) as part:
        while piece := part.read(PIECE_BYTES):
            window = tail + piece
            if any(mark in window for mark in ENTITY_MARKS):
                raise DocumentRefused(f"the {noun} declares XML entities, which no office program writes")
            tail = window[-LONGEST_MARK:]
