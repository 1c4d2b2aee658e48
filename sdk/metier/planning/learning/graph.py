"""The capability graph: which capability follows which, and which uses the result of which."""

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

# How many observations a prior is worth.
_PRIOR = 5.0
_LINK_PRIOR = 1.0
_DECLARED_SHARE = 0.5
_LINKED_FROM = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class CapabilityGraph:
    """Counts over past plans, and the edges that cards declare. n is the number of capabilities.

    Attributes:
        keys: the capabilities; everywhere else they are numbered by their place here.
        followed: how often b came right after a, shape (n, n).
        paired: in how many plans b came somewhere after a, shape (2, n, n): first those in which
            it was the next capability, then those with others in between.
        linked: in how many of these b used the result of a, shape (2, n, n).
        declared: whether a card declares that a's result is useful to b, shape (n, n).
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
        """Learn from past plans; steps and edges of capabilities not in `keys` are left out."""
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
        model, section 2): the prior is how often each capability comes after any other one, with
        half of it given to what the cards declare to follow `a`, and to `a` itself.
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
        """Return how likely `later` uses the result of `earlier`, given that both are in a plan.

        Args:
            beside: whether no other capability is between them.

        Returns:
            The share of past plans, shrunk a little towards that of all pairs; None if no past plan
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
        """Whether a card declares that the result of `earlier` is useful to `later`."""
        if earlier not in self._number or later not in self._number:
            return False
        return bool(self.declared[self._number[earlier], self._number[later]])

    def links(self, chain: Sequence[CapabilityKey]) -> tuple[tuple[int, int, float], ...]:
        """Return the probable links of a chain: (earlier, later, probability), by number in it.

        They only point forwards, so the chain with them is a DAG. A pair that no past plan had is
        as probable as the average pair.
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
        """Return the share of linked pairs in past plans; without any, 1 for neighbours, else 0."""
        apart = int(not beside)
        seen = self.paired[apart].sum()
        return float(self.linked[apart].sum() / seen) if seen else float(beside)

    def as_json(self) -> dict[str, object]:
        """Return the JSON for `from_json`: one row for each pair that was seen or declared."""
        layers = self._layers()
        rows = np.argwhere((layers != 0).any(axis=0))
        return {
            "keys": [list(key) for key in self.keys],
            "edges": [[int(a), int(b), *layers[:, a, b].astype(int).tolist()] for a, b in rows],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read a graph from the JSON of `as_json`.

        Raises:
            ValueError, TypeError, KeyError, IndexError: it is not a graph.
        """
        keys, edges = data["keys"], data["edges"]
        if not isinstance(keys, list) or not isinstance(edges, list):
            raise TypeError("keys and edges must be lists")
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
