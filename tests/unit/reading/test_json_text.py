"""JSON files as a person reads them."""

import json

import pytest

from app.errors import DocumentRefused
from app.reading.contract import Reading
from app.reading.json_text import BLOCK_LINES, read


def blocks_of(value):
    content = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    reading = Reading(max_pages=1, extension="json")
    return [(block.kind + str(block.level or ""), block.text) for block in read(content, reading)], reading


POLICY = "员工每年享有十天年假，须提前两周申请，由科室主任批准后生效。" * 10


def test_an_object_becomes_labels_and_then_sections():
    value = {
        "department": "Sterile supply",
        "beds": 12,
        "open": True,
        "closed": None,
        "contact": {"phone": "555", "address": {"city": "Xi'an"}},
        "rules": ["Wash hands", "Wear gloves"],
        "policy": POLICY,
    }

    assert blocks_of(value)[0] == [
        ("list", "department: Sterile supply\nbeds: 12\nopen: true"),
        ("paragraph", f"policy: {POLICY}"),
        ("heading1", "contact"),
        ("paragraph", "phone: 555"),
        ("heading2", "address"),
        ("paragraph", "city: Xi'an"),
        ("heading1", "rules"),
        ("list", "Wash hands\nWear gloves"),
    ]


def test_articles_read_as_articles():
    value = [
        {"id": 7, "title": "年假制度", "text": f"{POLICY}\n\n第二段。"},
        {"id": 8, "title": "Leave", "text": "Ten days."},
    ]

    assert blocks_of(value)[0] == [
        ("heading1", "年假制度"),
        ("paragraph", "id: 7"),
        ("paragraph", POLICY),
        ("paragraph", "第二段。"),
        ("heading1", "Leave"),
        ("paragraph", "id: 8"),
        ("paragraph", "Ten days."),
    ]


def test_like_records_become_a_table_and_numbers_stay_as_they_are_written():
    content = (
        b'{"data": [{"item": "gloves", "price": 1.10, "stock": 12345678901234567890}, {"item": "masks", "price": 2e3}]}'
    )

    assert blocks_of(content)[0] == [
        (
            "table",
            "| item | price | stock |\n| --- | --- | --- |\n"
            "| gloves | 1.10 | 12345678901234567890 |\n| masks | 2e3 |  |",
        )
    ]


def test_long_records_name_each_value():
    value = [{"question": "年假几天？", "answer": POLICY, "source": {"page": 3, "tags": ["a", "b"]}}] * 2

    assert (
        blocks_of(value)[0]
        == [("paragraph", f"question: 年假几天？\nanswer: {POLICY}\nsource page: 3\nsource tags: a, b")] * 2
    )


def test_records_under_their_numbers_are_a_table_too():
    value = {"E001": {"name": "Ann", "ward": 3}, "E002": {"name": "Bob", "ward": 4}}

    assert blocks_of(value)[0] == [
        ("table", "|  | name | ward |\n| --- | --- | --- |\n| E001 | Ann | 3 |\n| E002 | Bob | 4 |")
    ]


def test_records_that_have_little_in_common_are_lines():
    value = [{"a": 1, "b": 2}, {"c": 3, "d": 4}, {"e": 5, "f": 6}, "alone"]

    assert blocks_of(value)[0] == [("list", "a: 1; b: 2\nc: 3; d: 4\ne: 5; f: 6\nalone")]


def test_records_with_records_of_their_own_are_sections():
    value = {
        "wards": [{"name": "North", "nurses": [{"who": "Ann", "shift": "early"}, {"who": "Bob", "shift": "late"}]}]
    }

    assert blocks_of(value)[0] == [
        ("heading1", "North"),
        ("heading2", "nurses"),
        ("table", "| who | shift |\n| --- | --- |\n| Ann | early |\n| Bob | late |"),
    ]


def test_the_title_of_the_whole_is_its_title():
    found, reading = blocks_of({"title": "感染防控手册", "version": "2", "content": POLICY})

    assert found == [("heading1", "感染防控手册"), ("paragraph", "version: 2"), ("paragraph", POLICY)]
    assert reading.title == "感染防控手册"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
def test_any_encoding_is_read(encoding):
    content = json.dumps({"科室": "内科", "说明": "高血压患者随访"}, ensure_ascii=False, indent=1).encode(encoding)

    assert blocks_of(content)[0] == [("list", "科室: 内科\n说明: 高血压患者随访")]


def test_values_one_after_the_other_are_a_list():
    content = b'{"item": "gloves", "price": 5}\n{"item": "masks", "price": 7}\n'

    assert blocks_of(content)[0] == [("table", "| item | price |\n| --- | --- |\n| gloves | 5 |\n| masks | 7 |")]


@pytest.mark.parametrize(
    "content", [b'{"a": 1,\n "note": "Ten days",}', b'[{"a": "Ten days"}', b"// Ten days\n{}", b"Ten days"]
)
def test_what_is_no_json_is_read_as_text(content):
    found, reading = blocks_of(content)

    assert "Ten days" in found[0][1]
    assert "not valid JSON (line" in reading.notes[0]
    assert "Ten days" not in reading.notes[0]


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b'""', b'[{}, [], {"a": ""}]', b" \n"])
def test_nothing_gives_nothing(content):
    assert blocks_of(content)[0] == []


def test_single_values_and_odd_numbers_are_read():
    assert blocks_of(b'"Ten days"')[0] == [("paragraph", "Ten days")]
    assert blocks_of(b"[NaN, -Infinity, 1E400]")[0] == [("list", "NaN\n-Infinity\n1E400")]
    assert blocks_of(b"9" * 10_000)[0] == [("paragraph", "9" * 10_000)]


def test_what_lies_deep_is_given_all_the_same():
    value = {"leaf": "deepest", "other": ["one", "two"]}
    for level in range(300):
        value = {f"level {level}": value, "here": str(level)}

    text = "\n".join(text for _, text in blocks_of(value)[0])

    assert "leaf: deepest" in text
    assert "level 0 other: one" in text
    assert all(f"here: {level}" in text for level in range(300))


def test_depth_without_end_is_no_crash():
    # The parser itself gives up; the reading process names the reason.
    with pytest.raises(RecursionError):
        blocks_of(b"[" * 100_000 + b"]" * 100_000)


def test_many_short_values_come_in_blocks_of_bounded_size():
    found = blocks_of([str(number) for number in range(10_000)])[0]

    assert len(found) == 10_000 // BLOCK_LINES
    assert max(text.count("\n") for _, text in found) < BLOCK_LINES


def test_records_that_share_no_key_do_not_grow_into_a_table_of_all_keys():
    value = [{f"key {row} {column}": "x" for column in range(20)} for row in range(2_000)]

    assert sum(len(text) for _, text in blocks_of(value)[0]) < 3_000_000


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DocumentRefused, match="binary data"):
        blocks_of(bytes(range(256)) * 40)
