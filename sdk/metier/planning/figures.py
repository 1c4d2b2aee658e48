"""Whose requests bring numbers along: what the cards' examples tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_NUMBER = re.compile(r"\d")
# How much the share of all examples counts for each expert, in examples.
_TRUST = 5.0


def has_number(text: str) -> bool:
    """Whether a figure is in a text."""
    return _NUMBER.search(text) is not None


class Figures:
    """How much a number in a request, or its absence, speaks for each expert.

    "How many keys does a piano have" sounds like a sum, but brings nothing to reckon with.

    Args:
        examples: the requests of each expert.
    """

    def __init__(self, examples: Mapping[str, Iterable[str]] = {}) -> None:
        self._examples = examples

    @cached_property
    def _counts(self) -> dict[str, Array]:
        """Examples without and with a number; only a question of several pieces asks."""
        return {
            name: np.bincount([has_number(text) for text in texts], minlength=2).astype(np.float64)
            for name, texts in self._examples.items()
        }

    def log_odds(self, experts: Sequence[str]) -> Array:
        """How much likelier each expert is for a text without a number, and for one with.

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
