import pytest

from app.errors import DocumentRefused
from app.reading.encoding import decode, decode_declared

SIMPLIFIED = "第一条 本办法自二〇二四年一月一日起施行。员工每年享有十天年假，病假须附证明。"
TRADITIONAL = "第一條 本辦法自二〇二四年一月一日起施行。員工每年享有十天年假，病假須附證明。"


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8",
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-32-be",
        "gb18030",
    ],
)
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


@pytest.mark.parametrize("text", ["Größe", "GRÖSSE ÄÖÜ", "naïve café", "20 °C ± 5 µm", "l’été – 5 €", "a" * 80 + " é"])
def test_short_western_text_keeps_all_its_letters(text):
    assert decode(text.encode("cp1252")) == text


def test_only_a_character_cut_off_at_the_end_is_forgiven():
    assert decode("Groß und klein".encode() + b"\xe5\xb9") == "Groß und klein"
    assert decode(b"100 \xb0C") == "100 °C"


def test_utf_8_with_a_stray_letter_of_another_encoding_is_still_utf_8():
    assert decode("é ü ä ö ß é ü naïve".encode() + b" na\xefve" + b" text" * 20).startswith("é ü ä ö ß é ü naïve na")


def test_the_text_of_a_mainframe_is_read():
    text = "PUMP MAINTENANCE: check the oil, then the filter.\nSee page 10 (or 11).\n"

    assert decode(text.encode("cp500")) == text


@pytest.mark.parametrize("content", [b"user@host " * 20, "@@@ 年假 @@@ 制度".encode("gb18030")])
def test_at_signs_alone_are_no_mainframe(content):
    assert "@" in decode(content)


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("gb2312", "gb18030", "朱镕基"),
        ("big5", "big5hkscs", "請假"),
        ("shift_jis", "cp932", "これは①です"),
        ("iso-2022-jp", "iso2022_jp", "日本語"),
        ("utf-7", "utf-7", "年假"),
        ("windows-1251", "cp1251", "Привет"),
        ("iso-8859-1", "cp1252", "5 €"),
        ("iso-8859-1", "utf-8", "年假"),  # declared wrongly, as the next ones
        ("utf-8", "gb18030", SIMPLIFIED),
        ("utf-16", "gb18030", SIMPLIFIED),
        ("utf-16", "utf-8", "年假"),
        ("utf-8", "utf-16", SIMPLIFIED),
        ("rot13", "gb18030", SIMPLIFIED),
        ("hex", "gb18030", SIMPLIFIED),
        ("idna", "utf-8", "年假"),
        ("x" * 60, "gb18030", SIMPLIFIED),
        ("\x00", "gb18030", SIMPLIFIED),
        ("", "gb18030", SIMPLIFIED),
    ],
)
def test_a_declaration_is_believed_only_where_the_bytes_allow_it(declared, encoding, text):
    assert decode_declared(text.encode(encoding), declared) == text


def test_a_zero_that_slipped_into_a_text_does_not_make_it_binary():
    assert decode("年假十天。".encode() * 100 + b"\x00" + b"ten days") == "年假十天。" * 100 + "ten days"
