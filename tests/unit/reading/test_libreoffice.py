"""What is decided around LibreOffice; it runs in tests/integration/test_converting.py."""

import os
import xml.etree.ElementTree as ET

import pytest

from app.errors import DocumentRefused
from app.reading import detect, libreoffice, readers
from app.reading.block import Block, ReadDocument
from app.reading.contract import Reading


def converter(**changes):
    return libreoffice.Converter(**{"timeout_s": 5, "memory_bytes": 2**30, "max_file_bytes": 10} | changes)


def test_every_type_that_is_converted_becomes_one_that_is_read():
    targets = {"docx": detect.DOCX, "pptx": detect.PPTX}

    assert detect.CONVERTED.keys() == libreoffice.FILTERS.keys()
    assert all(targets[libreoffice.target_of(old)] in readers.READERS for old in detect.CONVERTED)
    assert not detect.CONVERTED.keys() & readers.READERS.keys()


@pytest.mark.parametrize(
    ("media_type", "reason", "advice"),
    [
        (detect.DOC, "Word 97-2003 document (.doc): needs LibreOffice, which is not installed", "as DOCX"),
        (detect.PPT, "PowerPoint 97-2003 presentation (.ppt): needs LibreOffice, which is not installed", "as PPTX"),
    ],
)
def test_without_libreoffice_the_refusal_says_what_to_install(monkeypatch, media_type, reason, advice):
    monkeypatch.setattr(libreoffice, "office_program", lambda: None)

    with pytest.raises(DocumentRefused) as caught:
        converter().convert(b"content", media_type)

    assert str(caught.value) == reason
    assert advice in caught.value.advice
    assert "libreoffice-writer-nogui and libreoffice-impress-nogui" in caught.value.advice
    assert converter().isolation() is None


def test_an_answer_that_asks_for_conversion_is_told_from_a_document():
    asked = ReadDocument(detect.DOC, "", 0, (), ())

    assert libreoffice.needs_conversion(asked)
    assert not libreoffice.needs_conversion(ReadDocument(detect.DOC, "", 0, (Block("paragraph", "text"),), ()))
    assert not libreoffice.needs_conversion(ReadDocument(detect.DOC, "", 1, (), (), {1: "a picture"}))
    assert not libreoffice.needs_conversion(ReadDocument(detect.DOCX, "", 0, (), ()))


def test_the_profile_is_sound_xml_and_forbids_macros_and_links(tmp_path):
    libreoffice.write_profile(tmp_path)

    items = ET.parse(tmp_path / "profile" / "user" / "registrymodifications.xcu").getroot()
    name = "{http://openoffice.org/2001/registry}"
    values = {item[0].get(f"{name}name"): item[0][0].text for item in items}
    assert len(values) == len(libreoffice.PROFILE)
    assert (values["DisableMacrosExecution"], values["MacroSecurityLevel"], values["Link"]) == ("true", "3", "2")


def test_an_old_office_file_inside_another_file_is_a_note():
    reading = Reading(max_pages=10)

    assert list(readers.attached("a.rtf", rb"{\rtf1 text}", reading)) == []
    (note,) = reading.notes
    assert note.endswith("left out: RTF document: read only as a file of its own")


def test_what_was_made_is_followed_nowhere_and_not_taken_beyond_the_limit(tmp_path):
    key, link, long, pipe = (tmp_path / name for name in ("key", "link", "long", "pipe"))
    key.write_bytes(b"secret")
    link.symlink_to(key)
    long.write_bytes(b"x" * 11)
    os.mkfifo(pipe)

    assert converter().made(key) == b"secret"
    for hostile in (link, long, pipe, tmp_path, tmp_path / "missing"):
        with pytest.raises(OSError, match=r"."):
            converter().made(hostile)


def test_a_report_that_is_none_says_that_no_door_is_known_to_hold():
    for written, held in ((b'{"a": true, "b": 1}', {"a": True, "b": False}), (b"", {}), (b"[1", {}), (b"[1]", {})):
        ours, theirs = os.pipe2(os.O_NONBLOCK)
        os.write(theirs, written)

        assert libreoffice.held_of(ours) == held
        os.close(ours)
        os.close(theirs)
