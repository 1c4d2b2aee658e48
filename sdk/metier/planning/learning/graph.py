"""The capability graph: which capability follows which, and which uses whose result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from metier.planning.learning.past import CapabilityKey, PastPlan

Array = npt.NDArray[np.float64]

# How many observations what is assumed beforehand is worth.
_PRIOR = 5.0
_LINK_PRIOR = 1.0
_DECLARED_SHARE = 0.5
_LINKED_FROM = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class CapabilityGraph:
    """Counts over past plans, and the edges that cards declare. n is the number of capabilities.

    Attributes:
        keys: the capabilities; everywhere else they are their numbers in it.
        followed: how often b came right after a, shape (n, n).
        paired: in how many plans b came somewhere after a, shape (2, n, n): first those where
            it was the next capability, then those where others lay between.
        linked: in how many of these b used the result of a, shape (2, n, n).
        declared: whether a's result is said to be of use to b, shape (n, n).
    """

    keys: tuple[CapabilityKey, ...]
    followed: Array
    paired: Array
    linked: Array
    declared: npt.NDArray[np.bool_]

    @classmethod
    def learn(
        cls,
        keys: Sequence[CapabilityKey],
        plans: Iterable[PastPlan] = (),
        *,
        declared: Iterable[tuple[CapabilityKey, CapabilityKey]] = (),
    ) -> Self:
        """The graph of past plans; steps and edges of capabilities not in `keys` are left out."""
        number = {key: n for n, key in enumerate(keys)}
        n = len(keys)
        graph = cls(
            keys=tuple(keys),
            followed=np.zeros((n, n)),
            paired=np.zeros((2, n, n)),
            linked=np.zeros((2, n, n)),
            declared=np.zeros((n, n), np.bool_),
        )
        for plan in plans:
            graph._count(plan, number)
        for earlier, later in declared:
            if earlier in number and later in number:
                graph.declared[number[earlier], number[later]] = True
        return graph

    @cached_property
    def transitions(self) -> Array:
        """P(next is b | a step was a), shape (n, n); each row sums to 1.

        Counts with Dirichlet smoothing (MacKay and Peto 1995, a hierarchical Dirichlet language
        model, section 2): the prior is how often each capability comes after any other one,
        half of it given to what the cards declare to follow `a`, and to `a` again.
        """
        popular = self.followed.sum(axis=0) + 1.0
        prior = np.tile(popular / popular.sum(), (len(self.keys), 1))
        declaring = self.declared.any(axis=1)
        edges = self.declared | np.eye(len(self.keys), dtype=np.bool_)
        uniform = edges / edges.sum(axis=1, keepdims=True)
        prior[declaring] += _DECLARED_SHARE * (uniform - prior)[declaring]
        seen = self.followed.sum(axis=1, keepdims=True)
        return (self.followed + _PRIOR * prior) / (seen + _PRIOR)

    def link_probability(
        self, earlier: CapabilityKey, later: CapabilityKey, *, beside: bool
    ) -> float | None:
        """That `later` uses the result of `earlier`, given that both are in a plan.

        Args:
            beside: whether no other capability lies between them.

        Returns:
            The share of past plans, drawn a little to that of all pairs; None if no past plan
            had the two in this order.
        """
        if earlier not in self._number or later not in self._number:
            return None
        a, b = self._number[earlier], self._number[later]
        apart = int(not beside)
        seen = self.paired[apart, a, b]
        if not seen:
            return None
        share = self.linked_share(beside=beside)
        return float((self.linked[apart, a, b] + _LINK_PRIOR * share) / (seen + _LINK_PRIOR))

    def declares(self, earlier: CapabilityKey, later: CapabilityKey) -> bool:
        """Whether a card says that the result of `earlier` is of use to `later`."""
        if earlier not in self._number or later not in self._number:
            return False
        return bool(self.declared[self._number[earlier], self._number[later]])

    def links(self, chain: Sequence[CapabilityKey]) -> tuple[tuple[int, int, float], ...]:
        """The probable links of a chain: (earlier, later, probability), by number in it.

        They go forwards only, so the chain with them is a DAG. A pair that no past plan had is
        as probable as all pairs are.
        """
        found: list[tuple[int, int, float]] = []
        for j, later in enumerate(chain):
            for i, earlier in enumerate(chain[:j]):
                beside = j - i == 1
                learnt = self.link_probability(earlier, later, beside=beside)
                probability = self.linked_share(beside=beside) if learnt is None else learnt
                if probability >= _LINKED_FROM:
                    found.append((i, j, probability))
        return tuple(found)

    def linked_share(self, *, beside: bool) -> float:
        """The share of all pairs in past plans that were linked; without any, 1 for neighbours."""
        apart = int(not beside)
        seen = self.paired[apart].sum()
        return float(self.linked[apart].sum() / seen) if seen else float(beside)

    def as_json(self) -> dict[str, object]:
        """What `from_json` reads: one row for each pair that was seen or declared."""
        layers = self._layers()
        rows = np.argwhere((layers != 0).any(axis=0))
        return {
            "keys": [list(key) for key in self.keys],
            "edges": [[int(a), int(b), *layers[:, a, b].astype(int).tolist()] for a, b in rows],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The graph of `as_json`.

        Raises:
            ValueError, TypeError, KeyError, IndexError: it is not one.
        """
        keys, edges = data["keys"], data["edges"]
        if not isinstance(keys, list) or not isinstance(edges, list):
            raise TypeError("keys and edges are lists")
        graph = cls.learn([(str(expert), str(capability)) for expert, capability in keys])
        for a, b, followed, *counts, declared in edges:
            graph.followed[a, b] = followed
            graph.paired[:, a, b], graph.linked[:, a, b] = counts[:2], counts[2:]
            graph.declared[a, b] = bool(declared)
        return graph

    @cached_property
    def _number(self) -> dict[CapabilityKey, int]:
        return {key: n for n, key in enumerate(self.keys)}

    def _layers(self) -> Array:
        declared = self.declared.astype(np.float64)
        return np.concatenate([self.followed[None], self.paired, self.linked, declared[None]])

    def _count(self, plan: PastPlan, number: Mapping[CapabilityKey, int]) -> None:
        steps = [number[step.key] for step in plan.steps if step.key in number]
        for a, b in pairwise(steps):
            self.followed[a, b] += 1
        chain = [key for key in plan.chain if key in number]
        for j, later in enumerate(chain):
            for i, earlier in enumerate(chain[:j]):
                where = int(j - i > 1), number[earlier], number[later]
                self.paired[where] += 1
                self.linked[where] += (earlier, later) in plan.links
