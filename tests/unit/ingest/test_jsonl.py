"""JSON lines: a bad line is named, the others go on; a bad file is refused."""

import gzip
import json
import zlib

import pytest

from app.errors import DocumentRefused
from ingest.jsonl import LONGEST_ID_CHARS, is_jsonl, read_lines

GOOD = b'{"id": "a", "title": "T", "text": "ten days"}'


def lines(content, *, name="x.jsonl", most_bytes=10_000_000):
    return list(read_lines(content, file_name=name, most_bytes=most_bytes))


def one(content):
    (line,) = lines(content if isinstance(content, bytes) else json.dumps(content).encode())
    return line


@pytest.mark.parametrize("name", ["a.jsonl", "A.JSONL", "a.jsonl.gz", "a.ndjson"])
def test_endings_that_are_read_by_line(name):
    assert is_jsonl(name)


@pytest.mark.parametrize("name", ["a.json", "jsonl", "a.jsonl.txt", "a.gz"])
def test_endings_that_are_not(name):
    assert not is_jsonl(name)


def test_a_line_is_a_document():
    line = one(GOOD)

    assert (line.number, line.external_id, line.title, line.text) == (1, "a", "T", "ten days")
    assert line.content == GOOD
    assert line.refused is None


@pytest.mark.parametrize(
    "bad",
    [
        b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"id": "a"}', b'{"text": "x"}', b'{"id": "", "text": "x"}',
        b'{"id": true, "text": "x"}', b'{"id": 1.5, "text": "x"}', b'{"id": null, "text": "x"}',
        b'{"id": "a", "text": "  "}', b'{"id": "a", "text": 5}', b'{"id": "a", "text": "x", "title": 5}',
        b"[" * 100_000, b'{"id": "a", "text": ' + b"[" * 100_000, b'{"id": ' + b"9" * 5_000 + b', "text": "x"}',
        json.dumps({"id": "i" * (LONGEST_ID_CHARS + 1), "text": "x"}).encode(),
        "{'id': 'a'}".encode("utf-16"),
    ],
    ids=lambda bad: repr(bad[:30]),
)  # fmt: skip
def test_a_bad_line_is_named_and_the_others_go_on(bad):
    first, second, third = lines(b"\n".join([GOOD, bad, b'{"id": "c", "text": "x"}']))

    assert (first.external_id, third.external_id) == ("a", "c")
    assert second.refused.startswith("line 2 ")
    assert second.text == ""


def test_blank_lines_count_but_are_none():
    assert [line.number for line in lines(b"\n\n" + GOOD + b"\r\n \n" + GOOD + b"\n")] == [3, 5]


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert one(b"\xef\xbb\xbf" + GOOD).external_id == "a"


@pytest.mark.parametrize(("given", "kept"), [(7, "7"), (0, "0"), (-3, "-3"), (2**70, str(2**70))])
def test_a_whole_number_is_an_id(given, kept):
    assert one({"id": given, "text": "x"}).external_id == kept


def test_lone_surrogates_become_text_that_can_be_stored():
    line = one(rb'{"id": "a\ud800", "title": "t\udfff", "text": "x\ud800y \ud83d\ude42"}')

    assert line.text == "x?y 🙂"
    assert (line.external_id + line.title).encode() == b"a?t?"


def test_a_missing_title_is_empty():
    assert one({"id": "a", "text": "x", "title": None}).title == ""


def test_a_gzip_file_is_read():
    assert one(GOOD) == lines(gzip.compress(GOOD), name="x.jsonl.gz")[0]


def test_a_bomb_is_refused_before_it_is_expanded():
    bomb = gzip.compress(b" " * 50_000_000 + b"\n" + GOOD)

    with pytest.raises(DocumentRefused, match="when expanded"):
        lines(bomb, name="x.jsonl.gz", most_bytes=1_000_000)


def test_a_line_longer_than_any_document_is_refused():
    with pytest.raises(DocumentRefused, match="longer than"):
        lines(b"x" * (65 * 2**20), most_bytes=10**9)


@pytest.mark.parametrize("damage", ["cut", "flipped", "no gzip"])
def test_a_damaged_gzip_file_gives_its_whole_lines_and_is_refused(damage):
    whole = b"".join(json.dumps({"id": number, "text": zlib.compress(bytes([number] * 99)).hex()}).encode() + b"\n"
                     for number in range(200))  # fmt: skip
    packed = bytearray(gzip.compress(whole))
    if damage == "cut":
        packed = packed[:-20]
    elif damage == "flipped":
        packed[-6] ^= 1  # of the checksum
    else:
        packed = bytearray(whole)
    read = []

    with pytest.raises(DocumentRefused, match="damaged after line"):
        read.extend(line for line in read_lines(bytes(packed), file_name="x.jsonl.gz", most_bytes=10**7))
    assert all(line.refused is None for line in read)
