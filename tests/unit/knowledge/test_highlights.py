"""Highlights: offsets are code points of the very text."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.knowledge.highlights import MOST_HIGHLIGHTS, highlights


def marked(text, question):
    return [text[start:end] for start, end in highlights(text, question)]


def test_words_match_by_their_stem():
    assert marked("The Pumps are pumping; a pumpkin is not.", "pump") == ["Pumps", "pumping"]


def test_han_matches_by_bigrams_and_joins_what_touches():
    assert marked("请关闭离心泵的阀门。", "离心泵怎么停") == ["离心泵"]
    assert marked("请关闭离心泵。", "泵") == ["泵"]


def test_traditional_and_simplified_match_each_other():
    assert marked("醫療氣瓶", "医疗气瓶") == ["醫療氣瓶"]
    assert marked("医疗气瓶", "醫療氣瓶") == ["医疗气瓶"]


def test_codes_match_whole_and_by_a_part():
    assert marked("Fault E-17 of XJ-9000.", "xj-9000") == ["XJ-9000"]
    assert marked("Fault E-17 of XJ-9000.", "9000") == ["XJ-9000"]


def test_astral_characters_count_as_one():
    text = "🙂🙂 𠀀 pump 🙂 𠀀𠀁"
    assert highlights(text, "pump") == [(5, 9)]
    assert marked(text, "𠀀𠀁") == ["𠀀𠀁"]


def test_full_width_text_is_found_where_it_stands():
    assert marked("型号ＸＪ－９０００，见下", "XJ-9000") == ["ＸＪ－９０００"]
    assert marked("PUMP ＰＵＭＰ", "ｐｕｍｐ") == ["PUMP", "ＰＵＭＰ"]


def test_characters_that_grow_when_folded_keep_the_offsets():
    text = "İİ ﬁ ㎎ ① pump"  # each would become several characters
    assert marked(text, "pump") == ["pump"]


def test_nothing_matches_nothing():
    assert highlights("", "pump") == []
    assert highlights("pump", "") == []
    assert highlights("pump", '" ( * \x00') == []


@given(st.text(), st.text())
def test_spots_lie_in_the_text_apart_and_in_order(text, question):
    spots = highlights(text, question)

    assert len(spots) <= MOST_HIGHLIGHTS
    assert all(0 <= start < end <= len(text) for start, end in spots)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spots))
