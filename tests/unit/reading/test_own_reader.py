"""Readers of the owner's own, in this process; in the sandbox they run in tests/integration/test_converting.py."""

import importlib
import sys

import pytest

from app.errors import DocumentRefused, SettingsError
from app.reading import own_reader, readers
from app.reading.block import Block
from app.reading.contract import Reading
from app.settings import load_settings

MODULE = """
from langchain_core.document_loaders import BaseBlobParser, BaseLoader
from langchain_core.documents import Document
from app.reading.block import Block, TextBox


class Ours:
    def read(self, content, reading):
        yield Block("heading", "Log", level=1)
        yield Block("paragraph", content.decode(reading.password or "utf-8"))


class Pages(BaseLoader):
    def __init__(self, file_path):
        self.file_path = file_path

    def lazy_load(self):
        with open(self.file_path, encoding="utf-8") as file:
            for number, text in enumerate(file.read().split("\\f")):
                yield Document(text, metadata={"page": number, "title": "Shift book", "source": self.file_path})


class Eager(BaseLoader):
    def __init__(self, file_path):
        self.file_path = file_path

    def load(self):
        with open(self.file_path, encoding="utf-8") as file:
            return [Document(file.read())]


class Parser(BaseBlobParser):
    def lazy_parse(self, blob):
        yield Document(f"{blob.source}: {blob.as_string()}", metadata={"page": True, "title": 7})


class Quoting:
    def read(self, content, reading):
        yield Block("paragraph", "good")
        raise ValueError(content.decode())


class Ending:
    def read(self, content, reading):
        raise SystemExit(content.decode())


class Loose:
    def read(self, content, reading):
        yield {"text": content.decode()}


class Odd:
    def read(self, content, reading):
        yield Block("shout", "text")


class Deep:
    def read(self, content, reading):
        yield Block("paragraph", "text", page=-1)


class Boxed:
    def read(self, content, reading):
        yield Block("paragraph", "text", 1, 0, (TextBox(0, 9, 0, 0, 1, 1),))


class Nothing:
    pass
"""


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Have a module of the owner's that can be imported, with its name."""
    (tmp_path / "plant_books.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "plant_books"
    sys.modules.pop("plant_books", None)


def read(own, content, **given):
    reading = Reading(max_pages=10, extension="log", **given)
    return list(own_reader.reader_of(own)(content, reading)), reading


def on_disk(tmp_path, text):
    file = tmp_path / "file"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_class_of_our_contract_gives_its_blocks(plant):
    blocks, _ = read(f"{plant}:Ours", "泵 3 已停".encode())

    assert blocks == [Block("heading", "Log", level=1), Block("paragraph", "泵 3 已停")]


def test_a_langchain_loader_reads_the_path_and_its_metadata_become_pages_and_a_heading(plant, tmp_path):
    path = on_disk(tmp_path, "第一章 开机\n\n先开泵。\f- oil\n- water")

    blocks, reading = read(f"{plant}:Pages", b"-", path=path)

    assert blocks == [
        Block("heading", "Shift book", 1, level=1),
        Block("heading", "第一章 开机", 1, level=2),
        Block("paragraph", "先开泵。", 1),
        Block("list", "- oil\n- water", 2),
    ]
    assert reading.pages == 2


def test_a_langchain_loader_that_has_load_alone_is_read_too(plant, tmp_path):
    blocks, reading = read(f"{plant}:Eager", b"-", path=on_disk(tmp_path, "one\n\ntwo"))

    assert blocks == [Block("paragraph", "one"), Block("paragraph", "two")]
    assert reading.pages == 0


def test_a_langchain_parser_gets_the_bytes_and_a_name_with_the_extension(plant):
    blocks, _ = read(f"{plant}:Parser", b"text")

    assert blocks == [Block("paragraph", "file.log: text")]


def test_a_loader_with_more_pages_than_allowed_is_refused(plant, tmp_path):
    with pytest.raises(DocumentRefused, match="more than 10 pages"):
        read(f"{plant}:Pages", b"-", path=on_disk(tmp_path, "text\f" * 11))


def test_a_loader_refuses_a_file_that_has_no_path_of_its_own(plant):
    with pytest.raises(DocumentRefused, match="inside another one"):
        read(f"{plant}:Pages", b"text")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Quoting", r"failed \(ValueError\)"),
        ("Ending", r"failed \(SystemExit\)"),
        ("Loose", r"failed \(TypeError\)"),
        ("Odd", r"failed \(TypeError\)"),
        ("Deep", r"failed \(TypeError\)"),
        ("Boxed", r"failed \(TypeError\)"),
        ("Nothing", "has none of lazy_parse, lazy_load, read"),
        ("Missing", r"cannot be imported \(AttributeError\)"),
    ],
)
def test_what_goes_wrong_in_an_own_reader_names_it_and_quotes_nothing(plant, name, reason):
    with pytest.raises(DocumentRefused, match=f"own reader {plant}:{name}: {reason}") as caught:
        read(f"{plant}:{name}", b"sixpence")

    assert "sixpence" not in str(caught.value) + caught.value.advice


def test_a_module_that_breaks_when_it_is_imported_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_books.py").write_text("raise RuntimeError('secret')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(DocumentRefused, match=r"own reader broken_books:A: cannot be imported \(RuntimeError\)$"):
        read("broken_books:A", b"text")


def test_an_own_reader_goes_before_the_built_in_one_and_takes_what_nobody_else_does(plant, monkeypatch):
    monkeypatch.setitem(readers.OWN_READERS, "log", f"{plant}:Parser")
    pdf, unknown = b"%PDF-1.7 no real one", b"\x7fELF program"

    assert readers.media_type_of(pdf, "log") == "application/pdf"
    assert readers.media_type_of(unknown, "log") == "application/octet-stream"
    with pytest.raises(DocumentRefused, match="program"):
        readers.media_type_of(unknown, "txt")
    blocks = readers.blocks_of(pdf, "application/pdf", Reading(max_pages=10, extension="log"))
    assert [block.text for block in blocks] == ["file.log: %PDF-1.7 no real one"]


def test_an_own_reader_reads_attachments_too_and_its_failure_is_a_note(plant, monkeypatch):
    monkeypatch.setitem(readers.OWN_READERS, "log", f"{plant}:Parser")
    monkeypatch.setitem(readers.OWN_READERS, "bad", f"{plant}:Quoting")
    reading = Reading(max_pages=10)

    good = list(readers.attached("a.LOG", b"\x7fELF", reading))
    bad = list(readers.attached("a.bad", b"sixpence", reading))

    assert [block.text for block in good] == ["a.LOG", "file.log: ELF"]
    assert [block.text for block in bad] == ["a.bad", "good"]
    (note,) = reading.notes
    assert note.endswith(f"left out: own reader {plant}:Quoting: failed (ValueError)")


def test_modules_are_looked_for_at_the_start_without_importing_any(tmp_path):
    (tmp_path / "hospital").mkdir()
    (tmp_path / "hospital" / "__init__.py").write_text("raise SystemExit", encoding="utf-8")
    (tmp_path / "hospital" / "dicom.py").write_text("raise SystemExit", encoding="utf-8")
    (tmp_path / "spread").mkdir()
    (tmp_path / "spread" / "logs.py").write_text("", encoding="utf-8")
    importlib.invalidate_caches()

    own_reader.check({"dcm": "hospital.dicom:Reader", "log": "spread.logs:Loader"}, [str(tmp_path)])
    for missing in ("hospital.x:Reader", "clinic:Reader", "hospital.dicom.deeper:Reader"):
        with pytest.raises(SettingsError, match=f"no module {missing.partition(':')[0]}$"):
            own_reader.check({"dcm": missing}, [str(tmp_path)])


def own_readers_of(text):
    return load_settings({"KB_INGEST__OWN_READERS": text}).ingest.own_readers


def test_own_readers_are_set_as_a_mapping_or_as_one_text(tmp_path):
    overlay = tmp_path / "strongroom.yaml"
    overlay.write_text('ingest:\n  own_readers: {dcm: "hospital.dicom:Reader"}\n', encoding="utf-8")

    assert load_settings({"KB_CONFIG": str(overlay)}).ingest.own_readers == {"dcm": "hospital.dicom:Reader"}
    assert own_readers_of(".DCM=hospital.dicom:Reader, log=plant:Loader") == {
        "dcm": "hospital.dicom:Reader",
        "log": "plant:Loader",
    }
    assert own_readers_of("") == load_settings({}).ingest.own_readers == {}


@pytest.mark.parametrize(
    "text", ["dcm", "dcm=hospital.dicom", "dcm=hospital..a:B", "=a:B", "a.b=a:B", "zip=a:B", "dcm=os;x:B"]
)
def test_an_own_reader_that_cannot_be_one_stops_the_start(text):
    with pytest.raises(SettingsError, match="own_readers"):
        own_readers_of(text)
