"""`average`: for a closed question, the weighted mean of how probable each model finds each choice.

A linear opinion pool over one-token probes; no answer is written. An open question has no
choices to average over, so it is put to the vote by weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from metier.answer import Vote
from metier.errors import DeadlineExceeded, MetierError
from metier.experts.threads import in_thread
from metier.grading import Choices, choices_in
from metier.plan import Step
from metier.strategies.ballots.counting import known_skills, pooled
from metier.strategies.ballots.polling import lost_vote
from metier.strategies.choices.choice_probabilities import ChoiceProbabilities, choice_probabilities
from metier.strategies.strategy import Sampled, Sampler, Voter
from metier.strategies.weighted import weighted

# Orders of the options in which a model is asked; each is a call of one token.
_ORDERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opinion:
    """How probable a voter's model finds each choice."""

    voter: Voter
    found: ChoiceProbabilities
    weight: float


async def average(step: Step, sampler: Sampler) -> Sampled:
    """For a closed question, the choice with the highest mean probability over all models.

    Models weigh as much as their measured skill, or the same if no skills are known;
    one whose skill is not known weighs as much as the mean of the others.
    """
    choices = await in_thread(choices_in, sampler.task.text)
    if choices is None:
        return await weighted(step, sampler)
    voters = await sampler.voters("models")
    weights = known_skills([voter.skill for voter in voters])
    return await averaged(choices, voters, weights, sampler)


async def averaged(
    choices: Choices, voters: Sequence[Voter], weights: Sequence[float], sampler: Sampler
) -> Sampled:
    """The choice with the highest weighted mean of the voters' probabilities.

    One that cannot be asked is left out. Voters whose weight is 0 are not asked.

    Raises:
        MetierError: no model could be asked.
    """
    opinions: list[_Opinion] = []
    lost: list[Vote] = []
    first: MetierError = DeadlineExceeded("no answer came in time")
    for voter, weight in zip(voters, weights, strict=True):
        if weight <= 0:
            continue
        try:
            found = await _asked(choices, voter, sampler)
        except MetierError as exc:
            first = first if lost else exc
            lost.append(lost_vote(voter, exc))
            sampler.tell(lost[-1])
            continue
        opinions.append(_Opinion(voter=voter, found=found, weight=weight))
        sampler.tell(_vote(opinions[-1], chosen=False))
    if not opinions:
        raise first
    return _joined(choices, opinions, lost)


async def _asked(choices: Choices, voter: Voter, sampler: Sampler) -> ChoiceProbabilities:
    orders = min(_ORDERS, max(1, sampler.calls_left))
    probe = partial(sampler.probe, voter)
    return await choice_probabilities(
        choices, sampler.task, sampler.card(voter), probe, orders=orders
    )


def _joined(choices: Choices, opinions: Sequence[_Opinion], lost: Sequence[Vote]) -> Sampled:
    mean = pooled(
        [dict(zip(choices.labels, each.found.probabilities, strict=True)) for each in opinions],
        [each.weight for each in opinions],
    )
    best = max(range(len(choices.labels)), key=lambda n: mean[choices.labels[n]])
    return Sampled(
        text=choices.shown(best),
        expert=opinions[0].voter.expert,
        models=tuple(dict.fromkeys(each.voter.model for each in opinions if each.voter.model)),
        confidence=mean[choices.labels[best]],
        votes=(*(_vote(each, chosen=each.found.likeliest == best) for each in opinions), *lost),
    )


def _vote(opinion: _Opinion, *, chosen: bool) -> Vote:
    return Vote(
        expert=opinion.voter.expert,
        model=opinion.voter.model,
        answer=opinion.found.text,
        weight=round(opinion.weight, 6),
        confidence=opinion.found.confidence,
        chosen=chosen,
    )
