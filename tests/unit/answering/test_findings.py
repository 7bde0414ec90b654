import pytest

from app.answering.extracts import units_of
from app.answering.findings import Finding, find_extracts
from app.knowledge.passage import Passage

from .fakes import chunks_of, passage


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
    ((_, quote),) = finding.quotes
    assert quote.of(text) == "| B2 | 12 V |"


def test_a_question_in_the_text_comes_with_its_answer() -> None:
    text = "如何申请退货？请在七天内联系客服。其他问题请来电。"

    assert "七天内联系客服" in best("怎么申请退货", text)


def test_at_most_two_more_passages_are_named_and_none_twice() -> None:
    texts = ["The warranty lasts two years.", "The  warranty lasts two years.", "Warranty: two years, in short."]
    texts += ["The warranty lasts two full years.", "For two years the warranty lasts."]

    findings = find_extracts("How many years lasts the warranty?", [passage(t) for t in texts], finding_chars=600)

    assert len(findings) == 3
    assert len({finding.passage.text for finding in findings}) == 3
    assert texts[1] not in {finding.passage.text for finding in findings}


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


def test_an_empty_passage_breaks_nothing() -> None:
    assert (
        find_extracts("保修期多长？", [passage("保修两年。"), passage("")], finding_chars=600)[0].text == "保修两年。"
    )


# Over the borders of chunks


def asked(question: str, chunks: list[Passage], hit: int) -> tuple[Finding, ...]:
    """What is found where one chunk was hit and its neighbours are known."""
    around = {chunks[hit].chunk_id: chunks[max(0, hit - 2) : hit + 3]}
    return find_extracts(question, [chunks[hit]], finding_chars=600, around=around)


STEPS = {
    1: "手册 第 2 版\n第 1 页\n更换步骤如下：\n1. 关闭水源。\n2. 泄压至零。\n3. 拧开下壳。",
    2: "手册 第 2 版\n第 2 页\n4. 取出旧滤芯。\n5. 装入新滤芯。\n二、保养\n每月检查一次密封圈。",
}
ALL_STEPS = "更换步骤如下：\n1. 关闭水源。\n2. 泄压至零。\n3. 拧开下壳。\n4. 取出旧滤芯。\n5. 装入新滤芯。"


@pytest.mark.parametrize("hit", [0, 1])
def test_a_list_is_shown_whole_over_a_page_whichever_half_was_found(hit: int) -> None:
    chunks = chunks_of(STEPS, *((page, 0, len(text)) for page, text in STEPS.items()))
    finding = asked("怎么更换滤芯？步骤是什么？", chunks, hit)[0]

    assert finding.text == ALL_STEPS
    assert [(chunk.chunk_id, quote.of(chunk.text)) for chunk, quote in finding.quotes] == [
        (chunks[0].chunk_id, ALL_STEPS.partition("\n4.")[0]),
        (chunks[1].chunk_id, "4. 取出旧滤芯。\n5. 装入新滤芯。"),
    ]


def test_a_row_gets_its_header_from_the_chunk_before_and_cites_both() -> None:
    text = "| 药品 | 单次剂量 |\n| --- | --- |\n" + "\n".join(
        f"| 药{name} | {at} mg |" for at, name in enumerate("甲乙丙丁")
    )
    cut = text.index("| 药丙")
    chunks = chunks_of({0: text}, (0, 0, cut - 1), (0, cut, len(text)))
    finding = asked("药丁的单次剂量是多少？", chunks, 1)[0]

    assert finding.text == "| 药品 | 单次剂量 |\n| 药丁 | 3 mg |"
    assert {chunk.chunk_id for chunk, _ in finding.quotes} == {chunks[0].chunk_id, chunks[1].chunk_id}


def test_a_row_that_a_border_cuts_is_shown_whole() -> None:
    text = "药品 剂量 上限 备注\n药甲 5 mg 20 mg 空腹\n药乙 7 mg 30 mg 肾功能不全者；\n每日减半\n药丙 9 mg 40 mg 随餐"
    cut = text.index("每日减半")
    chunks = chunks_of({3: text}, (3, 0, cut - 1), (3, cut, len(text)))

    assert asked("药乙的剂量上限是多少？", chunks, 0)[0].text == (
        "药品 剂量 上限 备注\n药乙 7 mg 30 mg 肾功能不全者；\n每日减半"
    )


def test_a_pronoun_at_the_head_of_a_chunk_brings_the_end_of_the_one_before() -> None:
    text = "天平由计量室管理。它每六个月校准一次。使用后归零。"
    chunks = chunks_of({0: text}, (0, 0, 9), (0, 9, len(text)))

    assert asked("多久校准一次？", chunks, 1)[0].text == "天平由计量室管理。它每六个月校准一次。"


def test_an_exception_at_the_head_of_the_next_chunk_is_not_left_out() -> None:
    text = "本品不得用于儿童。但体重超过 40 kg 的除外。每日一次。"
    chunks = chunks_of({0: text}, (0, 0, 9), (0, 9, len(text)))

    assert asked("儿童能用本品吗？", chunks, 0)[0].text == "本品不得用于儿童。但体重超过 40 kg 的除外。"


def test_one_stretch_found_by_two_chunks_is_shown_once() -> None:
    chunks = chunks_of(STEPS, *((page, 0, len(text)) for page, text in STEPS.items()))
    around = {chunk.chunk_id: chunks for chunk in chunks}

    findings = find_extracts("怎么更换滤芯？步骤是什么？", chunks, finding_chars=600, around=around)
    assert [finding.text for finding in findings].count(ALL_STEPS) == 1
    assert len([finding for finding in findings if "取出旧滤芯" in finding.text]) == 1


# Documents that differ


def documents(*texts: str) -> list[Passage]:
    return [passage(text, name=f"{at}.md", title=f"规程 {at}", page=None) for at, text in enumerate(texts)]


def test_two_documents_with_another_number_are_both_shown_and_the_second_is_marked() -> None:
    found = documents("吗啡首次剂量不得超过 5 mg。", "吗啡须双人双锁保管。", "吗啡首次剂量不得超过 10 mg，须双人核对。")
    first, second = find_extracts("吗啡首次剂量最多多少？", found, finding_chars=600)[:2]

    assert (first.text, first.differs) == (found[0].text, False)
    assert (second.text, second.differs) == (found[2].text, True)


def test_a_contradiction_comes_before_what_merely_says_something_too() -> None:
    found = documents(
        "吗啡首次剂量不得超过 5 mg。", "吗啡首次剂量由医师决定。", "吗啡首次剂量须复核。", "吗啡首次剂量须记录。",
        "吗啡首次剂量不得超过 10 mg。",
    )  # fmt: skip
    findings = find_extracts("吗啡首次剂量最多多少？", found, finding_chars=600)

    assert [finding.differs for finding in findings] == [False, True, False]
    assert "10 mg" in findings[1].text


def test_a_number_for_another_thing_does_not_contradict() -> None:
    found = documents("E-12 电机过热，停机冷却 30 分钟。", "E-13 电机过热，停机冷却 10 分钟。")

    assert not any(one.differs for one in find_extracts("E-12 要冷却多久？", found, finding_chars=600))


def test_the_same_document_does_not_contradict_itself() -> None:
    found = [passage("剂量由 10 mg 降为 5 mg。", name="a"), passage("剂量不超过 8 mg。", name="a")]

    assert not any(one.differs for one in find_extracts("剂量多少？", found, finding_chars=600))


# What a question is about


def test_titles_and_file_names_in_a_text_are_no_answer() -> None:
    text = "XJ-5 pump handbook\nFor all workshops\nThe XJ-5 is oiled every 200 hours."

    assert best("How often is the XJ-5 pump oiled?", text) == "The XJ-5 is oiled every 200 hours."


def test_what_a_document_is_for_is_no_answer_unless_that_is_asked() -> None:
    text = "本标准规定 K9 接头的检验方法。\n\n密封性：充气 50 kPa，浸水 15 s。"

    assert best("K9 接头的密封性怎么检验？", text) == "密封性：充气 50 kPa，浸水 15 s。"
    assert best("哪个标准规定 K9 接头的检验方法？适用范围？", text) == "本标准规定 K9 接头的检验方法。"


def test_the_sentence_beside_it_comes_along_where_it_gives_the_figure_that_is_asked_for() -> None:
    text = "冷藏箱用于短途转运疫苗。途中不超过 4 小时。到达后签字。"

    assert best("冷藏箱转运疫苗最长几个小时？", text) == "冷藏箱用于短途转运疫苗。途中不超过 4 小时。"


def test_traditional_and_simplified_characters_meet() -> None:
    text = "瓶身漆成黑色。\n\n氧氣鋼瓶與可燃性氣體須相隔六公尺。"

    assert best("氧气钢瓶与可燃性气体要隔多远？", text) == "氧氣鋼瓶與可燃性氣體須相隔六公尺。"


def test_a_passage_in_the_other_language_that_the_search_put_first_stays_first() -> None:
    found = [passage("Rinse the eyes with water for 15 minutes.", name="a"), passage("清洗地面要用水。", name="b")]

    assert find_extracts("眼睛要冲洗多久？用水吗？", found, finding_chars=600)[0].passage is found[0]


@pytest.mark.parametrize("question", ["怎么 x", "?", "the of", "。"])
def test_a_question_without_words_shows_the_first_passage(question: str) -> None:
    assert best(question, "Only this.", "Or that.") == "Only this."


def test_no_passages_no_findings() -> None:
    assert find_extracts("什么？", [], finding_chars=600) == ()


def test_where_a_price_is_asked_for_and_none_is_there_nothing_is_shown() -> None:
    assert find_extracts("What does a seal kit cost?", [passage("Hold two seal kits.")], finding_chars=600) == ()
