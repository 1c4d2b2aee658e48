"""The facade: registry, planner, engine and model server in one hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Self

import anyio

from metier.errors import DeadlineExceeded, EmptyQuestion
from metier.experts.card import GENERAL, Card
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.models.control import without_surrogates
from metier.models.embedder import Embedder
from metier.models.opening import embedder_of, memory_for_models, server_of
from metier.models.server import ModelServer
from metier.models.shared import SharedServer
from metier.models.turns import one_question
from metier.plan import Combining, Document, Message, Plan
from metier.planning.assembly import PlannerAssembly
from metier.runs.current import recorded_as
from metier.settings import Settings
from metier.sync import OneLoop, Portal, streaming_twin, twin

# The engine is imported when the first plan is run: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.answer import Answer
    from metier.engine.beforehand import Beforehand
    from metier.engine.engine import Engine, Limits, Outcome
    from metier.engine.recorder import Emit
    from metier.events import Event, StepDone
    from metier.experts.expert import Expert
    from metier.experts.warming import Warming
    from metier.knowledge.shelf import Shelf
    from metier.models.server import Sampling
    from metier.planning.asking import Asker
    from metier.runs.keeping import Keeping
    from metier.runs.replaying import Replay
    from metier.runs.run import Run
    from metier.runs.store import RunStore
    from metier.strategies import Strategies
    from metier.telemetry import Backend

Question = str | Sequence[Message]
How = str | Combining


class Council:
    """Experts that answer together.

    Nothing is loaded, connected or embedded before it is needed. One council can be asked many
    questions, also at the same time. Close it with `await council.aclose()`, `council.close()`,
    or by using it in a `with` or `async with`.

    Args:
        registry: the experts.
        server: who runs the models; the Ollama of the settings where not given.
        embedder: who makes vectors; the one of the settings where not given.
        strategies: the strategies that a plan may name; the installed ones if not given.
        runs: where every question is kept; nowhere if not given.
        telemetry: backends that are told what happens in every run.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        settings: Settings = Settings(),
        server: ModelServer | None = None,
        embedder: Embedder | None = None,
        strategies: Strategies | None = None,
        runs: RunStore | None = None,
        telemetry: Sequence[Backend] = (),
    ) -> None:
        self.telemetry = list(telemetry)
        self.registry = registry
        self._given_strategies = strategies
        self.settings = settings
        self._one_loop = OneLoop()
        self.server = server or server_of(settings)
        self.embedder = embedder or embedder_of(settings, self.server)
        self._shared = self.server if isinstance(self.server, SharedServer) else None
        self.runs = runs
        self._keeping = self._kept_in(runs) if runs is not None else None
        self._chooser = ModelChooser(
            self.server,
            general_model=settings.model,
            memory_bytes=memory_for_models(settings),
        )

    @classmethod
    def from_installed(
        cls,
        settings: Settings | None = None,
        *,
        runs: RunStore | None = None,
        telemetry: Sequence[Backend] = (),
    ) -> Self:
        """A council of the domain folders and plugins that are installed.

        Args:
            settings: `Settings.load()` where not given.
            runs: where every question is kept; nowhere if not given.
            telemetry: backends that are told what happens in every run.
        """
        settings = settings or Settings.load()
        registry = Registry.from_installed(settings)
        return cls(registry, settings=settings, runs=runs, telemetry=telemetry)

    @classmethod
    def of(
        cls,
        experts: Iterable[Expert],
        *,
        settings: Settings = Settings(),
        server: ModelServer | None = None,
        embedder: Embedder | None = None,
        runs: RunStore | None = None,
        telemetry: Sequence[Backend] = (),
    ) -> Self:
        """A council of exactly these experts."""
        return cls(
            Registry.of(experts),
            settings=settings,
            server=server,
            embedder=embedder,
            runs=runs,
            telemetry=telemetry,
        )

    async def plan(
        self,
        question: Question,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
    ) -> Plan:
        """Who would do what; no model is asked, only the embedder.

        With the setting `ask_to_split` the general model is asked, once, where it is unsure
        whether a question needs two experts.

        Args:
            question: a text, or a conversation that ends with the user's question.
            documents: texts that the question is about.
            experts: the only experts that may be chosen.
            strategy: how several answers to a step become one: a word such as `vote`, or a
                `Combining` that also names models and the strategy's options.

        Raises:
            EmptyQuestion: there is nothing to answer.
            UnknownExpert: `experts` names one that is not there.
            InvalidPlan: there is no such strategy, or it does not take an option.
            ModelServerError, ModelMissing: the embedder cannot be asked.
            CouncilInUse: another event loop is asking this council.
        """
        before = self._beforehand()
        with self._one_loop.use():
            return await self._planned(question, documents, experts, strategy, before)

    async def _planned(
        self,
        question: Question,
        documents: Sequence[Document],
        experts: Collection[str] | None,
        strategy: How,
        before: Beforehand | None,
    ) -> Plan:
        text, messages = _conversation(question)
        with recorded_as(None):  # the vectors of the index belong to no question
            planner = await self.planning.planner()
        if before is not None:
            from metier.planning.asking import asker

            planner = planner.with_asker(asker(before.reply))
        plan = await planner.plan(text, messages=messages, documents=documents, experts=experts)
        how = strategy if isinstance(strategy, Combining) else Combining(strategy=strategy)
        if how != Combining():
            plan = plan.combined(how)
            self.strategies.check(plan)
        return plan

    async def ask(
        self,
        question: Question,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
        limits: Limits | None = None,
    ) -> Answer:
        """Plan and run.

        Raises:
            MetierError: nothing could be answered. A partial answer is returned, not raised:
                see `Answer.missing`.
        """
        answering = self._answering(
            question, documents=documents, experts=experts, strategy=strategy, limits=limits
        )
        with self._one_loop.use():
            outcome = await answering(lambda _: None)
        outcome.raise_if_nothing()
        return outcome.answer

    async def run(self, plan: Plan, *, limits: Limits | None = None) -> Answer:
        """Run a plan as it stands.

        Raises:
            InvalidPlan, UnknownExpert: it cannot run.
            CouncilInUse: another event loop is asking this council.
            MetierError: nothing could be answered.
        """
        with self._one_loop.use():
            outcome = await self._answering(plan, limits=limits)(lambda _: None)
        outcome.raise_if_nothing()
        return outcome.answer

    async def stream(
        self,
        question: Question | Plan,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
        limits: Limits | None = None,
        strict: bool = False,
        results: Sequence[StepDone] = (),
        keep: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """What happens, as it happens; the last event is `Answered`.

        Leaving the loop early cancels the run and closes the server's stream: use
        `contextlib.aclosing` where that must be at once.

        Args:
            strict: if nothing could be answered, raise the error after the last event, as `ask`
                does.
            results: of steps of a plan that are not to be run again.
            keep: whether the run is kept, if runs are.
        """
        from metier.engine.pump import pumped

        answering = self._answering(
            question,
            documents=documents,
            experts=experts,
            strategy=strategy,
            limits=limits,
            results=results,
            keep=keep,
        )

        async def run(emit: Emit) -> None:
            outcome = await answering(emit)
            if strict:
                outcome.raise_if_nothing()

        with self._one_loop.use():
            async with aclosing(pumped(run)) as events:
                async for event in events:
                    yield event

    def _answering(
        self,
        question: Question | Plan,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
        limits: Limits | None = None,
        results: Sequence[StepDone] = (),
        keep: bool = True,
    ) -> Callable[[Emit], Awaitable[Outcome]]:
        """What plans a question, unless it is a plan, and runs the plan; kept if runs are."""
        limits = limits or self.limits

        async def answer(emit: Emit) -> Outcome:
            since = anyio.current_time()
            before, plan = None, question
            if not isinstance(plan, Plan):
                before = self._beforehand(limits)
                planned = self._planned(plan, documents, experts, strategy, before)
                plan = await _within(limits, planned)
            with one_question():
                return await self._engine.run(
                    plan, emit, limits=limits, before=before, since=since, results=results
                )

        keeping = self._keeping if keep else None
        if keeping is None and not self.telemetry:
            return answer
        is_plan = isinstance(question, Plan)
        asked = (question.question, question.messages) if is_plan else _conversation(question)
        kept = answer if keeping is None else keeping.kept(*asked, answer)
        if not self.telemetry:
            return kept
        from metier.telemetry.following import followed

        return followed(self.telemetry, asked[0], kept)

    async def replay(self, run: Run) -> Replay:
        """Run a kept run again from its own replies; no server is asked.

        Raises:
            ReplayDiffers: there is no plan, or the run did not end by itself.
        """
        from metier.runs.replaying import replay
        from metier.runs.versions import versions_of

        now = versions_of(self.registry, self.embedder, self.settings)
        council_of = partial(Council, self.registry, strategies=self._given_strategies)
        return await replay(run, council_of, now=now, settings=self.settings)

    async def warm(self, models: Collection[str] = ()) -> None:
        """Load the experts' models, and have the server read the experts' prompts, which it keeps.

        Later questions then wait only for what is new in them.

        Args:
            models: only these; all that experts run on if not given.

        Raises:
            ModelServerError, ModelMissing: a model cannot be loaded.
        """
        with self._one_loop.use():
            await self.warming.warm(models)

    ask_sync = twin(ask)
    warm_sync = twin(warm)
    plan_sync = twin(plan)
    run_sync = twin(run)
    stream_sync = streaming_twin(stream)

    @cached_property
    def _engine(self) -> Engine:
        from metier.engine.engine import Engine
        from metier.engine.executor import LocalExecutor

        executor = LocalExecutor(
            self.registry,
            self._chooser,
            seed=self.settings.seed,
            find_passages=self.knowledge.search,
            embedder=self.embedder,
            voting=self.planning.votes,
            strategies=self.strategies,
            runs_on=self.settings.runs_on,
        )
        return Engine(
            self.registry,
            self.server,
            self._chooser,
            executor=executor,
            strategies=self.strategies,
            num_ctx=self.settings.num_ctx,
            compose=self.settings.compose,
        )

    @cached_property
    def warming(self) -> Warming:
        """The prompts that the server is to keep."""
        from metier.experts.warming import Warming

        return Warming(
            self.registry, self._chooser, self._shared or self.server, settings=self.settings
        )

    @cached_property
    def strategies(self) -> Strategies:
        """The strategies that a plan may name."""
        from metier.strategies import Strategies

        return self._given_strategies or Strategies()

    @cached_property
    def knowledge(self) -> Shelf:
        """The documents that the user added, by domain."""
        from metier.knowledge.shelf import Shelf

        return Shelf(self.settings.state_dir / "knowledge", self.embedder)

    @property
    def limits(self) -> Limits:
        """The limits of the settings."""
        from metier.engine.engine import Limits

        return Limits(timeout_s=self.settings.timeout_s, max_calls=self.settings.max_calls)

    async def model_of(self, card: Card) -> str:
        """The model that an expert runs on.

        Raises:
            ModelMissing: none of its models, nor of the general expert's, is installed.
        """
        general = self.registry.cards.get(GENERAL)
        return (await self._chooser.model_for(card, general)).name

    @cached_property
    def planning(self) -> PlannerAssembly:
        """The index over the experts, what was learnt, and the planner made of both."""
        return PlannerAssembly(
            self.registry,
            self.embedder,
            cache_dir=self.settings.cache_dir,
            asker=self._asker,
        )

    def _asker(self) -> Asker | None:
        """For a planner that is used by itself: each question has limits of its own."""
        general = self._asked_to_split
        if general is None:
            return None
        from metier.planning.asking import asker

        async def reply(messages: Sequence[Message], sampling: Sampling) -> str:
            return await self._calls(general, self.limits).reply(messages, sampling)

        return asker(reply)

    def _beforehand(self, limits: Limits | None = None) -> Beforehand | None:
        """What planning a question may use of its limits; None where no model is asked."""
        general = self._asked_to_split
        return None if general is None else self._calls(general, limits or self.limits)

    def _calls(self, general: Card, limits: Limits) -> Beforehand:
        from metier.engine.beforehand import Beforehand

        return Beforehand(
            self.server,
            partial(self._chooser.model_for, general, general),
            timeout_s=limits.timeout_s,
            max_calls=limits.max_calls,
        )

    @property
    def _asked_to_split(self) -> Card | None:
        """The general expert, where its model is to be asked how to split a question."""
        return self.registry.cards.get(GENERAL) if self.settings.ask_to_split else None

    def _kept_in(self, runs: RunStore) -> Keeping:
        from metier.runs.keeping import Keeping

        keeping = Keeping(
            runs, self.registry, self.settings, server=self.server, embedder=self.embedder
        )
        self.server, self.embedder = keeping.server, keeping.embedder
        return keeping

    async def aclose(self) -> None:
        """Let go the server's connections, what the experts hold, and the file of kept runs."""
        await self.registry.aclose()
        await self.server.aclose()
        if self.runs is not None:
            self.runs.close()

    def close(self) -> None:
        """End what the sync methods started."""
        self.portal.close(self.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def portal(self) -> Portal:
        """This council's own event loop, for the sync methods."""
        return Portal()


async def _within(limits: Limits, planned: Awaitable[Plan]) -> Plan:
    with anyio.move_on_after(limits.timeout_s):
        return await planned
    raise DeadlineExceeded(f"not planned within {limits.timeout_s:g} s")


def _conversation(question: Question) -> tuple[str, tuple[Message, ...]]:
    if isinstance(question, str):
        return without_surrogates(question), ()
    messages = tuple(question)
    if not messages or messages[-1].role != "user":
        raise EmptyQuestion
    return without_surrogates(messages[-1].content), messages[:-1]
