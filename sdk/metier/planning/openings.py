"""Which words begin a request, and which end one, according to the cards' examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from metier.planning.cutting import SEPARATOR, words_of

# The end of a longer word is enough.
_LONGEST_WORD = 40


class Openings:
    """Which words begin a request, and which end one, counted in examples.

    Args:
        texts: requests, each whole.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._first: Counter[str] = Counter()
        self._last: Counter[str] = Counter()
        self._all: Counter[str] = Counter()
        self._texts = tuple(texts)
        for text in self._texts:
            if words := words_of(text):
                self._first[words[0]] += 1
                self._last[words[-1]] += 1
                self._all.update(words)

    @cached_property
    def _inside(self) -> tuple[Counter[str], Counter[str]]:
        """The words after and before each separator, for questions with several pieces."""
        later: Counter[str] = Counter()
        earlier: Counter[str] = Counter()
        for text in self._texts:
            for match in SEPARATOR.finditer(text):
                before = words_of(text[max(0, match.start() - _LONGEST_WORD) : match.start()])
                after = words_of(text[match.end() : match.end() + _LONGEST_WORD])
                if before and after:
                    earlier[before[-1]] += 1
                    later[after[0]] += 1
        return later, earlier

    def begins(self, text: str, *, bare: bool = False) -> float:
        """Return how likely a request begins with the first word of a text: 0 to 1.

        Args:
            bare: no separator precedes it, so its uses inside sentences count too.
        """
        words = words_of(text)
        if not words:
            return 0.0
        first = words[0]
        others = self._all[first] - self._first[first] if bare else self._inside[0][first]
        return _share(self._first[first], others)

    def ends(self, text: str, *, bare: bool = False) -> float:
        """Return how likely a request ends with the last word of a text: 0 to 1.

        Args:
            bare: no separator follows it.
        """
        words = words_of(text)
        if not words:
            return 0.0
        last = words[-1]
        others = self._all[last] - self._last[last] if bare else self._inside[1][last]
        return _share(self._last[last], others)

    def may_begin(self, word: str) -> bool:
        """Whether a request may begin with a word that no separator precedes."""
        return self._first[word] >= 2 and self.begins(word, bare=True) >= 0.35


def _share(right: int, wrong: int) -> float:
    # Laplace's rule, for words that were never seen.
    return (right + 1.0) / (right + wrong + 2.0)
