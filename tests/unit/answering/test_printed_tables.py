import pytest

from app.answering.printed_tables import printed_tables


def rows(text: str) -> tuple[str | None, list[str]]:
    """The header and the rows of the one table, the lines of a row put together."""
    (table,) = printed_tables(text)
    header = table.header.of(text) if table.header else None
    return header, [" ".join(row.of(text).split()) for row in table.rows]


def test_a_table_of_plain_lines_is_found_between_a_heading_and_running_text() -> None:
    text = (
        "3. Limits\nArea Limit Class\nCorridor 45 dB II\nWorkshop 80 dB III\nCanteen 60 dB II\n"
        "Levels are measured once a year. The result is posted."
    )

    assert rows(text) == ("Area Limit Class", ["Corridor 45 dB II", "Workshop 80 dB III", "Canteen 60 dB II"])


def test_a_row_keeps_the_lines_into_which_its_last_cell_is_broken() -> None:
    text = (
        "药品 剂量 间隔 最大量 备注\n阿托品 0.02 mg/kg 每 8 小时 0.5 mg/次 心率超过 120 次时停\n用\n"
        "地西泮 0.3 mg/kg 每 6 小时 10 mg/次 呼吸抑制时\n，减半\n利多卡因 1 mg/kg 每 2 小时 50 mg/次 不调整"
    )

    assert rows(text)[1] == [
        "阿托品 0.02 mg/kg 每 8 小时 0.5 mg/次 心率超过 120 次时停 用",
        "地西泮 0.3 mg/kg 每 6 小时 10 mg/次 呼吸抑制时 ，减半",
        "利多卡因 1 mg/kg 每 2 小时 50 mg/次 不调整",
    ]


def test_a_word_that_is_broken_at_the_edge_opens_no_row() -> None:
    text = (
        "药品 剂量 途径 上限\n氯化钙 0.2 mL/kg 缓慢推注，浓度不超过 5 mg/mL，速\n"
        "度不超过 1 mL/min 10 mL/次 心率慢时停药并报告值班医师；合并洋地黄者禁用\n碳酸氢钠 1 mL/kg 滴注 50 mL/次"
    )

    assert rows(text)[1] == [
        "氯化钙 0.2 mL/kg 缓慢推注，浓度不超过 5 mg/mL，速 "
        "度不超过 1 mL/min 10 mL/次 心率慢时停药并报告值班医师；合并洋地黄者禁用",
        "碳酸氢钠 1 mL/kg 滴注 50 mL/次",
    ]


def test_a_name_that_is_broken_over_lines_opens_its_row() -> None:
    text = (
        "药品 剂量 间隔 最大量\n丙戊酸 10 mg/kg 每 8 小时 1 g/次\n苯妥英\n钠注射\n15 mg/kg 每 12 小时 1 g/次\n"
        "氯硝西泮 0.1 mg/kg 每 6 小时 1 mg/次"
    )

    assert rows(text)[1] == [
        "丙戊酸 10 mg/kg 每 8 小时 1 g/次",
        "苯妥英 钠注射 15 mg/kg 每 12 小时 1 g/次",
        "氯硝西泮 0.1 mg/kg 每 6 小时 1 mg/次",
    ]


def test_codes_tell_where_rows_begin() -> None:
    text = (
        "Code Meaning Remedy\nF-01 Belt slips\nTighten the belt to\n20 N\nF-02 Motor hot\n"
        "Wait 10 minutes; check\nthe fan\nF-03 Door open\nClose the door"
    )

    assert rows(text)[1] == [
        "F-01 Belt slips Tighten the belt to 20 N",
        "F-02 Motor hot Wait 10 minutes; check the fan",
        "F-03 Door open Close the door",
    ]


def test_rows_with_codes_are_known_without_a_header() -> None:
    text = "K11 门未关 关门后复位\nK12 温度高 冷却 5 分钟\nK13 缺水 加水至刻度"

    assert rows(text) == (None, ["K11 门未关 关门后复位", "K12 温度高 冷却 5 分钟", "K13 缺水 加水至刻度"])


def test_the_word_that_stands_in_every_row_tells_rows_apart_where_cells_are_broken() -> None:
    text = (
        "Task Interval Who\nClean the sieve Every 8 hours Operator\nUse the soft brush only\nand no water\n"
        "Change the belt Every 900 hours Fitter\nBelt type\nB-40\nOil the chain Every 50 hours Operator"
    )

    assert rows(text)[1] == [
        "Clean the sieve Every 8 hours Operator Use the soft brush only and no water",
        "Change the belt Every 900 hours Fitter Belt type B-40",
        "Oil the chain Every 50 hours Operator",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "The pump is new. It runs well.\nIt needs no oil and\nno water at all.",
        "Before You Start\nRead the manual and check that the lamp is\ngreen before you press anything at all.",
        "第一章 总则\n本制度适用于全体员工。\n第二章 请假\n请假须提前三天提出。",
        "患者须知\n1. 空腹八小时。\n2. 带上身份证。\n3. 提前十分钟到。",
        "| 药品 | 剂量 |\n| --- | --- |\n| 甲 | 5 mg |",
        "",
        "Alpha Beta",
    ],
)
def test_running_text_lists_and_ruled_tables_are_no_printed_tables(text: str) -> None:
    assert list(printed_tables(text)) == []
