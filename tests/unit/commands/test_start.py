"""What an ingest needs, estimated from its files; what a run prints and asks of a port."""

import errno
import os
import shlex
import socket
import sys
from pathlib import Path

import pytest

from app.commands import room, start
from app.errors import SettingsError, StoreFull
from app.settings import load_settings

SAMPLES = start.SAMPLES
MIB = 2**20


@pytest.fixture
def settings(tmp_path):
    return load_settings(
        {
            "KB_DATA_DIR": str(tmp_path / "data"),
            "KB_KEY_FILE": str(tmp_path / "store.key"),
            "KB_RAM_DIR": "/dev/shm/none-here",
        }
    )


def hole(file: Path, size: int) -> Path:
    with file.open("wb") as opened:
        opened.truncate(size)
    return file


def test_text_is_dearer_than_pdf_and_what_cannot_be_read_takes_none(tmp_path, settings):
    kinds = {name: hole(tmp_path / name, MIB) for name in ("a.txt", "a.docx", "a.html", "a.pdf", "a.jpg", "a.xlsx")}
    kinds["a.unknown"] = tmp_path / "a.unknown"
    kinds["a.unknown"].write_bytes(b"text" * (MIB // 4))
    chunks = {name: room.estimate_chunks([file], settings) for name, file in kinds.items()}
    assert chunks["a.txt"] == chunks["a.unknown"] > chunks["a.docx"] > chunks["a.html"] > chunks["a.pdf"] > 0
    assert (chunks["a.jpg"], chunks["a.xlsx"]) == (0, 0)


def test_a_short_line_of_json_is_a_passage_of_its_own_and_a_small_file_is_one(tmp_path, settings):
    (tmp_path / "lines.jsonl").write_text('{"id":"1","text":"x"}\n' * 1000)
    (tmp_path / "note.txt").write_text("short")
    assert room.estimate_chunks([tmp_path / "lines.jsonl"], settings) == 1000
    assert room.estimate_chunks([tmp_path / "note.txt"], settings) == 1


def test_empty_vanished_and_too_large_files_take_none(tmp_path, settings):
    files = [hole(tmp_path / "empty.txt", 0), tmp_path / "gone.txt"]
    files.append(hole(tmp_path / "large.txt", settings.ingest.max_file_bytes + 1))
    assert room.estimate_chunks(files, settings) == 0


def test_the_estimate_of_the_samples_is_not_below_what_they_have_and_not_far_above(settings):
    """They have 112 passages."""
    assert 112 <= room.estimate_chunks(SAMPLES.iterdir(), settings) <= 4 * 112


def test_larger_chunks_are_fewer(tmp_path, settings):
    file = hole(tmp_path / "a.txt", MIB)
    twice = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"chunk_tokens": 440})})
    assert room.estimate_chunks([file], twice) * 2 == room.estimate_chunks([file], settings)


def container(folder: Path, most: str) -> Path:
    folder.mkdir()
    (folder / "memory.max").write_text(most + "\n")
    (folder / "memory.current").write_text(f"{700 * MIB}\n")
    (folder / "memory.stat").write_text(f"anon {400 * MIB}\ninactive_file {200 * MIB}\n")
    return folder


def test_free_memory_is_the_smaller_of_machine_and_container(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: {9 * MIB} kB\nMemFree: 10 kB\nMemAvailable: {2 * MIB} kB\n")
    here = 2 * 2**30
    assert room.free_memory(meminfo, container(tmp_path / "limited", str(1024 * MIB))) == 524 * MIB
    assert room.free_memory(meminfo, container(tmp_path / "free", "max")) == here
    assert room.free_memory(meminfo, container(tmp_path / "wide", str(2**50))) == here
    assert room.free_memory(meminfo, tmp_path / "no-cgroup") == here
    assert room.free_memory(meminfo, container(tmp_path / "over", str(100 * MIB))) == 0


def lack(monkeypatch, settings, docs, *, free, folder_free=2**40, known=None):
    monkeypatch.setattr(room, "free_memory", lambda: free)
    monkeypatch.setattr(room, "known_chunks", lambda *_: known or {})
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: type("Usage", (), {"free": folder_free}))
    return room.find_lack(settings, docs)


def test_a_lack_names_what_is_needed_and_what_is_there(tmp_path, settings, monkeypatch):
    hole(tmp_path / "a.txt", 100 * MIB)
    said = str(lack(monkeypatch, settings, tmp_path, free=2**30))
    assert said.startswith("about 256,000 passages need 3.1 GiB of memory, 1.0 GiB are free")
    said = str(lack(monkeypatch, settings, tmp_path, free=2**33, folder_free=2**20))
    assert "GiB of room in /dev/shm/none-here, 0.0 GiB are free" in said
    assert lack(monkeypatch, settings, tmp_path, free=2**33) is None


def test_what_is_in_already_or_was_refused_needs_nothing_again(tmp_path, settings, monkeypatch):
    for name in ("in.txt", "refused.txt"):
        hole(tmp_path / name, 100 * MIB)
    known = {"in.txt": 3, "refused.txt": 0}
    assert lack(monkeypatch, settings, tmp_path, free=0, known=known) is None
    hole(tmp_path / "new.txt", MIB)
    assert lack(monkeypatch, settings, tmp_path, free=0, known=known).chunks == 2560


def test_lines_that_are_in_already_are_taken_off_their_file(tmp_path, settings, monkeypatch):
    (tmp_path / "lines.jsonl").write_text('{"id":"1","text":"x"}\n' * 1000)
    known = {f"line-{number}": 1 for number in range(900)}
    assert lack(monkeypatch, settings, tmp_path, free=0, known=known).chunks == 100
    assert lack(monkeypatch, settings, tmp_path, free=0, known=known | {f"more-{one}": 1 for one in range(100)}) is None


def test_a_command_is_shown_as_it_can_be_typed_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert start.command("app") == ".venv/bin/python -m app"
    monkeypatch.setattr(sys, "executable", "/opt/a place/python")
    assert shlex.split(start.command("ingest")) == ["/opt/a place/python", "-m", "ingest"]


def test_sample_questions_are_shown_for_samples_that_are_in_and_for_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(SAMPLES.parents[2])
    relative = str(SAMPLES.relative_to(Path.cwd()))
    assert sum(" ask " in line for line in start.next_lines(relative, taken=True)) == 2
    for docs, taken in ((relative, False), (str(tmp_path), True), ("", False)):
        lines = "\n".join(start.next_lines(docs, taken=taken))
        assert "your documents" in lines
        assert not [one for one in start.SAMPLE_QUESTIONS if one in lines]


def test_a_taken_port_names_the_next_free_one_and_other_troubles_keep_their_advice(settings, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=os.strerror(errno.EADDRINUSE)) as refused:
            start.free_port(start.on(settings, port=port))
    assert "make run PORT=" in refused.value.advice
    assert f"PORT={port}," not in refused.value.advice
    with pytest.raises(SettingsError) as refused:
        start.free_port(start.on(settings, host="192.0.2.1", port=0))
    assert "PORT=" not in refused.value.advice
    assert start.free_port(start.on(settings, port=0)) > 0


def test_a_full_disk_is_said_before_half_a_store_is_made(tmp_path, monkeypatch):
    start.refuse_full_disk(tmp_path / "not" / "there")
    monkeypatch.setattr(start.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 3 * MIB}))
    with pytest.raises(StoreFull, match="3 MiB are free") as refused:
        start.refuse_full_disk(tmp_path / "not" / "there")
    assert "Free some space" in refused.value.advice
    assert not list(tmp_path.iterdir())
