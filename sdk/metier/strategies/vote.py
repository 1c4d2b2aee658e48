"""`vote`: the majority of several samples, of one expert or of several members.

Self-consistency (Wang et al. 2022, "Self-Consistency Improves Chain of Thought Reasoning in
Language Models"), with the stopping rule of Adaptive-Consistency (Aggarwal et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

from metier.plan import Step
from metier.strategies.ballots.counting import is_settled
from metier.strategies.ballots.electing import Count, counted, elected
from metier.strategies.ballots.polling import Ask, Poll
from metier.strategies.strategy import Sampled, SampleOptions, Sampler, Samples, Voter

SAMPLES = 8
# Self-consistency's own; seeds of one model need it to differ.
TEMPERATURE = 0.7


async def vote(step: Step, sampler: Sampler, *, samples: Samples | None = None) -> Sampled:
    """The answer that most samples give; sampling stops once the vote is settled.

    Args:
        samples: the maximum number of answers. By default 8 of a single member, taken with
            different seeds, or one of each of several members.
    """
    voters = await sampler.voters("models") if step.members else [sampler.own]
    samples = samples or (len(voters) if len(voters) > 1 else SAMPLES)
    asks = asks_for(voters, samples)
    poll, count = await polled(asks, sampler)
    return await elected(count, sampler, poll)


def asks_for(voters: Sequence[Voter], samples: int) -> list[Ask]:
    """So many samples, shared among the voters in turn.

    A voter that is asked once is asked as its card says; one that is asked again is sampled.
    """
    several = samples > len(voters)
    temperature = TEMPERATURE if several else None
    return [
        Ask(
            voter=voters[n % len(voters)],
            options=SampleOptions(draw=n // len(voters), temperature=temperature),
        )
        for n in range(samples)
    ]


async def polled(asks: Sequence[Ask], sampler: Sampler) -> tuple[Poll, Count]:
    """Ask until the vote is settled, and who answered what.

    Raises:
        MetierError: no voter answered.
    """
    poll = Poll(sampler)
    waiting = list(asks)
    count = None
    while waiting and not poll.over:
        size = _round(waiting, sampler)
        await poll.ask(waiting[:size])
        del waiting[:size]
        if poll.ballots:
            count = await counted(poll.ballots, sampler)
            if count.kind is not None and is_settled(count.groups, len(waiting)):
                break
    poll.require()
    assert count is not None  # there is a ballot, so it was counted
    return poll, count


def _round(waiting: Sequence[Ask], sampler: Sampler) -> int:
    """How many are asked before the votes are counted: every voter once, or all that has room."""
    voters = len({ask.voter for ask in waiting})
    return max(voters, sampler.concurrency(waiting[0].voter))
