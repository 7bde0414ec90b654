"""JSON lines, plain or gzipped: each line ``{"id", "title", "text"}`` is a document with that external id."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import DocumentRefused

LONGEST_LINE_BYTES = 64 * 2**20
LONGEST_ID_CHARS = 1_000
SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a document, or the reason why it is none."""

    number: int
    external_id: str
    title: str
    text: str
    content: bytes
    refused: str | None = None


def is_jsonl(file_name: str) -> bool:
    """Whether a file is read line by line."""
    return file_name.lower().endswith(SUFFIXES)


def read_lines(content: bytes, *, file_name: str, most_bytes: int) -> Iterator[Line]:
    """Yield the documents of a file; a bad line is yielded with its reason and the next ones follow.

    Raises:
        DocumentRefused: the file as a whole is damaged, or expands beyond ``most_bytes``.
    """
    raw: io.BufferedIOBase = io.BytesIO(content)
    if file_name.lower().endswith(".gz"):
        raw = gzip.GzipFile(fileobj=raw)
    taken = 0
    number = 0
    while True:
        try:
            line = raw.readline(LONGEST_LINE_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DocumentRefused(f"the gzip file is damaged after line {number}") from error
        if not line:
            return
        number += 1
        taken += len(line)
        if taken > most_bytes:
            raise DocumentRefused(f"more than {most_bytes:,} bytes when expanded; split the file")
        if len(line) > LONGEST_LINE_BYTES:
            raise DocumentRefused(f"line {number} is longer than {LONGEST_LINE_BYTES:,} bytes")
        if line.strip():
            yield parse(line.strip(), number)


def parse(line: bytes, number: int) -> Line:
    """Read one line; what is wrong with it is its reason, never an exception."""
    try:
        entry = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return bad(number, "is not UTF-8")
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        return bad(number, "is not a JSON object")
    external_id, title, text = entry.get("id"), entry.get("title", ""), entry.get("text")
    if isinstance(external_id, int) and not isinstance(external_id, bool):
        external_id = str(external_id)
    if not isinstance(external_id, str) or not isinstance(text, str) or not isinstance(title, str | None):
        return bad(number, "has no 'id', no 'text', or a 'title' that is not a text")
    if not 0 < len(external_id) <= LONGEST_ID_CHARS:
        return bad(number, f"has an 'id' that is empty or longer than {LONGEST_ID_CHARS} characters")
    # Lone surrogates can stand in JSON but in no UTF-8 text.
    title, text = (part.encode("utf-8", "replace").decode() for part in (title or "", text))
    if not text.strip():
        return bad(number, "has an empty 'text'")
    return Line(number, external_id.encode("utf-8", "replace").decode(), title.strip(), text, line)


def bad(number: int, reason: str) -> Line:
    """Return a line that is no document."""
    return Line(number, "", "", "", b"", f"line {number} {reason}")
