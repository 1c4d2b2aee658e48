"""How near texts are to capabilities, by description, examples and counterexamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors, unit
from metier.planning.index import CapabilityIndex, RowKind

Array = npt.NDArray[np.float64]
Name = tuple[str, str]

# The weight of the name; the rest is the description's.
_NAME_SHARE = 0.2
# The similarity to something that a card does not have: lower than any other.
NOWHERE = -1.0
# Mean and deviation of `usual` for metier's own experts, with vectors of all-MiniLM-L6-v2.
USUALLY = (0.55, 0.13)
# The number of examples to compare with all others.
_COMPARED = 300
_LEAST_SPREAD = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """Cosine similarities of texts to capabilities, each of shape (texts, capabilities).

    Attributes:
        stated: to description and name.
        centroid: to the centroid of the examples; `NOWHERE` without any.
        best: to the nearest example; `NOWHERE` without any.
        counter: to the nearest counterexample; `NOWHERE` without any.
        examples: to every example, shape (texts, examples).
    """

    stated: Array
    centroid: Array
    best: Array
    counter: Array
    examples: Vectors


class CapabilityRows:
    """The vectors of several capabilities, laid out so that one product compares all of them.

    Args:
        names: the capabilities, (expert, name).

    Attributes:
        stated: vectors of the names and descriptions, shape (capabilities, dimension).
        examples: vectors of all examples, shape (examples, dimension).
        example_ids: their ids in the index.
        owners: the number of the capability that each example belongs to.
    """

    def __init__(self, index: CapabilityIndex, names: Sequence[Name]) -> None:
        self.names = list(names)
        self._index = index
        by_kind: dict[RowKind, tuple[list[int], list[int]]] = {kind: ([], []) for kind in RowKind}
        for n, name in enumerate(self.names):
            for i in index.capabilities[name]:
                ids, owners = by_kind[index.rows[i].kind]
                ids.append(i)
                owners.append(n)
        described = self._summed(*by_kind[RowKind.DESCRIPTION])
        named = self._summed(*by_kind[RowKind.NAME])
        self.stated = (1 - _NAME_SHARE) * described + _NAME_SHARE * named
        self.example_ids, owners = by_kind[RowKind.EXAMPLE]
        self.owners = np.array(owners, dtype=np.int64)
        self.examples = self._vectors(self.example_ids)
        self._sums = self._summed(self.example_ids, owners)
        self._centroids = unit(self._sums)
        self._examples_of = _Groups(owners, len(self.names))
        counter_ids, counter_owners = by_kind[RowKind.COUNTEREXAMPLE]
        self._counters = self._vectors(counter_ids)
        self._counters_of = _Groups(counter_owners, len(self.names))

    def nearness(self, queries: Vectors) -> Nearness:
        """Compare queries, shape (texts, dimension), with each capability."""
        return self._nearness(queries, queries @ self.examples.T, queries @ self._centroids.T)

    def outline(self, queries: Vectors) -> tuple[Array, Array]:
        """Return `stated` and `centroid` of `nearness` without comparing every example."""
        return self._to_stated(queries), self._to_centroids(queries @ self._centroids.T)

    @cached_property
    def usual(self) -> tuple[float, float]:
        """Mean and standard deviation of an example's similarity to the nearest other one.

        They show how much a similarity means with this embedder.
        """
        count = len(self.examples)
        numbers = np.arange(0, count, max(1, count // _COMPARED))
        if len(numbers) < _COMPARED // 10:
            return USUALLY
        near = self.examples[numbers] @ self.examples.T
        near[np.arange(len(numbers)), numbers] = NOWHERE
        best = near.max(axis=1)
        return float(best.mean()), max(float(best.std()), _LEAST_SPREAD)

    def held_out(self, numbers: npt.NDArray[np.int64]) -> Nearness:
        """Compare the examples with these numbers, each as if it were not on its card."""
        queries = self.examples[numbers]
        examples = queries @ self.examples.T
        examples[np.arange(len(numbers)), numbers] = NOWHERE
        owners = self.owners[numbers]
        centroids = queries @ self._centroids.T
        without = unit(self._sums[owners] - queries)
        centroids[np.arange(len(numbers)), owners] = np.sum(without * queries, axis=1)
        return self._nearness(queries, examples, centroids)

    def best_example(self, nearness: Nearness, text: int, capability: int) -> str | None:
        """Return the example of a capability that is nearest to a text."""
        start, end = self._examples_of.bounds(capability)
        if start == end:
            return None
        best = start + int(np.argmax(nearness.examples[text, start:end]))
        return self._index.rows[self.example_ids[best]].text

    def _nearness(self, queries: Vectors, examples: Vectors, centroids: Vectors) -> Nearness:
        return Nearness(
            stated=self._to_stated(queries),
            centroid=self._to_centroids(centroids),
            best=self._examples_of.largest(examples),
            counter=self._counters_of.largest(queries @ self._counters.T),
            examples=examples,
        )

    def _to_stated(self, queries: Vectors) -> Array:
        return (queries @ self.stated.T).astype(np.float64)

    def _to_centroids(self, cosines: Vectors) -> Array:
        found = cosines.astype(np.float64)
        found[:, self._examples_of.empty] = NOWHERE
        return found

    def _vectors(self, ids: Sequence[int]) -> Vectors:
        if not ids:
            return np.zeros((0, self._index.dimension), np.float32)
        return self._index.vectors(np.array(ids, dtype=np.int64))

    def _summed(self, ids: Sequence[int], owners: Sequence[int]) -> Vectors:
        sums = np.zeros((len(self.names), self._index.dimension), np.float32)
        np.add.at(sums, np.array(owners, dtype=np.int64), self._vectors(ids))
        return sums


class _Groups:
    """Neighbouring columns that belong to one capability."""

    def __init__(self, owners: Sequence[int], count: int) -> None:
        sizes = np.bincount(np.array(owners, dtype=np.int64), minlength=count)
        self._ends = np.cumsum(sizes)
        self._starts = self._ends - sizes
        self._count = count
        self.empty = sizes == 0

    def bounds(self, number: int) -> tuple[int, int]:
        """Return the first column of a capability, and the one after its last."""
        return int(self._starts[number]), int(self._ends[number])

    def largest(self, columns: npt.NDArray[np.floating]) -> Array:
        """Return the largest value of each group, `NOWHERE` for an empty one."""
        found = np.full((len(columns), self._count), NOWHERE)
        if columns.shape[1]:
            held = ~self.empty
            found[:, held] = np.maximum.reduceat(columns, self._starts[held], axis=1)
        return found
