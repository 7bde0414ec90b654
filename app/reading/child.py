"""The reading process: takes one file after the other from a socket, answers in JSON lines.

Request: one JSON line, the file as a descriptor beside it. Answer: a line for each block, then one
line that ends it, ``{"end": ...}`` or ``{"refused": ...}``. The first line of all, ``{"ready": ...}``,
names the doors that are closed. Exceptions of parsers may quote the document, so none leaves here.
A request with ``picture`` wants that page drawn; what is to be marked lies in a second descriptor, and
the answer's lines are pieces of the picture.
"""

import array
import base64
import importlib
import json
import os
import resource
import signal
import socket
from collections.abc import Iterator
from math import ceil
from typing import Any

from app.errors import DocumentRefused
from app.reading import detect, sandbox
from app.reading.block import Block
from app.reading.contract import OPENING_CHARS, Reader, Reading, clean_title, stands_in, tidy

READERS = {
    detect.PDF: "app.reading.pdf",
    detect.DOCX: "app.reading.docx",
    detect.HTML: "app.reading.html",
    detect.MARKDOWN: "app.reading.markdown",
    detect.TEXT: "app.reading.text",
}
FLUSH_BYTES = 1 << 16
MAX_REQUEST_BYTES = 4_096
MAX_DESCRIPTORS = 2
PIECE_BYTES = 96 * 1024  # of a picture; in base64 shorter than the longest line that the parent takes
MAX_TITLE_PAGE = 3  # a first heading further on is that of a chapter
DAMAGED = "the file is damaged, or not what its name says; save it again"
MEMORY = "reading this file needs more memory than ingest.reader_memory_bytes allows; split it, or raise the setting"
NESTED = "the file is nested too deeply to be read; save it again in a plainer form"


class Answers:
    """Sends JSON lines in large pieces."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._waiting = bytearray()

    def send(self, answer: dict[str, Any]) -> None:
        """Queue one line; it goes out with the next flush or when enough are waiting."""
        self._waiting += json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        self._waiting += b"\n"
        if len(self._waiting) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is waiting."""
        self._channel.sendall(self._waiting)
        self._waiting.clear()


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Wait for a request; None when the parent has closed its end."""
    size = array.array("i").itemsize
    line, ancillary, _, _ = channel.recvmsg(MAX_REQUEST_BYTES, socket.CMSG_SPACE(size * MAX_DESCRIPTORS))
    if not line:
        return None
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % size])
    request: dict[str, Any] = json.loads(line)
    return request, list(descriptors)


def take(descriptor: int) -> bytes:
    """Read the whole file and close its descriptor."""
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        file.seek(0)
        return file.readall()


def blocks_of(content: bytes, media_type: str, reading: Reading) -> Iterator[Block]:
    """Give the cleaned blocks of a file."""
    # By name: a parser is imported with the first file that needs it.
    reader: Reader = importlib.import_module(READERS[media_type]).read
    for block in reader(content, reading):
        yield from tidy(block)


def answer_with_text(files: list[bytes], request: dict[str, Any], answers: Answers) -> None:
    """Read one file and send its blocks and the end line."""
    (content,) = files
    reading = Reading(max_pages=request["max_pages"], extension=request["extension"])
    media_type = detect.detect(content, reading.extension)
    first_heading = opening = ""
    empty = True
    for block in blocks_of(content, media_type, reading):
        empty = False
        if len(opening) < OPENING_CHARS:
            opening += block.text[:OPENING_CHARS] + "\n"
        if block.kind == "heading" and not first_heading and block.page <= MAX_TITLE_PAGE:
            first_heading = block.text
        answers.send({"kind": block.kind, "text": block.text, "page": block.page, "level": block.level})
    if empty:
        raise DocumentRefused(reading.empty_reason)
    title = clean_title(reading.title)
    end = {
        "media_type": media_type,
        "title": title if title and stands_in(title, opening) else clean_title(first_heading),
        "pages": reading.pages,
        "notes": reading.all_notes(),
    }
    answers.send({"end": end})


def answer_with_picture(files: list[bytes], request: dict[str, Any], answers: Answers) -> None:
    """Draw one page and send the picture and the end line."""
    content, marks = files
    picture_of = importlib.import_module("app.reading.page_picture").picture_of
    picture: bytes = picture_of(content, **request["picture"], **json.loads(marks))
    for start in range(0, len(picture), PIECE_BYTES):
        answers.send({"piece": base64.b64encode(picture[start : start + PIECE_BYTES]).decode()})
    answers.send({"end": len(picture)})


def serve_one(files: list[bytes], request: dict[str, Any], answers: Answers) -> bool:
    """Answer one request; False if this process should not take another."""
    refusal: DocumentRefused
    fit = True
    try:
        if "picture" in request:
            answer_with_picture(files, request, answers)
        else:
            answer_with_text(files, request, answers)
    except DocumentRefused as error:
        refusal = error
    except MemoryError:
        refusal, fit = DocumentRefused(MEMORY), False
    except RecursionError:
        refusal = DocumentRefused(NESTED)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        refusal = DocumentRefused(DAMAGED)
    except Exception:  # noqa: BLE001 - the edge of the process: parsers raise anything on hostile bytes
        refusal = DocumentRefused(DAMAGED)
    else:
        return True
    answers.send({"refused": str(refusal), "advice": refusal.advice})
    return fit


def allow_cpu(seconds: float) -> None:
    """Let this file use so much processor time from now; beyond it the system ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard < 0 else min(most, hard), hard))


def main(start: dict[str, Any]) -> None:
    """Run until the parent closes the socket or a file has made this process unfit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when we end
    channel = socket.socket(fileno=start["channel"])
    answers = Answers(channel)
    held = sandbox.enter(
        memory_bytes=start["memory_bytes"], cpu_s=start["cpu_s"], parent=start["parent"], readable=start["readable"]
    )
    for module in start["modules"]:
        importlib.import_module(module)
    answers.send({"ready": held})
    answers.flush()
    fit = True
    while fit and (received := receive(channel)) is not None:
        request, descriptors = received
        allow_cpu(request["timeout_s"])
        try:
            fit = serve_one([take(one) for one in descriptors], request, answers)
        except MemoryError:
            fit = False
            answers.send({"refused": MEMORY, "advice": DocumentRefused.advice})
        answers.flush()
    os._exit(0)  # no destructors of parsers that a hostile file may have confused
