"""The best segmentation of a question: a semi-Markov model over its pieces.

A segmentation's score is the sum of the scores of its segments, each a weighted sum of features:
how well the segment and its pieces fit the segment's expert, how it begins, its length. Dynamic
programming finds the best one; the weights are those that make the right segmentations of joined
examples most likely (Sarawagi and Cohen 2004, "Semi-Markov conditional random fields", sections 2
and 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metier.planning.cutting import Sign

Array = npt.NDArray[np.float64]

# A segment for no expert: a greeting, an announcement, an aside.
NOBODY = -1
# Lower log-probabilities are raised to this.
_FLOOR = -4.0
# A piece with this many words counts in full.
_FULL_SIZE = 8.0
_TOLD_SHARE = 0.2
FEATURES = (
    "span",
    "mean",
    "asked",
    "told",
    "segment",
    "short",
    "alone",
    "unasked",
    "nobody",
    "nobody_like_filler",
    "nobody_size",
    "nobody_fit",
    "nobody_asks",
    *(f"sign_{sign.name.lower()}" for sign in Sign),
    "joint",
    "asks",
    "begins",
    "ends",
    "likeness",
    "refers",
    "shared",
    "thin",
    "refers_span",
    "refers_thin",
    "general",
    "general_short",
    "general_unasked",
    "general_refers",
    "general_lead",
    "figures",
    "unfit",
    "near",
)
BEFORE = FEATURES.index("joint"), FEATURES.index("shared") + 1
_N = {name: n for n, name in enumerate(FEATURES)}
_REFERS = FEATURES.index("refers") - BEFORE[0]
_GENERAL = slice(_N["general"], _N["general_lead"] + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is known about the pieces of a question.

    Attributes:
        sizes: words of each piece, shape (pieces,).
        pieces: log-probability of each expert for each piece, shape (pieces, experts).
        spans: the same for each stretch from piece i to piece j, shape (pieces, pieces, experts).
        fits: the probability that any expert fits a stretch, shape (pieces, pieces).
        near: how near a stretch is to the nearest example, in standard deviations from what is
            usual among examples, shape (pieces, pieces).
        fillers: how much nearer each piece is to a text that asks for nothing than to any card,
            shape (pieces,).
        asking: how likely each piece asks for something, by its mark and its first word; other
            pieces say what the request is about. Shape (pieces,).
        signs: the separator before each piece, shape (pieces,).
        before: the features of `BEFORE` at the place before each piece, shape (pieces, 7).
        figures: log-odds of each expert for a text of each kind, shape (kinds, experts).
        kinds: whether a piece has a number or a function's name, by `kind_of`, shape (pieces,).
        telling: the number of meaningful words and numbers in each piece, shape (pieces,).
        general: the number of the general expert; -1 if it is not among them.
    """

    sizes: Array
    pieces: Array
    spans: Array
    fits: Array
    near: Array
    fillers: Array
    asking: Array
    signs: npt.NDArray[np.int64]
    before: Array
    telling: Array
    figures: Array
    kinds: npt.NDArray[np.int64]
    general: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Neighbouring pieces, from `start` up to but not including `end`, and their expert."""

    start: int
    end: int
    expert: int


def features(seen: Observed) -> Array:
    """Features of each stretch with each expert, nobody last; shape (i, j, expert, feature).

    Entries with j < i are 0.
    """
    count, experts = seen.pieces.shape
    found = np.zeros((count, count, experts + 1, len(FEATURES)))
    pieces = np.maximum(seen.pieces, _FLOOR)
    weight = np.minimum(seen.sizes, _FULL_SIZE) / _FULL_SIZE
    # What is asked says more than what is told before it.
    share = seen.sizes * (_TOLD_SHARE + seen.asking)
    sums = np.vstack([np.zeros(experts), np.cumsum(pieces * share[:, None], axis=0)])
    shares = np.concatenate([[0.0], np.cumsum(share)])
    asked, told = (
        np.vstack([np.zeros(experts), np.cumsum(pieces * (weight * share)[:, None], axis=0)])
        for share in (seen.asking, 1 - seen.asking)
    )
    length = np.concatenate([[0.0], np.cumsum(seen.sizes)])
    telling = np.concatenate([[0.0], np.cumsum(seen.telling)])
    like = np.concatenate([[0.0], np.cumsum(seen.fillers * seen.sizes)])
    for i in range(count):
        ends = np.arange(i, count)
        size = length[ends + 1] - length[i]
        mine = found[i, i:]
        mine[:, :experts, _N["span"]] = np.maximum(seen.spans[i, i:], _FLOOR)
        mine[:, :experts, _N["mean"]] = (sums[ends + 1] - sums[i]) / (shares[ends + 1] - shares[i])[
            :, None
        ]
        mine[:, :experts, _N["asked"]] = asked[ends + 1] - asked[i]
        mine[:, :experts, _N["told"]] = told[ends + 1] - told[i]
        asks = np.maximum.accumulate(seen.asking[i:])
        mine[:, :experts, _N["unasked"]] = (1 - asks)[:, None]
        mine[:, :experts, _N["near"]] = seen.near[i, i:, None]
        kinds = np.maximum.accumulate(seen.kinds[i:])
        mine[:, :experts, _N["figures"]] = seen.figures[kinds]
        mine[:, :experts, _N["segment"]] = 1.0
        thin = (1 / (1 + telling[ends + 1] - telling[i]))[:, None]
        mine[:, :experts, _N["thin"]] = thin
        unfit = (1 - seen.fits[i, i:])[:, None]
        mine[:, :experts, _N["unfit"]] = unfit
        if seen.general >= 0:
            mine[:, seen.general, _N["unfit"]] = 0.0
        mine[:, :experts, _N["short"]] = (1 / (1 + size))[:, None]
        if seen.general >= 0 and count > 1:
            mine[:, seen.general, _GENERAL] = _of_general(seen, i, size, asks)
        nobody = mine[:, experts]
        nobody[:, _N["nobody"]] = 1.0
        nobody[:, _N["nobody_like_filler"]] = (like[ends + 1] - like[i]) / size
        nobody[:, _N["nobody_size"]] = np.log1p(size)
        nobody[:, _N["nobody_fit"]] = seen.fits[i, i:]
        nobody[:, _N["nobody_asks"]] = asks
        if i == 0:
            mine[-1, :, _N["alone"]] = 1.0
            continue
        mine[:, :, _N[f"sign_{Sign(int(seen.signs[i])).name.lower()}"]] = 1.0
        if seen.before[i, _REFERS]:
            mine[:, :experts, _N["refers_span"]] = mine[:, :experts, _N["span"]]
            mine[:, :experts, _N["refers_thin"]] = thin
        mine[:, :, BEFORE[0] : BEFORE[1]] = seen.before[i]
    return found


def _of_general(seen: Observed, start: int, size: Array, asks: Array) -> Array:
    """The features of a segment of the general expert, shape (ends, 5).

    It covers whatever no other expert does, so a piece that only makes sense with its neighbours
    looks like its own.
    """
    others = np.delete(seen.spans[start, start:], seen.general, axis=1).max(axis=1, initial=_FLOOR)
    lead = np.maximum(seen.spans[start, start:, seen.general], _FLOOR) - np.maximum(others, _FLOOR)
    refers = np.full(len(size), seen.before[start, _REFERS])
    return np.column_stack([np.ones(len(size)), 1 / (1 + size), 1 - asks, refers, lead])


def best(found: Array, weights: Array) -> tuple[list[Segment], float]:
    """Return the best segmentation, and the probability of more than one expert segment.

    Args:
        found: `features` of a question.
    """
    scores = found @ weights
    count, experts = scores.shape[0], scores.shape[2] - 1
    top = scores.argmax(axis=2)
    value = np.take_along_axis(scores, top[:, :, None], axis=2)[:, :, 0]
    reached = np.full(count + 1, -np.inf)
    reached[0] = 0.0
    came = np.zeros(count + 1, dtype=np.int64)
    for end in range(1, count + 1):
        tried = reached[:end] + value[:end, end - 1]
        came[end] = int(tried.argmax())
        reached[end] = tried[came[end]]
    segments: list[Segment] = []
    end = count
    while end > 0:
        start = int(came[end])
        expert = int(top[start, end - 1])
        segments.append(
            Segment(start=start, end=end, expert=NOBODY if expert == experts else expert)
        )
        end = start
    stretches = _log_sum(scores)
    whole = float(stretches[0, -1] - _forward(stretches)[-1])
    return segments[::-1], 1.0 - float(np.exp(min(0.0, whole)))


def _log_sum(scores: Array) -> Array:
    """Log-sums over the experts of each stretch, and nobody."""
    top = scores.max(axis=2, keepdims=True)
    return (top + np.log(np.exp(scores - top).sum(axis=2, keepdims=True)))[:, :, 0]


def _forward(stretches: Array) -> Array:
    """Log-sums over all segmentations up to each piece."""
    count = len(stretches)
    found = np.full(count + 1, -np.inf)
    found[0] = 0.0
    for end in range(1, count + 1):
        found[end] = np.logaddexp.reduce(found[:end] + stretches[:end, end - 1])
    return found


def _backward(stretches: Array) -> Array:
    count = len(stretches)
    found = np.full(count + 1, -np.inf)
    found[count] = 0.0
    for start in range(count - 1, -1, -1):
        found[start] = np.logaddexp.reduce(stretches[start, start:] + found[start + 1 :])
    return found


def learnt(
    questions: Sequence[tuple[Array, Sequence[Segment]]],
    prior: Array,
    *,
    trust: float = 20.0,
    rounds: int = 120,
) -> Array:
    """Learn the weights that make the right segmentations most likely.

    Args:
        questions: `features` of each, and its right segmentation.
        prior: the weights to keep unless the questions contradict them.
        trust: how much the prior counts, in questions.
    """
    right = sum((_sum(found, segments) for found, segments in questions), np.zeros(len(prior)))

    def slope(weights: Array) -> Array:
        every = sum(
            (expected_features(found, weights) for found, _ in questions), np.zeros(len(prior))
        )
        return (right - every - trust * 0.1 * (weights - prior)) / len(questions)

    return climbed(slope, prior, rounds=rounds)


def climbed(slope: Callable[[Array], Array], start: Array, *, rounds: int) -> Array:
    """Move weights uphill along a slope."""
    weights, moment, velocity = start.copy(), np.zeros(len(start)), np.zeros(len(start))
    for step in range(1, rounds + 1):
        steep = slope(weights)
        # Adam (Kingma and Ba 2015, algorithm 1): the features differ much in size.
        moment = 0.9 * moment + 0.1 * steep
        velocity = 0.99 * velocity + 0.01 * steep**2
        pace = 0.15 * (1 - 0.9 * step / rounds)
        weights = weights + pace * (moment / (1 - 0.9**step)) / (
            np.sqrt(velocity / (1 - 0.99**step)) + 1e-8
        )
    return weights


def _sum(found: Array, segments: Sequence[Segment]) -> Array:
    return np.sum([found[each.start, each.end - 1, each.expert] for each in segments], axis=0)


def expected_features(found: Array, weights: Array) -> Array:
    """Return the expected features over all segmentations of a question under the model."""
    scores = found @ weights
    stretches = _log_sum(scores)
    forward, backward = _forward(stretches), _backward(stretches)
    count = len(stretches)
    chance = scores + forward[:count, None, None] + backward[None, 1:, None] - forward[-1]
    return np.einsum("ije,ijef->f", np.exp(np.minimum(chance, 0.0)), found, optimize=True)
