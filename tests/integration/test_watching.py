"""A watched folder: what rests is taken in, what vanishes goes, and nothing is erased because a disk is away."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from app.knowledge.passage import Asker
from app.reading.pool import ReaderPool
from ingest.pipeline import Pipeline, ensure_base, open_run
from ingest.prepare import Preparer
from ingest.report import Report
from ingest.watch import Watcher, folders_of, take_changes
from tests.hash_embedder import HashEmbedder


@pytest.fixture
def pipeline(settings, store):
    base_id = ensure_base(store, "default", actor="test", asker=Asker(None, reads_everything=True))
    with ReaderPool(settings.ingest) as readers, open_run(store, actor="test") as writer:
        yield Pipeline(
            store, writer, Preparer(readers, HashEmbedder(), settings.ingest), settings.ingest, base_id, Report()
        )


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nTen days.")
    return folder


def names(store):
    with store.catalogue.read() as connection:
        rows = connection.execute(
            "SELECT d.external_id, v.ordinal FROM documents d"
            " JOIN versions v ON v.document_id = d.document_id AND v.state = 'current'"
        ).fetchall()
    return dict(rows)


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


@pytest.fixture
def watched(pipeline, root):
    """Watch the folder in a thread; give what was said."""
    ending, said = threading.Event(), []
    watcher = Watcher(folders_of([root], None), ending, rest_s=0.4)
    thread = threading.Thread(target=watcher.run, args=(pipeline, said.append))
    thread.start()
    yield said
    ending.set()
    thread.join(10)
    assert not thread.is_alive()


def test_files_that_come_change_and_vanish_are_followed(watched, root, store):
    (root / "new.txt").write_text("第一章 总则\n十天年假。")
    wait_for(lambda: names(store) == {"new.txt": 1})
    (root / "new.txt").write_text("第一章 总则\n十五天年假。")
    wait_for(lambda: names(store) == {"new.txt": 2})
    (root / "new.txt").unlink()
    wait_for(lambda: names(store) == {})


def test_a_folder_that_is_moved_in_and_out_is_followed_with_all_its_files(watched, root, store, tmp_path):
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "a.md").write_text("one")
    (outside / "b.md").write_text("two")
    shutil.move(outside, root / "in")
    wait_for(lambda: names(store) == {"in/deep/a.md": 1, "in/b.md": 1})
    shutil.move(root / "in", tmp_path / "away")
    wait_for(lambda: names(store) == {})


def test_a_file_that_grows_is_left_alone_until_it_rests(watched, root, store):
    with (root / "growing.txt").open("w") as file:
        for number in range(15):
            file.write(f"line {number}\n")
            file.flush()
            time.sleep(0.1)
            assert names(store) == {}
    wait_for(lambda: names(store) == {"growing.txt": 1})


def test_hidden_files_and_refusals_stop_nothing(watched, root, store):
    (root / ".hidden.txt").write_text("secret")
    (root / "bad.docx").write_bytes(b"PK\x03\x04 cut off")
    (root / "good.txt").write_text("fine")
    wait_for(lambda: names(store) == {"good.txt": 1})
    wait_for(lambda: any("bad.docx" in line for line in watched))


def test_a_folder_that_is_suddenly_empty_erases_nothing(pipeline, root, store):
    folders = folders_of([root], None)
    take_changes(pipeline, folders[0], [root / "leave.md"])
    (root / "leave.md").unlink()

    take_changes(pipeline, folders[0], [root / "leave.md"])

    assert names(store) == {"leave.md": 1}
    assert "nothing of it was erased" in pipeline.report.notes[0][1]


def test_the_members_of_an_archive_go_with_it(pipeline, root, store):
    import zipfile

    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        archive.writestr("one.md", "one")
        archive.writestr("sub/two.txt", "two")
    (folder,) = folders_of([root], None)
    take_changes(pipeline, folder, [root / "all.zip"])
    assert names(store) == {"all.zip/one.md": 1, "all.zip/sub/two.txt": 1}

    Path(root / "all.zip").unlink()
    take_changes(pipeline, folder, [root / "all.zip"])

    assert names(store) == {}
