"""Runs a plan and tells it in events."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from metier.answer import Answer
from metier.engine.beforehand import Beforehand
from metier.engine.calling import Caller
from metier.engine.composing import Composer, Composing
from metier.engine.cutting import Cut
from metier.engine.executor import Executor, Job, LocalExecutor
from metier.engine.inputs import task_of
from metier.engine.ordering import ordered
from metier.engine.recorder import Budget, Emit, Recorder
from metier.engine.window import Window
from metier.errors import DeadlineExceeded, ExpertFailed, MetierError, ResourceExhausted
from metier.events import (
    Answered,
    Notice,
    PlanReady,
    StepDone,
    StepFailed,
    StepStarted,
    Token,
)
from metier.experts.card import GENERAL, Card
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.experts.threads import in_thread
from metier.models.server import ModelServer, run_together
from metier.plan import Plan, Step
from metier.settings import Compose
from metier.strategies import Strategies

# Of the paragraphs that give orders to the program, so many are shown; the others are counted.
_ORDERS_TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one question may cost.

    Attributes:
        timeout_s: deadline in seconds, for planning and running together.
        max_calls: model calls.
        stop: strings that end the answer, and the run; they are not part of it.
        max_chars: length of the answer; a longer one is cut there, and the run ends.
    """

    timeout_s: float = 900.0
    max_calls: int = 16
    stop: tuple[str, ...] = ()
    max_chars: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        errors: what went wrong, by step id.
    """

    answer: Answer
    errors: Mapping[str, MetierError]

    def raise_if_nothing(self) -> None:
        """Raise the first error where no step has a result."""
        if self.errors and not self.answer.parts:
            raise next(iter(self.errors.values()))


@dataclass(slots=True, kw_only=True)
class _Run:
    """The state of one run."""

    plan: Plan
    recorder: Recorder
    caller: Caller
    composing: Composing
    models: Mapping[str, str]
    done: dict[str, StepDone] = field(default_factory=dict)
    errors: dict[str, MetierError] = field(default_factory=dict)

    def results(self) -> list[StepDone]:
        """The results in the order of the plan."""
        return [self.done[step.id] for step in self.plan.steps if step.id in self.done]

    def take(self, results: Sequence[StepDone]) -> None:
        """Take results of an earlier run; their steps are reported, and not run."""
        for result in results:
            if result.step_id is not None:
                started = StepStarted(
                    step_id=result.step_id, expert=result.expert, task=result.task
                )
                self.recorder(started)
                self.recorder(result)
                self.done[result.step_id] = result

    def fail(self, step: Step, error: MetierError) -> None:
        """Tell that a step has no result."""
        self.errors[step.id] = error
        self.recorder(
            StepFailed(
                step_id=step.id,
                expert=step.expert,
                task=step.task,
                code=error.code,
                reason=str(error),
            )
        )
        self.tell_settled()

    def tell_settled(self) -> None:
        """Give out the sections of the answer that are settled now."""
        if text := self.composing.settled(self.done, self.errors):
            self.recorder(Token(text=text, answer=True))


class Engine:
    """Runs plans.

    Args:
        executor: runs the steps; this process if not given.
        strategies: the strategies that a plan may name; the installed ones if not given.
        num_ctx: the context window of every model, in tokens. Old turns of a conversation that
            do not fit into it are left out, and a notice says so.
        compose: how several results become one text.
    """

    def __init__(
        self,
        registry: Registry,
        server: ModelServer,
        chooser: ModelChooser,
        *,
        executor: Executor | None = None,
        strategies: Strategies | None = None,
        num_ctx: int | None = None,
        compose: Compose = "auto",
    ) -> None:
        self._num_ctx = num_ctx
        self._strategies = strategies or Strategies()
        self._composer = Composer(server, chooser, registry.cards.get(GENERAL), compose=compose)
        self._registry = registry
        self._server = server
        self._chooser = chooser
        self._executor = executor or LocalExecutor(registry, chooser, strategies=self._strategies)

    async def run(
        self,
        plan: Plan,
        emit: Emit,
        *,
        limits: Limits = Limits(),
        before: Beforehand | None = None,
        notices: Sequence[Notice] = (),
        since: float | None = None,
        results: Sequence[StepDone] = (),
        seed: int = 0,
    ) -> Outcome:
        """Run a plan; what happens goes to `emit` as it happens.

        A step that fails leaves a partial answer that names what is missing.

        Args:
            before: what planning has used of the limits.
            notices: what planning has to say.
            since: when the question was asked, by `anyio.current_time()`; now if not given.
            results: of steps that are not run again.

        Raises:
            InvalidPlan, UnknownExpert, PluginBroken: the plan cannot run; nothing has been
                emitted.
        """
        plan.check(self._registry.cards)
        self._strategies.check(plan)
        recorder = Recorder(emit, cut=Cut(limits.stop, max_chars=limits.max_chars))
        made = before.calls if before else 0
        caller = Caller(
            self._server,
            emit=recorder,
            budget=Budget(limits.max_calls, spent=made),
            numbers=itertools.count(1 + made),
            window=Window(plan.messages, tokens=self._num_ctx, tell=recorder),
            seed=seed,
            cut=recorder.cut,
        )
        recorder(PlanReady(plan=plan))
        for event in (*(before.events if before else ()), *notices):
            recorder(event)
        composing = Composing(self._composer, plan)
        run = _Run(plan=plan, recorder=recorder, caller=caller, composing=composing, models={})
        run.take(results)
        deadline = (since or anyio.current_time()) + limits.timeout_s
        with anyio.CancelScope(deadline=deadline) as scope:
            if len(plan.steps) > 1:  # a step alone ends by itself, with its sources
                recorder.on_cut = scope.cancel
            await self._tell_orders(plan, recorder)
            await composing.decide()
            run.models = await self._models(plan)
            await self._steps(run)
            await composing.write(caller, run.done, recorder)
            run.tell_settled()
        if scope.cancelled_caught and not recorder.cut.ended:
            self._tell_overdue(run, limits)
        recorder.rest()
        self._finish(run)
        answer = recorder.answer()
        recorder(Answered(answer=answer, cut=recorder.cut.reason))
        return Outcome(answer=answer, errors=run.errors)

    async def _tell_orders(self, plan: Plan, emit: Emit) -> None:
        """What the planner left out: nothing of a question is dropped without a word."""
        told, others = await in_thread(_dropped, plan)
        for order in told:
            emit(Notice(text=f"left out, because it gives orders to the program: {order!r}"))
        if others:
            emit(Notice(text=f"{others} more paragraphs that give orders were left out"))

    async def _models(self, plan: Plan) -> dict[str, str]:
        """The model of each step, as far as it is known: only the order depends on it."""
        if len(plan.steps) == 1:
            return {}
        found = {step.id: await self._model_of(step.expert, step.chances) for step in plan.steps}
        return {step_id: model for step_id, model in found.items() if model is not None}

    async def _model_of(self, expert: str, chances: Mapping[str, float]) -> str | None:
        """An expert's model; None if it has none, which the step itself will say."""
        if (card := self._registry.cards.get(expert)) is None:
            return None
        try:
            return (await self._chooser.model_for(card, self._general, chances=chances)).name
        except MetierError:
            return None

    @property
    def _general(self) -> Card | None:
        return self._registry.cards.get(GENERAL)

    async def _steps(self, run: _Run) -> None:
        """All steps, those of one model together, side by side where the server has room."""
        waiting = [step for step in await self._order(run) if step.id not in run.done]
        while waiting:
            self._drop_orphans(run, waiting)
            if not waiting:
                return
            batch = self._batch(run, waiting)
            waiting[:] = [step for step in waiting if step not in batch]
            async with anyio.create_task_group() as group:
                for step in batch:
                    group.start_soon(self._step, run, step)

    async def _order(self, run: _Run) -> list[Step]:
        if len(run.plan.steps) == 1:
            return list(run.plan.steps)
        try:
            loaded = [model.name for model in await self._server.loaded()]
        except MetierError:
            loaded = []
        last = await self._model_of(GENERAL, {}) if run.composing.writes else None
        return ordered(run.plan.steps, run.models, loaded=loaded, last=last)

    def _batch(self, run: _Run, waiting: list[Step]) -> list[Step]:
        """The next step, and others that are ready, as many as can run side by side."""
        first, *others = waiting
        batch, models = [first], [run.models.get(first.id, "")]
        if not models[0]:
            return batch
        for step in others:
            model = run.models.get(step.id, "")
            ready = model and all(need in run.done for need in step.needs)
            if ready and run_together(self._server, [*models, model]):
                batch.append(step)
                models.append(model)
        return batch

    def _drop_orphans(self, run: _Run, waiting: list[Step]) -> None:
        """Steps whose needed step failed cannot run; those that wait are in the order of needs."""
        for step in list(waiting):
            if lost := [need for need in step.needs if need in run.errors]:
                waiting.remove(step)
                run.fail(step, ExpertFailed(f"it needs step {lost[0]}, which failed"))

    async def _step(self, run: _Run, step: Step) -> None:
        plan = run.plan
        task = await in_thread(task_of, step, plan, run.done)
        solo = len(plan.steps) == 1
        open_steps = len(plan.steps) - len(run.done) - len(run.errors)
        # One call for every other step, and one for composing.
        reserve = open_steps - 1 + run.composing.writes
        job = Job(step=step, task=task, solo=solo, reserve=reserve)
        try:
            run.done[step.id] = await self._executor.run(job, caller=run.caller, emit=run.recorder)
            run.tell_settled()
        except MetierError as exc:
            run.fail(step, exc)
        except (MemoryError, RecursionError) as exc:
            error = ResourceExhausted(exc)
            error.__cause__ = exc
            run.fail(step, error)

    def _finish(self, run: _Run) -> None:
        """The disclaimers of the cards that took part."""
        cards = (self._registry.cards[result.expert] for result in run.results())
        for text in sorted({card.disclaimer for card in cards} - {""}):
            run.recorder(Notice(text=text, answer=True))

    def _tell_overdue(self, run: _Run, limits: Limits) -> None:
        run.composing.writes = False
        for step in run.plan.steps:
            if step.id not in run.done and step.id not in run.errors:
                run.fail(step, DeadlineExceeded(f"not done within {limits.timeout_s:g} s"))
        run.tell_settled()


def _dropped(plan: Plan) -> tuple[list[str], int]:
    """The first paragraphs that give orders to the program and are in no task; how many follow."""
    orders = dict.fromkeys(plan.orders)
    dropped = [order for order in orders if not any(order in step.task for step in plan.steps)]
    return dropped[:_ORDERS_TOLD], len(dropped[_ORDERS_TOLD:])
