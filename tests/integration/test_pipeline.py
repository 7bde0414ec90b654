"""Whole ingest runs over real folders, with the real readers in their sandbox."""

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from app.errors import UsageError
from app.knowledge.passage import Asker
from app.reading.pool import ReaderPool
from ingest.discover import discover
from ingest.pipeline import Pipeline, ensure_base, open_run
from ingest.prepare import Preparer
from ingest.report import Report
from tests.hash_embedder import HashEmbedder

SAMPLES = Path(__file__).resolve().parents[1] / "documents" / "files"


@pytest.fixture(scope="module")
def readers():
    from app.settings import load_settings

    with ReaderPool(load_settings({}).ingest) as opened:
        yield opened


@pytest.fixture
def take(settings, store, readers):
    """Run one ingest and return its report."""

    def run(*paths, source=None, prune=False, base="default", **changes):
        chosen = settings.ingest.model_copy(update=changes)
        base_id = ensure_base(store, base, actor="test", asker=Asker(None, reads_everything=True))
        report = Report()
        with open_run(store, actor="test") as writer:
            preparer = Preparer(readers, HashEmbedder(), chosen)
            pipeline = Pipeline(store, writer, preparer, chosen, base_id, report)
            pipeline.take(discover(list(paths), source=source), prune=prune)
        return report

    return run


@pytest.fixture
def documents(store):
    """Return the current documents by external id: (ordinal of the version, title)."""

    def read():
        with store.catalogue.read() as connection:
            rows = connection.execute(
                "SELECT d.external_id, v.ordinal, v.title FROM documents d"
                " JOIN versions v ON v.document_id = d.document_id AND v.state = 'current'"
            ).fetchall()
        return {name: (ordinal, title) for name, ordinal, title in rows}

    return read


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "sub").mkdir(parents=True)
    (root / "leave.md").write_text("# Leave\n\nTen days.")
    (root / "rules.txt").write_bytes("第一章 总则\n十天年假。".encode("gb18030"))
    shutil.copy(SAMPLES / "infection-control-policy.docx", root / "sub")
    shutil.copy(SAMPLES / "press-fault-codes.pdf", root)
    shutil.copy(SAMPLES / "sterile-supply-turnaround.html", root)
    (root / "faq.jsonl").write_text('{"id": "q1", "title": "T", "text": "one"}\n{"id": 2, "text": "two"}\n')
    return root


def reasons(report):
    return dict(report.refused)


def test_a_folder_of_several_formats_goes_in_and_bad_files_stop_nothing(take, documents, folder):
    (folder / "a-broken.pdf").write_bytes(b"%PDF-1.7\nno pdf at all")
    (folder / "b-empty.txt").write_bytes(b"")
    (folder / "c-binary.bin").write_bytes(bytes(range(256)) * 20)
    (folder / "d-blank.md").write_text(" \n\n ")
    (folder / "e-gone.txt").symlink_to(folder / "nothing")
    report = take(folder)

    assert set(documents()) == {
        "leave.md", "rules.txt", "sub/infection-control-policy.docx", "press-fault-codes.pdf",
        "sterile-supply-turnaround.html", "q1", "2",
    }  # fmt: skip
    assert set(reasons(report)) == {"a-broken.pdf", "b-empty.txt", "c-binary.bin", "d-blank.md", "e-gone.txt"}
    assert all(reasons(report).values())
    assert (report.taken, report.unchanged, report.removed) == (7, 0, 0)
    assert report.chunks >= 7
    assert report.pages >= 1
    assert documents()["leave.md"] == (1, "Leave")
    assert documents()["2"] == (1, "faq")
    assert report.as_dict()["documents"] == 7


def test_what_has_not_changed_is_not_taken_again(take, documents, folder):
    take(folder)
    before = documents()
    report = take(folder)

    assert (report.taken, report.unchanged, report.refused) == (0, 7, [])
    assert documents() == before


def test_what_has_changed_replaces_its_former_version(take, documents, store, folder):
    take(folder)
    (folder / "leave.md").write_text("# Leave\n\nTwelve days.")
    (folder / "faq.jsonl").write_text('{"id": "q1", "title": "T", "text": "one"}\n{"id": 2, "text": "two more"}\n')
    report = take(folder)

    assert (report.taken, report.unchanged) == (2, 5)
    assert documents()["leave.md"] == (2, "Leave")
    assert (documents()["q1"][0], documents()["2"][0]) == (1, 2)
    with store.catalogue.read() as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (7,)
        assert connection.execute("SELECT count(*) FROM versions WHERE state = 'superseded'").fetchone() == (2,)


def test_other_splitting_takes_everything_again(take, folder):
    take(folder)
    report = take(folder, chunk_tokens=64)

    assert (report.taken, report.unchanged) == (7, 0)


def test_prune_erases_only_what_vanished_from_the_named_source(take, documents, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "other.md").write_text("Other.")
    take(folder)
    take(other)
    take(folder, source="copy")
    (folder / "leave.md").unlink()
    (other / "other.md").unlink()
    assert take(folder).removed == 0
    report = take(folder, prune=True)

    assert (report.removed, report.unchanged) == (1, 6)
    assert "other.md" in documents()
    assert "leave.md" in documents()  # of the source "copy"
    assert take(other, prune=True).removed == 1
    assert take(folder / "rules.txt", prune=True).removed == 0  # a single file is not the whole of its folder
    assert take(folder, source="copy", prune=True).removed == 1
    assert "leave.md" not in documents()


def test_a_line_that_vanished_is_pruned(take, documents, folder):
    take(folder)
    (folder / "faq.jsonl").write_text('{"id": "q1", "title": "T", "text": "one"}\n')

    assert take(folder, prune=True).removed == 1
    assert "2" not in documents()


@pytest.mark.parametrize("damage", ["a cut gzip file", "a bad line", "too large"])
def test_nothing_is_pruned_where_a_file_of_many_documents_was_not_read_whole(take, documents, folder, damage):
    lines = "".join(json.dumps({"id": f"n{number}", "text": f"text {number}"}) + "\n" for number in range(50))
    many = folder / "many.jsonl.gz"
    many.write_bytes(gzip.compress(lines.encode()))
    take(folder)
    assert len(documents()) == 57
    changes = {}
    if damage == "a cut gzip file":
        many.write_bytes(many.read_bytes()[:-30])
    elif damage == "a bad line":
        many.write_bytes(gzip.compress(lines.replace('"n7"', "n7").encode()))
    else:
        many.write_bytes(gzip.compress(lines.encode() + b" " * 200_000))
        changes = {"max_file_bytes": 100_000}
    (folder / "leave.md").unlink()
    report = take(folder, prune=True, **changes)

    assert report.removed == 0
    assert len(documents()) == 57
    assert [note for _, note in report.notes if "nothing was pruned" in note]
    assert any(name.startswith("many.jsonl.gz") for name in reasons(report))


def test_the_same_id_twice_is_refused_by_its_line(take, documents, folder):
    (folder / "faq.jsonl").write_text(
        '{"id": "q1", "text": "one"}\nno json\n{"id": "q1", "text": "another"}\n{"id": "q3", "text": "three"}\n'
    )
    (folder / "more.jsonl").write_text('{"id": "q3", "text": "three again"}\n{"id": "q4", "text": "four"}\n')
    report = take(folder)

    assert set(reasons(report)) == {"faq.jsonl:2", "faq.jsonl:3", "more.jsonl:1"}
    assert "same id" in reasons(report)["faq.jsonl:3"]
    assert {"q1", "q3", "q4"} <= set(documents())
    assert report.taken == 8


def test_sources_that_overlap_are_refused(take, documents, folder):
    take(folder)
    before = documents()

    for path in (folder / "sub", folder.parent, folder / "sub" / "infection-control-policy.docx"):
        with pytest.raises(UsageError, match="overlaps"):
            take(path)
    assert documents() == before
    assert take(folder / "sub", base="another").taken == 1
    assert take(folder / "sub", source="named").taken == 1


def test_a_folder_beside_one_of_a_like_name_does_not_overlap(take, folder):
    take(folder)
    beside = folder.with_name("docs2")
    beside.mkdir()
    (beside / "a.md").write_text("Beside.")

    assert take(beside).taken == 1


def test_a_refused_file_keeps_its_former_version_and_is_tried_again(take, documents, store, folder):
    take(folder)
    good = (folder / "press-fault-codes.pdf").read_bytes()
    (folder / "press-fault-codes.pdf").write_bytes(b"%PDF-1.7 broken")
    report = take(folder, prune=True)

    assert set(reasons(report)) == {"press-fault-codes.pdf"}
    assert report.removed == 0
    assert documents()["press-fault-codes.pdf"][0] == 1
    (folder / "press-fault-codes.pdf").write_bytes(good)
    assert take(folder).refused == []
    with store.catalogue.read() as connection:
        assert connection.execute("SELECT count(*) FROM documents WHERE refused IS NOT NULL").fetchone() == (0,)


def test_a_file_over_the_limit_is_named_and_the_others_go_on(take, folder):
    (folder / "big.txt").write_text("x" * 60_000)
    report = take(folder, max_file_bytes=59_000)

    assert "the limit is 59,000" in reasons(report)["big.txt"]
    assert report.taken >= 4


def test_names_that_are_no_utf8_go_in_by_their_escaped_form(take, documents, tmp_path):
    root = tmp_path / "raw"
    root.mkdir()
    for name, content in ((b"\xb9\xa4.md", b"# Work\n\nText."), (b"\xd7\xf7.jsonl", b'{"id": "j", "text": "line"}')):
        (root / os.fsdecode(name)).write_bytes(content)
    report = take(root)

    assert report.refused == []
    assert documents() == {"\\xb9\\xa4.md": (1, "Work"), "j": (1, "\\xd7\\xf7")}


def test_two_runs_beside_each_other_do_not_disturb_each_other(take, documents, folder, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    other = tmp_path / "other"
    other.mkdir()
    for number in range(20):
        (other / f"{number}.md").write_text(f"Document number {number}.")
    ensured = take(folder / "leave.md")
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(take, folder), threads.submit(take, other)
        assert (first.result().taken, second.result().taken) == (6, 20)
    assert ensured.taken == 1
    assert len(documents()) == 27
