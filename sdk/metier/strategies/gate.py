"""`gate`: a sparse mixture of experts. The planner's scores are the gate; few experts are asked.

The shares are a softmax over how well an expert fits times how skilled it is, of the best two
(Shazeer et al. 2017, "Outrageously Large Neural Networks"). One that gets nearly all is asked
alone, so that a clear question costs no more than `single`.
"""

from __future__ import annotations

from metier.experts.threads import in_thread
from metier.grading import choices_in
from metier.plan import Step
from metier.strategies.average import averaged
from metier.strategies.ballots.counting import gate as shares_of
from metier.strategies.ballots.counting import known_skills
from metier.strategies.ballots.electing import counted, elected
from metier.strategies.ballots.polling import Ask, Poll
from metier.strategies.strategy import Sampled, SampleOptions, Sampler

_TOP = 2
_TEMPERATURE = 0.5
# Who gets less is not asked.
_LEAST = 0.15


async def gate(step: Step, sampler: Sampler) -> Sampled:
    """A few experts chosen by a gate, their answers weighted by its shares.

    Choices are averaged, other answers put to the vote; one that abstains loses its share.
    """
    voters = await sampler.voters("experts")
    skills = known_skills([voter.skill for voter in voters])
    scores = [voter.fit * skill for voter, skill in zip(voters, skills, strict=True)]
    shares = shares_of(scores, top=_TOP, temperature=_TEMPERATURE, least=_LEAST)
    chosen = [(voter, share) for voter, share in zip(voters, shares, strict=True) if share > 0]
    if len(chosen) == 1:
        return await sampler.sample(chosen[0][0], options=SampleOptions(live=True))
    if (choices := await in_thread(choices_in, sampler.task.text)) is not None:
        asked, weights = zip(*chosen, strict=True)
        return await averaged(choices, asked, weights, sampler)
    poll = Poll(sampler)
    await poll.ask([Ask(voter=voter) for voter, _ in chosen])
    poll.require()
    count = await counted(poll.ballots, sampler)
    share_by_voter = dict(chosen)
    weights = [share_by_voter[ballot.voter] for ballot in count.ballots]
    return await elected(count, sampler, poll, weights=weights)
