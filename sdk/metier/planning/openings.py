"""Which words begin a request, and which end one: what the cards' examples tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from metier.planning.cutting import SEPARATOR, words_of

# Of a longer word its end is enough.
_LONGEST_WORD = 40


class Openings:
    """Which words begin a request, and which end one, counted in examples.

    Args:
        texts: requests, each whole.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._first: Counter[str] = Counter()
        self._last: Counter[str] = Counter()
        self._after: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._all: Counter[str] = Counter()
        for text in texts:
            if words := words_of(text):
                self._first[words[0]] += 1
                self._last[words[-1]] += 1
                self._all.update(words)
                self._read_inside(text)

    def _read_inside(self, text: str) -> None:
        for match in SEPARATOR.finditer(text):
            before = words_of(text[max(0, match.start() - _LONGEST_WORD) : match.start()])
            after = words_of(text[match.end() : match.end() + _LONGEST_WORD])
            if before and after:
                self._before[before[-1]] += 1
                self._after[after[0]] += 1

    def begins(self, text: str, *, bare: bool = False) -> float:
        """How likely a request begins with the first word of a text: 0 to 1.

        Args:
            bare: nothing stands before it, so other places in the middle of a sentence count, too.
        """
        words = words_of(text)
        if not words:
            return 0.0
        return _share(self._first[words[0]], self._others(words[0], self._first, self._after, bare))

    def ends(self, text: str, *, bare: bool = False) -> float:
        """How likely a request ends with the last word of a text: 0 to 1.

        Args:
            bare: nothing stands after it.
        """
        words = words_of(text)
        if not words:
            return 0.0
        return _share(
            self._last[words[-1]], self._others(words[-1], self._last, self._before, bare)
        )

    def may_begin(self, word: str) -> bool:
        """Whether a request may begin with a word although nothing stands before it."""
        return self._first[word] >= 2 and self.begins(word, bare=True) >= 0.35

    def _others(
        self, word: str, right: Counter[str], at_separators: Counter[str], bare: bool
    ) -> int:
        return self._all[word] - right[word] if bare else at_separators[word]


def _share(right: int, wrong: int) -> float:
    # Laplace's rule: of a word that was never seen nothing is known.
    return (right + 1.0) / (right + wrong + 2.0)
