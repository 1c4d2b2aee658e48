"""How well plans are made from a request alone, and what past plans teach about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from metier.errors import InvalidInput
from metier.evaluating.estimate import Estimate, Finding, folds
from metier.models.embedder import Vectors, unit
from metier.models.vector_checks import embedded
from metier.planning.learning.chains import PlanPredictor
from metier.planning.learning.past import CapabilityKey, PastPlan
from metier.planning.planner import Planner
from metier.planning.signals import CapabilityRows

if TYPE_CHECKING:
    from metier.council import Council

# Fewer plans teach chance: docs/results/ultratool.md.
_LEARN_AT_LEAST = 50


class PlanFigures(Finding):
    """How like the past plans others are; means over the requests.

    Attributes:
        nodes: F1 of the capabilities.
        links: F1 of the pairs of which one uses the other's result; 1 if there is none in both.
        accuracy: the share of requests whose capabilities are all right.
    """

    nodes: Estimate
    links: Estimate
    accuracy: Estimate


class PlansReport(Finding):
    """What past plans say about planning from the request alone.

    Attributes:
        n: number of plans.
        several: those with several capabilities.
        rules: the planner without what past plans taught.
        learnt: the planner with it, each plan judged by what the others taught; None if they
            are too few.
        chains: what the others taught by itself, however far the request is from theirs.
    """

    n: int
    several: int
    embedder: str
    rules: PlanFigures
    learnt: PlanFigures | None
    chains: PlanFigures | None

    @property
    def refusal(self) -> str | None:
        """Why what was learnt had better not be used; None if it may be."""
        if self.learnt is None:
            return f"past plans are too few to learn from: {self.n}, and it takes {_LEARN_AT_LEAST}"
        before, after = (
            (figures.nodes.value, figures.links.value) for figures in (self.rules, self.learnt)
        )
        if after == before or after[0] < before[0] or after[1] < before[1]:
            return (
                f"with what was learnt plans have a node F1 of {after[0]:.1%} and a link F1 of "
                f"{after[1]:.1%}; by the rules alone {before[0]:.1%} and {before[1]:.1%}"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a plan consists of."""

    nodes: Collection[CapabilityKey] = ()
    links: Collection[tuple[CapabilityKey, CapabilityKey]] = ()

    @classmethod
    def of(cls, plan: PastPlan | None) -> Self:
        """Of a plan; nothing if no step of it names a capability."""
        return cls() if plan is None else cls(nodes=plan.chain, links=plan.links)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPlans:
    """Past plans, and what is needed to make others for their requests.

    Attributes:
        requests: vectors, shape (len(plans), dimension).
        keys: the capabilities there are.
        descriptions: their vectors, shape (len(keys), dimension).
        declared: the edges of the cards.
        planner: without anything that past plans taught.
    """

    plans: Sequence[PastPlan]
    requests: Vectors
    keys: Sequence[CapabilityKey]
    descriptions: Vectors
    declared: Sequence[tuple[CapabilityKey, CapabilityKey]]
    planner: Planner
    embedder_id: str

    @classmethod
    async def of(cls, plans: Sequence[PastPlan], council: Council) -> Self:
        """Embed the requests, in one batch.

        Raises:
            InvalidInput: there is no capability.
            ModelServerError, ModelMissing: the embedder cannot be asked.
        """
        index = await council.planning.index()
        keys = sorted(index.capabilities)
        if not keys:
            raise InvalidInput("no expert says what it can do", hint="See: metier experts list")
        texts = [plan.request for plan in plans]
        return cls(
            plans=plans,
            requests=await embedded(council.embedder, texts, dimension=index.dimension),
            keys=keys,
            descriptions=unit(CapabilityRows(index, keys).stated),
            declared=[edge for card in council.registry.cards.values() for edge in card.edges],
            planner=(await council.planning.planner()).with_chains(None),
            embedder_id=council.embedder.id,
        )

    def learnt(self) -> PlanPredictor:
        """What all the plans teach, to be kept with `council.planning.keep`."""
        return self._learnt_from(np.arange(len(self.plans)))

    async def report(self) -> PlansReport:
        """How like the past plans those are that are made from the request alone."""
        rules = [await self._planned(self.planner, n) for n in range(len(self.plans))]
        learnt = chains = None
        if len(self.plans) >= _LEARN_AT_LEAST:
            learnt, chains = await self._crossfitted()
        return PlansReport(
            n=len(self.plans),
            several=sum(len(plan.chain) > 1 for plan in self.plans),
            embedder=self.embedder_id,
            rules=self._figures(rules),
            learnt=self._figures(learnt) if learnt else None,
            chains=self._figures(chains) if chains else None,
        )

    async def _crossfitted(self) -> tuple[list[Planned], list[Planned]]:
        """With what the other plans taught: what the planner plans, and the chains themselves."""
        planned: dict[int, Planned] = {}
        chained: dict[int, Planned] = {}
        lengths = np.array([len(plan.chain) for plan in self.plans], dtype=np.int64)
        fold_of = folds([plan.request for plan in self.plans], lengths)
        for fold in np.unique(fold_of):
            model = self._learnt_from(np.flatnonzero(fold_of != fold))
            planner = self.planner.with_chains(model)
            for n in np.flatnonzero(fold_of == fold).tolist():
                planned[n] = await self._planned(planner, n)
                chained[n] = _chain(model, self.requests[n])
        every = range(len(self.plans))
        return [planned[n] for n in every], [chained[n] for n in every]

    async def _planned(self, planner: Planner, number: int) -> Planned:
        plan = await planner.plan(self.plans[number].request)
        return Planned.of(PastPlan.of(plan))

    def _learnt_from(self, rows: npt.NDArray[np.int64]) -> PlanPredictor:
        return PlanPredictor.fit(
            [self.plans[n] for n in rows.tolist()],
            self.requests[rows],
            keys=self.keys,
            descriptions=self.descriptions,
            declared=self.declared,
        )

    def _figures(self, found: Sequence[Planned]) -> PlanFigures:
        right = [Planned.of(plan) for plan in self.plans]
        pairs = list(zip(found, right, strict=True))
        nodes = np.array([f1(one.nodes, other.nodes) for one, other in pairs])
        links = np.array([f1(one.links, other.links) for one, other in pairs])
        return PlanFigures(
            nodes=Estimate.mean(nodes),
            links=Estimate.mean(links),
            accuracy=Estimate.share(np.asarray(nodes == 1)),
        )


def f1(found: Collection[object], right: Collection[object]) -> float:
    """Harmonic mean of precision and recall; 1 if there is nothing in both."""
    if not found and not right:
        return 1.0
    return 2 * len(set(found) & set(right)) / (len(found) + len(right))


def _chain(model: PlanPredictor, request: Vectors) -> Planned:
    chain = model.predict(request)
    nodes = chain.capabilities
    return Planned(nodes=nodes, links=[(nodes[a], nodes[b]) for a, b, _ in chain.links])
