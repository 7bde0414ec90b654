import pytest

from app.answering.figures import Evidence, all_figures_in, figures_of


def holds(sentence: str, *passages: str) -> bool:
    return all_figures_in(sentence, [Evidence.of(passage) for passage in passages])


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("The dose is 5 mg [1].", "Take 5mg daily."),
        ("剂量为 5 毫克[1]。", "The dose is 5 milligrams."),
        ("保修期为３年[1]。", "保修期三年"),
        ("It takes 25 days.", "twenty-five days"),
        ("Costs 1,000 yuan.", "售价1000元"),
        ("售价5万元", "The price is CNY 50,000 or ¥50000"),
        ("自 2024年3月5日 起", "From March 5, 2024 on"),
        ("2024年生效", "生效日期：2024-03-05"),
        ("温度为 -20℃ 到 60℃", "-20 °C ~ 60 °C"),
        ("范围 10 mg 到 20 mg", "10-20 mg"),
        ("电压为 220V", "| 型号 | 电压(V) |\n| A | 220 |"),
        ("XJ-9000 符合 GB/T 2828.1", "按 GB/T 2828.1 检验的xj-9000型"),
        ("1. 先关闭电源 [2]", "先关闭电源"),
        ("比例为百分之五", "ratio of 5%"),
        ("It holds.", "anything"),
        ("Version v2.1 of 192.168.0.1", "192.168.0.1 runs v2.1"),
    ],
)
def test_a_figure_is_known_again_in_other_writing(sentence: str, passage: str) -> None:
    assert holds(sentence, passage)


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("The dose is 50 mg [1].", "The dose is 5 mg."),
        ("The dose is 5 g [1].", "The dose is 5 mg."),
        ("功率为 5 MW", "功率为 5 mW"),
        ("温度为 20℃", "温度为 -20℃"),
        ("XJ-9001 型", "XJ-9000 型"),
        ("XJ-900 型", "XJ-9000 型"),
        ("保修 5 年", "保修 5 个月"),
        ("2024年3月6日", "2024年3月5日"),
        ("电流 220A", "| 型号 | 电压(V) |\n| A | 220 |"),
        ("面积 102", "面积 10²"),
        ("版本 1.2.4", "版本 1.2.3"),
        ("编号 0012", "编号 12"),
        ("三十天内", "三十五天内"),
        ("thirty days", "thirteen days"),
        ("about 3.5%", "about 35%"),
        ("每日三次", "每日两次"),
    ],
)
def test_a_drifted_figure_is_not_held(sentence: str, passage: str) -> None:
    assert not holds(sentence, passage)


def test_each_figure_may_stand_in_another_cited_passage() -> None:
    assert holds("A is 5 mg and B is 7 V.", "A: 5 mg", "B: 7 V")


@pytest.mark.parametrize("text", ["一些人说万一不行", "十分重要", "千万不要", "第三步", "one of them", "no figures"])
def test_words_that_only_look_like_numbers_are_none(text: str) -> None:
    figures = figures_of(text)

    assert (figures.numbers, figures.dates, figures.codes) == (frozenset(), frozenset(), frozenset())


def test_a_hostile_text_is_read_in_time() -> None:
    for text in ("a" * 5_000, "1" * 5_000, "1." * 2_500, "A-" * 2_500, "一" * 5_000, "one " * 1_000, "$" * 5_000):
        assert figures_of(text) is not None
