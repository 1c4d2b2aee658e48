"""Which experts' requests contain numbers, or name a function, according to the cards' examples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_NUMBER = re.compile(r"\d")
# `is_over(fee)`, not `f(x)` and not `sin(x)`.
_CALL = re.compile(
    r"\b(?!(?:sin|cos|tan|cot|sec|csc|log|exp|sqrt|abs|min|max)\()[A-Za-z_]\w{2,60}"
    r"\(((?:[A-Za-z_]\w{0,40}(?:, ?[A-Za-z_]\w{0,40}){0,8})?)\)"
)
# Books are returned as well: there, `book(s)` is no function.
_RETURNS = {"return", "returns"}
_PLURALS = {"s", "es", "en"}
# Words of programs in texts in any language.
_PROGRAMS = re.compile(
    r"\b(?:python|javascript|typescript|java|rust|ruby|golang|kotlin|swift|php|julia|def|func|code|"
    r"function|returns?|funktion|fonction|función|funzione|função|функция)\b",
    re.IGNORECASE,
)
# The kind of a text that names a function.
NAMED = 2
_KINDS = 3
# The weight of the overall share for each expert, in examples.
_TRUST = 5.0


def program_words(text: str) -> frozenset[str]:
    """Return the words in a text that are said of programs, in lower case."""
    return frozenset(word.lower() for word in _PROGRAMS.findall(text))


def kind_of(text: str, *, within: frozenset[str] | None = None) -> int:
    """Return 2 for a text that names a function to write, else 1 if it has a figure, else 0.

    Args:
        within: `program_words` of the question that it is a piece of; its own if not given.

    >>> kind_of("half of it"), kind_of("half of 9"), kind_of("then is_over(fee) in Python")
    (0, 1, 2)
    """
    words = program_words(text) if within is None else within
    if words and any(words - _RETURNS or each not in _PLURALS for each in _CALL.findall(text)):
        return NAMED
    return int(_NUMBER.search(text) is not None)


class Figures:
    """How much a number in a request, its absence, or a function's name favours each expert.

    "How many keys does a piano have" sounds like arithmetic, but has no number to calculate with.
    "True if n is above that mean" sounds like it, too, but goes with `above(n) in Python`.

    Args:
        examples: the requests of each expert.
    """

    def __init__(self, examples: Mapping[str, Iterable[str]] = {}) -> None:
        self._examples = examples

    @cached_property
    def _counts(self) -> dict[str, Array]:
        """Examples of each kind, for questions with several pieces."""
        return {
            name: np.bincount([kind_of(text) for text in texts], minlength=_KINDS).astype(
                np.float64
            )
            for name, texts in self._examples.items()
        }

    def log_odds(self, experts: Sequence[str]) -> Array:
        """Return how much likelier each expert is for a text of each kind.

        Returns:
            The logarithms, shape (3, experts); 0 for an expert without examples.
        """
        total = sum(self._counts.values(), np.ones(_KINDS))
        shares = total / total.sum()
        found = np.zeros((_KINDS, len(experts)))
        for n, name in enumerate(experts):
            mine = self._counts.get(name, np.zeros(_KINDS)) + _TRUST * shares
            found[:, n] = np.log(mine / mine.sum()) - np.log(shares)
        return found
