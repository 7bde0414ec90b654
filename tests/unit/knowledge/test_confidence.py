"""Confidence: what speaks for an answer and what against it."""

import dataclasses

import pytest

from app.knowledge.confidence import Evidence, codes_evidence, confidence, foreignness

PLAIN = Evidence(
    best_cosine=0.88, best_share=0.4, stand_out=0.04, foreign=0.0, codes_found=0.0, codes_unknown=0.0, has_vectors=True
)


@pytest.mark.parametrize(
    ("name", "value", "rises"),
    [
        ("best_cosine", 0.93, True),
        ("best_share", 0.9, True),
        ("stand_out", 0.1, True),
        ("foreign", 1.0, True),
        ("codes_found", 0.6, True),
        ("codes_unknown", 1.0, False),
    ],
)
def test_each_piece_of_evidence_moves_it_the_right_way(name, value, rises):
    changed = confidence(dataclasses.replace(PLAIN, **{name: value}))
    assert (changed > confidence(PLAIN)) is rises
    assert 0 <= changed <= 1


def test_words_alone_count_shares_and_codes():
    words = dataclasses.replace(PLAIN, has_vectors=False)
    assert confidence(dataclasses.replace(words, best_cosine=0.99)) == confidence(words)
    assert confidence(dataclasses.replace(words, best_share=0.9)) > confidence(words)
    assert confidence(dataclasses.replace(words, codes_found=0.6)) > confidence(words)


def test_a_rare_code_counts_where_it_stands_and_a_common_one_does_not():
    assert codes_evidence({"e-203": 0.8}, {"e-203"}) == (pytest.approx(0.6), 0.0)
    assert codes_evidence({"e-203": 0.8}, {"e-204"}) == (0.0, 0.0)
    assert codes_evidence({"xj-9000": 0.3}, {"xj-9000"}) == (0.0, 0.0)
    assert codes_evidence({"e-999": 1.0, "e-203": 0.8}, {"e-203"}) == (pytest.approx(0.3), 0.5)
    assert codes_evidence({}, {"e-203"}) == (0.0, 0.0)


def test_unknown_words_are_explained_by_another_language_alone():
    assert foreignness(same_language_share=0.0, known_share=0.0) == 1
    assert foreignness(same_language_share=1.0, known_share=0.0) == 0
    assert foreignness(same_language_share=0.0, known_share=0.5) == 0
