import pytest

from app.answering.questions import ANY, MONEY, TIMES, beyond_extracts, figure_wanted, lacks_amount


@pytest.mark.parametrize(
    "question",
    [
        "比较 A 和 B",
        "请总结这份报告",
        "总结一下感染控制制度",
        "有多少个文档提到保修？",
        "两种泵有什么区别？",
        "统计一下去年的跌倒事件",
        "一共有多少种报警？",
        "平均每天多少人次？",
        "What is the difference between A and B?",
        "Summarize it",
        "how many documents mention X",
        "Compare both",
        "How do the two procedures differ from each other?",
        "List all alarms",
        "Give me an overview of the leave rules",
    ],
)
def test_counting_comparing_and_summing_up_is_beyond_extracts(question: str) -> None:
    assert beyond_extracts(question)


@pytest.mark.parametrize(
    "question",
    [
        "年假有多少天？",
        "How many days of leave are there?",
        "保修期多久",
        "country of origin",
        "平均动脉压目标是多少？",
        "统计报表每月几号提交？",
        "出院小结和病历摘要多久内完成？",
        "对比剂外渗怎么处理？",
        "What is the platelet count limit before surgery?",
        "Which pressure difference is allowed across the filter?",
        "总胆红素超过多少要换血？",
        "压差比较大时怎么办？",
    ],
)
def test_asking_for_a_figure_is_not(question: str) -> None:
    assert not beyond_extracts(question)


@pytest.mark.parametrize(
    ("question", "units"),
    [
        ("多长时间换一次？", TIMES),
        ("最长几个小时？", frozenset({"h", "min"})),
        ("How often is it oiled?", TIMES),
        ("补办要多少钱？", MONEY),
        ("What does it cost?", MONEY),
        ("螺栓力矩是多少？", frozenset({"N·m"})),
        ("能坐多少人？", ANY),
    ],
)
def test_the_kind_of_figure_is_read_from_the_question(question: str, units: frozenset[str]) -> None:
    wanted = figure_wanted(question)
    assert wanted is not None
    assert wanted.units == units


@pytest.mark.parametrize("question", ["怎么清洗滤网？", "Who signs the form?", "Where are the keys?"])
def test_no_figure_is_wanted_where_none_is_asked_for(question: str) -> None:
    assert figure_wanted(question) is None


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What does a seal kit cost?", "Hold two seal kits on site."),
        ("呼吸机一台多少钱？", "呼吸机每 12 个月校准一次。"),
        ("结婚发多少礼金？", "依法登记结婚的，婚假十三天。"),
        ("How much does the training cost?", "The training lasts two days."),
    ],
)
def test_an_amount_of_money_is_missed(question: str, text: str) -> None:
    assert lacks_amount(question, text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What does a seal kit cost?", "A seal kit is 40 euros."),
        ("What does parking cost?", "Cars are charged the day rate of 12."),
        ("What does the meal cost?", "Meals are free for night staff."),
        ("工牌补办多少钱？", "工本费 20 元。"),
        ("押金是多少？", "免押金。"),
        ("多大金额要上会？", "会议每月召开一次。"),
        ("How long does it take?", "It is blue."),
    ],
)
def test_an_amount_that_is_there_free_or_not_asked_for_is_not_missed(question: str, text: str) -> None:
    assert not lacks_amount(question, text)
