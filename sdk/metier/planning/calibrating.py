"""From scores to probabilities, and to the threshold below which no expert is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metier.experts.card import GENERAL
from metier.planning.learning.calibration import PlattScaling

Array = npt.NDArray[np.float64]

_RIDGE = 1e-2
_THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.01), 2)
# The minimum number of questions that went to an expert with its own threshold.
_OWN_AT_LEAST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Questions with their right experts and the experts' scores.

    Attributes:
        names: the experts.
        owners: the number of the right expert of each question; -1 if there is none.
        scores: of each expert for each question, shape (questions, experts).
        contrasts: how far the scores are above the mean of all capabilities, in standard
            deviations.
    """

    names: Sequence[str]
    owners: npt.NDArray[np.int64]
    scores: Array
    contrasts: Array

    @property
    def general(self) -> int:
        """The number of the general expert; -1 if there is none."""
        return self.names.index(GENERAL) if GENERAL in self.names else -1

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.owners), len(self.names)):
            raise ValueError(f"{self.scores.shape} scores for {len(self.owners)} questions")


def leads(scores: Array) -> Array:
    """Return each expert's lead over the best other one, shape (questions, experts).

    Without another expert, it is the score itself.
    """
    if scores.shape[1] < 2:
        return scores.copy()
    best = scores.argmax(axis=1)
    rows = np.arange(len(scores))
    first = scores[rows, best]
    second = np.partition(scores, -2, axis=1)[:, -2]
    found = scores - first[:, None]
    found[rows, best] = first - second
    return found


def probabilities(scores: Array, contrasts: Array, scaling: PlattScaling) -> Array:
    """Calibrate scores to probabilities, shape (questions, experts)."""
    logits = (
        scaling.score_weight * scores
        + scaling.lead_weight * leads(scores)
        + scaling.contrast_weight * contrasts
        + scaling.bias
    )
    return 1 / (1 + np.exp(-logits))


def fitted(placed: Placed) -> tuple[PlattScaling, PlattScaling]:
    """Fit the calibrations `right` and `fits` (Platt 1999, "Probabilistic outputs", section 2).

    Each question counts with its right expert and with the best wrong one, which would win if the
    right one were not installed. The general expert is never the wrong one: it takes what the
    others leave.
    """
    rows = np.arange(len(placed.owners))
    own = rows[(placed.owners >= 0) & (placed.owners != placed.general)]
    rivals = placed.scores.copy()
    rivals[own, placed.owners[own]] = -np.inf
    if placed.general >= 0:
        rivals[:, placed.general] = -np.inf
    rival = rivals.argmax(axis=1)
    wrong = rows[np.isfinite(rivals[rows, rival])]
    asked = np.concatenate([own, wrong])
    expert = np.concatenate([placed.owners[own], rival[wrong]])
    labels = np.concatenate([np.ones(len(own)), np.zeros(len(wrong))])
    score = placed.scores[asked, expert]
    lead = leads(placed.scores)[asked, expert]
    contrast = placed.contrasts[asked, expert]
    right = logistic(np.column_stack([score, lead]), labels)
    fits = logistic(np.column_stack([score, contrast]), labels)
    return (
        PlattScaling(
            score_weight=_rounded(right[0]),
            lead_weight=_rounded(right[1]),
            bias=_rounded(right[2]),
            fitted_on=len(labels),
        ),
        PlattScaling(
            score_weight=_rounded(fits[0]),
            contrast_weight=_rounded(fits[1]),
            bias=_rounded(fits[2]),
            fitted_on=len(labels),
        ),
    )


def _rounded(weight: float) -> float:
    return round(float(weight), 4)


def best_threshold(placed: Placed, fits: PlattScaling) -> tuple[float, dict[str, float]]:
    """Return the thresholds that route most questions correctly: overall, and experts' own.

    A question whose best expert is below the threshold goes to nobody, which is correct if it
    belongs to the general expert or to nobody. An expert has its own threshold if enough questions
    went to it and the overall one routes fewer of them correctly.
    """
    best, chance, right, spared = _decided(placed, fits)
    gains = _gains(chance, right, spared)
    # Of equally good ones, the middle is the furthest from the questions on both sides.
    overall = _middle(gains)
    own: dict[str, float] = {}
    for n, name in enumerate(placed.names):
        went = best == n
        if name == GENERAL or went.sum() < _OWN_AT_LEAST:
            continue
        gains = _gains(chance[went], right[went], spared[went])
        if gains.max() > gains[np.searchsorted(_THRESHOLDS, overall)]:
            # Only halfway, because an expert's own questions are few.
            own[name] = round((_middle(gains) + overall) / 2, 3)
    return overall, own


def threshold_curve(placed: Placed, fits: PlattScaling) -> list[tuple[float, float, float]]:
    """Return, for each threshold, the share of questions that experts take, and the accuracy.

    Returns:
        (threshold, share taken by an expert that is not the general one, accuracy).
    """
    _, chance, right, spared = _decided(placed, fits)
    return [
        (
            float(threshold),
            float(np.mean(chance >= threshold)),
            float(np.mean(np.where(chance >= threshold, right, spared))),
        )
        for threshold in _THRESHOLDS
    ]


def calibration_error(chances: Array, right: npt.NDArray[np.bool_], *, bins: int = 10) -> float:
    """Compute the expected calibration error with equal bins (Guo et al. 2017, section 2).

    Args:
        chances: the probability of each choice, shape (questions,).
        right: whether the choice was right.
    """
    if not len(chances):
        return 0.0
    bin_of = np.minimum((chances * bins).astype(int), bins - 1)
    gaps = [
        abs(float(chances[held].mean()) - float(right[held].mean())) * held.mean()
        for held in (bin_of == n for n in range(bins))
        if held.any()
    ]
    return float(sum(gaps))


def _decided(
    placed: Placed, fits: PlattScaling
) -> tuple[npt.NDArray[np.int64], Array, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The best expert of each question, how likely it fits, whether it is right, and whether
    nobody would be."""
    chances = probabilities(placed.scores, placed.contrasts, fits)
    best = placed.scores.argmax(axis=1)
    chance = chances[np.arange(len(best)), best]
    spared = (placed.owners == placed.general) | (placed.owners < 0)
    # What the general expert takes is spared, however low the threshold is.
    chance = np.where(best == placed.general, -1.0, chance)
    return best, chance, best == placed.owners, spared


def _gains(
    chance: Array, right: npt.NDArray[np.bool_], spared: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    taken = chance[None, :] >= _THRESHOLDS[:, None]
    return np.where(taken, right, spared).sum(axis=1)


def _middle(gains: npt.NDArray[np.int64]) -> float:
    """The middle of the longest run of the best thresholds."""
    best = np.flatnonzero(gains == gains.max())
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=len)
    return float(_THRESHOLDS[longest[len(longest) // 2]])


def logistic(features: Array, labels: Array) -> Array:
    """Fit a logistic regression, the bias last, by Newton's method with a small ridge."""
    design = np.column_stack([features, np.ones(len(features))])
    width = design.shape[1]
    ridge = _RIDGE * np.diag([*np.ones(width - 1), 0.0]) * len(features) / 100
    weights = np.zeros(width)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (labels - chance) - ridge @ weights
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian + 1e-9 * np.eye(width), gradient)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights
