"""Whether a request needs one step or several: by grammar, or learnt from labelled requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from metier.errors import InvalidInput
from metier.models.embedder import Vectors
from metier.planning.learning.artefacts import Packed
from metier.planning.learning.hashing import dampened, hashed_counts, with_pairs
from metier.planning.splitting.clauses import MAX_CHARS, ClauseKind, clauses, masked, pieces
from metier.planning.splitting.wording import pattern

Array = npt.NDArray[np.float32]

_BUCKETS = 8192
_TOKEN = re.compile(r"\w+|[,.?;:]")
# The kernel: words, plus twice a Gaussian of the vectors, plus a tenth of the signs.
_VECTOR_SHARE = 2.0
_SIGN_SHARE = 0.1
_GAUSSIAN = 6.0
_RIDGES = (0.03, 0.1, 0.3, 1.0)
# The system is dense: 4,000 rows take 64 MB.
_ROWS = 4000

_SIGNS = tuple(
    pattern(text)
    for text in (
        r"\b(?:also|additionally|in addition|as well|furthermore|moreover|besides|meanwhile)\b",
        r"\b(?:then|finally|next|lastly|afterwards?|subsequently|later|first|followed by)\b",
        r"\b(?:after|before|once|while)\b",
        r"(?:,|\band|\bthen)\s[a-z]{3,15}ing\b",
        r"\bby\s[a-z]{3,15}ing\b",
        r"\b(?:based on|according to|using|from) (?:the|it|that|this|those|them|its)\b",
        r"\bthe (?:results?|resulting|output|final|same)\b",
        r"\b(?:the|this|that|its|their) [a-z]{3,15}ed [a-z]{3}",
        r"\b(?:as well as|along with|together with)\b",
        r"\band (?:an?|the|my|its|some|any)\b",
        r"\b(?:it|them)\b",
        r",",
        r"\?",
    )
)


def asks_several(question: str) -> bool:
    """Whether the grammar of a question asks for several things; this needs no learning."""
    return len(clauses(question)) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentClassifier:
    """A classifier learnt from requests that were labelled "one step" or "several".

    Kernel ridge regression on -1 and +1, with the ridge of the least leave-one-out error, which has
    a closed form (Rifkin and Lippert 2007, "Notes on regularized least squares", section 3). The
    kernel is the sum of words and word pairs (TF-IDF, hashed), a Gaussian of the vectors, and
    counts of what joins requests, such as `then` or `based on it`.

    Attributes:
        vectors: of the requests learnt from, shape (n, dimension).
        weights: of each of them, shape (n,).
        rarity: inverse document frequency of each bucket of words, shape (8192,).
        words: weight of each bucket, shape (8192,).
        scale: mean and deviation of each sign, shape (2, signs).
        signs: weight of each sign, shape (signs,).
        bias: the mean label, shape (1,).
    """

    name: ClassVar[str] = "needs"
    teaches: ClassVar[str] = "whether a request needs several steps"
    # Also raised when the words or the signs change.
    version: ClassVar[int] = 1

    vectors: Vectors
    weights: Array
    rarity: Array
    words: Array
    scale: Array
    signs: Array
    bias: Array

    @classmethod
    def fit(cls, texts: Sequence[str], vectors: Vectors, several: Sequence[bool]) -> Self:
        """Learn from requests, or from an even selection if there are more than 4,000.

        Args:
            vectors: the texts' unit vectors, shape (len(texts), dimension).
            several: for each text, whether it asks for several things.

        Raises:
            InvalidInput: the lengths differ, or all labels are the same.
        """
        if not len(texts) == len(vectors) == len(several):
            raise InvalidInput(
                f"{len(texts)} texts, {len(vectors)} vectors and {len(several)} labels differ"
            )
        if len(set(map(bool, several))) < 2:
            raise InvalidInput("requests with one step and with several are both needed to learn")
        chosen = range(0, len(texts), -(-len(texts) // _ROWS))
        learnt = [texts[n] for n in chosen]
        rows = np.asarray(vectors, np.float32)[list(chosen)]
        labels = np.array([1.0 if several[n] else -1.0 for n in chosen])

        counts = _words(learnt)
        rarity = np.log((1 + len(learnt)) / (1 + (counts > 0).sum(axis=0))).astype(np.float32) + 1
        bags = _weighed(counts, rarity)
        found = _signs(learnt)
        scale = np.stack([found.mean(axis=0), found.std(axis=0) + 1e-6])
        signs = _scaled(found, scale)
        kernel = bags @ bags.T + _VECTOR_SHARE * _gaussian(rows, rows) + signs @ signs.T
        bias = labels.mean()
        weights = _solved(kernel.astype(np.float32), labels - bias).astype(np.float32)
        return cls(
            vectors=rows,
            weights=weights,
            rarity=rarity,
            words=bags.T @ weights,
            scale=scale,
            signs=signs.T @ weights,
            bias=np.array([bias], np.float32),
        )

    def predict(self, texts: Sequence[str], vectors: Vectors) -> npt.NDArray[np.float64]:
        """Return the probability that each text asks for several things, shape (len(texts),).

        Raises:
            InvalidInput: the vectors do not match those learnt from.
        """
        queries = np.asarray(vectors, np.float32)
        if queries.shape != (len(texts), self.vectors.shape[1]):
            raise InvalidInput(
                f"vectors of shape {queries.shape} for {len(texts)} texts; "
                f"learnt with dimension {self.vectors.shape[1]}"
            )
        score = (
            _weighed(_words(texts), self.rarity) @ self.words
            + _VECTOR_SHARE * _gaussian(queries, self.vectors) @ self.weights
            + _scaled(_signs(texts), self.scale) @ self.signs
            + self.bias
        )
        return np.clip((score.astype(np.float64) + 1) / 2, 0.0, 1.0)

    def packed(self) -> Packed:
        """Return what to save."""
        return Packed(arrays={field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError, TypeError: it is incomplete.
        """
        loaded = cls(**packed.arrays)
        if not loaded._is_whole():
            raise ValueError("the arrays do not match")
        return loaded

    def _is_whole(self) -> bool:
        arrays = [getattr(self, field.name) for field in fields(self)]
        count = len(_SIGNS) + 2
        shapes = ((_BUCKETS,), (_BUCKETS,), (2, count), (count,), (1,))
        return (
            all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)
            and self.vectors.ndim == 2
            and self.weights.shape == self.vectors.shape[:1]
            and tuple(array.shape for array in arrays[2:]) == shapes
        )


def _solved(kernel: Array, labels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The weights of the ridge with the least leave-one-out error."""
    best = (np.inf, np.zeros(len(labels)))
    for ridge in _RIDGES:
        inverse = np.linalg.inv(kernel + ridge * np.eye(len(kernel), dtype=np.float32))
        weights = inverse @ labels
        error = float(np.square(weights / np.diag(inverse)).sum())
        if error < best[0]:
            best = (error, weights)
    return best[1]


def _gaussian(left: Vectors, right: Vectors) -> Array:
    return np.exp(_GAUSSIAN * (left @ right.T - 1))


def _words(texts: Sequence[str]) -> Array:
    """Words and word pairs of each text, hashed: 1 + log(count), shape (len, buckets)."""
    tokens = [_TOKEN.findall(text.lower()) for text in texts]
    features = [[*said, *with_pairs(["", *said, ""])[len(said) + 2 :]] for said in tokens]
    return dampened(hashed_counts(features, _BUCKETS))


def _weighed(counts: Array, rarity: Array) -> Array:
    weighed = counts * rarity
    return weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-6)


def _signs(texts: Sequence[str]) -> Array:
    """Clauses, requests and signs of each text: log(1 + count), shape (len, signs + 2)."""
    return np.log1p(np.array([_counted(text) for text in texts], np.float32))


def _counted(text: str) -> list[int]:
    if len(text) > MAX_CHARS:
        return [1, 0, *(0 for _ in _SIGNS)]  # a document, not a list of requests
    told = masked(text)[0]
    asked = sum(
        piece.kind not in (ClauseKind.STATEMENT, ClauseKind.ADDS_NOTHING) for piece in pieces(told)
    )
    return [len(clauses(text)), asked, *(len(sign.findall(told)) for sign in _SIGNS)]


def _scaled(signs: Array, scale: Array) -> Array:
    return (signs - scale[0]) / scale[1] * np.float32(np.sqrt(_SIGN_SHARE / len(scale[0])))
