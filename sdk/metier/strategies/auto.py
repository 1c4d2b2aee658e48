"""`auto`: one answer if it is confident, two if they agree, more only if they do not.

For small models picking and voting beat discussing (SLM-MUX, arXiv 2510.05077, table 1). So what
can be compared is sampled until the vote is clear, and what cannot is answered once, and written
again only if its model was unsure of its own words. To sample a letter again brings nothing
(docs/results/combining.md), so choices are put to each model once.
"""

from __future__ import annotations

from collections.abc import Sequence

from metier.experts.threads import in_thread
from metier.grading import choices_in
from metier.plan import Step
from metier.strategies.ballots.comparing import kind_of
from metier.strategies.ballots.confidence import confidence_of
from metier.strategies.ballots.counting import top_two
from metier.strategies.ballots.electing import Count, counted, declared, elected, typical
from metier.strategies.ballots.polling import Ask, Ballot, Poll
from metier.strategies.rank import ranked
from metier.strategies.strategy import Sampled, SampleOptions, Sampler, Samples, Voter
from metier.strategies.vote import TEMPERATURE

# Samples of all models together.
MOST = 8
# A model that is known to be so much weaker has no say.
WITHIN = 0.10
# Of an answer that is taken alone; not measured.
SURE = 0.95
# An answer is clear that leads by so many: mistakes are seldom the same
# (docs/results/combining.md).
LEAD = 2
# Free texts, in mean cosine: the most typical one by less is judged.
_MARGIN = 0.02
_FREE_SAMPLES = 3


async def auto(step: Step, sampler: Sampler, *, samples: Samples = MOST) -> Sampled:
    """As few calls as needed: one answer if it is sure, more only while answers disagree.

    One call if the answer was checked or is confident, two if they agree, else up to
    `samples`, until one leads by two. Of choices one call a model.

    Args:
        samples: the maximum number of answers.
    """
    voters = await sampler.voters("models")
    if not step.members:
        voters = near_in_skill(voters)
    most: int = samples
    if await in_thread(choices_in, sampler.task.text) is not None:
        most = min(most, len(voters))
    poll = Poll(sampler)
    await poll.ask([_ask(voters, 0)])
    if poll.ballots and (poll.over or most == 1 or _is_sure(poll.ballots[0])):
        count = await counted(poll.ballots, sampler)
        return declared(count, count.groups[0], poll, weights=[1.0], share=None)
    texts = [ballot.sampled.text for ballot in poll.ballots]
    kind = await in_thread(kind_of, sampler.task.text, sampler.output, texts)
    if poll.ballots and kind is None:
        return await _free(poll, voters, min(most, _FREE_SAMPLES), sampler)
    return await _voted(poll, voters, most, sampler)


def near_in_skill(voters: Sequence[Voter]) -> list[Voter]:
    """The best voter and those that are known to be about as skilled; the best one first.

    Where skills are not known, only the step's own choice: a second model that is much weaker
    takes more from a vote than it gives.
    """
    known = [voter for voter in voters if voter.skill is not None]
    if not known:
        return list(voters[:1])
    ordered = sorted(known, key=lambda voter: -(voter.skill or 0.0))
    least = (ordered[0].skill or 0.0) - WITHIN
    return [voter for voter in ordered if (voter.skill or 0.0) >= least]


def _ask(voters: Sequence[Voter], number: int) -> Ask:
    """Sample `number` of the voters in turn: each is asked as its card says, then sampled."""
    before, place = divmod(number, len(voters))
    if not before:
        return Ask(voter=voters[place])
    return Ask(voter=voters[place], options=SampleOptions(draw=before - 1, temperature=TEMPERATURE))


def _is_sure(ballot: Ballot) -> bool:
    confidence = confidence_of(ballot)
    return confidence is not None and confidence >= SURE


async def _voted(poll: Poll, voters: Sequence[Voter], most: int, sampler: Sampler) -> Sampled:
    """Samples of the voters in turn until one answer is clearly ahead."""
    for number in range(1, most):
        count = await counted(poll.ballots, sampler) if poll.ballots else None
        if poll.over or (count is not None and _is_clear(count)):
            break
        await poll.ask([_ask(voters, number)])
    poll.require()
    return await elected(await counted(poll.ballots, sampler), sampler, poll)


def _is_clear(count: Count) -> bool:
    """Whether one answer is ahead by enough."""
    first, second = top_two(count.groups)
    return first - second >= LEAD


async def _free(poll: Poll, voters: Sequence[Voter], most: int, sampler: Sampler) -> Sampled:
    """A few texts: the most typical one, or if none is, the one that the judge prefers."""
    for number in range(1, most):
        await poll.ask([_ask(voters, number)])
    count = await counted(poll.ballots, sampler)
    if len(poll.ballots) > 1 and count.kind is None:
        near = sorted(await typical(count, sampler, [1.0] * len(count.ballots)))
        if near[-1] - near[-2] < _MARGIN:
            return await ranked(poll, sampler)
    return await elected(count, sampler, poll)
