"""Stored texts: any span reads back, wherever the segments are cut."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.knowledge.passage import Span
from app.knowledge.texts import (
    SEGMENT_CHARS,
    embedded_text,
    read_page,
    read_span,
    read_spans,
    segments,
    spans_from_json,
    spans_to_json,
)

LONG = "".join(chr(0x4E00 + number % 5_000) for number in range(3 * SEGMENT_CHARS + 17))
ASTRAL = "🙂a𠀀" * SEGMENT_CHARS


@pytest.fixture(scope="module")
def texts():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE texts (version_number, page, start, text)")
    for version, page, text in ((1, 0, LONG), (1, 2, "another page"), (2, 0, ASTRAL), (3, 1, "x" * SEGMENT_CHARS)):
        rows = [(version, *segment) for segment in segments(page, text)]
        connection.executemany("INSERT INTO texts VALUES (?, ?, ?, ?)", rows)
    yield connection
    connection.close()


@given(st.integers(0, len(LONG) - 1), st.integers(1, len(LONG)), st.sampled_from([(1, LONG), (2, ASTRAL)]))
def test_any_span_reads_back(texts, start, length, stored):
    version, text = stored
    start = min(start, len(text) - 1)
    end = min(start + length, len(text))

    assert read_span(texts, version, Span(0, start, end)) == text[start:end]


@pytest.mark.parametrize("at", [SEGMENT_CHARS, 2 * SEGMENT_CHARS, 3 * SEGMENT_CHARS])
@pytest.mark.parametrize("before", [0, 1, SEGMENT_CHARS])
@pytest.mark.parametrize("after", [0, 1, 17])
def test_spans_across_segment_borders(texts, at, before, after):
    if before + after:
        assert read_span(texts, 1, Span(0, at - before, at + after)) == LONG[at - before : at + after]


def test_spans_of_several_pages_are_joined_by_a_newline(texts):
    assert read_spans(texts, 1, [Span(0, 0, 3), Span(2, 0, 7)]) == f"{LONG[:3]}\nanother"


def test_a_page_reads_whole(texts):
    assert read_page(texts, 1, 0) == LONG
    assert read_page(texts, 3, 1) == "x" * SEGMENT_CHARS
    assert read_page(texts, 3, 9) == ""


def test_spans_keep_their_form():
    spans = (Span(0, 0, 5), Span(3, 10, 12))

    assert spans_to_json(spans) == "[[0,0,5],[3,10,12]]"
    assert spans_from_json(spans_to_json(spans)) == spans


@pytest.mark.parametrize("span", [(-1, 0, 1), (0, -1, 1), (0, 1, 1), (0, 2, 1)])
def test_impossible_spans_are_refused(span):
    with pytest.raises(ValueError, match="impossible span"):
        Span(*span)


def test_what_is_embedded_names_title_and_heading_once():
    assert embedded_text("Manual", "Manual > Pumps", "Stop.") == "Manual\nManual > Pumps\nStop."
    assert embedded_text("Manual", "Manual", "Stop.") == "Manual\nStop."
    assert embedded_text("", "", "Stop.") == "Stop."


def test_what_is_embedded_of_a_table_is_its_words_without_its_rules():
    table = "| 药品 | 单次剂量 |\n| --- | --- |\n| 氯化钾 | 0.5 mmol/kg |\n| a \\| b | c |"

    words = embedded_text("", "", table).split()

    assert words == ["药品", "单次剂量", "氯化钾", "0.5", "mmol/kg", "a", "\\|", "b", "c"]
