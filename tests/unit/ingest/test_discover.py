"""Discovering: which files a folder holds, and what they are called."""

import os
from pathlib import Path

import pytest

from app.errors import UsageError
from ingest.discover import discover


def ids(source):
    return [file.external_id for file in source.files]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "sub").mkdir(parents=True)
    (root / "b.txt").write_text("b")
    (root / "a.txt").write_text("a")
    (root / "sub" / "c.txt").write_text("c")
    return root


def test_a_folder_is_listed_whole_in_a_stable_order(folder):
    (source,) = discover([folder], source=None)

    assert source.name == str(folder)
    assert source.whole
    assert ids(source) == ["a.txt", "b.txt", "sub/c.txt"]
    assert source.skipped == ()


def test_a_file_belongs_to_its_folder_and_is_not_all_of_it(folder):
    (source,) = discover([folder / "a.txt"], source=None)

    assert (source.name, source.whole, ids(source)) == (str(folder), False, ["a.txt"])


def test_a_given_name_replaces_the_path(folder):
    (source,) = discover([folder], source="handbook")

    assert source.name == source.files[0].source == "handbook"


def test_hidden_files_and_folders_are_left_out(folder):
    (folder / ".hidden").write_text("x")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")

    assert ids(discover([folder], source=None)[0]) == ["a.txt", "b.txt", "sub/c.txt"]


def test_a_link_to_the_folder_is_the_folder(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)

    assert discover([tmp_path / "link"], source=None) == discover([folder], source=None)


def test_links_stay_inside_the_folder(folder, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "in.txt").symlink_to(folder / "a.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "sub" / "loop").symlink_to(folder)

    (source,) = discover([folder], source=None)

    assert ids(source) == ["a.txt", "b.txt", "in.txt", "sub/c.txt"]
    assert [file for file, _ in source.skipped] == ["out.txt"]


def test_broken_links_and_rings_of_links_stop_nothing(folder):
    (folder / "broken.txt").symlink_to(folder / "gone.txt")
    (folder / "ring1").symlink_to(folder / "ring2")
    (folder / "ring2").symlink_to(folder / "ring1")

    (source,) = discover([folder], source=None)

    assert ids(source) == ["a.txt", "b.txt", "sub/c.txt"]
    assert [file for file, _ in source.skipped] == ["broken.txt", "ring1", "ring2"]


def test_a_pipe_is_named_and_not_read(folder):
    os.mkfifo(folder / "pipe.txt")
    (source,) = discover([folder], source=None)

    assert source.skipped == (("pipe.txt", "not a regular file"),)


def test_names_that_are_no_utf8_are_shown_escaped(folder):
    (folder / os.fsdecode(b"\xb9\xa4\xd7\xf7.txt")).write_text("x")  # GB18030
    (source,) = discover([folder], source=None)
    found = next(file for file in source.files if "\\x" in file.external_id)

    assert found.external_id == "\\xb9\\xa4\\xd7\\xf7.txt"
    assert found.external_id.encode()
    assert found.file.read_bytes() == b"x"


def test_a_folder_that_cannot_be_opened_is_named_and_the_rest_goes_on(folder, monkeypatch):
    closed = folder / "sub"
    real = type(folder).iterdir

    def iterdir(self):
        if self == closed:
            raise PermissionError(13, "Permission denied")  # chmod does not stop root, who runs tests in containers
        return real(self)

    monkeypatch.setattr(type(folder), "iterdir", iterdir)
    (source,) = discover([folder], source=None)

    assert ids(source) == ["a.txt", "b.txt"]
    assert source.skipped == (("sub/", "the folder cannot be opened"),)
    assert not source.whole  # so nothing is pruned


@pytest.mark.parametrize("name", ["gone", "gone/a.txt", "docs/a.txt/b"])
def test_a_path_that_is_not_there_is_said_so(folder, tmp_path, name):
    with pytest.raises(UsageError):
        discover([folder, tmp_path / name], source=None)


def test_what_is_neither_file_nor_folder_is_refused():
    with pytest.raises(UsageError):
        discover([Path("/dev/null")], source=None)
