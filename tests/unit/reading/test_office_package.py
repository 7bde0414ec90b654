"""What a ZIP container must not be, whatever office document it says it is."""

import io
import zipfile

import pytest

from app.errors import DocumentRefused
from app.reading.office_package import MAX_MEMBERS, check_package


def package(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_an_ordinary_package_passes():
    check_package(package({"xl/workbook.xml": b"<workbook/>", "xl/media/picture.png": b"<!DOCTYPE"}), "workbook")


def test_a_part_that_expands_out_of_measure_is_refused_under_the_documents_own_name():
    bomb = package({"ppt/slides/slide1.xml": b"\x00" * 11_000_000})

    with pytest.raises(DocumentRefused, match="a part of the presentation expands more than 100 times"):
        check_package(bomb, "presentation")


def test_a_package_of_too_many_parts_is_refused():
    many = package({f"part{number}": b"" for number in range(MAX_MEMBERS + 1)})

    with pytest.raises(DocumentRefused, match=f"the workbook has {MAX_MEMBERS + 1} parts"):
        check_package(many, "workbook")


def test_sizes_that_add_up_to_too_much_are_refused_by_what_the_directory_declares():
    content = bytearray(package({"xl/a.bin": b"a"}, zipfile.ZIP_STORED))
    entry = content.index(b"PK\x01\x02")
    content[entry + 20 : entry + 24] = content[entry + 24 : entry + 28] = (600 * 10**6).to_bytes(4, "little")

    with pytest.raises(DocumentRefused, match="the workbook expands beyond 500 MB"):
        check_package(bytes(content), "workbook")


def test_a_protected_part_asks_for_its_password():
    content = bytearray(package({"xl/workbook.xml": b"<workbook/>"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(DocumentRefused, match="the workbook needs a password"):
        check_package(bytes(content), "workbook")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("before", [0, (1 << 20) - 4])
def test_entities_are_found_in_any_encoding_and_across_the_pieces_that_are_read(encoding, before):
    declared = " " * before + '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    content = package({"content.XML": declared.encode(encoding)}, zipfile.ZIP_STORED)

    with pytest.raises(DocumentRefused, match="the workbook declares XML entities"):
        check_package(content, "workbook")


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_package_that_was_cut_off_is_refused_as_damaged(keep):
    content = package({"word/document.xml": b"<document/>" * 1_000})

    with pytest.raises(DocumentRefused, match="the Word document is damaged or cut off"):
        check_package(content[: int(len(content) * keep)], "Word document")


def test_a_part_whose_bytes_went_bad_is_refused_as_damaged():
    content = bytearray(package({"word/document.xml": bytes(range(256)) * 40}))
    content[60:90] = b"\xff" * 30

    with pytest.raises(DocumentRefused, match="the Word document is damaged or cut off"):
        check_package(bytes(content), "Word document")
