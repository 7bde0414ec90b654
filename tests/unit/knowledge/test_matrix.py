"""The matrix against a plain list of rows."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.knowledge.matrix import FIRST_CAPACITY, Matrix, exact

DIMENSION = 4


def unit(rng, count):
    rows = rng.standard_normal((count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def add(matrix, numbers, vectors, slots, sequences, language=0):
    matrix.add(
        np.array(numbers, np.int64), np.asarray(vectors, np.float32), np.array(slots, np.uint32),
        np.array(sequences, np.int64), language,
    )  # fmt: skip


def filled(count, *, seed=1):
    matrix = Matrix(DIMENSION)
    vectors = unit(np.random.default_rng(seed), count)
    add(matrix, range(1, count + 1), vectors, [1] * count, range(1, count + 1))
    return matrix, vectors


def test_an_empty_matrix_finds_nothing():
    hits = exact(Matrix(DIMENSION).view(), np.ones(DIMENSION, np.float32), permitted=None, limit=5)

    assert len(hits.chunk_numbers) == 0


def test_a_chunk_goes_in_once():
    matrix, vectors = filled(3)
    add(matrix, [2, 4], unit(np.random.default_rng(2), 2), [1, 1], [9, 9])

    assert len(matrix) == len(matrix.view().chunk_numbers) == 4
    assert np.allclose(matrix.cosines(np.array([2]), vectors[1]), 1)


def test_a_removed_chunk_is_not_found_and_may_come_again():
    matrix, vectors = filled(3)
    matrix.remove([2, 99])

    assert 2 not in matrix
    assert len(matrix) == 2
    assert np.isnan(matrix.cosines(np.array([2], np.int64), vectors[1])).all()
    assert 2 not in exact(matrix.view(), vectors[1], permitted=None, limit=5).chunk_numbers
    add(matrix, [2], vectors[1:2], [1], [7])
    assert exact(matrix.view(), vectors[1], permitted=None, limit=1).chunk_numbers.tolist() == [2]


def test_growth_leaves_a_view_as_it_was():
    matrix, vectors = filled(FIRST_CAPACITY)
    view = matrix.view()
    add(matrix, [9_999], vectors[:1], [1], [9_999])

    assert len(view.chunk_numbers) == FIRST_CAPACITY
    assert np.array_equal(view.vectors, vectors)
    assert len(matrix.view().chunk_numbers) == FIRST_CAPACITY + 1


def test_compaction_leaves_a_view_whole_and_keeps_the_rest():
    count = 2 * FIRST_CAPACITY
    matrix, vectors = filled(count)
    view = matrix.view()
    matrix.remove(range(1, count - 9))

    assert len(matrix) == 10
    assert len(matrix.view().chunk_numbers) < count
    assert len(view.chunk_numbers) == len(view.vectors) == len(view.rule_slots) == count
    for number in range(count - 9, count + 1):
        assert matrix.cosines(np.array([number]), vectors[number - 1])[0] == pytest.approx(1, abs=1e-5)


def test_a_new_rule_holds_for_the_next_view():
    matrix, vectors = filled(3)
    matrix.set_rule([2, 77], 5)
    readable = np.array([False, True])

    assert 2 not in exact(matrix.view(), vectors[1], permitted=readable, limit=5).chunk_numbers


def test_a_rule_that_is_younger_than_the_permit_is_not_permitted():
    matrix = Matrix(DIMENSION)
    add(matrix, [1, 2], unit(np.random.default_rng(1), 2), [1, 4_000_000_000], [1, 1])

    hits = exact(matrix.view(), np.ones(DIMENSION, np.float32), permitted=np.array([False, True]), limit=5)
    assert hits.chunk_numbers.tolist() == [1]


def test_only_later_changes_are_scanned_when_asked():
    matrix, vectors = filled(10)
    hits = exact(matrix.view(), vectors[0], permitted=None, limit=10, after_sequence=7)

    assert sorted(hits.chunk_numbers.tolist()) == [8, 9, 10]


ROWS = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 6)), min_size=0, max_size=60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), ROWS),
        st.tuples(st.just("remove"), st.lists(st.integers(1, 400), max_size=300)),
        st.tuples(st.just("rule"), st.tuples(st.integers(1, 400), st.integers(1, 6))),
        st.tuples(st.just("bulk"), st.integers(1, 200)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 50), st.integers(0, 14), st.booleans())
def test_it_agrees_with_a_plain_list(steps, mask, limit, after, whole):
    matrix, plain = Matrix(DIMENSION), {}
    rng = np.random.default_rng(3)
    for sequence, (kind, value) in enumerate(steps, start=1):
        if kind in {"add", "bulk"}:
            rows = dict(value) if kind == "add" else {number: 1 + number % 6 for number in range(1, 2 * value)}
            vectors = unit(rng, len(rows)) if rows else np.zeros((0, DIMENSION), np.float32)
            add(matrix, list(rows), vectors, list(rows.values()), [sequence] * len(rows))
            for (number, slot), vector in zip(rows.items(), vectors, strict=True):
                plain.setdefault(number, (vector, slot, sequence))
        elif kind == "remove":
            matrix.remove(value)
            for number in value:
                plain.pop(number, None)
        else:
            number, slot = value
            matrix.set_rule([number], slot)
            if number in plain:
                plain[number] = (plain[number][0], slot, plain[number][2])
    question = unit(rng, 1)[0]
    permitted = None if whole else np.array([False, *mask])

    hits = exact(matrix.view(), question, permitted=permitted, limit=limit, after_sequence=after)

    allowed = {
        number: float(vector @ question)
        for number, (vector, slot, sequence) in plain.items()
        if sequence > after and (permitted is None or (slot < len(permitted) and permitted[slot]))
    }
    best = sorted(allowed.values(), reverse=True)[:limit]
    assert len(matrix) == len(plain)
    assert hits.cosines.tolist() == pytest.approx(best, abs=1e-5)
    assert all(allowed[number] == pytest.approx(cosine, abs=1e-5) for number, cosine in zip(
        hits.chunk_numbers.tolist(), hits.cosines.tolist(), strict=True
    ))  # fmt: skip


def test_searches_beside_a_writer_never_see_a_torn_row():
    matrix = Matrix(DIMENSION)
    ending, wrong = threading.Event(), []
    ones = np.full(DIMENSION, 0.5, np.float32)

    def read():
        # Row n holds n in its first place, so a wrong vector beside a number shows.
        while not ending.is_set():
            view = matrix.view()
            alive = view.rule_slots != 0
            first, numbers = view.vectors[:, 0][alive], view.chunk_numbers[alive]
            wrong.extend(number for number, value in zip(numbers, first, strict=True) if value not in {0, number})
            cosines = matrix.cosines(np.arange(1, 2_000), np.array([1, 0, 0, 0], np.float32))
            known = ~np.isnan(cosines)
            wrong.extend(n for n, c in zip(np.arange(1, 2_000)[known], cosines[known], strict=True) if c not in {0, n})
            exact(view, ones, permitted=None, limit=5)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(8):
            numbers = np.arange(1, 1_500)
            vectors = np.zeros((len(numbers), DIMENSION), np.float32)
            vectors[:, 0] = numbers
            add(matrix, numbers, vectors, np.ones(len(numbers)), np.ones(len(numbers)))
            matrix.remove(range(1, 1_400))
            matrix.remove(range(1_400, 1_500))
    finally:
        ending.set()
        reader.join()

    assert wrong == []
