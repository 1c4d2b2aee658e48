"""The map of capabilities: their vectors in two dimensions, and which of them lie together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from metier.models.embedder import Vectors
from metier.planning.index import CapabilityIndex, RowKind

# How many pairs of capabilities of different experts are shown, the most alike first.
_OVERLAPS = 12
_NEAREST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A capability on the map; coordinates lie between -1 and 1."""

    expert: str
    capability: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Two capabilities of different experts, and how alike they are (cosine)."""

    first: tuple[str, str]
    second: tuple[str, str]
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A text of a card near the question."""

    expert: str
    capability: str
    text: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityMap:
    """All capabilities, those that are most alike, and where the question lies.

    Attributes:
        kept: share of the variance that two dimensions keep.
    """

    places: tuple[Place, ...]
    overlaps: tuple[Overlap, ...]
    kept: float
    question: tuple[float, float] | None = None
    nearest: tuple[Near, ...] = ()


def capability_map(index: CapabilityIndex, question: Vectors | None) -> CapabilityMap:
    """The map of an index by principal components.

    Args:
        question: one vector, of shape (1, dimension).
    """
    names, means = _means(index)
    middle = means.mean(axis=0) if names else np.zeros(index.dimension, np.float32)
    axes, kept = _axes(means - middle)
    flat = (means - middle) @ axes
    asked = None if question is None else (question - middle) @ axes
    scale = float(max(np.abs(each).max(initial=0.0) for each in (flat, asked) if each is not None))
    flat = flat / (scale or 1.0)
    return CapabilityMap(
        places=tuple(
            Place(expert=expert, capability=name, x=float(x), y=float(y))
            for (expert, name), (x, y) in zip(names, flat, strict=True)
        ),
        overlaps=_overlaps(names, means),
        kept=kept,
        question=None if asked is None else _point(asked[0] / (scale or 1.0)),
        nearest=() if question is None else _nearest(index, question),
    )


def _means(index: CapabilityIndex) -> tuple[list[tuple[str, str]], Vectors]:
    """One unit vector a capability: the mean of its texts, counterexamples left out."""
    names, rows = [], []
    for name, ids in index.capabilities.items():
        own = [i for i in ids if index.rows[i].kind is not RowKind.COUNTEREXAMPLE]
        mean = index.vectors(np.array(own, dtype=np.int64)).mean(axis=0)
        names.append(name)
        rows.append(mean / (np.linalg.norm(mean) or 1.0))
    return names, np.array(rows, np.float32).reshape(len(names), index.dimension)


def _axes(centred: Vectors) -> tuple[Vectors, float]:
    """The two directions of greatest variance, as columns, and the share that they keep."""
    axes = np.zeros((centred.shape[1], 2), np.float32)
    if not len(centred):
        return axes, 1.0
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    found = directions[:2].T
    axes[:, : found.shape[1]] = found
    total = float((spread**2).sum())
    return axes, float((spread[:2] ** 2).sum()) / total if total else 1.0


def _point(row: Vectors) -> tuple[float, float]:
    return float(row[0]), float(row[1])


def _overlaps(names: list[tuple[str, str]], means: Vectors) -> tuple[Overlap, ...]:
    alike = means @ means.T
    pairs = [
        Overlap(first=names[i], second=names[j], similarity=float(alike[i, j]))
        for i, j in combinations(range(len(names)), 2)
        if names[i][0] != names[j][0]
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.similarity)[:_OVERLAPS])


def _nearest(index: CapabilityIndex, question: Vectors) -> tuple[Near, ...]:
    return tuple(
        Near(
            expert=hit.row.expert,
            capability=hit.row.capability,
            text=hit.row.text,
            similarity=hit.similarity,
        )
        for hit in index.search(question, _NEAREST)[0]
    )
