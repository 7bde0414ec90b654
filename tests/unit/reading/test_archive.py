"""Taking archives apart, in this process; the sandbox is in tests/integration/test_reading.py."""

import io
import struct
import warnings
import zipfile

import pytest

from app.errors import DocumentRefused
from app.reading import archive

LIMIT = 50 * 2**20


def zipped(*members, **options):
    """Pack (name or ZipInfo, content) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as packed, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the same name twice
        for name, content in members:
            packed.writestr(name, content)
    return buffer.getvalue()


def taken(content, limit=LIMIT):
    return list(archive.members_of(content, limit))


def names(content):
    return [name for name, _, _ in taken(content)]


def with_name(old, new):
    """Pack one file under the raw bytes of a name, as programs do that know no Unicode."""
    assert len(old) == len(new)
    return zipped((old.decode(), b"text")).replace(old, new)


def test_files_come_with_their_folders_in_the_order_of_the_archive():
    packed = zipped(("b/手册.txt", "正文".encode()), ("b/", b""), ("a.txt", b"a"))

    assert taken(packed) == [("b/手册.txt", "正文".encode(), ""), ("a.txt", b"a", "")]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("请假规定说明.txt", "gb18030"),
        ("請假規定說明.txt", "big5"),
        ("请假规定说明.txt", "utf-8"),
        ("Prüfbericht.txt", "cp437"),
    ],
)
def test_names_without_a_mark_are_read_as_the_system_wrote_them(name, encoding):
    raw = name.encode(encoding)

    assert names(with_name(b"x" * len(raw), raw)) == [name]


def test_a_name_in_gb18030_whose_second_byte_is_a_backslash_stays_whole():
    raw = "请假规定誠.txt".encode("gb18030")
    assert b"\\" in raw

    assert names(with_name(b"x" * len(raw), raw)) == ["请假规定誠.txt"]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/a.txt", "etc/a.txt"),
        ("C:\\Users\\a.txt", "Users/a.txt"),
        ("..\\..\\a.txt", "a.txt"),
        ("a/./b/../c.txt", "a/b/c.txt"),
        ("a\nb\x07.txt", "ab.txt"),
        ("\u202etxt.exe", "txt.exe"),
        ("<img onerror=x>.txt", "<img onerror=x>.txt"),
        ("n" * 300 + ".pdf", "n" * 251 + ".pdf"),
    ],
)
def test_a_name_never_leads_out_of_the_archive(name, clean):
    assert names(zipped((name, b"a"))) == [clean]


def test_a_name_is_short_enough_however_many_folders_it_has():
    (name,) = names(zipped(("/".join(["folder"] * 2_000) + "/a.txt", b"a")))

    assert name.endswith("folder/a.txt")
    assert len(name) <= 900


def test_equal_names_are_told_apart_whatever_their_case():
    packed = zipped(("a.txt", b"1"), ("A.TXT", b"2"), ("x/../a.txt", b"3"), ("../a.txt", b"4"), ("a.txt", b"5"))

    assert names(packed) == ["a.txt", "A (2).TXT", "x/a.txt", "a (3).txt", "a (4).txt"]


def test_what_systems_put_beside_files_goes_without_a_word():
    junk = ("__MACOSX/._a.txt", ".DS_Store", "b/Thumbs.db", "desktop.ini", ".git/config", "~$a.docx", "b/")

    assert names(zipped(*((name, b"x") for name in junk), ("a.txt", b"a"))) == ["a.txt"]


def test_a_link_is_left_out():
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, 0o120777 << 16

    assert taken(zipped((link, b"/etc/passwd"), ("a.txt", b"a"))) == [
        ("link.txt", b"", "it is a link or a device, not a file"),
        ("a.txt", b"a", ""),
    ]


def test_an_encrypted_member_is_left_out():
    packed = bytearray(zipped(("a.txt", b"a"), ("b.txt", b"b")))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1

    assert [(name, trouble[:19]) for name, _, trouble in taken(bytes(packed))] == [
        ("a.txt", "it needs a password"),
        ("b.txt", ""),
    ]


def test_an_archive_in_an_archive_is_left_out_and_an_office_document_is_none():
    inner, word = zipped(("a.txt", b"a")), zipped(("word/document.xml", b"<w/>"))

    assert [trouble for _, _, trouble in taken(zipped(("i.zip", inner), ("i.docx", word), ("i.pdf", inner)))] == [
        "an archive in an archive is not opened; unpack it",
        "",
        "an archive in an archive is not opened; unpack it",
    ]


def test_a_damaged_member_is_left_out_and_the_rest_goes_on():
    packed = bytearray(zipped(("a.txt", b"the first member"), ("b.txt", b"b")))
    packed[packed.index(b"a.txt") + 8] ^= 0xFF

    assert [(name, trouble) for name, _, trouble in taken(bytes(packed))] == [
        ("a.txt", "it is damaged in the archive"),
        ("b.txt", ""),
    ]


def test_a_member_that_says_less_than_it_holds_is_left_out():
    packed = bytearray(zipped(("a.txt", b"x" * 1_000_000)))
    struct.pack_into("<I", packed, packed.index(b"PK\x01\x02") + 24, 10)

    assert [trouble for _, _, trouble in taken(bytes(packed))] == ["it is damaged in the archive"]


def test_a_member_over_the_limit_is_left_out_before_it_is_unpacked():
    assert [(name, trouble) for name, _, trouble in taken(zipped(("a.txt", b"x" * 2_000), ("b.txt", b"b")), 1_000)] == [
        ("a.txt", "it has 2000 bytes, the limit is 1000"),
        ("b.txt", ""),
    ]


def test_a_bomb_is_left_out():
    packed = zipped(("bomb.txt", b"\0" * 20_000_000), ("a.txt", b"a"))

    assert [trouble for _, _, trouble in taken(packed)] == ["it expands more than 100 times", ""]


def test_a_packing_method_that_is_not_read_is_said():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("a.txt", b"a")

    assert "method that is not read" in taken(buffer.getvalue())[0][2]


def test_members_that_lie_within_each_other_are_refused():
    packed = bytearray(zipped(("a.txt", b"a" * 500), ("b.txt", b"b" * 500)))
    second = packed.index(b"PK\x01\x02", packed.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", packed, second + 42, 10)

    with pytest.raises(DocumentRefused, match="within each other"):
        taken(bytes(packed))


def test_an_archive_that_would_unpack_to_too_much_is_refused():
    packed = bytearray(zipped(*((f"{number}.txt", b"x") for number in range(60))))
    at = -1
    while (at := packed.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<II", packed, at + 20, 1, 9_000_000)

    with pytest.raises(DocumentRefused, match="would unpack to 540000000 bytes"):
        taken(bytes(packed))


def test_an_archive_of_too_many_files_is_refused():
    with pytest.raises(DocumentRefused, match="more than 5000 files"):
        taken(zipped(*((str(number), b"") for number in range(5_001))))


def test_a_million_directory_entries_are_not_even_listed():
    with pytest.raises(DocumentRefused, match="more than 300000 files"):
        taken(zipped(("a", b"")) + b"PK\x01\x02" * 1_000_000)


@pytest.mark.parametrize("cut", [30, 100, -10])
def test_an_archive_cut_off_is_refused(cut):
    with pytest.raises(DocumentRefused, match="damaged or cut off"):
        taken(zipped(("a.txt", b"some text"), ("b.txt", b"b"))[:cut])


def test_five_thousand_files_of_one_name_are_told_apart():
    found = names(zipped(*(("a.txt", b"") for _ in range(5_000))))

    assert len(set(found)) == 5_000
