"""Which capabilities a request needs, in which order: learnt from past plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from metier.models.embedder import Vectors
from metier.planning.learning.artefacts import Packed
from metier.planning.learning.decoding import best_chain
from metier.planning.learning.graph import Array, CapabilityGraph
from metier.planning.learning.kernel_ridge import KernelRidge
from metier.planning.learning.past import CapabilityKey, PastPlan

# Above 1, likelier chains count for more than the regression says.
_SHARPNESS = 1.5
_UNLEARNT_CHAIN_SCALE = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The capabilities that a request needs.

    Attributes:
        capabilities: in the order in which to run them, each once.
        probabilities: for each, that the request needs it.
        links: (earlier, later, probability), by number: which uses the result of which. They only
            point forwards, so the chain with them is a DAG.
        support: cosine similarity of the nearest past request; 0 without past plans.
    """

    capabilities: tuple[CapabilityKey, ...]
    probabilities: tuple[float, ...]
    links: tuple[tuple[int, int, float], ...]
    support: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanPredictor:
    """Predicts chains from past plans or, without any, from the cards.

    A request is compared with past requests by kernel ridge regression; its scores, normalised,
    are a distribution over the chains of past plans. The answer is the chain, seen or not, with
    the highest expected F1 under it: structured prediction by regression and decoding
    (Ciliberto, Rosasco and Rudi 2016, "A consistent regularization approach for structured
    prediction", section 3).

    Attributes:
        descriptions: unit vectors of the capabilities' texts, shape (len(graph.keys), dimension).
        chains: distinct chains, as numbers in `graph.keys`.
        by_request: scores of `chains` for a request; None without past plans.
    """

    name: ClassVar[str] = "chains"
    teaches: ClassVar[str] = "which capabilities a request needs, and in which order"
    version: ClassVar[int] = 1

    graph: CapabilityGraph
    descriptions: Vectors
    chains: tuple[tuple[int, ...], ...]
    by_request: KernelRidge | None

    @classmethod
    def fit(
        cls,
        plans: Sequence[PastPlan],
        requests: Vectors,
        *,
        keys: Sequence[CapabilityKey],
        descriptions: Vectors,
        declared: Collection[tuple[CapabilityKey, CapabilityKey]] = (),
    ) -> Self:
        """Learn from plans, in any order.

        Steps of capabilities that are not in `keys` are left out.

        Args:
            requests: the plans' requests as unit vectors, shape (len(plans), dimension).
            keys: the existing capabilities.
            descriptions: their texts as unit vectors, shape (len(keys), dimension).
            declared: (earlier, later) pairs that cards declare.

        Raises:
            ValueError: the shapes do not match, or there is no capability.
        """
        if not keys:
            raise ValueError("there is no capability")
        if (len(requests), len(descriptions)) != (len(plans), len(keys)):
            raise ValueError("one vector for each plan and each capability is needed")
        number = {key: n for n, key in enumerate(keys)}
        used = [tuple(number[key] for key in plan.chain if key in number) for plan in plans]
        chains, by_request = _learnt_chains(used, requests, descriptions)
        return cls(
            graph=CapabilityGraph.learn(keys, plans, declared=declared),
            descriptions=descriptions,
            chains=chains,
            by_request=by_request,
        )

    def posterior(self, request: Vectors) -> Array:
        """Return the probability of each of `known_chains` for a request's vector; sums to 1."""
        if self.by_request is not None:
            scores = np.maximum(self.by_request.scores(request[None])[0], 0.0) ** _SHARPNESS
            if scores.sum() > 0:
                return scores / scores.sum()
        alike = self.descriptions @ request
        scores = np.array([alike[list(chain)].sum() for chain in self.known_chains], np.float64)
        weights = np.exp(_UNLEARNT_CHAIN_SCALE * (scores - scores.max()))
        return weights / weights.sum()

    @property
    def known_chains(self) -> tuple[tuple[int, ...], ...]:
        """The chains of past plans; without any, the declared pairs, or else each capability."""
        if self.chains:
            return self.chains
        pairs = np.argwhere(self.graph.declared).tolist()
        return tuple(map(tuple, pairs)) or tuple((n,) for n in range(len(self.graph.keys)))

    def predict(self, request: Vectors) -> Chain:
        """Predict the chain for a request.

        Args:
            request: its unit vector, shape (dimension,).
        """
        posterior = self.posterior(request)
        chosen = best_chain(self.known_chains, posterior)
        capabilities = tuple(self.graph.keys[n] for n in chosen)
        past = None if self.by_request is None else self.by_request.centres
        return Chain(
            capabilities=capabilities,
            probabilities=tuple(self._needed(n, posterior) for n in chosen),
            links=self.graph.links(capabilities),
            support=0.0 if past is None else float((past @ request).max()),
        )

    def _needed(self, capability: int, posterior: Array) -> float:
        pairs = zip(self.known_chains, posterior.tolist(), strict=True)
        return min(1.0, sum(probability for chain, probability in pairs if capability in chain))

    def packed(self) -> Packed:
        """Return what to save."""
        arrays = {"descriptions": self.descriptions}
        if (ridge := self.by_request) is not None:
            arrays |= {"request_centres": ridge.centres, "request_weights": ridge.weights}
        chains = [list(chain) for chain in self.chains]
        return Packed(data={"chains": chains, "graph": self.graph.as_json()}, arrays=arrays)

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError, TypeError, KeyError, IndexError: it is incomplete.
        """
        return cls(
            graph=CapabilityGraph.from_json(packed.data["graph"]),
            descriptions=packed.arrays["descriptions"],
            chains=tuple(tuple(map(int, chain)) for chain in packed.data["chains"]),
            by_request=_ridge(packed.arrays),
        )


def _learnt_chains(
    used: Sequence[tuple[int, ...]], requests: Vectors, descriptions: Vectors
) -> tuple[tuple[tuple[int, ...], ...], KernelRidge | None]:
    """The distinct chains, and their scores for a request.

    A capability that no past plan used is a chain by itself, represented by its description.
    """
    past = [n for n, chain in enumerate(used) if chain]
    if not past:
        return (), None
    new = sorted(set(range(len(descriptions))) - {n for chain in used for n in chain})
    shown = [used[n] for n in past] + [(n,) for n in new]
    chains = sorted(set(shown))
    number = {chain: n for n, chain in enumerate(chains)}
    rows = np.concatenate([requests[past], descriptions[new]])
    labels = np.array([number[chain] for chain in shown], dtype=np.int64)
    ridge = KernelRidge.fit(rows, labels, classes=len(chains), always=len(new))
    return tuple(chains), ridge


def _ridge(arrays: Mapping[str, Vectors]) -> KernelRidge | None:
    if "request_centres" not in arrays:
        return None
    return KernelRidge(centres=arrays["request_centres"], weights=arrays["request_weights"])
