"""The reading process: takes one file after the other from a socket, answers in JSON lines.

Request: one JSON line, the file as a descriptor beside it. Answer: a line for each block, then one
line that ends it, ``{"end": ...}`` or ``{"refused": ...}``. The first line of all, ``{"ready": ...}``,
names the doors that are closed. Exceptions of parsers may quote the document, so none leaves here.
What can be asked is ``TASKS``; what is to be marked on a picture lies in a second descriptor.
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
from contextlib import contextmanager
from itertools import chain
from math import ceil
from typing import Any

from app.errors import DocumentLocked, DocumentRefused
from app.reading import detect, sandbox
from app.reading.block import Block
from app.reading.contract import OPENING_CHARS, Reading, clean_title, stands_in, tidy
from app.reading.readers import OWN_READERS, blocks_of, media_type_of

FLUSH_BYTES = 1 << 16
MAX_REQUEST_BYTES = 16_384
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


def line_of(block: Block) -> dict[str, Any]:
    """Give the answer's line for a block."""
    line = {"kind": block.kind, "text": block.text, "page": block.page, "level": block.level}
    if block.boxes:
        line["boxes"] = [
            (box.start, box.end, *(round(share(edge), 5) for edge in (box.left, box.top, box.right, box.bottom)))
            for box in block.boxes
        ]
    return line


def share(value: float) -> float:
    """Keep a share between 0 and 1; words may stand out of their page."""
    return min(max(value, 0.0), 1.0)


def answer_with_text(files: list[bytes], asked: dict[str, Any], answers: Answers) -> None:
    """Read one file and send its blocks and the end line."""
    (content,) = files
    extension = asked["extension"]
    reading = Reading(
        max_pages=asked["max_pages"], extension=extension, password=asked["password"], path=asked.get("path", "")
    )
    media_type = media_type_of(content, extension)
    if extension not in OWN_READERS:
        if media_type == detect.ZIP:
            raise detect.refuse("ZIP archive in an archive")
        if media_type in detect.CONVERTED:
            answers.send({"end": {"media_type": media_type, "pages": 0, "notes": []}})
            return
    first_heading = opening = ""
    empty = True
    for block in blocks_of(content, media_type, reading):
        empty = False
        if block.kind != "margin" and len(opening) < OPENING_CHARS:
            opening += block.text[:OPENING_CHARS] + "\n"
        if block.kind == "heading" and not first_heading and block.page <= MAX_TITLE_PAGE:
            first_heading = block.text
        answers.send(line_of(block))
    if empty and not reading.scanned:
        raise DocumentRefused(reading.empty_reason)
    title = clean_title(reading.title)
    end = {
        "media_type": media_type,
        "title": title if title and stands_in(title, opening) else clean_title(first_heading),
        "pages": reading.pages,
        "notes": reading.all_notes(),
        "scanned": reading.scanned,
    }
    answers.send({"end": end})


def answer_with_recognised(files: list[bytes], asked: dict[str, Any], answers: Answers) -> None:
    """Recognise the text on pictures of pages; send for each page its blocks and a line that ends it."""
    (content,) = files
    pages_of = importlib.import_module("app.reading.recognise").pages_of
    for page, blocks, confidence, trouble in pages_of(content, asked["pages"], asked["extension"], asked["password"]):
        for block in chain.from_iterable(map(tidy, blocks)):
            answers.send(line_of(block))
        answers.send({"page_end": page, "confidence": share(confidence), "trouble": trouble})
        answers.flush()
        allow_cpu(asked["timeout_s"])
    answers.send({"end": True})


def answer_with_members(files: list[bytes], asked: dict[str, Any], answers: Answers) -> None:
    """Take an archive apart; send for each member its name and its bytes, or why it is left out."""
    (content,) = files
    members_of = importlib.import_module("app.reading.archive").members_of
    for name, member, trouble in members_of(content, asked["max_member_bytes"]):
        answers.send({"member": name, "trouble": trouble})
        send_pieces(member, answers)
        answers.flush()
        allow_cpu(asked["timeout_s"])
    answers.send({"end": True})


def answer_with_picture(files: list[bytes], asked: dict[str, Any], answers: Answers) -> None:
    """Draw one page and send the picture and the end line."""
    content, marks = files
    picture_of = importlib.import_module("app.reading.page_picture").picture_of
    del asked["timeout_s"]
    send_pieces(picture_of(content, **asked, **json.loads(marks)), answers)
    answers.send({"end": True})


def send_pieces(content: bytes, answers: Answers) -> None:
    """Send bytes in pieces."""
    for start in range(0, len(content), PIECE_BYTES):
        answers.send({"piece": base64.b64encode(content[start : start + PIECE_BYTES]).decode()})


TASKS = {
    "read": answer_with_text,
    "recognise": answer_with_recognised,
    "unpack": answer_with_members,
    "picture": answer_with_picture,
}


def serve_one(files: list[bytes], request: dict[str, Any], answers: Answers) -> bool:
    """Answer one request; False if this process should not take another."""
    refusal: DocumentRefused
    fit = True
    try:
        (task,) = request.keys() & TASKS.keys()
        TASKS[task](files, request[task] | {"timeout_s": request["timeout_s"]}, answers)
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
    locked = isinstance(refusal, DocumentLocked)
    answers.send({"refused": str(refusal), "advice": refusal.advice, "locked": locked})
    return fit


@contextmanager
def with_path(request: dict[str, Any], descriptors: list[int]) -> Iterator[None]:
    """Keep the file of an own reader open under a path, which its library may insist on."""
    asked = request.get("read", {})
    if asked.get("extension") not in OWN_READERS:
        yield
        return
    kept = os.dup(descriptors[0])
    asked["path"] = f"/proc/self/fd/{kept}"
    try:
        yield
    finally:
        os.close(kept)


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
        memory_bytes=start["memory_bytes"], cpu_s=start["cpu_s"], parent=start["parent"], readable=start["readable"],
        threads=start["threads"],
    )  # fmt: skip
    OWN_READERS.update(start["own_readers"])
    for module in start["modules"]:
        importlib.import_module(module)
    answers.send({"ready": held})
    answers.flush()
    fit = True
    while fit and (received := receive(channel)) is not None:
        request, descriptors = received
        allow_cpu(request["timeout_s"])
        try:
            with with_path(request, descriptors):
                fit = serve_one([take(one) for one in descriptors], request, answers)
        except MemoryError:
            fit = False
            answers.send({"refused": MEMORY, "advice": DocumentRefused.advice})
        answers.flush()
    os._exit(0)  # no destructors of parsers that a hostile file may have confused
