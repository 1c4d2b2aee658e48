"""The words that texts share, by which short descriptions are often found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from metier.models.embedder import normalised, unit
from metier.planning.learning.hashing import dampened, hashed_counts, with_pairs

Array = npt.NDArray[np.float64]

# Thai, Lao, kana and Han are written without spaces: their words are pairs of characters, as usual
# in searching (Lucene's CJKBigramFilter).
_APART = (
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0eff"
    r"\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u9fff"
)
_WORD = re.compile(
    rf"[^\W_{_APART}]+|(?=([{_APART}]{{2}}))[{_APART}]|(?<![{_APART}])[{_APART}](?![{_APART}])"
)
_IS_APART = re.compile(f"[{_APART}]")
_SLOTS = 4096
# Slots of their own, so that no pair of characters shares one with a word.
_APART_SLOTS = 2048
_K1 = 1.2
_B = 0.75
# These are in every question and say nothing about its subject.
_EMPTY = frozenset(
    "a about am an and any are as at be been being but by can could did do does doing for from "
    "get give had has have help her here him his how i if in into is it its just know like let "
    "looking may me might my need no not of on or our please provide s should show so some "
    "such t tell than that the their them then there these they this those to too us use using "
    "want was way we were what when where which while who why will with would you your".split()
)


def words(text: str) -> list[str]:
    """Return a text's words without their endings, in order.

    >>> words("Which studies compare dosing?")
    ['which', 'study', 'compare', 'dos']
    >>> words("用Python写脚本")
    ['用', 'python', '写脚', '脚本']
    """
    return [_stem(word) for word in _found(text)]


def telling(text: str) -> list[str]:
    """Return the stems of the words that say what a text is about.

    >>> telling("Can you help me to find cheap flights?")
    ['find', 'cheap', 'flight']
    """
    return [_stem(word) for word in _found(text) if word not in _EMPTY]


def said(text: str) -> dict[str, str]:
    """Map the words that say what a text is about, as written, to their stems."""
    return {word: _stem(word) for word in _found(text) if word not in _EMPTY}


def shared(stem_of: Mapping[str, str], stems: Collection[str]) -> tuple[str, ...]:
    """Return the words of `said` whose stems are among these."""
    return tuple(word for word, stem in stem_of.items() if stem in stems)


def _found(text: str) -> list[str]:
    return [match[1] or match[0] for match in _WORD.finditer(normalised(text))]


def _stem(word: str) -> str:
    """Strip plural, -ing and -ed (an extended S-stemmer, Harman 1991, section 2)."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WordScores:
    """Okapi BM25 of queries over documents.

    bm25s computes what each word adds to each document; scoring a query adds that up. So the
    library, whose import takes as long as making a plan, is needed only when documents change.

    Attributes:
        vocabulary: the number of each word.
        starts: where the entries of each word begin, and where the last ones end.
        documents: the document of each entry.
        added: what the word adds to the document's score.
        count: the number of documents.
    """

    vocabulary: Mapping[str, int]
    starts: npt.NDArray[np.int32]
    documents: npt.NDArray[np.int32]
    added: npt.NDArray[np.float32]
    count: int

    @classmethod
    def of(cls, documents: Sequence[Sequence[str]]) -> Self:
        """Compute BM25 over documents, given by their telling words."""
        if not any(documents):
            nothing = np.zeros(0, np.int32)
            return cls(
                vocabulary={},
                starts=np.zeros(1, np.int32),
                documents=nothing,
                added=nothing.astype(np.float32),
                count=len(documents),
            )
        import bm25s

        index = bm25s.BM25(k1=_K1, b=_B)
        index.index([list(words) for words in documents], show_progress=False)
        return cls(
            vocabulary=dict(index.vocab_dict),
            starts=np.asarray(index.scores["indptr"], np.int32),
            documents=np.asarray(index.scores["indices"], np.int32),
            added=np.asarray(index.scores["data"], np.float32),
            count=len(documents),
        )

    def scores(self, queries: Sequence[Sequence[str]]) -> Array:
        """Score the documents for queries, shape (len(queries), documents)."""
        found = np.zeros((len(queries), self.count))
        for row, query in zip(found, queries, strict=True):
            for word in dict.fromkeys(query):
                entries = self._entries(word)
                row[self.documents[entries]] += self.added[entries]
        return found

    def holds(self, document: int, words: Iterable[str]) -> set[str]:
        """Return the words that a document has."""
        return {word for word in words if document in self.documents[self._entries(word)]}

    def _entries(self, word: str) -> slice:
        number = self.vocabulary.get(word)
        return slice(0, 0) if number is None else slice(*self.starts[number : number + 2].tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedWords:
    """Texts as unit vectors of their words and word pairs, weighted by TF-IDF.

    Attributes:
        weights: of each slot, shape (slots,).
    """

    weights: npt.NDArray[np.float32]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Learn the weights from texts."""
        held = (_counts(texts) > 0).sum(axis=0)
        return cls(weights=np.log((len(texts) + 1) / (held + 0.5)).astype(np.float32))

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the vectors of texts, shape (len(texts), slots)."""
        return unit(dampened(_counts(texts)) * self.weights)


def _counts(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    listed = [with_pairs(words(text)) for text in texts]
    spaced = [[each for each in mine if not _IS_APART.search(each)] for mine in listed]
    apart = [[each for each in mine if _IS_APART.search(each)] for mine in listed]
    return np.hstack([hashed_counts(spaced, _SLOTS), hashed_counts(apart, _APART_SLOTS)])
