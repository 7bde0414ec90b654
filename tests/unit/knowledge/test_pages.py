"""Which part of a page a citation is: offsets in a passage become offsets in the pages it was taken from."""

import pytest

from app.errors import UsageError
from app.knowledge.pages import Citation, Place, boxes_of, cited_on, unplaced
from app.knowledge.passage import Span

# A table that goes on: its header's span is repeated, and a newline parts the two.
HEADER, ROWS = Span(2, 10, 20), Span(2, 50, 80)
SPANS = (HEADER, ROWS)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, ((10, 20, 10, 20), (50, 80, 50, 80))),
        (0, 41, ((10, 20, 10, 20), (50, 80, 50, 80))),
        (None, 4, ((10, 20, 10, 14),)),
        (3, 7, ((10, 20, 13, 17),)),
        (11, 16, ((50, 80, 50, 55),)),
        (8, 13, ((10, 20, 18, 20), (50, 80, 50, 52))),
        (40, None, ((50, 80, 79, 80),)),
        (10, 11, ()),  # the newline alone
    ],
)
def test_a_citation_is_cut_at_the_spans_of_its_passage(start, end, expected):
    assert cited_on(2, SPANS, Citation("c", start, end)) == expected


def test_only_what_lies_on_the_page_is_cited_on_it():
    spans = (Span(1, 90, 100), Span(2, 0, 5))

    assert cited_on(1, spans, Citation("c")) == ((90, 100, 90, 100),)
    assert cited_on(2, spans, Citation("c")) == ((0, 5, 0, 5),)
    assert cited_on(3, spans, Citation("c")) == ()


@pytest.mark.parametrize(("start", "end"), [(0, 42), (5, 5), (6, 5), (41, None), (None, 0), (-1, 3)])
def test_what_lies_outside_the_passage_is_refused(start, end):
    with pytest.raises(UsageError):
        cited_on(2, SPANS, Citation("c", start, end))


PLACES = [Place(0, 10, 0.1, 0.1, 0.6, 0.2), Place(13, 23, 0.1, 0.3, 0.6, 0.4)]


def test_a_line_that_is_cited_in_part_is_marked_in_part():
    ((left, top, right, bottom),) = boxes_of(PLACES, 5, 10)

    assert (round(left, 3), top, round(right, 3), bottom) == (0.35, 0.1, 0.6, 0.2)


def test_a_citation_over_several_lines_has_a_box_in_each():
    assert [box[1] for box in boxes_of(PLACES, 8, 15)] == [0.1, 0.3]


def test_what_has_no_box_is_left_to_the_characters_of_the_page():
    assert list(unplaced(PLACES, 5, 40)) == [(10, 13), (23, 40)]
    assert list(unplaced(PLACES, 2, 9)) == []
    assert list(unplaced([], 2, 9)) == [(2, 9)]
