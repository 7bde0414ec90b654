"""Old Office files through LibreOffice, and own readers, both with real processes."""

import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from app.errors import DocumentRefused, SettingsError
from app.reading import confined_office, detect, libreoffice
from app.reading.pool import ReaderPool
from app.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
OFFICE = libreoffice.office_program()
needs_office = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
LISTENER_S = 10


def settings(**changes):
    return load_settings({}).ingest.model_copy(update={"readers": 1} | changes)


@pytest.fixture(autouse=True)
def ram_folder(tmp_path, monkeypatch):
    """Put temporary files where this test can see what is left of them."""
    folder = tmp_path / "ram"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def pool():
    with ReaderPool(settings()) as opened:
        yield opened


def refusal(pool, content, name):
    with pytest.raises(DocumentRefused) as caught:
        pool.read(content, file_name=name)
    return str(caught.value)


def texts(document):
    return [block.text for block in document.blocks]


def rtf(text, codepage=936, encoding="gb18030"):
    escaped = "".join(
        letter if letter.isascii() else "".join(f"\\'{byte:02x}" for byte in letter.encode(encoding)) for letter in text
    )
    return f"{{\\rtf1\\ansi\\ansicpg{codepage}{{\\fonttbl{{\\f0\\fcharset134 SimSun;}}}}\\f0 {escaped}\\par}}".encode()


NAMESPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for short, long in (("office", "office"), ("text", "text"), ("draw", "drawing"), ("svg", "svg-compatible"))
)


def open_document(body, kind=detect.ODT):
    content = (
        f'<office:document-content {NAMESPACES} xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2">'
        f"<office:body>{body}</office:body></office:document-content>"
    )
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    entries = "".join(
        f'<m:file-entry m:full-path="{path}" m:media-type="{media_type}"/>'
        for path, media_type in (("/", kind), ("content.xml", "text/xml"))
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{manifest}">{entries}</m:manifest>')
    return file.getvalue()


def unconfined(content, name, target, folder):
    """Convert with LibreOffice as anybody would, to make old files and to see what a hostile one would do."""
    folder.mkdir()
    (folder / name).write_bytes(content)
    arguments = [f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", target]
    command = [str(OFFICE), *arguments, "--outdir", str(folder / "out"), str(folder / name)]
    for _ in range(2):
        subprocess.run(command, check=False, env={"HOME": str(folder)}, capture_output=True, timeout=120)
    return (folder / "out" / name).with_suffix(f".{target}").read_bytes()


@needs_office
def test_an_rtf_document_in_gb18030_is_read_and_keeps_its_own_type(pool, ram_folder):
    document = pool.read(rtf("第一章 总则。职工每年有十天年假。"), file_name="规定.rtf")

    assert texts(document) == ["第一章 总则。职工每年有十天年假。"]
    assert document.media_type == detect.RTF
    assert list(ram_folder.iterdir()) == []


@needs_office
def test_a_word_97_document_is_read_whatever_its_name_says(pool, tmp_path):
    content = unconfined(rtf("轴承温度不得超过 80 度。"), "a.rtf", "doc", tmp_path / "office")

    document = pool.read(content, file_name="a.pdf")

    assert content.startswith(detect.OLE)
    assert texts(document) == ["轴承温度不得超过 80 度。"]
    assert document.media_type == detect.DOC


@needs_office
def test_an_opendocument_text_is_read(pool):
    content = open_document(
        "<office:text><text:h text:outline-level='1'>Leave</text:h><text:p>Ten.</text:p></office:text>"
    )

    document = pool.read(content, file_name="a.odt")

    assert texts(document) == ["Leave", "Ten."]
    assert document.media_type == detect.ODT


@needs_office
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (detect.OLE + "WordDocument".encode("utf-16-le") + bytes(600), "a.doc"),
        (detect.OLE + "PowerPoint Document".encode("utf-16-le") + os.urandom(5_000), "a.ppt"),
        (open_document("<office:text><text:p>Ten.<office:text>"), "a.odt"),
    ],
)
def test_a_damaged_file_is_refused_by_its_name_and_leaves_nothing(pool, ram_folder, content, name):
    assert "LibreOffice cannot convert it" in refusal(pool, content, name)
    assert list(ram_folder.iterdir()) == []


@needs_office
def test_conversion_ends_after_its_time_and_leaves_no_process_and_no_file(ram_folder):
    converter = libreoffice.Converter(timeout_s=0.3, memory_bytes=2**31, max_file_bytes=2**20)
    started = time.monotonic()

    with pytest.raises(DocumentRefused, match=r"RTF document: not converted within 0\.3 seconds"):
        converter.convert(rtf("text"), detect.RTF)

    assert time.monotonic() - started < 10
    assert list(ram_folder.iterdir()) == []
    assert str(ram_folder) not in running_commands()


def running_commands():
    """The commands of all processes, as far as they can be seen."""
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(process.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(commands)


@needs_office
def test_a_conversion_that_makes_too_much_is_refused():
    converter = libreoffice.Converter(timeout_s=60, memory_bytes=2**31, max_file_bytes=1_000)

    with pytest.raises(DocumentRefused, match="LibreOffice cannot convert it"):
        converter.convert(rtf("text"), detect.RTF)


@needs_office
def test_stopping_ends_the_conversion_that_runs_and_lets_none_begin():
    converter = libreoffice.Converter(timeout_s=60, memory_bytes=2**31, max_file_bytes=2**20)
    stopping = threading.Timer(0.3, converter.stop)
    stopping.start()

    for _ in range(2):
        with pytest.raises(DocumentRefused, match="reading was stopped"):
            converter.convert(rtf("text"), detect.RTF)
    stopping.join()


@needs_office
def test_conversion_dies_with_the_process_that_asked_for_it(tmp_path):
    program = (
        "import sys, tempfile; sys.path.insert(0, sys.argv[1]); tempfile.tempdir = sys.argv[2];"
        "from app.reading import libreoffice, detect;"
        "run = libreoffice.Converter(timeout_s=60, memory_bytes=2**31, max_file_bytes=2**20);"
        "print('ready', flush=True); run.convert(b'{\\\\rtf1 text}', detect.RTF)"
    )
    folder = tmp_path / "killed"
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, "-c", program, str(ROOT), str(folder)], stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"ready\n"
    deadline = time.monotonic() + 20
    while str(folder) not in running_commands().replace(f"{ROOT} {folder}", "") and time.monotonic() < deadline:
        time.sleep(0.02)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    while str(folder) in running_commands() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert str(folder) not in running_commands()


class Listener:
    """A server on the loopback that counts who connects."""

    def __init__(self):
        self.connected = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(LISTENER_S)
        self._socket.close()

    def _serve(self):
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            with connection:
                self.connected += 1
                connection.recv(1_000)
                connection.sendall(b"HTTP/1.0 404 none\r\n\r\n")


def reaching_out(url):
    frame = '<text:p><draw:frame svg:width="2cm" svg:height="2cm">{}</draw:frame></text:p>'
    linked = "".join(
        frame.format(f'<draw:{kind} xlink:href="{url}/a" xlink:type="simple"/>') for kind in ("image", "object")
    )
    section = f'<text:section text:name="a"><text:section-source xlink:href="{url}/b.odt"/></text:section>'
    yield "a.odt", open_document(f"<office:text><text:p>Ten.</text:p>{linked}{section}</office:text>")
    fields = "".join(
        f'{{\\field{{\\*\\fldinst {kind} "{url}/c" \\\\d}}{{\\fldrslt }}}}'
        for kind in ("INCLUDEPICTURE", "INCLUDETEXT")
    )
    yield "a.rtf", f"{{\\rtf1\\ansi{{\\*\\template {url}/t.dot}} Ten. {fields}\\par}}".encode()


@needs_office
def test_nothing_that_a_document_links_to_is_fetched(pool, tmp_path):
    with Listener() as listener:
        hostile = dict(reaching_out(listener.url))
        unconfined(hostile["a.odt"], "a.odt", "docx", tmp_path / "office")
        without = listener.connected
        for name, content in hostile.items():
            assert texts(pool.read(content, file_name=name))[0].strip() == "Ten."
        within = listener.connected - without

    assert without > 0, "the document must reach out, else this test shows nothing"
    assert within == 0


@needs_office
def test_every_door_around_libreoffice_that_needs_no_privilege_is_closed(pool):
    open_doors = {name for name, held in pool.converter.isolation().items() if not held}

    assert open_doors <= {
        "own_namespaces", "own_temporary_folder", "no_capabilities", "only_office_files", "few_system_calls",
    }  # fmt: skip
    assert len(pool.converter.held) == 11


# What a LibreOffice that was taken over would try; run in its place, as it is confined.
BREAKOUT = """
import os, signal, socket, subprocess
def listening():
    socket.create_connection(("127.0.0.1", {port}), timeout=2)
def talking():
    one = socket.socket(socket.AF_UNIX); one.connect({unix!r})
attempts = {{
    "own_namespaces": [listening, lambda: os.kill({pid}, 0)],
    "only_office_files": [lambda: open({secret!r}).read(), lambda: open({outside!r}, "w"), lambda: os.listdir("/proc"),
                          lambda: subprocess.run(["/bin/true"])],
    "few_system_calls": [talking, lambda: os.kill(os.getpid(), 0)],
    "limited_files": [lambda: os.truncate("big", {most} + 1)],
    "memory_limit": [lambda: bytearray(2**33)],
}}
open("big", "wb").close()
with open("escaped", "w") as report:
    for name, ways in attempts.items():
        for way in ways:
            try:
                way()
                print(name, file=report)
            except (OSError, MemoryError, subprocess.SubprocessError):
                pass
    print("tried", file=report)
"""


@pytest.mark.skipif(not Path(sys.base_prefix, "bin", "python3").exists(), reason="needs an interpreter to start")
def test_a_door_around_libreoffice_that_is_said_to_be_closed_does_not_open(tmp_path):
    secret, folder, outside = tmp_path / "secret", tmp_path / "folder", tmp_path / "outside"
    secret.write_text("key", encoding="utf-8")
    folder.mkdir()
    os.chdir(tmp_path)  # the name of a socket is short
    with Listener() as listener, socket.socket(socket.AF_UNIX) as unix:
        unix.bind("s")
        unix.listen()
        attempts = BREAKOUT.format(
            port=listener.url.rpartition(":")[2],
            unix="s",
            pid=os.getpid(),
            secret=str(secret),
            outside=str(outside),
            most=10**6,
        )
        (folder / "breakout.py").write_text(attempts, encoding="utf-8")
        converter = libreoffice.Converter(timeout_s=30, memory_bytes=2**31, max_file_bytes=10**6)
        program = Path(sys.base_prefix, "bin", "python3").resolve()
        code = converter._run(program, folder, ["-I", "-S", "{base}/breakout.py"], time.monotonic() + 30)

    escaped = (folder / "escaped").read_text(encoding="utf-8").split()
    assert (code, escaped[-1]) == (0, "tried")
    assert [name for name in escaped[:-1] if converter.held[name]] == []


OWN = """
import socket
from pathlib import Path

from langchain_core.document_loaders import BaseBlobParser, BaseLoader
from langchain_core.documents import Document


class Loader(BaseLoader):
    def __init__(self, file_path):
        self.file_path = file_path

    def lazy_load(self):
        file = Path(self.file_path)
        yield Document(file.read_text(encoding="gb18030"), metadata={"page": 0, "size": file.stat().st_size})
        with open(self.file_path, "rb") as again:
            again.seek(2)
            yield Document(again.read().decode("gb18030"), metadata={"page": 1})


class Caller(BaseBlobParser):
    def lazy_parse(self, blob):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reached:
            reached.sendto(blob.as_bytes(), ("127.0.0.1", 9))
        yield Document("sent")


class Writer(BaseBlobParser):
    def lazy_parse(self, blob):
        Path("%s").write_bytes(blob.as_bytes())
        yield Document("written")


class Missing(BaseBlobParser):
    def lazy_parse(self, blob):
        yield Document(str(len(blob.as_bytes())))
"""


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Have a module of the owner's, with its name."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "plant_own.py").write_text(OWN % (tmp_path / "written"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    return "plant_own"


def test_a_langchain_loader_reads_its_file_by_a_path_in_the_sandbox(plant):
    with ReaderPool(settings(own_readers={"log": f"{plant}:Loader"})) as pool:
        first = pool.read("泵已停。".encode("gb18030"), file_name="a.log")
        second = pool.read("阀已关。".encode("gb18030"), file_name="b.LOG")
        other = pool.read("十天。".encode(), file_name="a.txt")
        processes = pool._reading._idle
        left = len(list(Path(f"/proc/{processes[0].pid}/fd").iterdir())) if os.geteuid() == 0 else 4

    assert [(block.text, block.page) for block in first.blocks] == [("泵已停。", 1), ("已停。", 2)]
    assert (first.pages, first.media_type) == (2, "text/plain")
    assert texts(second) == ["阀已关。", "已关。"]
    assert texts(other) == ["十天。"]
    assert left <= 5  # no file stays open


@pytest.mark.parametrize("name", ["Caller", "Writer"])
def test_an_own_reader_reaches_neither_network_nor_files(plant, tmp_path, name):
    with (
        ReaderPool(settings(own_readers={"dcm": f"{plant}:{name}"})) as pool,
        pytest.raises(DocumentRefused, match=rf"own reader {plant}:{name}: failed \((PermissionError|OSError)\)"),
    ):
        pool.read(b"text", file_name="a.dcm")

    assert not (tmp_path / "written").exists() or (tmp_path / "written").read_bytes() == b""


def test_an_own_reader_takes_a_type_that_is_refused_without_it(plant, pool):
    assert "video" in refusal(pool, b"\x1aE\xdf\xa3 12", "a.dcm")

    with ReaderPool(settings(own_readers={"dcm": f"{plant}:Missing"})) as own:
        document = own.read(b"\x1aE\xdf\xa3 12", file_name="a.dcm")

    assert (texts(document), document.media_type) == (["7"], "application/octet-stream")


def test_a_module_that_is_not_there_stops_the_start_and_a_class_that_is_not_is_named(plant):
    with pytest.raises(SettingsError, match="no module plant_none"):
        ReaderPool(settings(own_readers={"dcm": "plant_none:Reader"}))
    with ReaderPool(settings(own_readers={"dcm": f"{plant}:None_"})) as pool:
        assert refusal(pool, b"text", "a.dcm") == f"own reader {plant}:None_: cannot be imported (AttributeError)"


def test_without_libreoffice_an_old_office_file_is_refused_by_its_name(pool, monkeypatch):
    monkeypatch.setattr(libreoffice, "office_program", lambda: None)

    reason = refusal(pool, rtf("text"), "a.rtf")

    assert reason == "RTF document: needs LibreOffice, which is not installed"


def test_the_numbers_of_system_calls_are_those_that_the_sandbox_refuses():
    from app.reading import sandbox

    for machine, needed in confined_office.NEEDED_CALLS.items():
        assert set(needed) < set(sandbox.MACHINES[machine][1])
