"""What a file holds: itself, or many documents: the lines of a JSONL file, the members of a ZIP archive."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import DocumentRefused
from app.reading.pool import ReaderPool
from ingest.jsonl import is_jsonl, read_lines

ARCHIVE = ".zip"


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a file.

    Attributes:
        shown: how the report names it.
        file_name: tells the reader what it may be.
        text: of a JSON line; None where the content must be read in the sandbox.
        refused: why it is no document; empty if it is one.
    """

    external_id: str
    shown: str
    file_name: str
    content: bytes = b""
    title: str = ""
    text: str | None = None
    refused: str = ""


def holds_many(file_name: str) -> bool:
    """Whether the documents of a file are what it holds, not itself."""
    return is_jsonl(file_name) or file_name.lower().endswith(ARCHIVE)


def parts_of(external_id: str, content: bytes, readers: ReaderPool, *, most_bytes: int) -> Iterator[Part]:
    """Yield the documents of a file; bad ones with their reason, and the next ones follow.

    Args:
        external_id: of the file; its members are called by it, a slash and their own names.
        content: of the file.
        readers: take archives apart.
        most_bytes: that a file of lines may expand to.

    Raises:
        DocumentRefused: the file as a whole is damaged or beyond its bounds.
    """
    if is_jsonl(external_id):
        yield from lines_of(external_id, content, most_bytes)
    elif not external_id.lower().endswith(ARCHIVE):
        yield Part(external_id, external_id, external_id, content)
    else:
        for member in readers.unpack(content, file_name=external_id):
            name = f"{external_id}/{member.name}"
            if member.trouble:
                yield Part(name, name, name, refused=member.trouble)
            elif is_jsonl(name):
                yield from bounded(name, lines_of(name, member.content, most_bytes))
            else:
                yield Part(name, name, name, member.content)


def lines_of(file_name: str, content: bytes, most_bytes: int) -> Iterator[Part]:
    """Yield the lines of a JSONL file."""
    for line in read_lines(content, file_name=file_name, most_bytes=most_bytes):
        shown = f"{file_name}:{line.number}"
        yield Part(line.external_id, shown, file_name, line.content, line.title, line.text, line.refused or "")


def bounded(name: str, parts: Iterator[Part]) -> Iterator[Part]:
    """Yield the parts of a member; its refusal as a whole is one bad part."""
    try:
        yield from parts
    except DocumentRefused as refusal:
        yield Part(name, name, name, refused=str(refusal))
