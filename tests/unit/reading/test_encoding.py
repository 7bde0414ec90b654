import pytest

from app.errors import DocumentRefused
from app.reading.encoding import decode

SIMPLIFIED = "第一条 本办法自二〇二四年一月一日起施行。员工每年享有十天年假，病假须附证明。"
TRADITIONAL = "第一條 本辦法自二〇二四年一月一日起施行。員工每年享有十天年假，病假須附證明。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"])
def test_simplified_chinese_is_read_in_every_usual_encoding(encoding):
    text = SIMPLIFIED + "\n" + SIMPLIFIED

    assert decode(text.encode(encoding)) == text


def test_traditional_chinese_is_read_as_big5_and_not_as_gb18030():
    text = TRADITIONAL.replace("〇", "零") * 3

    assert decode(text.encode("big5")) == text


def test_a_short_chinese_text_is_not_taken_for_utf_16():
    assert decode("年假为十天吗".encode("gb18030")) == "年假为十天吗"


def test_characters_beyond_the_basic_plane_survive_in_gb18030():
    text = "古籍中有𠀀𠮷二字，读者可以查阅。"

    assert decode(text.encode("gb18030")) == text


def test_western_text_keeps_its_accents():
    assert decode("Müller können größer".encode("cp1252")) == "Müller können größer"


def test_a_character_cut_off_at_the_end_does_not_spoil_the_text():
    assert decode(SIMPLIFIED.encode()[:-1]) == SIMPLIFIED[:-1]


def test_a_few_bad_bytes_in_utf_8_are_replaced():
    damaged = bytearray((SIMPLIFIED * 50).encode())
    damaged[301] = 0xFF

    assert decode(bytes(damaged)).count("施行") == 50


NOISE = bytes(n * n % 251 for n in range(5_000))


@pytest.mark.parametrize("content", [NOISE, bytes(range(256)) * 20, b"\x00" * 500, b"\x01\x02\x03\x04" * 100])
def test_bytes_that_are_no_text_are_refused(content):
    with pytest.raises(DocumentRefused, match="binary data"):
        decode(content)
