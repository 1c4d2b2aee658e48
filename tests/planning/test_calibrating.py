"""Scores to probabilities, and where nobody is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metier.planning.calibrating import (
    Placed,
    best_threshold,
    calibration_error,
    fitted,
    leads,
    logistic,
    probabilities,
    threshold_curve,
)
from metier.planning.learning.calibration import FITS, RIGHT, PlattScaling


def placed(*, seed: int = 0, count: int = 200, gap: float = 0.3) -> Placed:
    """Three experts and the general one; the right one is `gap` higher."""
    dice = np.random.default_rng(seed)
    names = ["code", "general", "math", "medical"]
    owners = dice.integers(0, 4, count)
    scores = dice.normal(0.4, 0.1, (count, 4))
    scores[np.arange(count), owners] += gap
    scores[owners == 1] -= gap
    contrasts = (scores - 0.4) / 0.1
    return Placed(names=names, owners=owners, scores=scores, contrasts=contrasts)


def test_the_lead_is_over_the_best_other_one() -> None:
    assert np.allclose(leads(np.array([[0.9, 0.5, 0.7]])), [[0.2, -0.4, -0.2]])


def test_one_expert_alone_leads_by_its_score() -> None:
    assert np.allclose(leads(np.array([[0.4]])), [[0.4]])


@given(arrays(np.float64, (3, 4), elements=st.floats(-1, 1)))
def test_only_the_best_one_leads(scores: np.ndarray) -> None:
    assert ((leads(scores) > 0).sum(axis=1) <= 1).all()


def test_probability_grows_with_score_and_lead() -> None:
    def first(*scores: float) -> float:
        line = np.array([scores])
        return float(probabilities(line, np.zeros_like(line), RIGHT)[0, 0])

    assert first(0.8, 0.1) > first(0.8, 0.8)
    assert first(0.8, 0.1) > first(0.2, 0.1)
    assert first(0.8, 0.1) > first(0.1, 0.8)


def test_what_is_learnt_tells_right_from_wrong() -> None:
    seen = placed()
    right, fits = fitted(seen)
    chances = probabilities(seen.scores, seen.contrasts, right)
    own = seen.owners != seen.general
    rows = np.flatnonzero(own)
    hit = chances[rows, seen.owners[rows]]
    wrong = chances[rows].copy()
    wrong[np.arange(len(rows)), seen.owners[rows]] = 0
    wrong[:, seen.general] = 0
    assert np.mean(hit > wrong.max(axis=1)) > 0.95
    # Each question with its best wrong expert, and with its own one.
    assert right.fitted_on == fits.fitted_on == len(own) + own.sum()


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [3, 2, 1, 0]])
def test_the_order_of_the_experts_teaches_nothing(order: list[int]) -> None:
    seen = placed()
    other = Placed(
        names=[seen.names[n] for n in order],
        owners=np.argsort(order)[seen.owners],
        scores=seen.scores[:, order],
        contrasts=seen.contrasts[:, order],
    )
    assert fitted(other) == fitted(seen)
    assert best_threshold(other, FITS) == best_threshold(seen, FITS)


def test_probabilities_are_those_of_new_questions() -> None:
    right, _ = fitted(placed(seed=1, count=2000, gap=0.15))
    new = placed(seed=2, count=2000, gap=0.15)
    domain = new.owners != new.general
    scores = np.delete(new.scores, new.general, axis=1)[domain]
    chances = probabilities(new.scores, new.contrasts, right)[domain]
    chances = np.delete(chances, new.general, axis=1)
    best = scores.argmax(axis=1)
    owners = new.owners[domain] - (new.owners[domain] > new.general)
    chance = chances[np.arange(len(best)), best]
    assert calibration_error(chance, best == owners) < 0.1


def test_questions_of_nobody_raise_the_threshold() -> None:
    few, many = placed(seed=3), placed(seed=3)
    nobodies = many.scores.copy()
    nobodies[:100] = 0.45 + np.random.default_rng(1).normal(0, 0.03, (100, 4))
    owners = many.owners.copy()
    owners[:100] = -1
    more = Placed(
        names=many.names, owners=owners, scores=nobodies, contrasts=(nobodies - 0.4) / 0.1
    )
    _, fits = fitted(few)
    assert best_threshold(more, fits)[0] >= best_threshold(few, fits)[0]


def test_an_expert_that_steals_gets_a_threshold_of_its_own() -> None:
    names = ["code", "general", "math"]
    # `math` is nearer to what is nobody's than `code` is to its own questions.
    kinds = [(0, 0, 0.4)] * 60 + [(2, 2, 0.9)] * 60 + [(-1, 2, 0.6)] * 25 + [(1, 0, 0.1)] * 60
    scores = np.zeros((len(kinds), len(names)))
    for q, (_, best, score) in enumerate(kinds):
        scores[q, best] = score
    owners = np.array([owner for owner, _, _ in kinds])
    stolen = Placed(names=names, owners=owners, scores=scores, contrasts=scores)
    # Their chances are 0.38, 0.99, 0.82 and 0.03.
    overall, own = best_threshold(stolen, PlattScaling(score_weight=10, bias=-4.5))
    assert overall == 0.21  # the middle of 0.05 to 0.37
    assert own == {"math": 0.55}  # halfway to 0.89, the middle of 0.83 to 0.95


def test_the_curve_answers_less_as_the_threshold_rises() -> None:
    curve = threshold_curve(placed(), FITS)
    taken = [share for _, share, _ in curve]
    assert taken == sorted(taken, reverse=True)
    assert all(0 <= accuracy <= 1 for _, _, accuracy in curve)


def test_the_curve_counts_who_takes_a_question_and_whether_that_is_right() -> None:
    seen = placed(count=60, gap=0.05)
    chances = probabilities(seen.scores, seen.contrasts, FITS)
    best = seen.scores.argmax(axis=1).tolist()
    for threshold, taken, accuracy in threshold_curve(seen, FITS):
        goes = [
            n if n != seen.general and chances[q, n] >= threshold else seen.general
            for q, n in enumerate(best)
        ]
        assert taken == pytest.approx(np.mean([n != seen.general for n in goes]))
        assert accuracy == pytest.approx(np.mean(np.array(goes) == seen.owners))


def test_the_best_threshold_places_most_questions_rightly() -> None:
    seen = placed(count=60, gap=0.05)
    curve = {round(t, 4): accuracy for t, _, accuracy in threshold_curve(seen, FITS)}
    overall, _ = best_threshold(seen, FITS)
    assert curve[round(overall, 4)] == max(curve.values())


def test_the_regression_is_where_likelihood_and_ridge_balance() -> None:
    dice = np.random.default_rng(5)
    features = dice.normal(0, 1, (300, 2))
    labels = (features @ [1.0, -0.5] + dice.normal(0, 1, 300) > 0.3).astype(float)
    *weights, bias = logistic(features, labels)
    missing = labels - 1 / (1 + np.exp(-(features @ weights + bias)))
    pulls = features.T @ missing / weights
    assert missing.sum() == pytest.approx(0, abs=1e-6)  # the bias has no ridge
    assert pulls[0] == pytest.approx(pulls[1], rel=1e-4)
    assert pulls[0] > 0
    assert weights[0] > 0 > weights[1]
    assert bias < 0


def test_a_sure_and_right_choice_has_no_error() -> None:
    assert calibration_error(np.ones(10), np.ones(10, bool)) == 0
    assert calibration_error(np.ones(10), np.zeros(10, bool)) == 1
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) == 0


def test_errors_of_different_chances_do_not_cancel_out() -> None:
    right = np.array([False, True])
    assert calibration_error(np.array([0.2, 0.8]), right) == pytest.approx(0.2)
    assert calibration_error(np.array([0.41, 0.49]), right) == pytest.approx(0.05)


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="scores"):
        Placed(
            names=["a"],
            owners=np.zeros(2, np.int64),
            scores=np.zeros((3, 1)),
            contrasts=np.zeros((3, 1)),
        )
