"""Long texts are given in stretches that end with a chunk; what no chunk covers is a margin."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.knowledge.page_texts import end_of, margins_of, stretches, within


def test_a_text_within_the_limit_is_one_stretch():
    assert stretches([40, 90], 100, limit=100) == [0]
    assert stretches([], 0, limit=100) == [0]


def test_a_stretch_ends_with_the_last_chunk_that_ends_in_it():
    assert stretches([40, 90, 130, 180], 200, limit=100) == [0, 90, 180]
    assert stretches([40, 90, 130, 190], 200, limit=100) == [0, 90, 190]


def test_where_no_chunk_ends_a_stretch_ends_at_the_limit():
    assert stretches([450], 500, limit=100) == [0, 100, 200, 300, 400]
    assert stretches([], 250, limit=100) == [0, 100, 200]


@given(
    ends=st.lists(st.integers(1, 400), unique=True).map(sorted),
    more=st.integers(0, 60),
    limit=st.integers(1, 150),
)
def test_stretches_join_without_a_gap_and_none_is_too_long(ends, more, limit):
    length = (ends[-1] if ends else 0) + more
    starts = stretches(ends, length, limit=limit)

    borders = [*starts, length]
    assert all(0 < last - first <= limit for first, last in pairwise(borders) if length)
    assert all(end_of(ends, first, length, limit=limit) == last for first, last in pairwise(borders))


@pytest.mark.parametrize(
    ("text", "spans", "margins"),
    [
        ("Ward 7\n\nbody\n\n3", [(8, 12)], ["Ward 7", "3"]),
        ("body", [(0, 4)], []),
        ("one\n\ntwo", [(0, 3), (5, 8)], []),
        ("all of it", [], ["all of it"]),
        ("", [], []),
        ("head\n\na b c", [(6, 9), (8, 11)], ["head"]),
        ("t|r1 r2", [(0, 1), (2, 4), (0, 1), (5, 7)], ["|"]),
        (" \n\t ", [], []),
    ],
)
def test_margins_are_what_no_span_covers_without_white_space(text, spans, margins):
    assert [text[start:end] for start, end in margins_of(text, spans)] == margins


def test_spans_are_cut_at_the_borders_of_their_stretch():
    assert list(within([(0, 10), (95, 120), (140, 300), (300, 400)], 100, 300)) == [(0, 20), (40, 200)]
