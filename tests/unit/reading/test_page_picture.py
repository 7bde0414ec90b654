"""How big a picture becomes, and how stored text is found again among the characters of a page."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import DocumentRefused
from app.reading.page_picture import MOST_PIXELS, MOST_SIDE, Box, nearest, size_in_pixels, squeeze, stretches

SIZES = st.floats(min_value=0, max_value=3.4e38, exclude_min=True)


@given(SIZES, SIZES, st.integers(400, 2_000))
def test_no_page_becomes_larger_than_the_limits(page_width, page_height, width):
    across, down = size_in_pixels(page_width, page_height, width)

    assert 1 <= across <= width
    assert 1 <= down <= MOST_SIDE
    assert across * down <= MOST_PIXELS * 1.01


def test_an_ordinary_page_keeps_its_shape_and_the_width_asked_for():
    assert size_in_pixels(595, 842, 1_000) == (1_000, 1_415)
    assert size_in_pixels(842, 595, 2_000) == (2_000, 1_413)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5), (math.nan, 5), (5, math.inf)])
def test_a_page_without_a_size_is_refused(size):
    with pytest.raises(DocumentRefused):
        size_in_pixels(*size, 1_000)


def marked(stored, span, page):
    shown, _ = squeeze(page)
    return [shown[stretch.start : stretch.stop] for stretch in stretches(stored, [span], shown)]


def test_white_space_hyphens_and_controls_do_not_part_stored_text_from_its_page():
    page = "The instal\x02\r\nlation\x00 takes 5\u2009min.\r\n"
    stored = "The installation takes 5 min."

    assert marked(stored, [0, 29, 4, 16], page) == ["installation"]
    assert marked("The instal-lation takes 5 min.", [0, 30, 4, 17], page) == ["installation"]


def test_a_span_that_stands_twice_is_taken_where_it_is_expected():
    assert nearest("abXabXabX", "abX", 4) == 3
    assert nearest("abXabXabX", "abX", 8) == 6
    assert nearest("abX", "no", 0) is None
    assert nearest("abX", "", 0) is None


def test_text_that_is_not_on_the_page_is_nowhere():
    assert marked("Another text.", [0, 13, 0, 7], "This page.") == []
    assert list(marked("- \n", [0, 3, 0, 3], "- page")) == []


@given(st.text(max_size=60), st.data())
def test_what_was_stored_as_it_stood_is_found_in_place(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))

    assert "".join(marked(text, [start, end, start, end], text)) == squeeze(text[start:end])[0]


def test_boxes_of_one_line_are_joined_and_those_of_cells_and_lines_are_not():
    word = Box(100, 50, 140, 62)

    assert word.continued_by(Box(146, 51, 180, 62))
    assert not word.continued_by(Box(200, 50, 240, 62))
    assert not word.continued_by(Box(20, 64, 60, 76))
    assert word.joined(Box(146, 48, 180, 60)) == Box(100, 48, 180, 62)
