from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.sentences import Sentence, SentenceStream, split_sentences, unwrapped


def cut(text: str, *, wrapped: bool = True) -> list[str]:
    return [sentence.of(text) for sentence in split_sentences(text, wrapped=wrapped)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Use 3.5 mg. Then rest!", ["Use 3.5 mg.", "Then rest!"]),
        ("Dr. Smith saw it, e.g. in Fig. 2. It held.", ["Dr. Smith saw it, e.g. in Fig. 2.", "It held."]),
        ("J. K. Rowling wrote it. Vitamin C. The end.", ["J. K. Rowling wrote it.", "Vitamin C.", "The end."]),
        ("The U.S. Government paid. See No. 5 there.", ["The U.S. Government paid.", "See No. 5 there."]),
        ("Is it? Yes. Visit a.com/x?y=1 now.", ["Is it?", "Yes.", "Visit a.com/x?y=1 now."]),
        ("He said: “Stop.” She did.", ["He said: “Stop.”", "She did."]),
        ("It ended in 2004. Then more.", ["It ended in 2004.", "Then more."]),
        ("保修期为 3.5 年。请联系客服！好吗？", ["保修期为 3.5 年。", "请联系客服！", "好吗？"]),
        ("他说：“可以。”然后走了。", ["他说：“可以。”", "然后走了。"]),
        ("最大支持5MB.下一步是什么", ["最大支持5MB.", "下一步是什么"]),
        ("它是 A。[1] 它是 B【2】。完", ["它是 A。[1]", "它是 B【2】。", "完"]),
        ("It is A. [1][2] It is B [3]. End", ["It is A. [1][2]", "It is B [3].", "End"]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_each_list_item_begins_a_sentence_and_keeps_its_number() -> None:
    text = "安装步骤：\n1. 打开电源。等待。\n2、连接 XJ-9000\n（三）安装软件\n- done\n第四步：结束"

    assert cut(text) == [
        "安装步骤：", "1. 打开电源。", "等待。", "2、连接 XJ-9000", "（三）安装软件", "- done", "第四步：结束",
    ]  # fmt: skip


def test_a_table_row_is_one_sentence_however_many_stops_it_has() -> None:
    text = "| 型号 | 电压 |\n| --- | --- |\n| A1. 新款。 | 5 V |"

    assert cut(text) == ["| 型号 | 电压 |", "| --- | --- |", "| A1. 新款。 | 5 V |"]


def test_a_line_break_inside_a_wrapped_paragraph_is_no_end() -> None:
    text = (
        "The filter must be cleaned every two weeks when the unit\n"
        "is used in a dusty place. Otherwise once a month\nwill do.\n\nNext chapter"
    )

    assert cut(text)[1:] == ["Otherwise once a month\nwill do.", "Next chapter"]
    assert "\n" in cut(text)[0]


def test_wrapped_chinese_lines_are_joined_and_short_lines_are_not() -> None:
    text = "本产品的保修期为自购买之日起两年，在此期间内因质量问题\n发生的故障由本公司免费维修。\n电压：220V\n功率：50W"

    assert len(cut(text)) == 3
    assert cut(text)[1:] == ["电压：220V", "功率：50W"]


@given(st.text(alphabet='ab1. 。!？\n[]【】|-•："”\t', max_size=80), st.booleans())
def test_sentences_are_ordered_disjoint_and_lose_nothing_but_white_space(text: str, wrapped: bool) -> None:
    sentences = split_sentences(text, wrapped=wrapped)

    assert "".join("".join(sentence.of(text).split()) for sentence in sentences) == "".join(text.split())
    assert all(a.end <= b.start for a, b in pairwise(sentences))


@pytest.mark.parametrize("step", [1, 2, 5, 50])
def test_a_stream_gives_the_same_sentences_whatever_the_pieces(step: int) -> None:
    text = "限值为 5 mg。[1]\n- 第二条 [2]。It is 3.5 mg. [1, 2] And then? [3]\nEnd [1]"
    stream = SentenceStream()

    given_out = [pair for at in range(0, len(text), step) for pair in stream.feed(text[at : at + step])]
    given_out += stream.rest()

    assert [sentence for _, sentence in given_out] == [
        "限值为 5 mg。[1]", "- 第二条 [2]。", "It is 3.5 mg. [1, 2]", "And then? [3]", "End [1]",
    ]  # fmt: skip
    assert "".join(before + sentence for before, sentence in given_out) == text


def test_a_cited_and_closed_sentence_is_given_at_its_last_character() -> None:
    stream = SentenceStream()

    assert stream.feed("保修两年[1]") == []
    assert stream.feed("。") == [("", "保修两年[1]。")]


@pytest.mark.parametrize(
    ("printed", "whole"),
    [
        ("万古霉素输注时间不少于 60 分钟，并报告医师，阿昔洛韦输注时间不\n少于 60 分钟，输注前后各补液一次。", None),
        ("The pump is switched off at once when the alarm sounds and the line\nis clamped by hand.", None),
        ("1. 关闭泵。\n2. 夹闭管路。", "1. 关闭泵。\n2. 夹闭管路。"),
        ("| 药品 | 剂量 |\n| 头孢曲松 | 50 mg/kg |", "| 药品 | 剂量 |\n| 头孢曲松 | 50 mg/kg |"),
        ("", ""),
    ],
)
def test_sentences_that_print_breaks_are_whole_again(printed, whole):
    joined = printed.replace("\n", "" if "阿" in printed else " ")

    assert unwrapped(printed, Sentence(0, len(printed))) == (joined if whole is None else whole)


def test_a_stretch_is_unwrapped_by_the_lines_around_it():
    text = "万古霉素输注时间不少于 60 分钟，出现潮红时将速度减半。阿昔洛韦输注时间不\n少于 60 分钟。"
    start = text.index("阿昔")

    assert unwrapped(text, Sentence(start, len(text))) == "阿昔洛韦输注时间不少于 60 分钟。"


@pytest.mark.parametrize("bullet", ["•", "\uf06e", "\x99"])
def test_a_row_that_begins_with_a_code_does_not_go_on_with_the_list_before_it(bullet):
    text = (
        f"{bullet} Check that the grounds container is correctly \ninserted\n"
        f"{bullet} Switch off the coffee machine and on again\n"
        f"188 Heater error {bullet} Switch off the coffee machine, disconnect \nmains plug"
    )

    assert cut(text)[1] == f"{bullet} Switch off the coffee machine and on again"
    assert cut(text)[2].startswith("188 Heater error")
