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


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("One. Two! Three?", {0: 3, 1: 1}),
        ("a, b; c: d", {2: 3, 5: 1}),
        ("\"a\" “b” 'c' ‘d’", {3: 8}),
        ("5% of 3€ and £", {4: 3}),
        ("{a}; `b` <c> def f return x", {2: 1, 5: 9}),
        ("x^2 \\pi", {6: 2}),
        ("1 + 2 = 3 - 4", {5: 1, 7: 3}),
        ("Write a Python program", {8: 3}),
        ("Whats that, which, what", {2: 2, 9: 2}),
        ("who whom whose whosoever", {10: 3}),
        ("when and where", {11: 2}),
        ("Why, and how", {2: 1, 12: 2}),
        ("how many and how  much", {12: 2, 13: 1}),
        ("how old", {12: 1, 13: 1}),
        ("is it so", {14: 1}),
        ("did he, can she", {2: 1, 14: 2, 22: 2}),
        ("the following is true", {14: 1, 15: 2}),
        ("follows the best", {15: 2}),
        ("not the least, except false", {2: 1, 16: 4}),
        ("none of the above, all of these", {2: 1, 17: 2}),
        ("II only, or statement 3", {2: 1, 18: 2}),
        ("fill __ and ____", {19: 2}),
        ("if so, suppose, given", {2: 2, 20: 3}),
        ("because, so that, thus", {2: 2, 21: 3}),
        ("he gave them her hat", {22: 3}),
        ("each costs twice the ratio per unit", {23: 4}),
        ("more than half is left", {14: 1, 23: 3}),
    ],
)
def test_signs_of_how_hard_a_question_is_are_counted(text: str, counted: dict[int, int]) -> None:
    found = np.expm1(features(text)[8:-9])
    expected = [counted.get(n, 0) for n in range(24)]
    assert found == pytest.approx(expected, abs=1e-4)


def test_the_length_of_options_is_measured_and_the_largest_number_is_bounded() -> None:
    counts = np.expm1(features(f"Which?\nA) 12345\n(B) 123\n{'9' * 20}")[:8])
    assert counts[5] == pytest.approx(1e12, rel=1e-3)
    assert counts[6:8] == pytest.approx([4, 1], rel=1e-3)
    assert np.expm1(features("a" * 7000)[0]) == pytest.approx(6000, rel=1e-4)
