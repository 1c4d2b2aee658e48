"""Kernel ridge regression to classes, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors

Labels = npt.NDArray[np.int64]

_WIDTH = 2.0
_RIDGE = 0.1
# Keeps the system solvable if two texts are the same.
_JITTER = 1e-4
_CENTRES = 3000
_BLOCK = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KernelRidge:
    """Scores classes, near 1 for the right one and near 0 for the others.

    With more rows than centres it is a Nyström approximation: the regression is solved exactly in
    the span of a random subset of rows (Rudi, Camoriano and Rosasco 2015, "Less is more: Nyström
    computational regularization", section 2).

    Attributes:
        centres: unit vectors, shape (c, dimension).
        weights: shape (c, classes).
    """

    centres: Vectors
    weights: Vectors

    @classmethod
    def fit(cls, rows: Vectors, labels: Labels, *, classes: int, always: int = 0) -> Self:
        """Learn from unit vectors, in any order.

        Args:
            rows: shape (n, dimension).
            labels: the class of each row, from 0, shape (n,).
            always: how many of the last rows are always centres.
        """
        own = len(rows) - always
        order = _order(rows[:own], labels[:own])
        drawn = np.random.default_rng(0).permutation(len(order))[:_CENTRES]
        order = np.concatenate([order, np.arange(own, len(rows))])
        rows, labels = rows[order], labels[order]
        centres = np.concatenate([rows[np.sort(drawn)], rows[own:]])
        system = _RIDGE * _kernel(centres, centres) + _JITTER * np.eye(len(centres))
        target = np.zeros((len(centres), classes))
        for start in range(0, len(rows), _BLOCK):
            block = _kernel(rows[start : start + _BLOCK], centres)
            system += block.T @ block
            target += block.T @ np.eye(classes)[labels[start : start + _BLOCK]]
        weights = np.linalg.solve(system, target)
        return cls(centres=centres, weights=weights.astype(np.float32))

    def scores(self, queries: Vectors) -> npt.NDArray[np.float64]:
        """Score the classes for queries, shape (len(queries), classes)."""
        return (_kernel(queries, self.centres).astype(np.float32) @ self.weights).astype(np.float64)


def _kernel(left: Vectors, right: Vectors) -> npt.NDArray[np.float64]:
    """The Gaussian kernel of unit vectors."""
    return np.exp(_WIDTH * ((left @ right.T).astype(np.float64) - 1))


def _order(rows: Vectors, labels: Labels) -> Labels:
    keys = [(row.tobytes(), int(label)) for row, label in zip(rows, labels, strict=True)]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
