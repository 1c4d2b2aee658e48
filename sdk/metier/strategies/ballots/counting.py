"""The arithmetic of votes, gates and stopping. Nothing here asks anybody."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

# Adaptive-Consistency's own default.
SETTLED = 0.95
# A skill of 0 or 1 was measured on too few questions to be true.
_SURE = 0.02


def tally(groups: Sequence[int | None], weights: Sequence[float]) -> dict[int, float]:
    """The weight of each group, the heaviest first; the first seen of equals.

    Args:
        groups: which answers are the same; None is no answer, which counts for nothing.

    Raises:
        ValueError: a weight that is negative or no number.
    """
    if any(not weight >= 0 for weight in weights):
        raise ValueError(f"weights are not negative: {list(weights)}")
    totals: dict[int, list[float]] = {}
    for group, weight in zip(groups, weights, strict=True):
        if group is not None:
            totals.setdefault(group, []).append(weight)
    # Summed exactly, so that the order of the votes changes nothing.
    summed = {group: math.fsum(each) for group, each in totals.items()}
    return dict(sorted(summed.items(), key=lambda pair: -pair[1]))


def lead_is_real(first: int, second: int) -> float:
    """How probable it is that the leading answer stays ahead of the next one with endless votes.

    The share of the first among the votes for the two has, after `first` and `second` of them, a
    Beta(first + 1, second + 1) distribution; this is its mass above 1/2, as a binomial sum
    (Aggarwal et al. 2023, "Let's Sample Step by Step", section 3.2).

    >>> lead_is_real(4, 0)
    0.96875
    """
    count = first + second + 1
    return sum(math.comb(count, k) for k in range(first + 1)) / 2**count


def top_two(groups: Sequence[int | None]) -> tuple[int, int]:
    """How many votes the leading answer and the next one have; 0 if there is none."""
    first, second, *_ = *tally(groups, [1.0] * len(groups)).values(), 0, 0
    return int(first), int(second)


def is_settled(groups: Sequence[int | None], left: int, *, sure: float = SETTLED) -> bool:
    """Whether more votes are not worth their price.

    Either no answer can catch up with the leader any more, or it is that probable that its lead is
    real.

    Args:
        left: how many votes may still come.
    """
    first, second = top_two(groups)
    return first > second + left or lead_is_real(first, second) >= sure


def known_skills(skills: Sequence[float | None]) -> list[float]:
    """Skills with the mean of the known ones for each that is not known; 1 if none is known.

    >>> known_skills([0.25, None, 0.75])
    [0.25, 0.5, 0.75]
    """
    known = [skill for skill in skills if skill is not None]
    mean = math.fsum(known) / len(known) if known else 1.0
    return [mean if skill is None else skill for skill in skills]


def log_odds(skill: float, *, choices: int = 2) -> float:
    """The weight of an independent voter that is right with this probability.

    log(skill (choices - 1) / (1 - skill)), which is best where the wrong answers are equally
    likely (Shapley & Grofman 1984; Li & Yu 2014, "Error rate bounds and iterative weighted
    majority voting", section 4). A voter worse than chance counts for nothing.

    Args:
        choices: how many answers there are to choose from, at least 2.
    """
    bounded = min(max(skill, _SURE), 1 - _SURE)
    return max(0.0, math.log(bounded * (max(choices, 2) - 1) / (1 - bounded)))


def softmax(scores: Sequence[float], *, temperature: float = 1.0) -> list[float]:
    """Shares that sum to 1, the higher the score the larger.

    Raises:
        ValueError: there is no score, or the temperature is not positive.
    """
    if not scores or temperature <= 0:
        raise ValueError("softmax needs a score and a positive temperature")
    highest = max(scores)
    raised = [math.exp((score - highest) / temperature) for score in scores]
    total = math.fsum(raised)
    return [each / total for each in raised]


def gate(
    scores: Sequence[float], *, top: int = 2, temperature: float = 1.0, least: float = 0.0
) -> list[float]:
    """The shares of a sparse mixture of experts; all but the `top` best get none.

    A softmax over the logarithms of the scores of those that are kept (Shazeer et al. 2017,
    "Outrageously Large Neural Networks", section 2.1, KeepTopK, without its noise).

    Args:
        scores: not negative; a score of 0 is never let through while another is above it.
        least: a share below it is given to the others, too.

    Raises:
        ValueError: there is no score, or `top` is below 1.
    """
    if top < 1:
        raise ValueError("a gate lets at least one through")
    order = sorted(range(len(scores)), key=lambda n: -scores[n])
    kept = [n for n in order[:top] if scores[n] > 0] or order[:1]
    shares = _shared(scores, kept, temperature)
    kept = [n for n in kept if shares[n] >= least] or order[:1]
    shares = _shared(scores, kept, temperature)
    return [shares.get(n, 0.0) for n in range(len(scores))]


def _shared(scores: Sequence[float], kept: Sequence[int], temperature: float) -> dict[int, float]:
    tiny = 1e-12
    logs = [math.log(max(scores[n], tiny)) for n in kept]
    return dict(zip(kept, softmax(logs, temperature=temperature), strict=True))


def pooled(
    distributions: Sequence[Mapping[str, float]], weights: Sequence[float]
) -> dict[str, float]:
    """The weighted mean of distributions over the same labels (a linear opinion pool).

    Raises:
        ValueError: there is none, or all weights are 0.
    """
    total = math.fsum(weights)
    if not distributions or total <= 0:
        raise ValueError("a mean needs a distribution with a weight above 0")
    return {
        label: math.fsum(w * each[label] for each, w in zip(distributions, weights, strict=True))
        / total
        for label in distributions[0]
    }
