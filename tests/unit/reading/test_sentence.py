import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reading.sentence import sentences


def cut(text):
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("年假为十天。病假另计！如何申请？请看附录。", ["年假为十天。", "病假另计！", "如何申请？", "请看附录。"]),
        ("他说：“可以。”随后离开。", ["他说：“可以。”", "随后离开。"]),
        ("It costs 3.14 dollars. Dr. Smith agreed.", ["It costs 3.14 dollars.", "Dr. Smith agreed."]),
        ("See Fig. 3 and No. 7 of the list.", ["See Fig. 3 and No. 7 of the list."]),
        ("The U.S. Army, e.g. the corps, left. It won.", ["The U.S. Army, e.g. the corps, left.", "It won."]),
        ("It ended in 2004. Then came peace.", ["It ended in 2004.", "Then came peace."]),
        ("1. Open the lid.\n2. Press the key.", ["1. Open the lid.", "2. Press the key."]),
        ("Visit a.b/c?d=e now! Go.", ["Visit a.b/c?d=e now!", "Go."]),
        ("first line\n\nsecond line", ["first line", "second line"]),
        (
            "the quick brown fox jumps over\nthe lazy dog and runs away. Far.",
            ["the quick brown fox jumps over\nthe lazy dog and runs away.", "Far."],
        ),
    ],
)
def test_sentences_end_where_a_reader_sees_their_end(text, expected):
    assert cut(text) == expected


@given(st.text(alphabet="ab.。!？\n ,“”1", max_size=200))
def test_every_visible_character_lies_in_exactly_one_sentence(text):
    assert "".join("".join(cut(text)).split()) == "".join(text.split())
