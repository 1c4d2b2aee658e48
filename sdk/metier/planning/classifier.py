"""A small classifier of texts by capability, learnt from the examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors

Array = npt.NDArray[np.float64]
Cosines = npt.NDArray[np.floating]

# How much the words count compared with the meaning.
_WORD_SHARE = 0.3
_RIDGE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityClassifier:
    """Kernel ridge regression to capabilities, over meaning and words together.

    The kernel is `exp(cosine - 1)` of the vectors plus a share of the cosine of the words. The
    regression and its leave-one-out predictions have closed forms (Rifkin and Klautau 2004, "In
    defense of one-vs-all classification", section 5).

    Attributes:
        weights: of each row, shape (rows, capabilities).
        word_weights: what each word adds, which is known in advance because words enter the kernel
            linearly; shape (slots, capabilities).
        left_out: the scores of each row without learning from it, shape (rows, capabilities).
    """

    weights: Vectors
    word_weights: Vectors
    left_out: Vectors

    @classmethod
    def fit(
        cls, vectors: Vectors, words: Vectors, owners: npt.NDArray[np.int64], *, count: int
    ) -> Self:
        """Learn from rows whose capability is known.

        Args:
            vectors: unit vectors of the rows, shape (rows, dimension).
            words: their words as unit vectors, shape (rows, slots).
            owners: the capability of each row, shape (rows,).
            count: the number of capabilities.
        """
        kernel = _kernel(vectors @ vectors.T, words @ words.T)
        inverse = np.linalg.inv(kernel + _RIDGE * np.eye(len(vectors)))
        wanted = np.eye(count)[owners]
        weights = inverse @ wanted
        left_out = wanted - weights / np.diag(inverse)[:, None]
        return cls(
            weights=weights.astype(np.float32),
            word_weights=(_WORD_SHARE * words.T @ weights).astype(np.float32),
            left_out=left_out.astype(np.float32),
        )

    def scores(self, cosines: Cosines, words: Vectors) -> Array:
        """Return scores near 1 for the capability that a text belongs to, near 0 for others.

        Args:
            cosines: of the texts to the rows, shape (texts, rows).
            words: of the texts, shape (texts, slots).
        """
        used = np.flatnonzero(words.any(axis=0))
        by_meaning = _meaning(cosines).astype(np.float32) @ self.weights
        by_words = words[:, used] @ self.word_weights[used]
        return (by_meaning + by_words).astype(np.float64)

    def held_out(self, numbers: npt.NDArray[np.int64]) -> Array:
        """Return the scores of its own rows with these numbers, each without learning from it."""
        return self.left_out[numbers].astype(np.float64)


def _kernel(cosines: Cosines, shared: Cosines) -> Array:
    return _meaning(cosines.astype(np.float64)) + _WORD_SHARE * shared.astype(np.float64)


def _meaning(cosines: Cosines) -> Cosines:
    return np.exp(cosines - 1.0)
