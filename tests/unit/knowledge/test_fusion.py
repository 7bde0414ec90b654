"""Fusion: what holds for any hits of both legs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.knowledge.fusion import fuse, merged
from app.knowledge.matrix import VectorHits
from app.knowledge.words import NO_WORD_HITS, WordHits

COSINE = st.floats(-1, 1, width=32)


def words(rows, attainable=10.0):
    return WordHits(
        np.array([number for number, _ in rows], np.int64), np.array([score for _, score in rows], np.float32),
        attainable, 1.0, {},
    )  # fmt: skip


def vectors(rows):
    return VectorHits(
        np.array([number for number, _ in rows], np.int64), np.array([cosine for _, cosine in rows], np.float32)
    )


def cosines(*values):
    return np.array(values, np.float32)


def test_nothing_and_nothing_is_nothing():
    fused = fuse(NO_WORD_HITS, vectors([]), cosines(), weight=0.5)

    assert len(fused.chunk_numbers) == len(fused.relevances) == 0


def test_words_lift_a_chunk_above_an_equal_neighbour():
    fused = fuse(words([(2, 5.0)]), vectors([(1, 0.8), (2, 0.8)]), cosines(0.8), weight=0.2)

    assert fused.chunk_numbers.tolist() == [2, 1]
    assert np.allclose(fused.relevances, [0.9, 0.8])
    assert np.allclose(fused.word_shares, [0.5, 0])


def test_without_vectors_words_alone_decide():
    fused = fuse(words([(1, 1.0), (2, 3.0)]), vectors([]), cosines(np.nan, np.nan), weight=0.2)

    assert fused.chunk_numbers.tolist() == [2, 1]
    assert np.isnan(fused.cosines).all()


def test_a_chunk_that_waits_for_its_vector_is_taken_for_the_farthest():
    fused = fuse(words([(3, 5.0)]), vectors([(1, 0.9), (2, 0.7)]), cosines(np.nan), weight=0.2)

    assert dict(zip(fused.chunk_numbers.tolist(), fused.relevances.tolist(), strict=True))[3] == np.float32(0.7) + 0.1


def test_a_question_of_unknown_words_divides_by_nothing():
    fused = fuse(words([], attainable=0.0), vectors([(1, 0.5)]), cosines(), weight=0.2)

    assert np.isfinite(fused.relevances).all()


LEGS = st.tuples(
    st.dictionaries(
        st.integers(1, 30), st.tuples(st.floats(0, 50, width=32), st.one_of(COSINE, st.just(float("nan"))))
    ),
    st.dictionaries(st.integers(1, 30), COSINE),
    st.floats(0, 2),
)


@given(LEGS)
def test_every_hit_of_both_legs_comes_out_once_in_order_of_relevance(legs):
    by_words, by_vectors, weight = legs
    agreed = {number: (score, by_vectors.get(number, cosine)) for number, (score, cosine) in by_words.items()}
    fused = fuse(
        words([(number, score) for number, (score, _) in agreed.items()]),
        vectors(list(by_vectors.items())),
        cosines(*(cosine for _, cosine in agreed.values())),
        weight=weight,
    )

    assert sorted(fused.chunk_numbers.tolist()) == sorted(by_words.keys() | by_vectors.keys())
    assert (np.diff(fused.relevances) <= 0).all()
    assert np.isfinite(fused.relevances).all()
    known = ~np.isnan(fused.cosines)
    expected = fused.cosines[known] + np.float32(weight) * fused.word_shares[known]
    assert np.allclose(fused.relevances[known], expected, atol=1e-5)


@given(st.lists(LEGS, min_size=1, max_size=4))
def test_bases_are_merged_by_relevance_and_nothing_is_lost(parts):
    fused = [
        fuse(words([]), vectors([(1_000 * place + number, cosine) for number, cosine in by_vectors.items()]),
             cosines(), weight=weight)
        for place, (_, by_vectors, weight) in enumerate(parts)
    ]  # fmt: skip
    together = merged(fused)

    assert (np.diff(together.relevances) <= 0).all()
    assert sorted(together.chunk_numbers.tolist()) == sorted(n for part in fused for n in part.chunk_numbers.tolist())
