"""Which experts' requests contain numbers, according to the cards' examples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_NUMBER = re.compile(r"\d")
# The weight of the overall share for each expert, in examples.
_TRUST = 5.0


def has_number(text: str) -> bool:
    """Whether a text contains a figure."""
    return _NUMBER.search(text) is not None


class Figures:
    """How much a number in a request, or its absence, favours each expert.

    "How many keys does a piano have" sounds like arithmetic, but has no number to calculate with.

    Args:
        examples: the requests of each expert.
    """

    def __init__(self, examples: Mapping[str, Iterable[str]] = {}) -> None:
        self._examples = examples

    @cached_property
    def _counts(self) -> dict[str, Array]:
        """Examples without and with a number, for questions with several pieces."""
        return {
            name: np.bincount([has_number(text) for text in texts], minlength=2).astype(np.float64)
            for name, texts in self._examples.items()
        }

    def log_odds(self, experts: Sequence[str]) -> Array:
        """Return how much likelier each expert is for a text without a number, and with one.

        Returns:
            The logarithms, shape (2, experts); 0 for an expert without examples.
        """
        total = sum(self._counts.values(), np.ones(2))
        shares = total / total.sum()
        found = np.zeros((2, len(experts)))
        for n, name in enumerate(experts):
            mine = self._counts.get(name, np.zeros(2)) + _TRUST * shares
            found[:, n] = np.log(mine / mine.sum()) - np.log(shares)
        return found
