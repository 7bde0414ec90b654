import pytest

from app.answering.extracts import units_of
from app.answering.findings import beyond_extracts, find_extracts

from .fakes import passage


def best(question: str, *texts: str, chars: int = 600) -> str:
    return find_extracts(question, [passage(text) for text in texts], finding_chars=chars)[0].text


def test_the_sentence_that_answers_is_shown_whole() -> None:
    text = "本机重 5 kg。滤网应每两周清洗一次。请勿用热水。"

    assert best("滤网多久清洗一次？", text) == "滤网应每两周清洗一次。"


def test_a_code_outweighs_common_words() -> None:
    texts = ("The maximum pressure of the unit is 8 bar.", "The maximum pressure of the XJ-9000 is 12 bar.")

    assert best("What is the maximum pressure of XJ-9000?", *texts) == texts[1]


def test_a_sentence_that_opens_with_a_pronoun_brings_the_one_before_it() -> None:
    text = "The filter is made of steel. It must be rinsed weekly with water. Keep it dry."

    assert best("how often rinsed weekly with water", text) == (
        "The filter is made of steel. It must be rinsed weekly with water."
    )


def test_a_list_comes_with_all_its_steps_under_its_lead_in() -> None:
    text = "前言。\n更换滤网的步骤如下：\n1. 关闭电源。\n2. 取下面板。\n3. 装上新滤网。\n其他说明。"

    assert best("如何更换滤网？", text) == "更换滤网的步骤如下：\n1. 关闭电源。\n2. 取下面板。\n3. 装上新滤网。"


def test_a_list_that_is_too_long_is_cut_between_items_only() -> None:
    items = [f"{number}. 第{number}项的说明文字比较长，{'甲' * 40}。" for number in range(1, 9)]
    text = "\n".join(["注意事项：", *items[:3], "4. 润滑油型号为 L-HM46。", *items[4:]])

    assert best("润滑油型号", text, chars=100) == "注意事项：\n4. 润滑油型号为 L-HM46。"


def test_a_table_row_comes_with_its_header() -> None:
    text = "| 型号 | 电压 |\n| --- | --- |\n| A1 | 5 V |\n| B2 | 12 V |"
    finding = find_extracts("B2 的电压是多少？", [passage(text)], finding_chars=600)[0]

    assert finding.text == "| 型号 | 电压 |\n| B2 | 12 V |"
    assert finding.quote.of(text) == "| B2 | 12 V |"


def test_a_question_in_the_text_comes_with_its_answer() -> None:
    text = "如何申请退货？请在七天内联系客服。其他问题请来电。"

    assert "七天内联系客服" in best("怎么申请退货", text)


def test_at_most_two_more_passages_are_named_and_none_twice() -> None:
    texts = ["The warranty lasts two years.", "The  warranty lasts two years.", "Warranty: two years, in short."]
    texts += ["The warranty lasts long for years.", "Years of warranty lasts."]

    findings = find_extracts("How many years lasts the warranty?", [passage(t) for t in texts], finding_chars=600)

    assert len(findings) == 3
    assert len({finding.number for finding in findings}) == 3
    assert 2 not in {finding.number for finding in findings}


def test_where_no_word_is_shared_the_first_passage_leads_with_as_much_as_fits() -> None:
    text = "The unit is sold with a filter. The warranty is two years. Keep the receipt."

    assert best("保修期多长？", text, "Bananas are yellow.") == text
    assert best("保修期多长？", text, chars=60) == "The unit is sold with a filter. The warranty is two years."


def test_a_table_keeps_the_line_that_announces_it() -> None:
    text = "前言说明。\n表 1 电压参数\n| 型号 | 电压 |\n| --- | --- |\n| B2 | 12 V |"

    assert best("B2 电压", text) == "表 1 电压参数\n| 型号 | 电压 |\n| B2 | 12 V |"


@pytest.mark.parametrize("chars", [100, 300])
def test_units_of_several_stretches_stay_within_the_limit(chars: int) -> None:
    text = "\n".join(["This is it:", *(f"- item {n} with some words in it" for n in range(30))])

    assert all(len(unit.text_in(text)) <= chars for unit in units_of(text, longest_chars=chars))


@pytest.mark.parametrize(
    "question",
    [
        "比较 A 和 B",
        "请总结这份报告",
        "有多少个文档提到保修？",
        "What is the difference between A and B?",
        "Summarize it",
        "how many documents mention X",
        "Compare both",
    ],
)
def test_counting_comparing_and_summing_up_is_beyond_extracts(question: str) -> None:
    assert beyond_extracts(question)


@pytest.mark.parametrize(
    "question", ["年假有多少天？", "How many days of leave are there?", "保修期多久", "country of origin"]
)
def test_asking_for_a_figure_is_not(question: str) -> None:
    assert not beyond_extracts(question)


def test_an_empty_passage_breaks_nothing() -> None:
    assert (
        find_extracts("保修期多长？", [passage("保修两年。"), passage("")], finding_chars=600)[0].text == "保修两年。"
    )
