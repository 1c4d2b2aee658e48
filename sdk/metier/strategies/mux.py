"""`mux`: the answer of the model that agrees most with itself.

SLM-MUX (Wang et al. 2025, "SLM-MUX: Orchestrating Small Language Models for Reasoning",
arXiv 2510.05077): discussing makes small models worse, but how often a model repeats an answer
tells how often it is right.
"""

from __future__ import annotations

from collections.abc import Sequence

from metier.plan import Step
from metier.strategies.ballots.counting import tally
from metier.strategies.ballots.electing import Count, counted, declared, elected
from metier.strategies.ballots.polling import Ask, Poll
from metier.strategies.strategy import Sampled, SampleOptions, Sampler, Samples, Voter

SAMPLES_EACH = 3
TEMPERATURE = 0.7


async def mux(step: Step, sampler: Sampler, *, samples: Samples | None = None) -> Sampled:
    """The answer of the model that agrees most with itself.

    Each model is asked once, and if they differ, twice more.

    Of models that are equally sure of themselves it is the more skilled one, then the first.

    Args:
        samples: the maximum number of answers, shared among the models; three each by default.
    """
    voters = await sampler.voters("models")
    each = max(1, (samples or SAMPLES_EACH * len(voters)) // len(voters))
    poll = Poll(sampler)
    await poll.ask([_ask(voter, 0) for voter in voters])
    if each > 1 and not poll.over and not await _agreed(poll, sampler):
        await poll.ask([_ask(voter, draw) for voter in voters for draw in range(1, each)])
    poll.require()
    count = await counted(poll.ballots, sampler)
    if count.kind is None:
        return await elected(count, sampler, poll)
    sure = consistency(count, voters)
    weights = [
        s if count.groups[n] == favourite else 0.0
        for n, ballot in enumerate(count.ballots)
        for favourite, s in [sure.get(ballot.voter, (None, 0.0))]
    ]
    if not sure:
        return declared(count, None, poll, weights=weights, share=None)
    best = max(sure, key=lambda voter: (sure[voter][1], voter.skill or 0.0))
    chosen, share = sure[best]
    result = declared(count, chosen, poll, weights=weights, share=share)
    return result.model_copy(update={"agreement": share})


def consistency(count: Count, voters: Sequence[Voter]) -> dict[Voter, tuple[int, float]]:
    """The most frequent answer of each voter, and the share of its ballots that give it."""
    found: dict[Voter, tuple[int, float]] = {}
    for voter in voters:
        groups = [
            group
            for ballot, group in zip(count.ballots, count.groups, strict=True)
            if ballot.voter == voter
        ]
        if counts := tally(groups, [1.0] * len(groups)):
            favourite, times = next(iter(counts.items()))
            found[voter] = favourite, times / len(groups)
    return found


async def _agreed(poll: Poll, sampler: Sampler) -> bool:
    """Whether several have answered, and all the same."""
    if len(poll.ballots) < 2:
        return False
    count = await counted(poll.ballots, sampler)
    return count.kind is not None and None not in count.groups and len(set(count.groups)) == 1


def _ask(voter: Voter, draw: int) -> Ask:
    return Ask(voter=voter, options=SampleOptions(draw=draw, temperature=TEMPERATURE))
