"""Runs one step. In this process now; an executor elsewhere gets the same job as JSON."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio

from metier.capability import GENERAL
from metier.combining import STRATEGIES, Sampled
from metier.engine.calling import Caller
from metier.engine.context import StepContext
from metier.engine.recorder import Emit
from metier.errors import ExpertFailed, MetierError
from metier.events import StepDone, StepStarted, Token
from metier.expert import Expert, Task
from metier.knowledge.passages import Passage
from metier.loading import place_of
from metier.models.choosing import ModelChooser
from metier.plan import Step
from metier.registry import Registry
from metier.threads import in_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A step with all that it needs.

    Attributes:
        solo: whether it is the only step, so that its words are the answer.
    """

    step: Step
    task: Task
    solo: bool


class Executor(Protocol):
    """Runs a job; running it again gives the same."""

    async def run(self, job: Job, *, caller: Caller, emit: Emit) -> StepDone:
        """Run the step and tell it in events, the last of which is returned.

        Raises:
            MetierError: the step has no result.
        """
        ...


FindPassages = Callable[[str, str, int], Awaitable[Sequence[Passage]]]


async def no_passages(domain: str, query: str, k: int) -> Sequence[Passage]:
    """What is found where nobody keeps documents."""
    return ()


class LocalExecutor:
    """Runs steps in this process.

    Args:
        find_passages: searches a domain's documents, as `Shelf.search` does.
    """

    def __init__(
        self,
        registry: Registry,
        chooser: ModelChooser,
        *,
        seed: int = 0,
        find_passages: FindPassages = no_passages,
    ) -> None:
        self._registry = registry
        self._chooser = chooser
        self._seed = seed
        self._find_passages = find_passages

    async def run(self, job: Job, *, caller: Caller, emit: Emit) -> StepDone:
        """Run the step's strategy over the step's expert."""
        step = job.step
        emit(StepStarted(step_id=step.id, expert=step.expert, task=step.task))
        sampler = _StepSampler(self, job, caller, emit)
        sampled = await STRATEGIES[step.strategy](step, sampler)
        if not sampled.text.strip():
            raise ExpertFailed(f"{step.expert} gave an empty answer")
        if job.solo and not sampler.streamed:
            emit(Token(step_id=step.id, text=sampled.text, answer=True))
        done = StepDone(
            step_id=step.id,
            expert=sampled.expert,
            task=step.task,
            text=sampled.text,
            models=sampled.models,
            sources=sampled.sources,
            checked=sampled.checked,
            confidence=sampled.confidence,
            abstained=sampled.abstained,
        )
        emit(done)
        return done

    async def expert(self, name: str) -> Expert:
        """The expert; importing its plugin may take a while, so it is done in a thread."""
        return await in_thread(self._registry.expert, name)

    def context(self, expert: Expert, job: Job, caller: Caller) -> StepContext:
        """What the expert may use in this step."""
        general = self._registry.cards.get(GENERAL)
        return StepContext(
            caller=caller,
            card=expert.card,
            choose=lambda: self._chooser.model_for(expert.card, general, chances=job.step.chances),
            find_skill=self._registry.skill,
            find_passages=self._find_passages,
            step_id=job.step.id,
            seed=self._seed,
        )


class _StepSampler:
    """The `Sampler` of one job."""

    def __init__(self, executor: LocalExecutor, job: Job, caller: Caller, emit: Emit) -> None:
        self._executor = executor
        self._job = job
        self._caller = caller
        self._emit = emit
        self.streamed = False

    async def sample(self, expert: str, *, live: bool = False) -> Sampled:
        found = await self._executor.expert(expert)
        context = self._executor.context(found, self._job, self._caller)
        as_answer = live and self._job.solo and found.card.stream == "direct"
        pieces: list[str] = []
        try:
            async with aclosing(_pieces(found, self._job.task, context)) as stream:
                async for piece in stream:
                    pieces.append(piece)
                    if live:
                        step_id = self._job.step.id
                        self._emit(Token(step_id=step_id, text=piece, answer=as_answer))
                        self.streamed = self.streamed or as_answer
        except MetierError:
            raise
        # An expert's code may raise anything; the step fails, the plan goes on.
        except (Exception, SystemExit) as exc:
            raise _crashed(found, exc) from exc
        finally:
            with anyio.CancelScope(shield=True):
                await context.aclose()
        return Sampled(
            text="".join(pieces),
            expert=expert,
            models=tuple(context.models),
            sources=tuple(context.sources),
            checked=context.checked,
            confidence=context.confidence,
            abstained=context.abstained,
        )


def _crashed(expert: Expert, exc: BaseException) -> ExpertFailed:
    """What an expert's code raised, and where."""
    place = place_of(exc, type(expert).__module__)
    folder = Path(place.rpartition(":")[0]).parent
    hint = f"Mend it there; to see more: metier experts check {folder}" if place else ""
    where = f" ({place})" if place else ""
    return ExpertFailed(f"{expert.id} raised {type(exc).__name__}: {exc}{where}", hint=hint)


async def _pieces(expert: Expert, task: Task, context: StepContext) -> AsyncGenerator[str, None]:
    """The pieces of an answer, whichever way the expert was written."""
    answering = await _started(expert.answer, task, context)
    if inspect.isawaitable(answering):
        answering = await answering
    if isinstance(answering, str):
        yield answering
        return
    if not isinstance(answering, AsyncIterator):
        kind = type(answering).__name__
        raise ExpertFailed(f"{expert.id}.answer returned {kind}, not text or an async iterator")
    async for piece in answering:
        yield str(piece)


async def _started(answer: Callable[..., object], task: Task, context: StepContext) -> object:
    """Call `answer`; one that is a plain `def` of the user's runs in a thread."""
    plain = not (inspect.iscoroutinefunction(answer) or inspect.isasyncgenfunction(answer))
    if plain and getattr(answer, "__func__", None) is not Expert.answer:
        return await in_thread(answer, task, context)
    return answer(task, context)
