"""Tokens: the same text gives the same tokens, however it is written."""

from hypothesis import given
from hypothesis import strategies as st

from app.knowledge.tokens import LONGEST_TOKEN_CHARS, codes_of, normalised, tokens_of


def test_codes_stand_whole_and_split():
    assert tokens_of("XJ-9000") == ["xj-9000", "xj", "9000"]
    assert set(tokens_of("GB/T 2828.1")) >= {"gb/t", "gb", "t", "2828.1"}
    assert tokens_of("5mg") == ["5mg", "5", "mg"]
    assert tokens_of("2828.1") == ["2828.1"]


def test_a_code_is_found_by_each_of_its_parts():
    assert set(tokens_of("XJ-9000 pump")) >= set(tokens_of("9000")) | set(tokens_of("xj"))


def test_han_text_is_characters_and_bigrams():
    assert tokens_of("离心泵") == ["离", "心", "泵", "离心", "心泵"]
    assert tokens_of("泵") == ["泵"]


def test_han_and_latin_do_not_run_together():
    assert tokens_of("泵XJ-9000停机") == ["泵", "xj-9000", "xj", "9000", "停", "机", "停机"]


def test_traditional_folds_to_simplified():
    assert tokens_of("醫療氣瓶管理") == tokens_of("医疗气瓶管理")


def test_full_width_and_case_do_not_matter():
    assert tokens_of("ＸＪ－９０００") == tokens_of("xj-9000")


def test_invisible_characters_do_not_split_or_hide_words():
    assert tokens_of("pu\u200bmp") == tokens_of("pump")
    assert tokens_of("离\ufeff心\u00ad泵") == tokens_of("离心泵")
    assert tokens_of("\u200b\u200d\ufeff\u2060") == []


def test_a_han_word_is_whole_across_a_line_end_and_where_its_letters_are_set_wide():
    assert "须知" in tokens_of("入院患者须\n知：家属陪同")
    assert "须知" in tokens_of("患 者　须 知")
    assert "者须" in tokens_of("患 者　须 知")


def test_paragraphs_and_words_that_a_space_parts_on_purpose_stay_apart():
    assert "知家" not in tokens_of("患者须知\n\n家属陪同")
    assert "索中" not in tokens_of("文档检索 中文分词 安装")


def test_english_words_stand_with_their_stem():
    assert tokens_of("pumps") == ["pumps", "pump"]
    assert tokens_of("pump") == ["pump"]


def test_astral_han_counts_as_han():
    assert tokens_of("𠀀𠀁") == ["𠀀", "𠀁", "𠀀𠀁"]


def test_runs_longer_than_any_word_are_dropped():
    assert tokens_of("a" * LONGEST_TOKEN_CHARS) != []
    assert tokens_of("a" * (LONGEST_TOKEN_CHARS + 1)) == []
    assert tokens_of("A" * 100_000 + " pump") == ["pump"]


def test_other_scripts_are_words_too():
    assert tokens_of("насос помпа") == ["насос", "помпа"]


@given(st.text())
def test_tokens_hold_no_white_space_and_do_not_depend_on_the_form(text):
    tokens = tokens_of(text)

    assert all(token and not any(character.isspace() for character in token) for token in tokens)
    assert tokens_of(normalised(text)) == tokens


@given(st.text(), st.text())
def test_texts_apart_are_tokenised_apart(first, second):
    assert tokens_of(f"{first}\n\n{second}") == tokens_of(first) + tokens_of(second)


def test_codes_are_pieces_that_open_with_a_letter_and_hold_a_digit():
    assert codes_of("E-203 是什么？XJ-9000, GB/T 2828.1, B12, 5mg 65 ℃ 3rd") == ["e-203", "xj-9000", "b12"]
    assert codes_of("什么时候换药？") == []
