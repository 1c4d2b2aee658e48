"""Corrections of the selector's scores, learnt from rated questions.

Kernel ridge regression on what the selector gets wrong (Rasmussen & Williams, Gaussian Processes
for Machine Learning, 2.2): the target of a question and an expert is 1 or 0 minus the selector's
probability. Ratings that agree with the selector teach little, and a wrong one is outvoted by its
neighbours, the more so the larger the ridge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors
from metier.planning.learning.artefacts import Packed

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_WIDTH = 4.0
_SCALES = 2.0 ** np.arange(0, 6.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How much ratings count.

    Attributes:
        ridge: how many ratings it takes to be believed; the larger, the less a wrong one does.
        gain: the size of the correction, in units of the selector's log-probabilities.
    """

    ridge: float
    gain: float


STRENGTHS = tuple(
    Strength(ridge=ridge, gain=gain) for ridge in (0.3, 1.0, 3.0) for gain in (1.0, 3.0, 6.0)
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatedExamples:
    """Corrections of scores near the questions that were rated.

    Attributes:
        experts: those whose scores are corrected.
        vectors: of the questions, shape (n, dimension).
        weights: shape (n, experts), in the selector's own units.
    """

    experts: tuple[str, ...]
    vectors: Vectors
    weights: Array

    name: ClassVar[str] = "ratings"
    teaches: ClassVar[str] = "which expert answers what, from rated answers"
    version: ClassVar[int] = 1

    @classmethod
    def fit(
        cls,
        experts: Sequence[str],
        vectors: Vectors,
        scores: Array,
        owners: Numbers,
        strength: Strength,
    ) -> Self:
        """Learn from questions whose right expert is known.

        Args:
            scores: the selector's, shape (n, experts).
            owners: the number of each question's expert.
        """
        scale = _scale(scores, owners)
        right = np.eye(len(experts))[owners]
        residual = right - np.exp(_log_softmax(scale * scores))
        kernel = _kernel(vectors, vectors)
        solved = np.linalg.solve(kernel + strength.ridge * np.eye(len(kernel)), residual)
        weights = (strength.gain / scale * solved).astype(np.float64)
        return cls(experts=tuple(experts), vectors=vectors, weights=weights)

    def correction(self, queries: Vectors, experts: Sequence[str]) -> Array:
        """Return what to add to the scores, shape (queries, experts); 0 for unknown experts."""
        known = {name: n for n, name in enumerate(self.experts)}
        found = np.zeros((len(queries), len(experts)))
        if queries.shape[1] != self.vectors.shape[1]:
            return found
        learnt = _kernel(queries, self.vectors) @ self.weights
        for n, name in enumerate(experts):
            if name in known:
                found[:, n] = learnt[:, known[name]]
        return found

    def packed(self) -> Packed:
        """Return what to save."""
        arrays = {"vectors": self.vectors, "weights": self.weights}
        return Packed(data={"experts": list(self.experts)}, arrays=arrays)

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError, KeyError: it is incomplete.
        """
        experts = tuple(map(str, packed.data["experts"]))
        vectors, weights = packed.arrays["vectors"], packed.arrays["weights"]
        if vectors.ndim != 2 or weights.shape != (len(vectors), len(experts)):
            raise ValueError("vectors and weights do not match")
        return cls(experts=experts, vectors=vectors, weights=weights)


def _kernel(left: Vectors, right: Vectors) -> Array:
    """Near 1 for the same text, near 0 for right angles and beyond."""
    cosines = left.astype(np.float64) @ right.T.astype(np.float64)
    return np.exp(_WIDTH * (cosines - 1))


def _scale(scores: Array, owners: Numbers) -> float:
    rows = np.arange(len(owners))
    gains = [float(_log_softmax(scale * scores)[rows, owners].mean()) for scale in _SCALES]
    return float(_SCALES[int(np.argmax(gains))])


def _log_softmax(scores: Array) -> Array:
    top = scores - scores.max(axis=1, keepdims=True)
    return top - np.log(np.exp(top).sum(axis=1, keepdims=True))
