"""What every strategy has to do, as tests: subclass `StrategyConformance` and give the strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio

from metier.errors import BudgetExceeded, MetierError, StreamInterrupted
from metier.plan import Member, Step
from metier.strategies import Sampled, Strategies, Strategy, Voter
from metier.testing.conformance import Nonconforming
from metier.testing.sampler import QUESTION, Reply, ScriptedSampler, said

_REPLIES = 64
_BUDGETS = range(1, 9)
_VOTERS = tuple(
    Voter(expert="math", model=model, size_bytes=size)
    for size, model in enumerate(("small", "middle", "large"), 1)
)


class StrategyConformance:
    """The checks as methods that pytest collects. No server, no network, nothing random.

        class TestLongest(StrategyConformance):
            def strategy(self) -> Strategy:
                return longest

    Override a check that cannot hold for your strategy, and say why.
    """

    def strategy(self) -> Strategy:
        """The strategy to check."""
        raise NotImplementedError("def strategy(self) -> Strategy: return the strategy to check")

    def test_its_options_have_defaults_that_it_takes(self) -> None:
        """It is an async function whose keyword-only parameters are annotated and have defaults."""
        try:
            self._strategies().validated("mine", {})
        except TypeError as exc:
            raise Nonconforming(str(exc), hint="See: docs/combining.md") from exc

    def test_it_answers_one_voter(self) -> None:
        """A step with one model to ask gets an answer."""
        self._expect_text({_VOTERS[0]: [said("7", _VOTERS[0])] * _REPLIES})

    def test_it_answers_several_voters(self) -> None:
        """A step with several models gets an answer."""
        self._expect_text({voter: [said("7", voter)] * _REPLIES for voter in _VOTERS})

    def test_it_survives_a_voter_that_fails(self) -> None:
        """One model that cannot answer does not cost the others' answers."""
        failing, *others = _VOTERS
        replies: dict[Voter, list[Reply]] = {
            voter: [said("7", voter)] * _REPLIES for voter in others
        }
        self._expect_text({others[0]: replies[others[0]], failing: _failures(), **replies})

    def test_it_raises_if_nobody_answers(self) -> None:
        """With no answer at all it raises a `MetierError`, not an answer of its own."""
        sampler = ScriptedSampler({voter: _failures() for voter in _VOTERS}, judging=_first)
        try:
            found = self._run(sampler)
        except MetierError:
            return
        raise Nonconforming(
            f"it answered {found.text!r} although nobody did", hint="Let the error through"
        )

    def test_it_keeps_to_the_budget(self) -> None:
        """It stops asking when `calls_left` is 0, and makes do with what it has."""
        for budget in _BUDGETS:
            replies: dict[Voter, list[Reply]] = {
                voter: [said("7", voter)] * _REPLIES for voter in _VOTERS
            }
            try:
                self._run(ScriptedSampler(replies, budget=budget, judging=_first))
            except BudgetExceeded as exc:
                raise Nonconforming(
                    f"it asked once more than the {budget} calls that it had",
                    hint="Look at sampler.calls_left before asking again",
                ) from exc

    def _expect_text(self, replies: Mapping[Voter, list[Reply]]) -> None:
        found = self._run(ScriptedSampler(replies, judging=_first))
        if not found.text.strip():
            raise Nonconforming("its answer is empty", hint="Return what a voter said")

    def _run(self, sampler: ScriptedSampler) -> Sampled:
        members = tuple(Member(expert=each.expert, model=each.model) for each in sampler.replies)
        step = Step(id="1", task=QUESTION, expert="math", strategy="mine", members=members)
        return anyio.run(self._strategies().run, step, sampler)

    def _strategies(self) -> Strategies:
        return Strategies({"mine": self.strategy()})


def _failures() -> list[Reply]:
    return [StreamInterrupted("gone")] * _REPLIES


def _first(_: Voter, __: object, labels: Sequence[str]) -> dict[str, float]:
    """A judge that prefers what stands first."""
    first, *others = labels
    return {first: 0.9, **dict.fromkeys(others, 0.1 / max(1, len(others)))}
