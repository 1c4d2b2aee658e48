"""From ballots to one answer: counted where answers can be the same, else the most typical one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.experts.threads import in_thread
from metier.grading import AnswerKind
from metier.strategies.ballots.comparing import grouped, kind_of, shown
from metier.strategies.ballots.counting import tally
from metier.strategies.ballots.polling import Ballot, Poll, vote_of
from metier.strategies.strategy import Sampled, Sampler


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Ballots, and which of them answer the same.

    Attributes:
        groups: a number a ballot, None if it answers nothing.
        answers: what each ballot answers, in a few words.
    """

    ballots: tuple[Ballot, ...]
    kind: AnswerKind | None
    groups: tuple[int | None, ...]
    answers: tuple[str, ...]


async def counted(ballots: Sequence[Ballot], sampler: Sampler) -> Count:
    """Which ballots answer the same; one that abstains answers nothing.

    Nor does one that failed its expert's own check, where another did not.
    """
    texts = ["" if each.sampled.abstained else each.sampled.text for each in ballots]
    question = sampler.task.text
    kind = await in_thread(kind_of, question, sampler.output, texts)
    groups = await grouped(texts, kind, question, sampler.sandbox)
    standing = [
        None if each.sampled.checked is False else group
        for each, group in zip(ballots, groups, strict=True)
    ]
    if any(group is not None for group in standing):
        groups = standing
    answers = await in_thread(_shown, texts, kind)
    return Count(ballots=tuple(ballots), kind=kind, groups=tuple(groups), answers=answers)


def _shown(texts: Sequence[str], kind: AnswerKind | None) -> tuple[str, ...]:
    return tuple(shown(text, kind) for text in texts)


async def elected(
    count: Count, sampler: Sampler, poll: Poll, *, weights: Sequence[float] | None = None
) -> Sampled:
    """The answer with the most weight, as its best ballot words it.

    Of answers with equal weight it is the one whose best voter is known to be the most skilled,
    then the first. Free texts, of which no two are the same, are compared by what they mean: the
    medoid wins. If no ballot answers anything, the first one is taken unchanged. The only answer
    is as sure as it says of itself.
    """
    given = list(weights) if weights is not None else [1.0] * len(count.ballots)
    if count.kind is None and len(count.ballots) > 1:
        given = await typical(count, sampler, given)
    totals = tally(count.groups, given)
    chosen = max(totals, key=lambda group: (totals[group], _skill(count, group)), default=None)
    whole = math.fsum(totals.values())
    # An answer without other votes proves nothing.
    compared = count.kind is not None and sum(group is not None for group in count.groups) > 1
    share = totals[chosen] / whole if compared and chosen is not None and whole > 0 else None
    result = declared(count, chosen, poll, weights=given, share=share)
    return result.model_copy(update={"agreement": share})


def declared(
    count: Count,
    chosen: int | None,
    poll: Poll,
    *,
    weights: Sequence[float],
    share: float | None,
) -> Sampled:
    """The best wording of the chosen answer, with all votes.

    Args:
        chosen: a group of the count; if None, the first ballot is taken.
        share: the confidence of the vote; if None, the ballot's own.
    """
    votes = tuple(
        vote_of(ballot, answer, weight=weight, chosen=group is not None and group == chosen)
        for ballot, answer, group, weight in zip(
            count.ballots, count.answers, count.groups, weights, strict=True
        )
    )
    members = [n for n, group in enumerate(count.groups) if group == chosen] or [0]
    winner = max(members, key=lambda n: _worth(count.ballots[n].sampled))
    best = count.ballots[winner].sampled
    confidence = best.confidence if share is None else share
    return best.model_copy(
        update={"votes": (*votes, *poll.lost()), "confidence": confidence},
    )


async def typical(count: Count, sampler: Sampler, weights: Sequence[float]) -> list[float]:
    """How near each free text is to all others: the mean of its weighted cosines.

    The text with the highest is the medoid, as in AgentForest (Li et al. 2024, "More Agents Is
    All You Need", section 3), with the planner's vectors in the place of BLEU.
    """
    texts = [each.sampled.text for each in count.ballots]
    vectors = await sampler.embed(texts)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, 0.0)
    scale = max(1, len(texts) - 1)
    near = cosines @ np.asarray(weights, dtype=np.float64) / scale
    return [max(0.0, float(each)) for each in near]


def _skill(count: Count, group: int) -> float:
    skills = [
        ballot.voter.skill or 0.0
        for ballot, mine in zip(count.ballots, count.groups, strict=True)
        if mine == group
    ]
    return max(skills)


def _worth(sampled: Sampled) -> tuple[bool, float, float]:
    """The rank of a wording of the same answer: checked, then confident, then likely."""
    logprob = -math.inf if sampled.logprob is None else sampled.logprob
    return sampled.checked is True, sampled.confidence or 0.0, logprob
