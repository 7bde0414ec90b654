"""From the catalogue into the indexes: what is committed is found, and nothing is missed on the way."""

import threading

import numpy as np
import pytest

from app.knowledge.follower import Follower
from app.knowledge.indexes import Indexes
from app.knowledge.removal import remove_superseded
from tests.integration.knowledge.world import new_version


def test_words_find_a_document_before_its_vectors_are_there(world):
    base = world.base()
    world.put(base, "leave.md", "Ten days of leave.", "离心泵每周检查。")
    world.open()

    found = world.find("how many days of leave")
    assert found.passages[0].text == "Ten days of leave."
    assert found.passages[0].similarity is None
    assert found.timings_ms["vectors_by"] == "off"
    assert world.texts("離心泵") == ["离心泵每周检查。"]
    assert world.texts("leave", mode="vectors") == []

    world.fill()
    world.follow()
    found = world.find("how many days of leave")
    assert found.passages[0].text == "Ten days of leave."
    assert found.passages[0].similarity > 0
    assert found.timings_ms["vectors_by"] == "exact"
    assert world.texts("leave days", mode="vectors")[0] == "Ten days of leave."


def test_a_passage_tells_where_it_stands(world):
    base = world.base()
    document = world.put(base, "a.md", "First part.", "Second piece.", title="Manual", page=3)
    world.open()
    (passage,) = world.find("piece").passages

    assert (passage.document_id, passage.external_id, passage.knowledge_base) == (document, "a.md", "default")
    assert (passage.title, passage.page, passage.heading, passage.text) == ("Manual", 3, "", "Second piece.")


@pytest.mark.parametrize("in_memory", [False, True])
def test_small_and_large_documents_are_found_whole(world, in_memory):
    base = world.base()
    many = [f"Paragraph number{number} speaks of topic{number}." for number in range(600)]
    world.put(base, "many.md", *many)
    world.put(base, "heavy.pdf", "A heavy original.", content=bytes(100_000))
    world.put(base, "small.md", "A small original.")
    world.fill()
    world.open(in_memory=in_memory)

    assert world.texts("topic599")[0] == many[599]
    assert world.texts("heavy original")[0] == "A heavy original."
    assert len(world.indexes.bases[base].matrix) == 602
    assert len(list(world.store.originals_dir.iterdir())) == 2
    assert world.rows("SELECT count(*) FROM versions WHERE original IS NULL") == [(2,)]


def test_events_reach_open_indexes(world):
    base = world.base()
    world.open()
    assert world.texts("leave") == []

    document = world.put(base, "leave.md", "Ten days of leave.")
    assert world.texts("leave") == []
    world.follow()
    assert world.texts("leave") == ["Ten days of leave."]
    late = world.base("late")
    world.put(late, "b.md", "A base made while serving: giraffe.")
    world.follow()
    assert world.texts("giraffe", base="late") == ["A base made while serving: giraffe."]
    world.delete(document)
    world.follow()
    assert world.texts("leave") == []


def test_an_event_that_the_build_has_seen_changes_nothing(world):
    base = world.base()
    world.open()
    world.put(base, "a.md", "pump")
    world.fill()
    behind = Indexes(world.store, world.folder / "behind")
    behind.build()
    behind.sequence = 0
    while behind.follow():
        pass

    assert behind.bases[base].words.rows == 1
    assert len(behind.bases[base].matrix) == 1
    assert behind.bases[base].rule_slots == {1: 1}
    assert not behind.bases[base].holds_removed_bytes
    behind.close()


def test_a_replacement_takes_over_the_vectors_of_unchanged_passages(world):
    base = world.base()
    document = world.put(base, "a.md", "The pump stands still.", "The valve is open.")
    world.fill()
    world.open()
    before = dict(world.rows("SELECT c.ordinal, v.vector FROM chunks c JOIN vectors v USING (chunk_number)"))
    world.replace(document, "The pump stands still.", "The valve is closed.")

    waiting = world.rows(
        "SELECT c.ordinal, m.priority FROM missing_vectors m JOIN chunks c USING (chunk_number)"
        " JOIN versions v USING (version_number) WHERE v.state = 'current'"
    )
    assert waiting == [(1, 0)]  # only what changed, and before any bulk load
    world.follow()
    assert len(world.indexes.bases[base].matrix) == 1
    assert world.find("pump stands").passages[0].similarity is not None
    assert world.fill() == 1
    world.follow()
    after = dict(
        world.rows(
            "SELECT c.ordinal, f.vector FROM chunks c JOIN vectors f USING (chunk_number)"
            " JOIN versions v USING (version_number) WHERE v.state = 'current'"
        )
    )
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert len(world.indexes.bases[base].matrix) == 2


def test_passages_that_occur_twice_take_over_one_vector_each(world):
    base = world.base()
    document = world.put(base, "a.md", "Same.", "Same.", "Other.")
    world.fill()
    world.replace(document, "Same.", "Same.", "Same.")

    assert world.fill() == 0
    assert world.rows(
        "SELECT count(*) FROM vectors JOIN chunks USING (chunk_number) JOIN versions v USING (version_number)"
        " WHERE v.state = 'current'"
    ) == [(3,)]


class Looker(threading.Thread):
    """Searches in a loop and keeps every answer that does not show exactly one version."""

    def __init__(self, world, question, mode):
        super().__init__()
        self.world, self.question, self.mode = world, question, mode
        self.ending, self.wrong, self.searches = threading.Event(), [], 0
        self.error = None

    def run(self):
        try:
            while not self.ending.is_set():
                texts = self.world.texts(self.question, mode=self.mode, limit=50)
                versions = {text.split()[0] for text in texts if text.startswith("version")}
                self.searches += 1
                if len(versions) != 1:
                    self.wrong.append(texts)
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.error = error


@pytest.mark.parametrize("mode", ["words", "vectors", "hybrid"])
def test_a_search_sees_one_version_never_both_nor_neither(world, mode):
    base = world.base()
    others = [world.put(base, f"{number}.md", f"filler{number} text", "giraffe") for number in range(30)]
    document = world.put(base, "a.md", "version0 of the okapi handbook")
    world.fill()
    world.open(chroma_from_rows=20)
    world.follow()
    looker = Looker(world, "okapi handbook", mode)
    looker.start()
    try:
        for number in range(1, 16):
            # The vector is taken over where the embedded text is the same; here it is filled before it is followed.
            world.writer.write(
                [new_version(document, [f"version{number} of the okapi handbook"])]
                + [new_version(other, [f"filler{number} text", "giraffe"]) for other in others[:5]]
            )
            world.fill()
            while world.indexes.follow():
                shown = {text.split()[0] for text in world.texts("okapi handbook", mode=mode) if "version" in text}
                assert len(shown) == 1
            world.indexes.sync_chroma()
            if number % 3 == 0:
                world.indexes.housekeep()
    finally:
        looker.ending.set()
        looker.join()

    assert looker.error is None
    assert looker.wrong == []
    assert looker.searches > 20
    assert [text for text in world.texts("okapi handbook", mode=mode) if "version" in text] == [
        "version15 of the okapi handbook"
    ]


def test_the_replaced_version_answers_until_its_successor_is_indexed(world):
    base = world.base()
    document = world.put(base, "a.md", "Ten days of leave.")
    world.open()
    world.replace(document, "Twelve days of leave.")

    (passage,) = world.find("days of leave").passages
    assert (passage.text, passage.superseded_at is None) == ("Ten days of leave.", False)
    remove_superseded(world.store, passed_sequence=world.indexes.sequence)
    assert world.texts("days of leave") == ["Ten days of leave."]
    world.follow()
    assert world.texts("days of leave") == ["Twelve days of leave."]


def test_a_change_of_access_is_never_a_gap(world):
    base = world.base(readers=())
    world.user("ann")
    document = world.put(base, "a.md", "version0 of the okapi handbook")
    world.fill()
    world.open()
    looker = Looker(world, "okapi handbook", "words")
    looker.start()
    try:
        for number in range(20):
            world.set_readers(document, ("user:ann",) if number % 2 else None)
            world.follow()
    finally:
        looker.ending.set()
        looker.join()

    assert (looker.error, looker.wrong) == (None, [])
    assert world.indexes.bases[base].words.rows == 1


def test_chroma_answers_whole_bases_and_the_matrix_filtered_ones(world):
    ann = world.user("ann")
    bob = world.user("bob")
    base = world.base(readers=("user:ann", "user:bob"))
    for number in range(60):
        readers = ("user:bob",) if number % 10 == 0 else None
        world.put(base, f"{number}.md", f"topic{number} alpha{number % 7}", readers=readers)
    world.fill()
    world.open(chroma_from_rows=50)
    assert world.find("topic5").timings_ms["vectors_by"] == "exact"  # Chroma has nothing yet
    world.follow()

    everybody = world.find("topic5 alpha5")
    assert everybody.timings_ms["vectors_by"] == "chroma"
    assert world.find("topic5 alpha5", world.asker(bob)).timings_ms["vectors_by"] == "chroma"
    filtered = world.find("topic5 alpha5", world.asker(ann))
    assert filtered.timings_ms["vectors_by"] == "exact"
    assert everybody.passages[0].text == filtered.passages[0].text == "topic5 alpha5"
    documents = [everybody.passages[0].document_id]
    assert world.find("topic5", documents=documents).timings_ms["vectors_by"] == "exact"
    assert {passage.document_id for passage in world.find("topic5", documents=documents).passages} == set(documents)


def test_chroma_and_the_exact_scan_agree(world):
    base = world.base()
    rng = np.random.default_rng(5)
    for number in range(8):
        world.put(base, f"{number}.md", *(" ".join(f"w{rng.integers(400)}" for _ in range(12)) for _ in range(40)))
    world.fill()
    world.open(chroma_from_rows=50)
    world.follow()
    by_chroma = [world.find(f"w{n} w{n + 1} w{n + 7}", mode="vectors") for n in range(30)]
    world.searcher._settings = world.searcher._settings.model_copy(update={"chroma_from_rows": 10**6})
    by_scan = [world.find(f"w{n} w{n + 1} w{n + 7}", mode="vectors") for n in range(30)]

    assert {found.timings_ms["vectors_by"] for found in by_chroma} == {"chroma"}
    assert {found.timings_ms["vectors_by"] for found in by_scan} == {"exact"}
    same = [
        len({p.chunk_id for p in one.passages} & {p.chunk_id for p in other.passages})
        for one, other in zip(by_chroma, by_scan, strict=True)
    ]
    assert sum(same) >= 0.98 * 300


def test_rows_that_chroma_lacks_are_scanned_beside_it(world):
    base = world.base()
    world.put(base, "old.md", *(f"topic{number} text" for number in range(60)))
    world.fill()
    world.open(chroma_from_rows=50)
    world.follow()
    world.put(base, "new.md", "okapi handbook")
    world.fill()
    world.indexes.follow()  # but Chroma is not synced

    found = world.find("okapi handbook", mode="vectors")
    assert found.timings_ms["vectors_by"] == "chroma"
    assert found.passages[0].text == "okapi handbook"


def test_a_deleted_row_that_chroma_still_gives_is_dropped(world):
    base = world.base()
    world.put(base, "old.md", *(f"topic{number} text" for number in range(60)))
    document = world.put(base, "gone.md", "okapi handbook")
    world.fill()
    world.open(chroma_from_rows=50)
    world.follow()
    world.delete(document)

    found = world.find("okapi handbook", mode="vectors")
    assert found.timings_ms["vectors_by"] == "chroma"
    assert all(passage.text != "okapi handbook" for passage in found.passages)
    assert len(found.passages) == 10


def test_removed_bytes_are_remembered(world):
    base = world.base()
    document = world.put(base, "a.md", "pump")
    world.open()
    assert not world.indexes.bases[base].holds_removed_bytes
    world.set_readers(document, ())
    world.follow()
    assert not world.indexes.bases[base].holds_removed_bytes  # the same bytes, indexed again
    world.replace(document, "valve")
    world.follow()
    assert world.indexes.bases[base].holds_removed_bytes


def test_counts_tell_how_far_documents_are(world):
    base = world.base()
    world.put(base, "a.md", "pump")
    world.fill()
    world.put(base, "b.md", "valve")
    world.document(base, "c.md")
    world.writer.refuse(world.document(base, "d.md"), "no text")
    world.open()
    state = world.find("pump").index

    assert (state.pending, state.readable, state.ready, state.refused) == (1, 1, 1, 1)


def test_another_space_is_switched_to_when_it_is_complete(world):
    base = world.base()
    world.put(base, "a.md", "okapi handbook")
    world.put(base, "b.md", "other text")
    world.fill()
    world.open()

    class Wide(type(world.embedder)):
        space = type(world.embedder.space)("wide", 128, "twice as wide")

        def embed(self, texts):
            return np.hstack([super().embed(texts)] * 2).astype(np.float32) / np.float32(2**0.5)

    old, world.embedder = world.embedder, Wide()
    assert world.fill(most=1) == 1
    world.embedder, wide = old, world.embedder
    world.follow()
    assert world.indexes.space.space_id == "hash-64"
    assert world.texts("okapi handbook")[0] == "okapi handbook"
    world.embedder = wide
    world.fill()
    world.follow()
    assert world.indexes.space.space_id == "wide"
    assert world.find("okapi handbook", mode="vectors").passages[0].text == "okapi handbook"
    world.put(base, "c.md", "zebra notes")
    assert world.fill() == 1
    assert world.rows("SELECT state FROM spaces ORDER BY space_number") == [("retired",), ("active",)]


def test_the_follower_thread_passes_what_is_committed(world):
    base = world.base()
    world.open()
    follower = Follower(world.indexes)
    follower.start()
    try:
        sequence = world.writer.write([new_version(world.document(base, "a.md"), ["okapi"])])
        assert follower.wait_for(sequence, timeout_s=10)
        assert world.texts("okapi") == ["okapi"]
        world.fill()
        (last,) = world.rows("SELECT max(sequence) FROM changes")[0]
        assert follower.wait_for(last, timeout_s=10)
        assert world.find("okapi").passages[0].similarity is not None
        assert not follower.wait_for(last + 1, timeout_s=0.05)
    finally:
        follower.stop()
    assert follower.error is None
