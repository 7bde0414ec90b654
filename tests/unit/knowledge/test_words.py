"""The word index: what is found, filtered, and never parsed."""

import pytest

from app.knowledge.words import WordIndex, WordRow, inverse_frequency

HOSTILE = [
    '"', 'a"b', "NEAR(", "NEAR(pump valve, 2)", "body:pump", "pump AND NOT valve", "*", "pump*", "(", "[a TO b]",
    "\x00", "pump\x00valve", "\u200b\u200b", "", " ", "\\", "^2", "~1", "+pump -valve", "\ud800", "🙂",
    " ".join(f"w{number}" for number in range(10_000)), "pump " * 10_000,
]  # fmt: skip


def row(number, text, *, version=None, slot=1):
    return WordRow(number, number if version is None else version, slot, text)


@pytest.fixture(params=["in memory", "in a folder"])
def index(request, tmp_path):
    return WordIndex(None if request.param == "in memory" else tmp_path / "words")


def found(index, question, *, limit=10, slots=None, versions=None):
    hits = index.search(question, limit=limit, rule_slots=slots, versions=versions)
    assert len(hits.scores) == len(hits.chunk_numbers) <= limit
    assert hits.scores.tolist() == sorted(hits.scores.tolist(), reverse=True)
    return hits.chunk_numbers.tolist()


def test_the_best_match_comes_first(index):
    index.replace([row(1, "the pump and the valve"), row(2, "the valve"), row(3, "离心泵停机")])

    assert found(index, "valve") == [2, 1]
    assert found(index, "離心泵") == [3]
    assert found(index, "nothing of the kind: zebra") == found(index, "of the kind nothing: zebra")


def test_an_empty_index_finds_nothing(index):
    hits = index.search("pump", limit=5, rule_slots=None)

    assert (hits.chunk_numbers.tolist(), hits.known_share) == ([], 0.0)


def test_words_that_stand_nowhere_are_no_error(index):
    index.replace([row(1, "pump")])
    hits = index.search("zebra giraffe", limit=5, rule_slots=None)

    assert hits.chunk_numbers.tolist() == []
    assert hits.known_share == 0.0
    assert hits.attainable > 0


def test_known_share_is_the_weight_that_stands_somewhere(index):
    index.replace([row(1, "pump valve"), row(2, "valve")])

    assert index.search("pump valve", limit=5, rule_slots=None).known_share == 1.0
    assert 0 < index.search("pump zebra", limit=5, rule_slots=None).known_share < 1


@pytest.mark.parametrize("slots", [[1], [2], [1, 2], [], [7], list(range(3, 900))])
def test_rule_slots_decide_what_is_seen(index, slots):
    index.replace([row(1, "pump", slot=1), row(2, "pump pump", slot=2), row(3, "pump valve", slot=3)])

    allowed = [number for number in (1, 2, 3) if number in slots]
    assert sorted(found(index, "pump", slots=slots)) == allowed


def test_filters_do_not_change_scores(index):
    index.replace([row(1, "pump", slot=1), row(2, "pump pump", slot=2)])
    free = index.search("pump", limit=5, rule_slots=None)
    kept = index.search("pump", limit=5, rule_slots=[1, 2], versions=[1, 2])

    assert free.chunk_numbers.tolist() == kept.chunk_numbers.tolist()
    assert free.scores.tolist() == pytest.approx(kept.scores.tolist())


def test_versions_restrict_the_search(index):
    index.replace([row(1, "pump", version=10), row(2, "pump", version=11), row(3, "pump", version=11, slot=2)])

    assert found(index, "pump", versions=[10]) == [1]
    assert sorted(found(index, "pump", versions=[11])) == [2, 3]
    assert found(index, "pump", versions=[11], slots=[1]) == [2]
    assert found(index, "pump", versions=[]) == []


def test_the_same_version_goes_out_and_in_in_one_step(index):
    index.replace([row(1, "pump", version=5, slot=1)])
    index.replace([row(1, "pump", version=5, slot=2)], removed_versions=[5])

    assert found(index, "pump", slots=[1]) == []
    assert found(index, "pump", slots=[2]) == [1]
    assert index.rows == 1


@pytest.mark.parametrize("question", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_questions_are_only_words(index, question):
    index.replace([row(1, "pump valve near and not"), row(2, "other")])
    hits = index.search(question, limit=5, rule_slots=[1])

    assert set(hits.chunk_numbers.tolist()) <= {1, 2}
    assert ("pump" in question) <= (1 in hits.chunk_numbers)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_passages_are_only_words(index, text):
    index.replace([row(1, text), row(2, "centrifuge")])

    assert found(index, "centrifuge") == [2]
    assert index.rows == 2


def test_removed_rows_that_still_lie_in_the_files_do_not_spoil_the_weights(index):
    rows = [row(number, "pump") for number in range(1, 51)]
    index.replace([*rows, row(60, "pump valve")])
    index.replace([], removed_versions=list(range(1, 51)))
    hits = index.search("pump", limit=5, rule_slots=None)

    assert hits.chunk_numbers.tolist() == [60]
    assert hits.attainable > 0
    assert 0 <= hits.known_share <= 1


def test_the_weight_of_a_word_is_never_negative():
    assert all(inverse_frequency(rows, holding) > 0 for rows in (0, 1, 5, 1_000) for holding in (0, 1, 5, 2_000))


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_more_rules_than_a_query_holds_are_masked_until_enough_are_left(index, limit):
    index.replace([row(number, "pump", slot=1 + number % 700) for number in range(3_000)])
    index.replace([row(9_000 + number, "pump pump pump", slot=5_000) for number in range(2_000)])
    slots = list(range(2, 400))

    shown = found(index, "pump", limit=limit, slots=slots)
    assert len(shown) == limit
    assert all(2 <= 1 + number % 700 < 400 for number in shown)
    assert len(found(index, "pump", limit=4_000, slots=slots)) == sum(2 <= 1 + n % 700 < 400 for n in range(3_000))
