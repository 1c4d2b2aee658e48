"""How the votes of a pool add up, learnt from votes on questions whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metier.planning.learning.artefacts import Packed

Array = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

# A skill of 0 or 1 was measured on too few questions to be true.
_SURE = 0.02
# How strongly the weights hold to those of independent voters.
_RIDGE = 20.0
_STEPS = 40
_CONVERGED = 1e-4


class _Data(BaseModel):
    """What is saved."""

    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)

    voters: tuple[str, ...] = Field(min_length=1)
    fitted_on: int = Field(ge=1)
    choices: float = Field(ge=2)
    weights: tuple[float, ...]
    skills: tuple[float, ...]
    options: float

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        count = len(self.voters)
        if len(self.skills) != count or len(self.weights) != _features(count):
            raise ValueError(f"{len(self.weights)} weights of {count} voters")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoteAggregator:
    """The probability of each answer, from who gave it and how skilled they are at the question.

    A conditional logit over the answers (McFadden 1974, "Conditional logit analysis of qualitative
    choice behavior"); an answer that nobody gave has utility 0. It starts as the vote of
    independent voters, each weighing log(skill (k - 1) / (1 - skill)) (Li & Yu 2014, "Error rate
    bounds and iterative weighted majority voting", section 4), where k is not the number of
    options but the number of answers among which mistakes seem to be drawn: voters who err alike
    agree more often than chance. A ridge holds it there, so that it needs few labels, and with
    many it learns what independence leaves out: for each voter, how far its predicted skill is to
    be trusted, more or less so on hard questions and on those with many options, and what a
    second, third, … vote for the same answer still adds.

    Attributes:
        voters: their names, in the order of the columns.
        fitted_on: number of questions with at least one vote.
        choices: k, the answers that mistakes are drawn from.
    """

    name: ClassVar[str] = "votes"
    teaches: ClassVar[str] = "how the votes of several models add up"
    # Another one if a ballot's features change, too.
    version: ClassVar[int] = 1

    voters: tuple[str, ...]
    fitted_on: int
    choices: float
    _weights: Array
    _skills: Array
    _options: float

    @classmethod
    def fit(
        cls,
        groups: npt.ArrayLike,
        skills: npt.ArrayLike,
        *,
        right: npt.ArrayLike,
        options: npt.ArrayLike,
        voters: Sequence[str],
    ) -> Self:
        """Learn from votes.

        Args:
            groups: which answer each voter gave, any number from 0 on, and the same number for
                the same answer to a question; -1 for none; shape (questions, voters).
            skills: predicted probability that each voter is right if it answers. To be predicted
                for questions that the predictor was not fitted on, or they seem better than they
                will be; NaN if it is not known, which only that of a voter without an answer
                may be; same shape.
            right: the group of the right answer, given or not; shape (questions,).
            options: how many answers there are to choose from, 0 for an open question; shape
                (questions,).
            voters: their names.

        Raises:
            ValueError: shapes that do not belong together, a skill outside 0 to 1, or no vote.
        """
        votes, known, number = _checked(groups, skills, options, voters)
        gold = np.asarray(right, dtype=np.int64)
        if gold.shape != number.shape:
            raise ValueError(f"{gold.shape} right answers of {number.shape} questions")
        used = (votes >= 0).any(axis=1)
        if not used.any():
            raise ValueError("nobody voted")
        votes, known, number, gold = votes[used], known[used], number[used], gold[used]
        start = cls(
            voters=tuple(voters),
            fitted_on=len(votes),
            choices=_drawn_from(votes, gold, number),
            _weights=np.zeros(_features(len(voters))),
            _skills=np.nanmean(_logit(known), axis=0),
            _options=float(np.log(number[number > 0]).mean()) if number.any() else 0.0,
        )
        ballot = start._ballot(votes, known, number)
        weights = _fitted(ballot, ballot.stands & (votes == gold[:, None]))
        return replace(start, _weights=weights)

    def predict(
        self, groups: npt.ArrayLike, skills: npt.ArrayLike, *, options: npt.ArrayLike
    ) -> Array:
        """Probability that each voter's answer is right, shape (questions, voters).

        Voters who agree get the same; one that gave no answer gets 0.

        Raises:
            ValueError: shapes that do not belong together, other voters than those learnt from,
                or a skill outside 0 to 1.
        """
        votes, known, number = _checked(groups, skills, options, self.voters)
        ballot = self._ballot(votes, known, number)
        shares = ballot.shares(self._weights)[0]
        same = (votes[:, :, None] == votes[:, None, :]) & (votes >= 0)[:, :, None]
        return (same * shares[:, None, :]).sum(axis=2)

    def packed(self) -> Packed:
        """What to save."""
        saved = _Data(
            voters=self.voters,
            fitted_on=self.fitted_on,
            choices=self.choices,
            weights=tuple(self._weights.tolist()),
            skills=tuple(self._skills.tolist()),
            options=self._options,
        )
        return Packed(data=saved.model_dump(mode="json"))

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """What was saved.

        Raises:
            ValueError: it is not whole.
        """
        saved = _Data.model_validate(packed.data)
        return cls(
            voters=saved.voters,
            fitted_on=saved.fitted_on,
            choices=saved.choices,
            _weights=np.array(saved.weights),
            _skills=np.array(saved.skills),
            _options=saved.options,
        )

    def _ballot(self, votes: Groups, skills: Array, options: Groups) -> _Ballot:
        cast = votes >= 0
        same = (votes[:, :, None] == votes[:, None, :]) & cast[:, :, None]
        # Each answer stands where the first of those who gave it stands.
        stands = cast & ~np.tril(same, -1).any(axis=2)
        backed = (same & stands[:, :, None]).astype(np.float64)
        counts = backed.sum(axis=2)
        closed = options > 0
        choices = np.where(closed, np.clip(options, 2, self.choices), self.choices)
        own = np.where(np.isnan(skills), self._skills, _logit(skills))
        many = np.where(closed, np.log(np.maximum(options, 1)) - self._options, 0.0)[:, None, None]
        # Of the voters whose skill is known: a question is as easy for the others.
        told = np.maximum((~np.isnan(skills)).sum(axis=1), 1)
        ease = ((own - self._skills).sum(axis=1) / told)[:, None, None]
        least = counts[:, :, None] >= np.arange(2, len(self.voters) + 1)
        return _Ballot(
            features=np.concatenate(
                [
                    backed,
                    backed * (own - self._skills)[:, None, :],
                    backed * ease,
                    backed * many,
                    least,
                    least * ease,
                ],
                axis=2,
            ),
            independent=(backed * (own + np.log(choices - 1)[:, None])[:, None, :]).sum(axis=2),
            stands=stands,
            others=np.where(closed, np.maximum(options - stands.sum(axis=1), 0), 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ballot:
    """The answers to each question, each at the place of its first voter.

    Attributes:
        features: shape (questions, voters, features).
        independent: utility if voters were independent, shape (questions, voters).
        stands: where an answer stands, same shape.
        others: how many answers nobody gave, shape (questions,).
    """

    features: Array
    independent: Array
    stands: Truths
    others: Groups

    def shares(self, weights: Array) -> tuple[Array, Array, Array]:
        """Probability and utility of each answer, and the logarithm of each question's total."""
        utilities = np.where(self.stands, self.independent + self.features @ weights, -np.inf)
        top = np.maximum(utilities.max(axis=1), 0)
        raised = np.exp(utilities - top[:, None])
        total = raised.sum(axis=1) + self.others * np.exp(-top)
        return raised / total[:, None], utilities, top + np.log(total)


def _fitted(ballot: _Ballot, right: Truths) -> Array:
    """The weights of the highest penalised likelihood, by Newton's method with halved steps."""
    features = ballot.features
    gained = (features * right[:, :, None]).sum(axis=(0, 1))

    def likelihood(weights: Array) -> tuple[float, Array]:
        shares, utilities, total = ballot.shares(weights)
        known = np.where(right, utilities, 0).sum() - total.sum()
        return float(known - _RIDGE / 2 * weights @ weights), shares

    weights = np.zeros(features.shape[2])
    reached, shares = likelihood(weights)
    for _ in range(_STEPS):
        means = np.einsum("qa,qaf->qf", shares, features)
        spread = (features * np.sqrt(shares)[:, :, None]).reshape(-1, len(weights))
        curvature = spread.T @ spread - means.T @ means + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curvature, gained - means.sum(axis=0) - _RIDGE * weights)
        further, shares = likelihood(weights + step)
        while further < reached and np.abs(step).max() > _CONVERGED:
            step /= 2
            further, shares = likelihood(weights + step)
        weights, reached = weights + step, further
        if np.abs(step).max() <= _CONVERGED:
            break
    return weights


def _drawn_from(votes: Groups, right: Groups, options: Groups) -> float:
    """As many equally likely wrong answers, and the right one, would make mistakes agree so often.

    One made-up agreement, as rare as the options say, keeps it finite.
    """
    wrong = (votes >= 0) & (votes != right[:, None])
    pairs = np.triu(wrong[:, :, None] & wrong[:, None, :], 1)
    agreed = (pairs & (votes[:, :, None] == votes[:, None, :])).sum()
    expected = max(float(options.mean()) - 1, 1.0)
    return float(max(1 + (pairs.sum() + expected) / (agreed + 1), 2.0))


def _logit(skills: Array) -> Array:
    bounded = np.clip(skills, _SURE, 1 - _SURE)
    return np.log(bounded / (1 - bounded))


def _features(voters: int) -> int:
    """Weights of a model: four of each voter, two of each further vote for the same answer."""
    return 6 * voters - 2


def _checked(
    groups: npt.ArrayLike, skills: npt.ArrayLike, options: npt.ArrayLike, voters: Sequence[str]
) -> tuple[Groups, Array, Groups]:
    votes, number = np.asarray(groups, dtype=np.int64), np.asarray(options, dtype=np.int64)
    known = np.asarray(skills, dtype=np.float64)
    if votes.ndim != 2 or not votes.shape[1] or known.shape != votes.shape:
        raise ValueError(f"votes {votes.shape} and skills {known.shape}")
    if votes.shape[1] != len(voters):
        raise ValueError(f"votes of {votes.shape[1]} where there are {len(voters)} voters")
    if number.shape != votes.shape[:1] or (number < 0).any():
        raise ValueError(f"options {number.shape} of {len(votes)} questions")
    unknown = np.isnan(known) & (votes < 0)
    if not (((known >= 0) & (known <= 1)) | unknown).all():
        raise ValueError("a skill is between 0 and 1")
    return votes, known, number
