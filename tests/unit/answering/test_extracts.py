import pytest

from app.answering.extracts import units_of


def units(text: str, chars: int = 600) -> list[str]:
    """The units of single sentences, lists, articles and rows."""
    return [unit.text_in(text) for unit in units_of(text, longest_chars=chars) if unit.sentences == 1]


@pytest.mark.parametrize(
    "text",
    [
        "断电期间不得打开柜门，除非温度已超过 10 ℃ 且药师在场。",
        "Visitors must not enter the ward unless the nurse in charge has agreed.",
        "The valve must not be opened; if it leaks, call 2119.",
        "本品不得用于儿童。但体重超过 40 kg 的除外。",
        "Patients on the drug must not drive. This does not apply to passengers.",
        "Never open the door. Except when the alarm sounds, it stays shut.",
        "严禁带电维修。除抢修外，一律先上锁。",
    ],
)
def test_a_prohibition_is_never_shown_without_what_limits_it(text: str) -> None:
    around = f"First things first.\n\n{text}\n\nLast of all."

    assert text in units(around)
    for unit in units(around):
        assert text in unit or not any(part in unit for part in text.replace("；", "。").split("。")[:1])


def test_a_chain_of_pronouns_reaches_back_to_what_is_spoken_of() -> None:
    text = "Cold rooms hold vaccines. They are kept at 5 °C. This is checked twice a day. Doors close by themselves."

    assert units(text)[2] == "Cold rooms hold vaccines. They are kept at 5 °C. This is checked twice a day."


def test_a_pronoun_does_not_reach_over_a_heading() -> None:
    assert "它每周清洗一次。" in units("过滤网\n\n它每周清洗一次。")


def test_steps_with_explaining_lines_between_them_are_one_list() -> None:
    text = "To restart:\n1. Press Stop.\nThe lamp goes out.\n2. Wait 10 s.\n3. Press Start.\nThe pump runs again."

    assert units(text)[0] == "To restart:\n1. Press Stop.\nThe lamp goes out.\n2. Wait 10 s.\n3. Press Start."


def test_articles_stand_for_themselves() -> None:
    text = "第三章 病假\n第五条 病假须有证明。三日内上传。\n第六条 病假工资为百分之八十。"

    assert units(text) == ["第五条 病假须有证明。三日内上传。", "第六条 病假工资为百分之八十。"]


def test_numbered_headings_are_no_list() -> None:
    text = "一、范围\n本规程适用于各科。\n二、步骤\n1. 洗手。\n2. 戴手套。\n三、记录\n填写表单。"

    assert units(text) == ["本规程适用于各科。", "二、步骤\n1. 洗手。\n2. 戴手套。", "填写表单。"]


def test_short_items_without_a_full_stop_are_a_list_to_its_last_item() -> None:
    text = "需要准备：\n1. 手套\n2. 口罩\n3. 护目镜\n准备好后开始。"

    assert units(text)[0] == "需要准备：\n1. 手套\n2. 口罩\n3. 护目镜"


def test_a_heading_is_no_unit_but_says_what_is_below_it() -> None:
    (unit,) = units_of("Cold chain\n\nKeep at 5 °C.", longest_chars=600)

    assert (unit.heading, unit.core.start) == ("Cold chain", 12)


def test_a_row_of_plain_lines_comes_under_its_caption_and_header() -> None:
    text = "4.2 Torques\nJoint Size Torque\nHub bolt M8 22 N·m\nBowl bolt M12 70 N·m\nTighten crosswise. Use no oil."

    assert units(text)[:2] == [
        "4.2 Torques\nJoint Size Torque\nHub bolt M8 22 N·m",
        "4.2 Torques\nJoint Size Torque\nBowl bolt M12 70 N·m",
    ]


def test_a_unit_of_measure_with_a_capital_ends_a_sentence() -> None:
    assert units("Flash point 42 °C. Boiling range 118 to 190 °C. Not miscible.")[0] == "Flash point 42 °C."


def test_no_text_is_lost_between_units() -> None:
    text = "标题\n\n前言。后话？答。\n1. 甲。\n2. 乙。\n\n| a | b |\n| 1 | 2 |\n\nThis is it. It ends"
    shown = "\n".join(units(text))

    assert [
        word for word in ("前言。", "后话？答。", "1. 甲。", "2. 乙。", "| 1 | 2 |", "It ends") if word not in shown
    ] == []
