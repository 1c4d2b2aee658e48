"""`cascade`: the cheapest model answers, and a more expensive one only if it is not confident.

FrugalGPT (Chen et al. 2023) stops when a scorer is content; here the scorer is free: what the
expert says of its own answer, else how likely its model found its own words. Before that a
question may skip the cheap models, as in RouteLLM (Ong et al. 2024), where outcomes have taught
how often each model is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from metier.plan import Step
from metier.strategies.ballots.confidence import confidence_of, verified
from metier.strategies.ballots.electing import counted, declared
from metier.strategies.ballots.polling import Ask, Ballot, Poll
from metier.strategies.strategy import Sampled, Sampler, Voter

# Not measured yet: the mean probability of a token in an answer that is taken.
SURE = 0.85
# A more expensive model that is this much more likely to be right is asked at once.
GAP = 0.25

Probability = Annotated[float, Field(ge=0, le=1)]


async def cascade(
    step: Step, sampler: Sampler, *, sure: Probability = SURE, verify: bool = False
) -> Sampled:
    """The cheapest model's answer if it is sure enough, else the next one's, and so on.

    Args:
        sure: the least confidence of an answer that is taken, between 0 and 1.
        verify: take the model's own verdict on its answer for its confidence, which costs a
            call of one token.
    """
    poll = Poll(sampler)
    for voter in routed(await sampler.voters("models")):
        came = await poll.ask([Ask(voter=voter)])
        if poll.over or (came and await _confidence(came[0], sampler, verify=verify) >= sure):
            break
    poll.require()
    count = await counted(poll.ballots, sampler)
    answered = [n for n, group in enumerate(count.groups) if group is not None]
    taken = answered[-1] if answered else len(count.groups) - 1
    weights = [float(n == taken) for n in range(len(count.groups))]
    return declared(count, count.groups[taken], poll, weights=weights, share=None)


def routed(voters: Sequence[Voter]) -> list[Voter]:
    """The cheapest first, less those that a more expensive one beats by `GAP`."""
    chain = sorted(voters, key=lambda voter: voter.size_bytes)
    skills = [voter.skill for voter in chain if voter.skill is not None]
    if len(skills) < len(chain):
        return chain
    return [
        voter
        for n, voter in enumerate(chain)
        if all(skill - skills[n] < GAP for skill in skills[n + 1 :])
    ]


async def _confidence(ballot: Ballot, sampler: Sampler, *, verify: bool) -> float:
    told = await verified(ballot, sampler) if verify else confidence_of(ballot)
    return 0.0 if told is None else told
