"""The facade: registry, planner, engine and model server in one hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from metier.council.answering import answered, planned, replayed, streamed
from metier.council.inquiry import How, Inquiry, Question
from metier.council.parts import Parts
from metier.council.sync import HasTwins, streaming_twin, twin
from metier.experts.registry import Registry
from metier.models.embedder import Embedder
from metier.models.server import ModelServer
from metier.plan import Document, Plan
from metier.settings import Settings

# The engine is imported when the first plan is run: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier import Answer, Card, Expert, Limits
    from metier.events import Event, StepDone
    from metier.experts.knowledge.bases import KnowledgeBases
    from metier.experts.warming import Warming
    from metier.planning.assembly import PlannerAssembly
    from metier.runs.replaying import Replay
    from metier.runs.run import Run
    from metier.runs.store import RunStore
    from metier.strategies import Strategies
    from metier.telemetry import Backend


class Council(HasTwins):
    """Experts that answer together.

    Nothing is loaded, connected or embedded before it is needed. One council can be asked many
    questions, also at the same time. Close it with `await council.aclose()`, `council.close()`,
    or by using it in a `with` or `async with`.

    Args:
        registry: the experts.
        server: runs the models; the Ollama of the settings if not given.
        embedder: makes vectors; the one of the settings if not given.
        strategies: the strategies that a plan may name; the installed ones if not given.
        runs: keeps every question; none is kept if not given.
        telemetry: backends that receive the events of every run.
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
        self.registry, self.settings, self.runs = registry, settings, runs
        self._parts = Parts(
            registry, settings, server=server, embedder=embedder, strategies=strategies, runs=runs
        )
        self.server, self.embedder = self._parts.server, self._parts.embedder
        self.telemetry = self._parts.telemetry = list(telemetry)

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
            settings: `Settings.load()` if not given.
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
        make = partial(cls, settings=settings, server=server, embedder=embedder)
        return make(Registry.of(experts), runs=runs, telemetry=telemetry)

    async def plan(
        self,
        question: Question,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
    ) -> Plan:
        """Make a plan. No language model is asked, only the embedder.

        With the setting `ask_to_split` the general model is asked, once, if it is unsure
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
            ModelServerError: the embedder cannot be asked. If it is not installed, another one is
                used, or the whole question goes to one expert.
            CouncilInUse: another event loop is asking this council.
        """
        inquiry = Inquiry(asked=question, documents=documents, experts=experts, strategy=strategy)
        return await planned(self._parts, inquiry)

    async def ask(
        self,
        question: Question,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
        limits: Limits | None = None,
        seed: int | None = None,
    ) -> Answer:
        """Plan and run.

        Args:
            seed: of every sampled answer; the one of the settings if not given.

        Raises:
            MetierError: nothing could be answered. A partial answer is returned, not raised:
                see `Answer.missing`.
        """
        how = Inquiry(asked=question, documents=documents, experts=experts, strategy=strategy)
        return await answered(self._parts, replace(how, limits=limits, seed=seed))

    async def run(self, plan: Plan, *, limits: Limits | None = None) -> Answer:
        """Run a plan as it stands.

        Raises:
            InvalidPlan, UnknownExpert: it cannot run.
            CouncilInUse: another event loop is asking this council.
            MetierError: nothing could be answered.
        """
        return await answered(self._parts, Inquiry(asked=plan, limits=limits))

    def stream(
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
        seed: int | None = None,
    ) -> AsyncGenerator[Event, None]:
        """What happens, as it happens; the last event is `Answered`.

        Leaving the loop early cancels the run and closes the server's stream: use
        `contextlib.aclosing` where that must be at once.

        Args:
            strict: if nothing could be answered, raise the error after the last event, as `ask`
                does.
            results: of steps of a plan that are not to be run again.
            keep: whether the run is kept, if runs are.
            seed: of every sampled answer; the one of the settings if not given.
        """
        how = Inquiry(asked=question, documents=documents, experts=experts, strategy=strategy)
        inquiry = replace(how, limits=limits, results=results, keep=keep, seed=seed)
        return streamed(self._parts, inquiry, strict=strict)

    async def replay(self, run: Run) -> Replay:
        """Run a kept run again from its own replies; no server is asked.

        Raises:
            ReplayDiffers: there is no plan, or the run did not end by itself.
        """
        return await replayed(run, Council, self._parts)

    async def warm(self, models: Collection[str] = ()) -> None:
        """Load the experts' models, and have the server read the experts' prompts, which it keeps.

        Later questions then wait only for what is new in them.

        Args:
            models: only these; all that experts run on if not given.

        Raises:
            ModelServerError, ModelMissing: a model cannot be loaded.
        """
        with self._parts.one_loop.use():
            await self.warming.warm(models)

    ask_sync = twin(ask)
    warm_sync = twin(warm)
    plan_sync = twin(plan)
    run_sync = twin(run)
    stream_sync = streaming_twin(stream)

    @property
    def warming(self) -> Warming:
        """The prompts that the server is to keep."""
        return self._parts.warming

    @property
    def strategies(self) -> Strategies:
        """The strategies that a plan may name."""
        return self._parts.strategies

    @property
    def knowledge(self) -> KnowledgeBases:
        """The documents that the user added, by domain."""
        return self._parts.knowledge

    @property
    def limits(self) -> Limits:
        """The limits of the settings."""
        return self._parts.limits

    @property
    def planning(self) -> PlannerAssembly:
        """The index over the experts, what was learnt, and the planner made of both."""
        return self._parts.planning

    async def model_of(self, card: Card) -> str:
        """The model that an expert runs on.

        Raises:
            ModelMissing: none of its models, nor of the general expert's, is installed.
        """
        return await self._parts.model_of(card)

    async def aclose(self) -> None:
        """Close the server's connections, the experts' resources and the file of kept runs."""
        await self._parts.aclose()
