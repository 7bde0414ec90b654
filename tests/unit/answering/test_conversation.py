import pytest

from app.answering.conversation import standalone_question

TURNS = (("user", "How do I clean the XJ-9000 filter?"), ("assistant", "With water."))
CHINESE_TURNS = (("user", "XJ-9000 的滤网怎么清洗？"), ("assistant", "用清水。"))


@pytest.mark.parametrize("question", ["How often must it be done?", "And how often?", "What about the fan?", "Why?"])
def test_a_follow_up_carries_the_question_before_it(question: str) -> None:
    assert standalone_question(question, TURNS) == f"How do I clean the XJ-9000 filter? {question}"


@pytest.mark.parametrize("question", ["多久一次？", "那它多久清洗一次？", "这个需要多少钱"])
def test_a_chinese_follow_up_too(question: str) -> None:
    assert standalone_question(question, CHINESE_TURNS) == f"XJ-9000 的滤网怎么清洗？ {question}"


@pytest.mark.parametrize(
    ("question", "turns"),
    [
        ("What warranty period applies to industrial compressors?", TURNS),
        ("XJ-2000 型空压机的保修期是多长时间？", CHINESE_TURNS),
        ("And how often?", ()),
        ("And how often?", (("assistant", "Hello"),)),
    ],
)
def test_a_question_that_stands_by_itself_is_left_alone(question: str, turns: tuple[tuple[str, str], ...]) -> None:
    assert standalone_question(question, turns) == question


def test_a_chain_of_follow_ups_reaches_the_question_they_began_with() -> None:
    turns = (*TURNS, ("user", "How often?"), ("assistant", "Weekly."))

    assert standalone_question("Why?", turns) == "How do I clean the XJ-9000 filter? How often? Why?"


def test_a_long_history_adds_no_more_than_its_limit() -> None:
    turns = tuple(("user", "and " + "x" * 350) for _ in range(5))

    assert len(standalone_question("Why?", turns)) <= 410
