"""A figure and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

_Z = 1.959964
_RESAMPLES = 2000


class Finding(BaseModel):
    """What an evaluation found."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Estimate(Finding):
    """A mean with its 95 % interval.

    Attributes:
        n: number of observations.
    """

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def share(cls, right: npt.NDArray[np.bool_]) -> Self:
        """The share that is true, 0 to 1, with Wilson's interval (1927)."""
        n = len(right)
        if not n:
            return cls(value=0.0, low=0.0, high=1.0, n=0)
        value = float(right.mean())
        centre = (value + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * math.sqrt(value * (1 - value) / n + (_Z / (2 * n)) ** 2) / (1 + _Z**2 / n)
        return cls(value=value, low=max(0.0, centre - half), high=min(1.0, centre + half), n=n)

    @classmethod
    def mean(cls, values: npt.NDArray[np.float64], *, seed: int = 0) -> Self:
        """The mean with a bootstrap interval (Efron 1979); of differences it is a paired one.

        Raises:
            ValueError: there is no value.
        """
        n = len(values)
        if not n:
            raise ValueError("there is no mean of nothing")
        # A bootstrap over n observations is a multinomial over their counts.
        counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
        low, high = np.percentile(counts @ values / n, [2.5, 97.5])
        return cls(value=float(values.mean()), low=float(low), high=float(high), n=n)


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p of McNemar's test (1947) for two ways to answer the same questions.

    Those that both or neither got right say nothing; were the two ways as good, each of the others
    would fall to either side like a coin.

    Args:
        gained: questions that only the second way got right.
        lost: questions that only the first did.
    """
    n = gained + lost
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**n)


def folds(
    texts: Sequence[str], groups: npt.NDArray[np.int64], *, count: int = 5
) -> npt.NDArray[np.int64]:
    """A fold for each text; always the same.

    Those of a group are spread evenly over the folds. Equal texts are in one fold, so that none
    is judged by what was learnt from itself.
    """
    _, first, which = np.unique(np.array(texts), return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(0).permutation(first)
    order = shuffled[np.argsort(groups[shuffled], kind="stable")]
    fold_of = np.empty(len(texts), dtype=np.int64)
    fold_of[order] = np.arange(len(order)) % count
    return fold_of[first][which]
