"""One file read as the product reads it, and what came of it: the one judge of mutants, hostile and odd files."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.errors import DocumentRefused
from app.reading.pool import CRASHED, ReaderPool
from app.settings import IngestSettings, load_settings
from tests.faults.words import quoted

GRACE_S = 3.0  # to kill a process and start another on a busy machine
GOOD = b"# Leave\n\nTen days."
SLOW = re.compile("not (?:read|converted) within")
ATTACHMENT = re.compile("attachment .+?: ")  # a file in a file is named as every file is
LOST = re.compile(f"{re.escape(CRASHED)}|processor time")


@dataclass(slots=True)
class Outcome:
    """What came of one file.

    Attributes:
        state: read, refused, slow, or lost (its process ended).
        reason: why it was refused; empty if it was read.
        said: notes and troubles, which stand in reports as the reason does.
        breaches: promises that did not hold.
    """

    state: str = "read"
    reason: str = ""
    media_type: str = ""
    pages: int = 0
    text: str = ""
    said: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    seconds: float = 0.0


def bounded(**changes: object) -> IngestSettings:
    """Return the settings of a pool that reads one file after the other, with tight limits."""
    limits = {"readers": 1, "file_timeout_s": 5.0, "reader_memory_bytes": 2**30}
    return load_settings({}).ingest.model_copy(update=limits | changes)


def settle(pool: ReaderPool) -> None:
    """Start the pool's process and let it read, so that what it holds for good is there."""
    pool.read(GOOD, file_name="good.md")


def judge(
    pool: ReaderPool, content: bytes, name: str, limit_s: float, *, password: str = "", recognise: int = 0
) -> Outcome:
    """Read one file and then a good one; say what came of it and which promises did not hold.

    Of its scanned pages at most ``recognise`` have their text recognised.
    """
    outcome = Outcome()
    begun = time.monotonic()
    try:
        for step in steps(pool, content, name, password, outcome, recognise=recognise):
            took = time.monotonic() - begun
            outcome.seconds = max(outcome.seconds, took)
            if took > limit_s + GRACE_S:
                outcome.breaches.append(f"{step} took {took:.1f} s, the limit is {limit_s:g} s")
            begun = time.monotonic()
    except Exception as error:  # noqa: BLE001 - what is counted here
        outcome.breaches.append(f"the parent raised {type(error).__name__}")
    check_messages(outcome)
    check_pool(pool, outcome)
    return outcome


def steps(
    pool: ReaderPool, content: bytes, name: str, password: str, outcome: Outcome, *, recognise: int
) -> Iterator[str]:
    """Read a file, its scanned pages if asked, its members if it is an archive; yield after each step."""
    try:
        if name.endswith(".zip"):
            yield from unpack(pool, content, name, outcome)
        else:
            scanned = read(pool, content, name, password, outcome)
            yield "reading"
            if recognise and scanned:
                for done in pool.recognise(content, scanned[:recognise], file_name=name, password=password):
                    outcome.text += "".join(f"{block.text}\n" for block in done.blocks)
                    outcome.said += [done.trouble] if done.trouble else []
                    yield "recognising"
    except DocumentRefused as refusal:
        outcome.reason = str(refusal)
        outcome.said.append(refusal.advice)
        outcome.state = "refused"
        if SLOW.search(outcome.reason):
            outcome.state = "slow"
        elif LOST.search(outcome.reason):
            outcome.state = "lost"
        if not outcome.reason.strip():
            outcome.breaches.append("a refusal without a reason")
        yield "refusing"


def read(pool: ReaderPool, content: bytes, name: str, password: str, outcome: Outcome) -> list[int]:
    """Read a file; return its scanned pages."""
    document = pool.read(content, file_name=name, password=password)
    outcome.media_type, outcome.pages = document.media_type, document.pages
    outcome.text += "\n".join(block.text for block in document.blocks)
    outcome.said += [*document.notes, *document.scanned.values()]
    return list(document.scanned)


def unpack(pool: ReaderPool, content: bytes, name: str, outcome: Outcome) -> Iterator[str]:
    """Take an archive apart and read its members."""
    members = []
    for member in pool.unpack(content, file_name=name):
        members.append(member)
        outcome.said += [member.trouble] if member.trouble else []
        yield "unpacking"
    outcome.pages = len(members)
    for member in members:
        if member.content:
            try:
                read(pool, member.content, member.name, "", outcome)
            except DocumentRefused as refusal:
                outcome.said += [str(refusal), refusal.advice]
            yield "reading a member"


def check_messages(outcome: Outcome) -> None:
    """Nothing that is said about a file quotes it: no word of it, no character but plain English ones."""
    for message in (outcome.reason, *(ATTACHMENT.sub("", said) for said in outcome.said)):
        if quoted(message) or not message.isascii():
            outcome.breaches.append("a message holds text of the document")


def check_pool(pool: ReaderPool, outcome: Outcome) -> None:
    """The next file is read as ever."""
    try:
        blocks = pool.read(GOOD, file_name="good.md").blocks
    except Exception as error:  # noqa: BLE001 - what is counted here
        outcome.breaches.append(f"the next file: {type(error).__name__}")
        return
    if [block.text for block in blocks] != ["Leave", "Ten days."]:
        outcome.breaches.append("the next file was read wrong")
