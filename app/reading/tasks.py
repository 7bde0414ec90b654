"""What a reading process is asked to do: read a file, recognise pages, take an archive apart, draw a page.

Everything that comes back is treated as hostile: bounded in lines, characters and time, and checked.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import DocumentRefused
from app.reading.answers import ProcessGone, block_of, document_of, member_name, message, piece_of, share
from app.reading.block import Block, ReadDocument
from app.reading.process import ReadingProcess

MAX_BLOCKS = 5_000_000
MAX_BLOCKS_OF_PAGE = 20_000
PAGES_AT_ONCE = 200  # a request stays one short line
# Recognition yields the processor to all others, so its clock may run so many times as long; its processor time is
# limited all the same.
PATIENCE = 20
MAX_PICTURE_BYTES = 32 * 2**20  # more than any picture of the size that is drawn
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one file may cost."""

    timeout_s: float
    max_pages: int
    max_text_chars: int


@dataclass(frozen=True, slots=True)
class File:
    """A file to be read.

    Attributes:
        extension: lower case, without the dot; a hint.
        password: opens it if it is protected; empty if none is known.
    """

    content: bytes
    extension: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """What was recognised on the picture of a page.

    Attributes:
        confidence: how sure the recognition is, 0..1; 0 where there is no text.
        trouble: why the page could not be read; empty if it was.
    """

    page: int
    blocks: tuple[Block, ...]
    confidence: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: as the archive says it, cleaned; never used as a path.
        trouble: why it is left out, without its bytes; empty if it is not.
    """

    name: str
    content: bytes
    trouble: str = ""


def read(process: ReadingProcess, file: File, bounds: Bounds) -> ReadDocument:
    """Have one file read.

    Raises:
        DocumentRefused: the child refuses it, or its answer is beyond the bounds.
        ProcessGone: the child ended; by the system's hand if over its processor time.
        TimeoutError: no answer in time.
    """
    request = {"read": {"extension": file.extension, "max_pages": bounds.max_pages, "password": file.password}}
    deadline = process.send(request, [file.content], bounds.timeout_s)
    blocks: list[Block] = []
    chars = 0
    while "end" not in (answer := process.answer(deadline)):
        block = block_of(answer)
        chars += len(block.text)
        if chars > bounds.max_text_chars or len(blocks) >= MAX_BLOCKS:
            raise DocumentRefused(
                f"more than {bounds.max_text_chars} characters of text",
                advice="Split the file, or raise ingest.max_text_chars.",
            )
        blocks.append(block)
    return document_of(answer["end"], blocks)


def recognise(process: ReadingProcess, file: File, pages: list[int], timeout_s: float) -> Iterator[RecognisedPage]:
    """Have the text on the pictures of pages recognised, one page after the other.

    ``pages`` count from 1, at most ``PAGES_AT_ONCE``; all are answered, in this order, each in ``timeout_s`` of
    processor time.

    Raises as ``read``; the pages before are good.
    """
    request = {"recognise": {"extension": file.extension, "password": file.password, "pages": pages}}
    process.send(request, [file.content], timeout_s)
    deadline = time.monotonic() + PATIENCE * timeout_s
    blocks: list[Block] = []
    while "end" not in (answer := process.answer(deadline)):
        if "page_end" not in answer:
            blocks.append(block_of(answer))
            if len(blocks) > MAX_BLOCKS_OF_PAGE:
                raise ProcessGone
            continue
        page = answer["page_end"]
        if page not in pages or any(block.page != page for block in blocks):
            raise ProcessGone
        confidence, trouble = share(answer.get("confidence")), message(answer.get("trouble", ""))
        yield RecognisedPage(page, tuple(blocks), confidence, trouble)
        blocks = []
        deadline = time.monotonic() + PATIENCE * timeout_s


def unpack(process: ReadingProcess, file: File, *, max_member_bytes: int, timeout_s: float) -> Iterator[Member]:
    """Have an archive taken apart, member by member; ``timeout_s`` is for each.

    Raises as ``read``; the members before are good.
    """
    deadline = process.send({"unpack": {"max_member_bytes": max_member_bytes}}, [file.content], timeout_s)
    name, trouble, member = "", "", bytearray()
    while "end" not in (answer := process.answer(deadline)):
        if "piece" in answer:
            member += piece_of(answer)
            if len(member) > max_member_bytes:
                raise ProcessGone
            continue
        if name:
            yield Member(name, bytes(member), trouble)
        name, trouble, member = member_name(answer.get("member")), message(answer.get("trouble", "")), bytearray()
        deadline = time.monotonic() + timeout_s
    if name:
        yield Member(name, bytes(member), trouble)


def draw(process: ReadingProcess, file: File, marks: bytes, *, page: int, width: int, timeout_s: float) -> bytes:
    """Have one page drawn, with ``marks`` as the JSON of what ``page_picture`` marks.

    Raises as ``read``.
    """
    asked = {"page": page, "width": width, "password": file.password}
    deadline = process.send({"picture": asked}, [file.content, marks], timeout_s)
    picture = bytearray()
    while "end" not in (answer := process.answer(deadline)):
        picture += piece_of(answer)
        if len(picture) > MAX_PICTURE_BYTES:
            raise ProcessGone
    if not picture.startswith(PNG):
        raise ProcessGone
    return bytes(picture)
