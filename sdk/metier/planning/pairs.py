"""Two needs in one request, detected by how its pieces pull towards different experts."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# No request without one of these was seen to need two experts.
_JOINED = re.compile(
    r"\b(?:and|also|as well as|along with|plus|additionally|while|or)\b|[,;]|[.?!]\s",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"(?<=[.!?;])\s+|,\s+|(?<!\s)\s++(?:and|along with|as well as|also|plus|or|with|while|about|on|"
    r"for|related to|that)\s+",
    re.IGNORECASE,
)
_LEAST_CHARS = 4
_MAX_CHARS = 2000
_AT_MOST = 12
# A logistic regression on `features`, by `python -m benchmarks.pairs`.
_WEIGHTS = np.array([13.765, -2.76, 2.259, -14.852, 11.556, 3.37])
_BIAS = -4.4809
# Among 10 experts and among 199: 3 % of the requests that need one expert are above it.
_THRESHOLDS = (10, 0.444), (199, 0.756)
FEWEST = _THRESHOLDS[0][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two experts that a request may need.

    Attributes:
        first, second: their numbers.
        probability: that both are needed.
        threshold: what it must reach; it rises with the number of experts, because the nearest
            wrong one gets nearer.
    """

    first: int
    second: int
    probability: float
    threshold: float


def phrases(question: str) -> tuple[str, ...]:
    """Return the pieces of a question between its joints; none if it joins nothing.

    >>> phrases("Give me trending stocks and recent news about them.")
    ('Give me trending stocks', 'recent news', 'them')
    """
    text = question.strip()[:_MAX_CHARS]
    if not _JOINED.search(text):
        return ()
    pieces = [piece.strip(" \t\n\"'.,?!") for piece in _CUT.split(text)]
    pieces = [piece for piece in pieces if len(piece) >= _LEAST_CHARS][:_AT_MOST]
    return tuple(pieces) if len(pieces) > 1 else ()


def pair_of(whole: Array, pieces: Array, *, cut: bool) -> Pair | None:
    """Return the two experts that a request pulls towards most; None if there are not two.

    Args:
        whole: how near the request is to each expert, shape (experts,).
        pieces: how near its pieces are, shape (pieces, experts).
        cut: whether its grammar asks for several things.
    """
    if whole.shape[0] < 2 or not len(pieces):
        return None
    found = features(whole, pieces, cut=cut)
    pull = _pull(whole, pieces)
    first, second = np.argsort(-pull, kind="stable")[:2].tolist()
    sizes, thresholds = zip(*_THRESHOLDS, strict=True)
    logit = float(_WEIGHTS @ found) + _BIAS
    return Pair(
        first=first,
        second=second,
        probability=1 / (1 + float(np.exp(-logit))),
        threshold=float(np.interp(np.log(len(whole)), np.log(sizes), thresholds)),
    )


def features(whole: Array, pieces: Array, *, cut: bool) -> Array:
    """Return the features that tell two needs from one, shape (6,)."""
    pull = _pull(whole, pieces)
    order = np.argsort(-pull, kind="stable")
    first, second = order[:2]
    rest = pull[order[2:]] if len(order) > 2 else np.zeros(1)
    gain = pieces[:, second] - pieces[:, first]
    return np.array(
        [
            pull[second],
            pull[first] - pull[second],
            pull[second] - rest[0],
            pull[second] - rest.mean(),
            # How clearly one piece belongs to the one and another piece to the other.
            min(gain.max(), (-gain).max()),
            float(cut),
        ]
    )


def _pull(whole: Array, pieces: Array) -> Array:
    return (whole + pieces.max(axis=0)) / 2
