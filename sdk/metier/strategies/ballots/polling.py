"""Ask several voters: by model, side by side if there is room, until time or calls run out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from metier.answer import Vote
from metier.errors import DeadlineExceeded, MetierError
from metier.experts.threads import in_thread
from metier.strategies.ballots.comparing import kind_of, shown
from metier.strategies.strategy import Prompt, Sampled, SampleOptions, Sampler, Voter

# Kept back of the time that is left, for counting the votes and composing.
_RESERVE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One sample that is wanted."""

    voter: Voter
    options: SampleOptions = SampleOptions()
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """An answer that came, and from whom."""

    voter: Voter
    sampled: Sampled


class Poll:
    """The answers to one step so far, and what went wrong.

    Args:
        step_sampler: asks the voters.
    """

    def __init__(self, step_sampler: Sampler) -> None:
        self._sampler = step_sampler
        self._overdue = False
        self.ballots: list[Ballot] = []
        self.failed: list[tuple[Voter, MetierError]] = []

    @property
    def over(self) -> bool:
        """Whether no time or no call is left to ask again."""
        return self._overdue or self._sampler.calls_left < 1

    async def ask(self, asks: Sequence[Ask]) -> list[Ballot]:
        """Take these samples; one that fails is left out and remembered.

        On one host each model is asked all that it is asked before the next one is, so that no
        model has to be loaded twice. What has not come shortly before the deadline is given up.

        Returns:
            The new ballots, in the order of `asks`.
        """
        came: dict[int, Ballot] = {}
        deadline = anyio.current_effective_deadline() - _RESERVE_S
        with anyio.move_on_after(max(0.0, deadline - anyio.current_time())) as scope:
            waiting = _by_model(asks)
            while waiting and self._sampler.calls_left > 0:
                size = self._room(waiting)
                await self._side_by_side(waiting[:size], came)
                del waiting[:size]
        self._overdue = self._overdue or scope.cancelled_caught
        ballots = [came[n] for n in sorted(came)]
        self.ballots += ballots
        return ballots

    async def _side_by_side(
        self, block: Sequence[tuple[int, Ask]], came: dict[int, Ballot]
    ) -> None:
        async with anyio.create_task_group() as group:
            for number, ask in block:
                group.start_soon(self._one, number, ask, came)

    def _room(self, waiting: Sequence[tuple[int, Ask]]) -> int:
        """How many of these, from the first on, can be asked at once."""
        voters = [ask.voter for _, ask in waiting[: self._sampler.calls_left]]
        room = 1
        while room < len(voters) and self._sampler.run_together(voters[: room + 1]):
            room += 1
        return room

    async def _one(self, number: int, ask: Ask, came: dict[int, Ballot]) -> None:
        try:
            sampled = await self._sampler.sample(ask.voter, options=ask.options, prompt=ask.prompt)
        except MetierError as exc:
            self.failed.append((ask.voter, exc))
            self._sampler.tell(lost_vote(ask.voter, exc))
            return
        ballot = Ballot(voter=ask.voter, sampled=sampled)
        came[number] = ballot
        answer = await in_thread(
            _answer, self._sampler.task.text, self._sampler.output, sampled.text
        )
        self._sampler.tell(vote_of(ballot, answer))

    def require(self) -> None:
        """Raise if no voter has answered.

        Raises:
            MetierError: the first thing that went wrong.
        """
        if self.ballots:
            return
        if self.failed:
            raise self.failed[0][1]
        raise DeadlineExceeded("no answer came in time")

    def lost(self) -> tuple[Vote, ...]:
        """Those who could not answer."""
        return tuple(lost_vote(voter, exc) for voter, exc in self.failed)


def _answer(question: str, output: str, text: str) -> str:
    """What a text answers, in a few words."""
    return shown(text, kind_of(question, output, [text]))


def vote_of(ballot: Ballot, answer: str, *, weight: float = 1.0, chosen: bool = False) -> Vote:
    """A ballot as it is reported, with its answer in a few words."""
    sampled = ballot.sampled
    return Vote(
        expert=sampled.expert,
        model=", ".join(sampled.models) or ballot.voter.model,
        answer="" if sampled.abstained else answer,
        weight=round(weight, 6),
        confidence=sampled.confidence,
        chosen=chosen,
    )


def _by_model(asks: Sequence[Ask]) -> list[tuple[int, Ask]]:
    """The asks with their numbers, those of a model together, models as they first come."""
    order = list(dict.fromkeys(ask.voter.model for ask in asks))
    return sorted(enumerate(asks), key=lambda pair: order.index(pair[1].voter.model))


def lost_vote(voter: Voter, exc: MetierError) -> Vote:
    """A voter that could not answer, as it is reported."""
    return Vote(expert=voter.expert, model=voter.model, weight=0.0, error=exc.code)
