"""`weighted`: a vote in which more skilled or more confident voters count for more.

Where past votes have taught how the models' answers add up, each answer weighs as much as it is
likely to be right (`metier.strategies.ballots.voting`). Else weights are the log-odds of measured
skills where outcomes have taught them; else a softmax over confidences, as in CISC (Taubenfeld et
al. 2025, "Confidence Improves Self-Consistency in LLMs").
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metier.experts.model_choice import full_name
from metier.grading import Label
from metier.plan import Step
from metier.strategies.ballots.confidence import confidence_of
from metier.strategies.ballots.counting import log_odds, softmax
from metier.strategies.ballots.electing import Count, counted, elected
from metier.strategies.ballots.polling import Ballot, Poll
from metier.strategies.ballots.voting import VoteAggregator
from metier.strategies.strategy import Sampled, Sampler, Samples
from metier.strategies.vote import SAMPLES, asks_for

# How many choices an open question counts as: with 2, a model that is right less than half the time
# has no say at all (docs/results/combining.md).
_OPEN_CHOICES = 10
# Of confidences between 0 and 1: one that is 0.2 higher counts for about 1.5 times as much.
_TEMPERATURE = 0.5


async def weighted(step: Step, sampler: Sampler, *, samples: Samples | None = None) -> Sampled:
    """A vote in which models that are right more often, or surer, count for more.

    Args:
        samples: the maximum number of answers. By default 8 of a single member, or one of each
            of several members.
    """
    voters = await sampler.voters("models")
    samples = samples or (len(voters) if len(voters) > 1 else SAMPLES)
    poll = Poll(sampler)
    await poll.ask(asks_for(voters, samples))
    poll.require()
    count = await counted(poll.ballots, sampler)
    learnt = None if sampler.voting is None else by_votes(count, sampler.voting)
    weights = learnt or by_skill(count) or by_confidence(poll.ballots)
    return await elected(count, sampler, poll, weights=weights)


def by_votes(count: Count, voting: VoteAggregator) -> list[float] | None:
    """How probable each ballot's answer is, shared among those who gave it.

    None if it says nothing: of free texts, of an expert or a model that it has not met, or of
    one that answered twice.
    """
    ballots = count.ballots
    names = [full_name(ballot.voter.model) for ballot in ballots]
    columns = {full_name(name): n for n, name in enumerate(voting.voters)}
    skills = {name: ballot.voter.skill for name, ballot in zip(names, ballots, strict=True)}
    known = {name: skill for name, skill in skills.items() if skill is not None}
    if count.kind is None or len(known) < len(names) or not known.keys() <= columns.keys():
        return None
    votes = np.full((1, len(columns)), -1)
    beliefs = np.full((1, len(columns)), np.nan)
    for name, group in zip(names, count.groups, strict=True):
        votes[0, columns[name]] = -1 if group is None else group
        beliefs[0, columns[name]] = known[name]
    options = len(count.kind.labels) if isinstance(count.kind, Label) else 0
    (shares,) = voting.predict(votes, beliefs, options=[options])
    return [
        float(shares[columns[name]]) / max(1, count.groups.count(group))
        for name, group in zip(names, count.groups, strict=True)
    ]


def by_skill(count: Count) -> list[float] | None:
    """The log-odds of each ballot's measured skill; None if one is not known, or all are alike.

    Skills that are all at or below chance weigh nothing, and say nothing.
    """
    skills = [ballot.voter.skill for ballot in count.ballots]
    known = [skill for skill in skills if skill is not None]
    if len(known) < len(skills) or len(set(known)) < 2:
        return None
    choices = len(count.kind.labels) if isinstance(count.kind, Label) else _OPEN_CHOICES
    weights = [log_odds(skill, choices=choices) for skill in known]
    return weights if any(weights) else None


def by_confidence(ballots: Sequence[Ballot]) -> list[float]:
    """Shares by how sure each ballot is; all alike if none is known."""
    confidences = [confidence_of(ballot) for ballot in ballots]
    known = [each for each in confidences if each is not None]
    mean = math.fsum(known) / len(known) if known else 0.0
    shares = softmax(
        [mean if each is None else each for each in confidences], temperature=_TEMPERATURE
    )
    return [share * len(ballots) for share in shares]
