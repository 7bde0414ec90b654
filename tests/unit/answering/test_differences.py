import pytest

from app.answering.differences import differ


@pytest.mark.parametrize(
    ("question", "first", "other"),
    [
        ("阿片类初始剂量最多多少？", "初始剂量不得超过 5 mg，由护士复核。", "初始剂量不得超过 10 mg，由护士复核。"),
        ("How long is the hand scrub?", "The hand scrub lasts 3 minutes.", "Hand scrub: at least five minutes."),
        ("婚假几天？", "依法登记结婚的，婚假十三天。", "婚假三天。"),
        ("最高温度？", "储存温度不超过 8 ℃。", "储存温度不超过 25 ℃，避光。"),
        ("大剂量？", "单次剂量不超过 5 mg。", "单次剂量不超过 5 g。"),
        ("怎么装？", "步骤：\n1. 装管。\n2. 速度为 25 mL/h。", "步骤：\n1. 装管。\n2. 速度为 30 mL/h。\n3. 签名。"),
    ],
)  # fmt: skip
def test_another_number_for_the_same_differs(question: str, first: str, other: str) -> None:
    assert differ(first, other, question)
    assert differ(other, first, question)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("The hand scrub lasts 3 minutes.", "The hand scrub lasts three minutes."),
        ("剂量不超过 1000 mg。", "剂量不超过 1,000 毫克。"),
        ("剂量不超过 5 mg。", "剂量不超过 5 mg，每 6 小时一次。"),
        ("剂量不超过 5 mg。", "剂量须由药师复核。"),
        ("步骤：\n1. 关阀。\n2. 泄压。", "步骤：\n1. 断电。\n2. 关阀。\n3. 泄压。"),
        ("Visitors keep 2 metres away.", "The fork lift carries 800 kg."),
    ],
)
def test_the_same_number_otherwise_written_more_said_or_another_matter_does_not(first: str, other: str) -> None:
    assert not differ(first, other, "剂量多少？ how long")
    assert not differ(other, first, "剂量多少？ how long")
