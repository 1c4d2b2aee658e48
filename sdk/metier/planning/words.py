"""The words of texts: what they share, which is what a short description is often found by."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from metier.embedding.embedder import normalised, unit
from metier.learning.hashing import dampened, hashed_counts, with_pairs

Array = npt.NDArray[np.float64]

_WORD = re.compile(r"[^\W_]+")
_SLOTS = 4096
_K1 = 1.2
_B = 0.75
# They stand in every question and say nothing of what it is about.
_EMPTY = frozenset(
    "a about am an and any are as at be been being but by can could did do does doing for from "
    "get give had has have help her here him his how i if in into is it its just know like let "
    "looking may me might my need no not of on or our please provide s should show so some "
    "such t tell than that the their them then there these they this those to too us use using "
    "want was way we were what when where which while who why will with would you your".split()
)


def words(text: str) -> list[str]:
    """Its words without their endings, in order.

    >>> words("Which studies compare dosing?")
    ['which', 'study', 'compare', 'dos']
    """
    return [_stem(word) for word in _WORD.findall(normalised(text))]


def telling(text: str) -> list[str]:
    """Its words that say what it is about.

    >>> telling("Can you help me to find cheap flights?")
    ['find', 'cheap', 'flight']
    """
    return [_stem(word) for word in _WORD.findall(normalised(text)) if word not in _EMPTY]


def said(text: str) -> dict[str, str]:
    """Its words that say what it is about, as they stand there, each with its stem."""
    return {word: _stem(word) for word in _WORD.findall(normalised(text)) if word not in _EMPTY}


def shared(stem_of: Mapping[str, str], stems: Collection[str]) -> tuple[str, ...]:
    """The words of `said` whose stems are among these."""
    return tuple(word for word, stem in stem_of.items() if stem in stems)


def _stem(word: str) -> str:
    """Without plural, -ing and -ed (an extended S-stemmer, Harman 1991, section 2)."""
    if word[-1] not in "sgd":
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("ss"):
        return word
    for ending, least in (("ings", 4), ("ing", 3), ("ed", 4), ("es", 4), ("s", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            return word[: -len(ending)]
    return word


class WordScores:
    """Okapi BM25 of queries over documents (by bm25s).

    Args:
        documents: telling words of each document.
    """

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._count = len(documents)
        self._index = None
        self._known: Collection[str] = ()
        if any(documents):
            import bm25s  # takes as long to import as a plan takes to make

            self._index = bm25s.BM25(k1=_K1, b=_B)
            self._index.index([list(words) for words in documents], show_progress=False)
            self._known = self._index.vocab_dict.keys()

    def scores(self, queries: Sequence[Sequence[str]]) -> Array:
        """Shape (len(queries), documents)."""
        found = np.zeros((len(queries), self._count))
        for row, query in zip(found, queries, strict=True):
            known = [word for word in dict.fromkeys(query) if word in self._known]
            if known and self._index is not None:
                row[:] = self._index.get_scores(known)
        return found


class HashedWords:
    """Texts as unit vectors of their words and pairs of words, weighted by TF-IDF.

    Args:
        texts: the texts that the weights are learnt from.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        held = (_counts(texts) > 0).sum(axis=0)
        self._weights = np.log((len(texts) + 1) / (held + 0.5)).astype(np.float32)

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), slots)."""
        return unit(dampened(_counts(texts)) * self._weights)


def _counts(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    return hashed_counts([with_pairs(words(text)) for text in texts], _SLOTS)
