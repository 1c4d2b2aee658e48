"""What rated questions add to the scores of experts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import e, exp

import numpy as np
import pytest

from metier.planning.learning.ratings import Numbers, RatedExamples, Strength

HERE = [1.0, 0.0, 0.0]
# At 60 and 90 degrees, and beyond.
NEAR, APART, OPPOSITE = [0.5, 0.75**0.5, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]


def vectors(*rows: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(rows, dtype=np.float32)


def rated(
    *scores: Sequence[float],
    owners: tuple[int, ...] | None = None,
    places: list[list[float]] | None = None,
    ridge: float = 1.0,
    gain: float = 1.0,
) -> RatedExamples:
    """Questions at `places`, rated for `owners`; by default all at one place, for the first."""
    asked = vectors(*(places or [HERE] * len(scores)))
    right: Numbers = np.array(owners or [0] * len(scores))
    strength = Strength(ridge=ridge, gain=gain)
    return RatedExamples.fit(("math", "law"), asked, np.array(scores), right, strength)


def added(learnt: RatedExamples, place: list[float] = HERE) -> list[float]:
    return learnt.correction(vectors(place), ("math", "law"))[0].tolist()


@pytest.mark.parametrize(("ridge", "gain"), [(1.0, 1.0), (3.0, 1.0), (1.0, 6.0), (0.3, 3.0)])
def test_a_rated_expert_gains_what_it_lacked_and_others_lose_it(ridge: float, gain: float) -> None:
    lacked = gain * 0.5 / (1 + ridge)
    assert added(rated([0, 0], ridge=ridge, gain=gain)) == pytest.approx([lacked, -lacked])
    other = rated([0, 0], owners=(1,), ridge=ridge, gain=gain)
    assert added(other) == pytest.approx([-lacked, lacked])


@pytest.mark.parametrize(
    ("place", "share"), [(HERE, 1), (NEAR, exp(-2)), (APART, exp(-4)), (OPPOSITE, exp(-8))]
)
def test_a_rating_counts_for_questions_that_are_alike(place: list[float], share: float) -> None:
    first, second = added(rated([0, 0]), place)
    assert (first, second) == pytest.approx((0.25 * share, -0.25 * share), rel=1e-4)


def test_a_rating_that_agrees_with_the_selector_teaches_nearly_nothing() -> None:
    assert added(rated([1, 0])) == pytest.approx([0, 0], abs=1e-6)
    wrong = e / (1 + e)
    assert added(rated([0, 1])) == pytest.approx([wrong / 2, -wrong / 2])


def test_a_correction_is_in_the_units_of_scores_that_are_right_as_often_as_they_say() -> None:
    # Of eight alike seven are right: the scores are 2.0 times too near to each other.
    learnt = rated(*[[1, 0]] * 8, owners=(0,) * 7 + (1,), ridge=8.0)
    lacked = 7 / 8 - e**2 / (1 + e**2)
    assert added(learnt)[0] == pytest.approx(8 * lacked / (8 + 8) / 2)


def test_a_wrong_rating_is_outvoted_by_its_neighbours() -> None:
    mixed = [HERE, HERE, HERE, APART]
    learnt = rated(*[[0, 0]] * 4, owners=(0, 0, 1, 1), places=mixed, ridge=3.0)
    assert added(learnt)[0] > 0 > added(learnt, APART)[0]


def test_experts_are_corrected_by_name_and_those_that_were_not_rated_not_at_all() -> None:
    found = rated([0, 0]).correction(vectors(HERE), ("new", "law", "math"))
    assert found.tolist() == [pytest.approx([0, -0.25, 0.25])]


def test_ratings_made_with_another_embedder_change_nothing() -> None:
    assert rated([0, 0]).correction(np.ones((2, 4), np.float32), ("math",)).tolist() == [[0], [0]]


def test_what_was_saved_corrects_the_same() -> None:
    learnt = rated([0, 0], [0, 1], places=[HERE, NEAR])
    loaded = RatedExamples.unpacked(learnt.packed())
    assert loaded.experts == ("math", "law")
    assert added(loaded, APART) == added(learnt, APART)


@pytest.mark.parametrize(
    "arrays",
    [{"vectors": np.zeros(3)}, {"vectors": np.zeros((2, 3))}, {"weights": np.zeros((1, 3))}],
)
def test_what_does_not_belong_together_is_no_model(arrays: dict[str, np.ndarray]) -> None:
    packed = rated([0, 0]).packed()
    with pytest.raises(ValueError, match="do not match"):
        RatedExamples.unpacked(replace(packed, arrays=dict(packed.arrays) | arrays))
