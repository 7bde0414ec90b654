"""Snapshots: a start without rebuilding, and never a wrong one."""

import errno
import shutil
from pathlib import Path

import pytest

from app.knowledge import snapshots
from app.knowledge.snapshots import take_snapshots
from app.knowledge.words import WordIndex


class Counted:
    """Counts the rows that go into word indexes."""

    def __init__(self, monkeypatch):
        self.rows = 0
        real = WordIndex.replace

        def replace(index, rows, *, removed_versions=()):
            rows = list(rows)
            self.rows += len(rows)
            real(index, rows, removed_versions=removed_versions)

        monkeypatch.setattr(WordIndex, "replace", replace)


@pytest.fixture
def counted(monkeypatch):
    return Counted(monkeypatch)


@pytest.fixture
def base(world):
    return world.base()


@pytest.fixture
def documents(world, base):
    ids = [world.put(base, f"{number}.md", f"topic{number} okapi", f"more{number}") for number in range(20)]
    world.fill()
    return ids


def kinds(world):
    return sorted(kind for (kind,) in world.rows("SELECT kind FROM snapshots"))


def files(world):
    return sorted(world.store.snapshots_dir.iterdir())


def test_a_start_takes_words_and_chroma_from_snapshots(world, base, documents, counted):
    world.open(chroma_from_rows=10)
    assert counted.rows == 40
    world.close(snapshot=True)
    assert kinds(world) == ["vectors", "words"]
    counted.rows = 0
    world.open(chroma_from_rows=10)

    assert counted.rows == 0
    opened = world.indexes.bases[base]
    assert opened.chroma_sequence == world.indexes.sequence
    assert len(opened.chroma) == len(opened.matrix) == opened.words.rows == 40
    found = world.find("topic7 okapi")
    assert found.passages[0].text == "topic7 okapi"
    assert found.timings_ms["vectors_by"] == "chroma"


def test_nothing_readable_lies_in_a_snapshot(world, documents):
    world.open()
    world.close(snapshot=True)

    for file in files(world):
        content = file.read_bytes()
        assert b"okapi" not in content
        assert b"SQLite format" not in content
        assert b"ustar" not in content


def test_a_start_without_changes_keeps_the_snapshots_it_has(world, documents):
    world.open()
    world.close(snapshot=True)
    before = files(world)
    world.open()
    world.indexes._quiet_since = 0.0
    world.settle()

    assert files(world) == before


@pytest.mark.parametrize("kind", ["words", "vectors"])
@pytest.mark.parametrize("place", [0, 60, -1])
def test_a_changed_snapshot_is_dropped_and_built_anew(world, base, documents, counted, kind, place):
    world.open()
    world.close(snapshot=True)
    ((snapshot_id,),) = world.rows("SELECT snapshot_id FROM snapshots WHERE kind = ?", kind)
    file = world.store.snapshots_dir / snapshot_id
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    counted.rows = 0
    world.open(chroma_from_rows=10)

    assert counted.rows == (40 if kind == "words" else 0)
    assert (world.indexes.bases[base].chroma_sequence > 0) == (kind == "words")
    assert world.texts("topic7 okapi")[0] == "topic7 okapi"
    world.follow()
    assert len(world.indexes.bases[base].chroma) == world.indexes.bases[base].words.rows == 40


@pytest.mark.parametrize("damage", ["cut", "missing", "empty"])
def test_a_snapshot_that_is_not_whole_is_dropped(world, base, documents, counted, damage):
    world.open()
    world.close(snapshot=True)
    for file in files(world):
        content = file.read_bytes()
        file.unlink()
        if damage != "missing":
            file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    counted.rows = 0
    world.open()

    assert counted.rows == 40
    assert world.texts("topic7 okapi")[0] == "topic7 okapi"


@pytest.mark.parametrize(("kind", "name"), [("words", "meta.json"), ("vectors", "chroma.sqlite3")])
def test_a_snapshot_that_the_libraries_cannot_read_is_dropped(
    world, base, documents, counted, kind, name, monkeypatch, tmp_path
):
    """As after an upgrade: the seal holds, but the files within are of another form."""
    real = snapshots.packed

    def packed(folder):
        if folder.name == kind:
            folder = Path(shutil.copytree(folder, tmp_path / "copy"))
            (folder / name).write_bytes(b"of another release")
        return real(folder)

    monkeypatch.setattr(snapshots, "packed", packed)
    world.open()
    world.close(snapshot=True)
    counted.rows = 0
    world.open()

    assert counted.rows == 40
    assert world.indexes.bases[base].chroma_sequence == 0
    assert world.texts("topic7 okapi")[0] == "topic7 okapi"
    world.follow()
    assert len(world.indexes.bases[base].chroma) == 40


def test_a_snapshot_of_another_base_does_not_open(world, base, documents, counted):
    other = world.base("other")
    world.put(other, "x.md", "zebra alone")
    world.fill()
    world.open()
    world.close(snapshot=True)
    rows = world.rows("SELECT snapshot_id, knowledge_base_id, snapshot_key, sequence FROM snapshots WHERE kind='words'")
    (first, second) = rows
    with world.store.catalogue.transaction("test") as transaction:
        # Even with its key in the wrong row and its bytes in the wrong file.
        transaction.execute("UPDATE snapshots SET snapshot_key = ? WHERE snapshot_id = ?", (second[2], first[0]))
    (world.store.snapshots_dir / first[0]).write_bytes((world.store.snapshots_dir / second[0]).read_bytes())
    counted.rows = 0
    world.open()

    assert counted.rows == (40 if first[1] == base else 1)
    assert world.texts("topic7 okapi", base="default")[0] == "topic7 okapi"
    assert world.texts("zebra", base="other") == ["zebra alone"]


def test_a_snapshot_of_another_store_does_not_open(world, base, documents, counted):
    world.open()
    world.close(snapshot=True)
    real, world.store.store_id = world.store.store_id, "another"
    counted.rows = 0
    world.open()
    world.store.store_id = real

    assert counted.rows == 40
    assert world.indexes.bases[base].chroma_sequence == 0


def test_vectors_of_another_space_are_not_taken(world, base, documents):
    world.open()
    world.close(snapshot=True)
    with world.store.catalogue.transaction("test") as transaction:
        transaction.execute("UPDATE spaces SET space_id = 'other'")
    world.open()

    assert world.indexes.bases[base].chroma_sequence == 0


def test_an_older_snapshot_is_caught_up(world, base, documents, counted):
    world.open(chroma_from_rows=10)
    world.close(snapshot=True)
    world.replace(documents[3], "replaced okapi", "more3")
    world.set_readers(documents[4], ())
    new = world.put(base, "new.md", "fresh okapi")
    world.fill()
    world.replace(new, "fresher okapi")
    counted.rows = 0
    world.open(chroma_from_rows=10)

    assert counted.rows == 2 + 2 + 1
    opened = world.indexes.bases[base]
    assert opened.words.rows == 20 * 2 + 1
    assert "topic3 okapi" not in world.texts("topic3", mode="words", limit=50)
    assert world.texts("replaced", mode="words") == ["replaced okapi"]
    assert world.texts("fresh", mode="words") == []
    assert world.texts("fresher", mode="words") == ["fresher okapi"]
    assert world.texts("topic7 okapi")[0] == "topic7 okapi"
    world.fill()
    world.follow()
    assert world.texts("replaced okapi", mode="vectors")[0] == "replaced okapi"
    assert len({p.chunk_id for p in world.find("okapi", limit=50).passages}) == 41


def test_a_document_deleted_while_nobody_served_is_gone_with_the_snapshots(world, base, documents, counted):
    world.open()
    world.close(snapshot=True)
    world.delete(documents[7])
    assert (kinds(world), files(world)) == ([], [])
    counted.rows = 0
    world.open()

    assert counted.rows == 38
    assert "topic7 okapi" not in world.texts("topic7", mode="words", limit=50)
    assert not world.indexes.bases[base].holds_removed_bytes


def test_a_deletion_destroys_the_snapshots_and_none_is_taken_until_a_new_build(world, base, documents):
    world.open()
    world.settle()
    world.indexes.snapshot()
    assert len(files(world)) == 2
    world.delete(documents[7])
    assert (kinds(world), files(world)) == ([], [])
    world.settle()
    world.indexes.snapshot()
    assert (kinds(world), files(world)) == ([], [])
    world.close(snapshot=True)
    assert (kinds(world), files(world)) == ([], [])
    world.open()
    world.close(snapshot=True)
    assert kinds(world) == ["vectors", "words"]


def test_a_deletion_while_the_copy_is_made_destroys_that_copy(world, base, documents):
    world.open()
    world.follow()
    sequence = world.indexes.sequence
    world.delete(documents[7])
    take_snapshots(world.store, list(world.indexes.bases.values()), space=world.indexes.space, sequence=sequence)

    assert (kinds(world), files(world)) == ([], [])


def test_a_document_replaced_while_the_indexes_are_built_is_found_by_its_new_words(world, base, documents):
    world.open()
    world.close(snapshot=True)
    real = type(world.store.catalogue).read
    reads = []

    def read(database):
        # Just before the documents themselves are read, after the list of what changed was.
        reads.append(1)
        if len(reads) == 4:
            world.replace(documents[3], "replaced3 okapi")
        return real(database)

    world.store.catalogue.read = lambda: read(world.store.catalogue)
    world.open()
    del world.store.catalogue.read
    world.follow()

    assert len(reads) > 4
    assert world.texts("replaced3", mode="words") == ["replaced3 okapi"]
    assert "topic3 okapi" not in world.texts("topic3", mode="words", limit=50)


def test_a_full_disk_costs_the_snapshot_and_nothing_else(world, base, documents, monkeypatch):
    def full(file, pieces):
        raise OSError(errno.ENOSPC, "No space left on device")

    world.open()
    world.follow()
    monkeypatch.setattr(snapshots, "write_durably", full)
    world.indexes.snapshot()

    assert (kinds(world), files(world)) == ([], [])
    assert world.texts("topic7 okapi")[0] == "topic7 okapi"


def test_an_index_in_memory_has_no_snapshot(world, base, documents):
    world.open(in_memory=True)
    world.close(snapshot=True)

    assert kinds(world) == []
