"""How documents leave: at once for the eye, then row by row, byte by byte."""

import os
import threading
import time

import pytest

from app.database.locks import hold_for_life
from app.errors import NotFound
from app.knowledge.documents import read_chunk, read_document
from app.knowledge.originals import plan_file, write_file
from app.knowledge.removal import YOUNG_S, finish_erasures, remove_superseded, sweep
from app.knowledge.writing import CatalogueWriter
from tests.integration.knowledge.world import LOCAL, new_version

LARGE = bytes(100_000)


def sealed_files(world):
    return sorted(file.name for folder in (world.store.originals_dir, world.store.snapshots_dir)
                  for file in folder.iterdir())  # fmt: skip


def age(folder):
    for file in folder.iterdir():
        os.utime(file, (time.time() - 2 * YOUNG_S,) * 2)


def test_a_deletion_holds_before_the_follower_has_passed(world):
    base = world.base()
    document = world.put(base, "a.md", "okapi handbook")
    world.put(base, "b.md", "okapi calendar")
    world.fill()
    world.open()
    chunk = world.find("okapi handbook").passages[0].chunk_id
    world.delete(document)

    for mode in ("words", "vectors", "hybrid"):
        assert world.texts("okapi handbook", mode=mode) == ["okapi calendar"]
    with world.store.catalogue.read() as connection:
        permit = world.searcher.permit(connection, LOCAL)
        with pytest.raises(NotFound):
            read_document(connection, permit, document)
        with pytest.raises(NotFound):
            read_chunk(world.store, connection, permit, chunk)
    world.follow()
    world.settle()
    hits = world.indexes.bases[base].words.search("handbook", limit=5, rule_slots=None)
    assert hits.chunk_numbers.tolist() == []
    assert len(world.indexes.bases[base].matrix) == len(world.indexes.bases[base].chroma) == 1


def test_an_erasure_leaves_no_row_no_file_and_an_empty_wal(world):
    base = world.base()
    document = world.put(base, "a.md", "okapi handbook", content=LARGE)
    world.put(base, "b.md", "zebra")
    world.fill()
    assert len(sealed_files(world)) == 1
    world.delete(document)

    assert sealed_files(world) == []
    for table in ("versions", "chunks", "vectors", "texts", "documents"):
        assert world.rows(f"SELECT count(*) FROM {table}") == [(1,)], table
    ((finished,),) = world.rows("SELECT finished_at FROM erasures")
    assert finished is not None


def test_the_wal_is_cut_before_an_erasure_counts_as_finished(world):
    base = world.base()
    document = world.put(base, "a.md", "okapi handbook")
    wal = world.store.catalogue.file.with_name(world.store.catalogue.file.name + "-wal")
    size = wal.stat().st_size
    world.delete(document)

    assert wal.stat().st_size < size  # only the tick itself came after the cut


def test_an_erasure_is_pending_while_a_reader_keeps_the_wal(world):
    base = world.base()
    document = world.put(base, "a.md", "okapi handbook", content=LARGE)
    world.put(base, "b.md", "zebra")
    opened, ending = threading.Event(), threading.Event()

    def read():
        with world.store.catalogue.read() as connection:
            connection.execute("SELECT count(*) FROM chunks").fetchone()
            opened.set()
            ending.wait()

    world.store.catalogue._writer.execute("PRAGMA busy_timeout = 50")  # else the cut waits half a minute for the reader
    reader = threading.Thread(target=read)
    reader.start()
    opened.wait()
    try:
        world.delete(document)
        assert world.rows("SELECT finished_at FROM erasures") == [(None,)]
        assert sealed_files(world) == []
    finally:
        ending.set()
        reader.join()

    assert finish_erasures(world.store) == 0
    assert world.rows("SELECT finished_at IS NULL FROM erasures") == [(0,)]
    assert finish_erasures(world.store) == 0


def test_a_replaced_version_leaves_only_its_row(world):
    base = world.base()
    document = world.put(base, "a.md", "okapi", *(f"part {number}" for number in range(300)), content=LARGE)
    world.fill()
    world.open()
    chunk = world.find("okapi", mode="words").passages[0].chunk_id
    world.replace(document, "zebra")

    with world.store.catalogue.read() as connection:
        cited = read_chunk(world.store, connection, world.searcher.permit(connection, LOCAL), chunk)
    assert cited.text == "okapi"
    assert cited.superseded_at is not None
    world.follow()
    assert remove_superseded(world.store, passed_sequence=world.indexes.sequence) == 1
    assert world.rows("SELECT ordinal, state, original_key IS NULL, superseded_at IS NOT NULL FROM versions") == [
        (1, "removed", 1, 1),
        (2, "current", 0, 0),
    ]
    assert world.rows("SELECT count(*) FROM chunks") == world.rows("SELECT count(*) FROM texts") == [(1,)]
    assert world.rows("SELECT count(*) FROM vectors") == [(0,)]
    assert sealed_files(world) == []
    assert remove_superseded(world.store, passed_sequence=world.indexes.sequence) == 0


def test_a_sweep_takes_what_dead_runs_left_and_nothing_of_a_live_one(world):
    base = world.base()
    kept = world.put(base, "kept.md", "kept", content=LARGE)
    live = CatalogueWriter(world.store, run_id="live", actor="test")
    dead = CatalogueWriter(world.store, run_id="dead", actor="test")
    numbers = {}
    for writer in (live, dead):
        document = world.document(base, f"{writer.run_id}.md")
        version = new_version(document, [f"half {number}" for number in range(300)], content=LARGE)
        planned = plan_file()
        with world.store.catalogue.transaction(writer.run_id) as transaction:
            numbers[writer.run_id] = writer._add_version(transaction, version, planned, None)
            writer._add_chunks(transaction, numbers[writer.run_id], version.chunks, first=0)
        write_file(world.store.originals_dir, planned, [LARGE], store_id=world.store.store_id)
    (world.store.originals_dir / "0123456789abcdef").write_bytes(b"orphan")
    (world.store.originals_dir / "fedcba.12345678.part").write_bytes(b"orphan")
    (world.store.snapshots_dir / "0123456789abcdef").write_bytes(b"orphan")

    with hold_for_life(world.store.lock_file("run-live"), what="a run"):
        sweep(world.store)
        assert len(sealed_files(world)) == 6  # young files may still get their row
        for folder in (world.store.originals_dir, world.store.snapshots_dir):
            age(folder)
        sweep(world.store)
        assert world.rows("SELECT run_id, state FROM versions ORDER BY version_number") == [
            ("run1", "current"),
            ("live", "writing"),
        ]
        assert world.rows("SELECT count(*) FROM chunks WHERE version_number = ?", numbers["live"]) == [(300,)]
        assert len(sealed_files(world)) == 2
    sweep(world.store)
    age(world.store.originals_dir)
    age(world.store.lock_file("run").parent)
    sweep(world.store)
    assert world.rows("SELECT document_id FROM versions") == [(kept,)]
    assert len(sealed_files(world)) == 1
    assert list(world.store.lock_file("run").parent.glob("run-*.lock")) == []


def test_an_unfinished_version_is_found_by_nobody(world):
    base = world.base()
    document = world.document(base, "a.md")
    version = new_version(document, ["okapi handbook"])
    with world.store.catalogue.transaction("run1") as transaction:
        number = world.writer._add_version(transaction, version, plan_file(), None)
        world.writer._add_texts(transaction, number, version)
        world.writer._add_chunks(transaction, number, version.chunks, first=0)
    world.open()

    assert world.texts("okapi") == []
    assert world.fill() == 0
