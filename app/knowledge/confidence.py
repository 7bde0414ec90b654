"""How likely it is that the best passages answer the question at all: the ground for saying "not in the documents".

A logistic rule over what the search knows: the best cosine, the share of the question's words that the best passage
holds, how far the best stands out, and how much of the question is known to the collection at all. Cosines of the
default model lie between 0.74 and 1 and differ from collection to collection, so no single threshold on them carries.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one search knows about its own success.

    Attributes:
        best_cosine: of the best hit, -1..1; 0 without vectors.
        best_share: largest share of the attainable word score, about 0..1.5.
        stand_out: best relevance above the mean of the next nine.
        known_share: share of the question's weight that stands in any passage, 0..1.
        has_vectors: whether the vector leg took part.
    """

    best_cosine: float
    best_share: float
    stand_out: float
    known_share: float
    has_vectors: bool


# Fitted on half of the questions of the development sets, both languages, answerable and not weighted alike.
WITH_VECTORS = {"bias": -14.0, "best_cosine": 14.0, "best_share": 3.0, "stand_out": 10.0, "known_share": 0.0}
WORDS_ONLY = {"bias": -2.0, "best_cosine": 0.0, "best_share": 4.0, "stand_out": 4.0, "known_share": 0.5}


def confidence(evidence: Evidence) -> float:
    """Return the confidence that the question is answered by the hits, 0..1."""
    weights = WITH_VECTORS if evidence.has_vectors else WORDS_ONLY
    total = weights["bias"] + sum(
        weight * float(getattr(evidence, name)) for name, weight in weights.items() if name != "bias"
    )
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, total))))
