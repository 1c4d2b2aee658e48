"""Several experts for one question, because similar questions needed them in past plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from metier.experts.card import GENERAL, Card
from metier.plan import Candidate
from metier.planning.learning.past import CapabilityKey
from metier.planning.parts import Asked, Part, shared_among
from metier.planning.selecting import Choice, Selector

# Imported only by councils that need it: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.planning.learning.chains import Chain, PlanPredictor

# Similarity to the nearest past request. From here on a chain has a node F1 of 80 to 88, below 0.65
# less than 60 (1,000 plans of UltraTool, each predicted from the others; 100 plans are similar).
_SUPPORTED_FROM = 0.75

Needs = tuple[tuple[int, ...], ...]


def chained(
    chains: PlanPredictor,
    asked: Asked,
    selector: Selector,
    cards: Mapping[str, Card],
    *,
    only: Collection[str] | None = None,
) -> tuple[list[Part], Needs]:
    """Return a part for each expert that similar questions needed, and the links between them.

    There are none if no past request is near, if there are fewer than two experts, or if one is
    gone or may not be chosen. The general expert is left out: it covers what others do not.

    Args:
        only: experts that may be chosen.
    """
    chain = chains.predict(asked.vectors[0])
    special = [n for n, (expert, _) in enumerate(chain.capabilities) if expert != GENERAL]
    keys = [chain.capabilities[n] for n in special]
    if (
        chain.support < _SUPPORTED_FROM
        or len({expert for expert, _ in keys}) < 2
        or not all(_may_be_chosen(key, cards, only) for key in keys)
    ):
        return [], ()
    # Neighbours with the same expert are one task here too.
    groups = [list(group) for _, group in groupby(special, key=lambda n: chain.capabilities[n][0])]
    texts = _shared([chain.capabilities[group[0]][0] for group in groups], asked, selector)
    parts = [
        Part(text=text, choice=_choice(chain, group[0]), vector=asked.vectors[:1])
        for group, text in zip(groups, texts, strict=True)
    ]
    return parts, _needs(chain, groups)


def _may_be_chosen(
    key: CapabilityKey, cards: Mapping[str, Card], only: Collection[str] | None
) -> bool:
    expert, name = key
    if expert not in cards or (only is not None and expert not in only):
        return False
    return any(capability.name == name for capability in cards[expert].capabilities)


def _shared(experts: Sequence[str], asked: Asked, selector: Selector) -> tuple[str, ...]:
    names, near = selector.affinity(asked.piece_vectors)
    if not asked.piece_texts or not set(experts) <= set(names):
        return (asked.question,) * len(experts)
    lean = near[:, [names.index(expert) for expert in experts]]
    return shared_among(asked.piece_texts, lean, asked.question)


def _choice(chain: Chain, number: int) -> Choice:
    expert, capability = chain.capabilities[number]
    probability = round(chain.probabilities[number], 4)
    evidence = Candidate(
        expert=expert,
        score=round(min(1.0, chain.support), 4),
        probability=probability,
        fit=probability,
        capability=capability,
    )
    return Choice(
        expert=expert,
        candidates=(evidence,),
        reason=f"similar questions needed it in past plans (similarity {chain.support:.2f})",
    )


def _needs(chain: Chain, groups: Sequence[Sequence[int]]) -> Needs:
    """The links of a chain as links of its groups."""
    group_of = {member: n for n, group in enumerate(groups) for member in group}
    found: list[set[int]] = [set() for _ in groups]
    for earlier, later, _ in chain.links:
        if earlier in group_of and later in group_of and group_of[earlier] < group_of[later]:
            found[group_of[later]].add(group_of[earlier])
    return tuple(tuple(sorted(each)) for each in found)
