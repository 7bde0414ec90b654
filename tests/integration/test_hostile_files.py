"""Files that mean harm, through the real reading processes: each is survived or refused with its reason."""

import re
import time
from pathlib import Path

import pytest

from app.errors import DocumentRefused
from app.reading import process
from app.reading.block import Block, ReadDocument
from app.reading.pool import ReaderPool
from tests.faults import evil_reader
from tests.faults.good_files import picture
from tests.faults.hostile import ATTACKS, undergo
from tests.faults.outcomes import GOOD, bounded, judge, settle
from tests.faults.watch import Listener, footprint, resident_mib
from tests.faults.words import BEACON

LIMIT_S = 5.0
MOST_GROWTH_MIB = 150  # of a test's own bytes and the largest texts that come back


@pytest.fixture(scope="module")
def listener():
    with Listener() as opened:
        yield opened


@pytest.fixture(scope="module")
def pool():
    with ReaderPool(bounded(file_timeout_s=LIMIT_S)) as opened:
        settle(opened)
        list(opened.recognise(picture("PNG"), [1], file_name="first.png"))  # its process stays, as the other one does
        before = footprint()
        yield opened
        after = footprint()
    assert after.descriptors <= before.descriptors
    assert after.children <= before.children
    assert footprint().children < before.children


@pytest.fixture(scope="module")
def taken_over():
    """A pool whose reader of plain text is in the hands of its file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "PROGRAM", evil_reader.PROGRAM)
        with ReaderPool(bounded(file_timeout_s=2.0, max_text_chars=1_000_000)) as opened:
            settle(opened)
            yield opened


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_a_hostile_file_ends_as_it_may_and_the_next_one_is_read(pool, listener, attack):
    before = resident_mib()

    outcome = undergo(pool, attack, listener, LIMIT_S)

    assert outcome.breaches == []
    assert listener.connections == 0
    assert resident_mib() < before + MOST_GROWTH_MIB


@pytest.mark.parametrize("deed", evil_reader.DEEDS)
def test_a_parser_that_is_taken_over_by_its_file_gets_nowhere(taken_over, listener, deed):
    if not all(taken_over.isolation.values()):
        pytest.skip("this machine leaves a door of the sandbox open, and says which")
    place = listener.url if deed.startswith("connect") else ""
    outcome = judge(taken_over, f"try: {deed} | {place}".encode(), "a.txt", 2.0)

    assert outcome.breaches == []
    assert outcome.text.startswith("held by "), outcome
    assert listener.connections == 0
    assert not list(Path("/tmp").glob("strongroom-escaped")) + list(Path("/dev/shm").glob("strongroom-escaped"))


MISDEEDS = {
    "hang": "not read within",
    "sleep": "not read within",
    "stop past Python": "not read within",
    "eat memory": "memory|not read within",
    "eat mapped memory": "memory|damaged",
    "recurse": "nested too deeply",
    "recurse without a limit": "memory|crashed|not read within",
    "write to nowhere": "crashed",
    "abort": "crashed",
    "leave": "crashed",
    "exit": "crashed",
    "open everything": "damaged",
}


@pytest.mark.parametrize(("deed", "says"), MISDEEDS.items())
def test_a_parser_that_hangs_grows_or_dies_costs_one_file(taken_over, deed, says):
    outcome = judge(taken_over, f"do: {deed}".encode(), "a.txt", 2.0)

    assert outcome.breaches == []
    assert outcome.state != "read"
    assert re.search(says, outcome.reason)


def test_what_a_parser_prints_is_seen_by_nobody(taken_over, capfd):
    outcome = judge(taken_over, b"do: print", "a.txt", 2.0)

    assert (outcome.text, outcome.breaches) == ("done", [])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", evil_reader.RAISED)
def test_an_error_that_quotes_the_document_tells_none_of_it(taken_over, error):
    outcome = judge(taken_over, f"raise: {error}".encode(), "a.txt", 2.0)

    assert outcome.breaches == []
    assert outcome.state in {"refused", "lost"}
    assert evil_reader.SECRET not in outcome.reason + "".join(outcome.said)


FLOODS = {"text": "characters of text", "nothing": "not read within", "one text": "memory|characters|not read within",
          "numbers": "crashed", "pages": "crashed|not read within"}  # fmt: skip


@pytest.mark.parametrize(("flood", "says"), FLOODS.items())
def test_a_parser_that_says_too_much_is_refused(taken_over, flood, says):
    before = resident_mib()

    outcome = judge(taken_over, f"yield: {flood}".encode(), "a.txt", 2.0)

    assert outcome.breaches == []
    assert re.search(says, outcome.reason)
    assert resident_mib() < before + MOST_GROWTH_MIB


def test_notes_without_number_are_cut(taken_over):
    outcome = judge(taken_over, b"yield: notes", "a.txt", 2.0)

    assert outcome.breaches == []
    assert 0 < len(outcome.said) <= 100


class Quoting:
    """What the judge must catch: a pool that quotes, hangs or fails."""

    def __init__(self, error, seconds=0.0):
        self.error, self.seconds = error, seconds

    def read(self, content, *, file_name, password=""):
        if content == GOOD:
            return ReadDocument(
                "text/markdown", "", 0, (Block("heading", "Leave"), Block("paragraph", "Ten days.")), ()
            )
        time.sleep(self.seconds)
        raise self.error


@pytest.mark.parametrize(
    ("error", "breach"),
    [
        (DocumentRefused("cannot read 'zymurgy'"), "a message holds text"),
        (DocumentRefused("cannot read 饕"), "a message holds text"),
        (DocumentRefused("damaged", advice="look at Zymurgy"), "a message holds text"),
        (DocumentRefused(" "), "a refusal without a reason"),
        (ValueError("x"), "the parent raised ValueError"),
    ],
)
def test_the_judge_sees_what_must_not_be(error, breach):
    assert any(breach in found for found in judge(Quoting(error), b"x", "a.txt", 1.0).breaches)


def test_the_judge_sees_a_file_that_takes_too_long():
    assert "took" in judge(Quoting(DocumentRefused("damaged"), 3.2), b"x", "a.txt", 0.1).breaches[0]


def test_the_judge_sees_a_file_that_hurts_the_next(taken_over):
    broken = Quoting(DocumentRefused("damaged"))
    broken.read = lambda content, **_: taken_over.read(b"hurt", file_name="a.txt")

    assert "the next file was read wrong" in judge(broken, b"x", "a.txt", 1.0).breaches


def test_the_listener_sees_a_connection():
    with Listener() as opened:
        evil_reader.connect(opened.url).close()
        deadline = time.monotonic() + 5
        while not opened.connections and time.monotonic() < deadline:
            time.sleep(0.01)

        assert opened.connections == 1
        assert opened.named_in(BEACON.encode() + b"a") == f"{opened.url}a".encode()
