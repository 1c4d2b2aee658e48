"""How alike texts are, and what they look like."""

from __future__ import annotations

import numpy as np
import pytest

from metier.models.embedder import unit
from metier.planning.learning.similarity import Similarity
from metier.planning.learning.text_features import text_features

TEXTS = ["What is 3 + 4?", "Write a verse on rain.", "WHO is he?\nA) Ann\nB) Bo", "write a verse"]
VECTORS = unit(np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32))


def test_a_text_is_most_like_itself_and_likeness_has_no_direction() -> None:
    similarity, likeness = Similarity.of(TEXTS, VECTORS, seed=0)
    again = similarity.to_landmarks(TEXTS, VECTORS)
    assert again == pytest.approx(likeness, abs=1e-5)
    order = again.argmax(axis=1)
    assert sorted(order) == [0, 1, 2, 3]
    square = again[:, order]
    assert np.diag(square) == pytest.approx(np.ones(4), abs=1e-5)
    assert square == pytest.approx(square.T, abs=1e-5)
    assert square.min() >= 0


def test_two_texts_with_the_same_vector_are_less_alike_the_less_they_look_so() -> None:
    similarity, _ = Similarity.of(TEXTS, VECTORS, seed=0)
    asked = ["What is 5 + 4?", "Write a long verse on rain and on snow, please."]
    near, far = similarity.to_landmarks(asked, np.repeat(VECTORS[:1], 2, axis=0)).max(axis=1)
    assert 1 > near > far > 0.4


def test_products_of_whitened_likenesses_are_likenesses() -> None:
    similarity, likeness = Similarity.of(TEXTS, VECTORS, seed=0)
    features = likeness @ similarity.whitening()
    own = likeness[:, likeness.argmax(axis=1)]
    assert features @ features.T == pytest.approx(own, abs=2e-3)


def features(text: str) -> list[float]:
    return text_features([text])[0].tolist()


def test_counts_are_logarithms_and_shares_are_shares() -> None:
    found = features("Two 2s, 1,000 or 2.5?\nYES")
    counts = np.expm1(found[:6])
    # Characters, words, lines, numbers, decimals, the largest number.
    assert counts == pytest.approx([25, 4, 1, 3, 1, 1000], rel=1e-4)
    *_, mean, deviation, longest, digits, capitals, foreign, distinct, options, numeric = found
    assert (mean, deviation, longest) == pytest.approx((2.25, 0.829, 3), abs=1e-3)
    assert (digits, capitals, foreign) == pytest.approx((7 / 25, 4 / 25, 0))
    assert (distinct, options, numeric) == (1, 0, 0)


def test_the_options_of_an_exam_question_are_counted_and_measured() -> None:
    *_, options, numeric = features("Which?\nA) 12\nB) two\nC) 3.5")
    assert options == 3
    assert numeric == pytest.approx(2 / 3)


def test_what_is_not_ascii_and_what_is_repeated_are_shares() -> None:
    *_, foreign, distinct, _, _ = features("äöü abc Abc abc")
    assert foreign == pytest.approx(3 / 15)
    assert distinct == pytest.approx(1 / 3)


def test_an_empty_text_has_features_too() -> None:
    assert np.isfinite(features("")).all()
