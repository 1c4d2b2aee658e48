"""Runs one step. In this process now; an executor elsewhere gets the same job as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from metier.engine.calling import Caller
from metier.engine.recorder import Emit
from metier.engine.sampling import FindPassages, StepSampler, World
from metier.errors import ExpertFailed, ModelMissing
from metier.events import Notice, StepDone, StepStarted, Token
from metier.experts.expert import Task
from metier.experts.knowledge.passages import Passage
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.models.embedder import Embedder
from metier.plan import Step
from metier.strategies import Strategies
from metier.strategies.ballots.voting import VoteAggregator

_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A step with all that it needs.

    Attributes:
        solo: whether it is the only step, so that its words are the answer.
        reserve: model calls that must be left for later steps and for composing.
    """

    step: Step
    task: Task
    solo: bool
    reserve: int = 0


class Executor(Protocol):
    """Runs a job; running it again gives the same."""

    async def run(self, job: Job, *, caller: Caller, emit: Emit) -> StepDone:
        """Run the step and tell it in events, the last of which is returned.

        Raises:
            MetierError: the step has no result.
        """
        ...


async def no_passages(domain: str, query: str, k: int) -> Sequence[Passage]:
    """Find nothing: no documents are kept."""
    return ()


class LocalExecutor:
    """Runs steps in this process.

    Args:
        find_passages: searches a domain's documents, as `KnowledgeBases.search` does.
        embedder: compares free texts where several answer; without one they count as alike.
        voting: what past votes taught, as it stands when a step begins.
        strategies: the strategies that a step may name; the installed ones if not given.
        runs_on: labels of the hosts that experts run on, by expert, over their cards'.
    """

    def __init__(
        self,
        registry: Registry,
        chooser: ModelChooser,
        *,
        find_passages: FindPassages = no_passages,
        embedder: Embedder | None = None,
        voting: Callable[[], VoteAggregator | None] = lambda: None,
        strategies: Strategies | None = None,
        runs_on: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._strategies = strategies or Strategies()
        self._world = World(
            registry=registry,
            chooser=chooser,
            find_passages=find_passages,
            embedder=embedder,
            voting=voting,
            runs_on=runs_on,
        )

    async def run(self, job: Job, *, caller: Caller, emit: Emit) -> StepDone:
        """Run the step's strategy."""
        step = job.step
        emit(StepStarted(step_id=step.id, expert=step.expert, task=step.task))
        sampler = StepSampler(
            step,
            job.task,
            replace(self._world, find_passages=self._searching(step, emit)),
            caller=caller.leaving(job.reserve),
            emit=emit,
            solo=job.solo,
        )
        sampled = await self._strategies.run(step, sampler)
        if not (sampled.text.strip() or caller.cut.ended):
            raise ExpertFailed(f"{step.expert} gave an empty answer")
        if job.solo and not sampler.streamed:
            emit(Token(step_id=step.id, text=sampled.text, answer=True))
        done = StepDone(
            step_id=step.id,
            task=step.task,
            strategy=step.strategy,
            **sampled.shared(),
        )
        emit(done)
        if sampled.agreement is not None and sampled.agreement < _HALF:
            emit(Notice(step_id=step.id, text=_disagree(done)))
        return done

    def _searching(self, step: Step, emit: Emit) -> FindPassages:
        """Searches documents; if the embedder is missing it finds none, and says so once."""
        told: set[str] = set()

        async def found(domain: str, query: str, k: int) -> Sequence[Passage]:
            try:
                return await self._world.find_passages(domain, query, k)
            except ModelMissing as exc:
                text = f"the documents of {domain} were not searched: {exc}"
                if text not in told:
                    told.add(text)
                    emit(Notice(step_id=step.id, text=text))
                return ()

        return found


def _disagree(done: StepDone) -> str:
    """A notice that a vote has no majority, with the other answers."""
    answers = dict.fromkeys(repr(vote.answer) for vote in done.votes if vote.answer)
    return f"{done.strategy}: most answers differ from this one: {', '.join(answers)}"
