"""The facade: registry, planner, engine and model server in one hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Generator, Iterable, Sequence
from contextlib import aclosing
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import anyio

from metier.errors import EmptyQuestion, IndexUnavailable
from metier.experts.card import GENERAL, Card
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.learning.profiles import Profile
from metier.models.embedder import Embedder
from metier.models.server import ModelServer
from metier.plan import Combining, Document, Message, Plan
from metier.planning.index import CapabilityIndex, index_folder, synchronised
from metier.planning.planner import Planner
from metier.planning.selecting import Selector
from metier.settings import Settings

# The engine is imported when the first plan is run: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.answer import Answer
    from metier.engine.engine import Engine, Limits
    from metier.events import Event
    from metier.experts.expert import Expert
    from metier.knowledge.shelf import Shelf
    from metier.learning.chains import ChainModel
    from metier.learning.outcomes import OutcomeModel
    from metier.learning.voting import VoteModel
    from metier.planning.asking import Asker
    from metier.planning.needs import SeveralNeeds
    from metier.strategies import Strategies
    from metier.sync import Portal

T = TypeVar("T")
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
    """

    def __init__(
        self,
        registry: Registry,
        *,
        settings: Settings = Settings(),
        server: ModelServer | None = None,
        embedder: Embedder | None = None,
        strategies: Strategies | None = None,
    ) -> None:
        self.registry = registry
        self._given_strategies = strategies
        self.settings = settings
        self.server = server or _server(settings)
        self.embedder = embedder or _embedder(settings, self.server)
        self._planner: Planner | None = None
        self._planned_for: list[str] = []
        self._building = anyio.Lock()
        self._chooser = ModelChooser(
            self.server,
            general_model=settings.model,
            memory_bytes=_memory(settings),
        )

    @classmethod
    def from_installed(cls, settings: Settings | None = None) -> Self:
        """A council of the domain folders and plugins that are installed.

        Args:
            settings: `Settings.load()` where not given.
        """
        settings = settings or Settings.load()
        return cls(Registry.from_installed(settings), settings=settings)

    @classmethod
    def of(
        cls,
        experts: Iterable[Expert],
        *,
        settings: Settings = Settings(),
        server: ModelServer | None = None,
        embedder: Embedder | None = None,
    ) -> Self:
        """A council of exactly these experts."""
        registry = Registry.of(experts)
        return cls(registry, settings=settings, server=server, embedder=embedder)

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
        """
        text, before = _conversation(question)
        planner = await self.planner()
        plan = await planner.plan(text, messages=before, documents=documents, experts=experts)
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
        plan = await self.plan(question, documents=documents, experts=experts, strategy=strategy)
        return await self.run(plan, limits=limits)

    async def run(self, plan: Plan, *, limits: Limits | None = None) -> Answer:
        """Run a plan as it stands.

        Raises:
            InvalidPlan, UnknownExpert: it cannot run.
            MetierError: nothing could be answered.
        """
        outcome = await self._engine.run(plan, lambda _: None, limits=limits or self.limits)
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
    ) -> AsyncGenerator[Event, None]:
        """What happens, as it happens; the last event is `Answered`.

        Leaving the loop early cancels the run and closes the server's stream: use
        `contextlib.aclosing` where that must be at once.
        """
        from metier.engine.pump import pumped

        plan = question
        if not isinstance(plan, Plan):
            plan = await self.plan(plan, documents=documents, experts=experts, strategy=strategy)
        run = partial(self._engine.run, plan, limits=limits or self.limits)
        async with aclosing(pumped(run)) as events:
            async for event in events:
                yield event

    def ask_sync(
        self,
        question: Question,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
        limits: Limits | None = None,
    ) -> Answer:
        """`ask` for code that is not async; also where an event loop runs in this thread."""
        return self._portal.call(
            partial(
                self.ask,
                question,
                documents=documents,
                experts=experts,
                strategy=strategy,
                limits=limits,
            )
        )

    def plan_sync(
        self,
        question: Question,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
    ) -> Plan:
        """`plan` for code that is not async."""
        return self._portal.call(
            partial(self.plan, question, documents=documents, experts=experts, strategy=strategy)
        )

    def run_sync(self, plan: Plan, *, limits: Limits | None = None) -> Answer:
        """`run` for code that is not async."""
        return self._portal.call(partial(self.run, plan, limits=limits))

    def stream_sync(
        self,
        question: Question | Plan,
        *,
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
        strategy: How = "single",
        limits: Limits | None = None,
    ) -> Generator[Event, None, None]:
        """`stream` for code that is not async. Closing it cancels the run."""
        events = self.stream(
            question, documents=documents, experts=experts, strategy=strategy, limits=limits
        )

        async def following() -> Event | None:
            return await anext(events, None)

        async def closing() -> None:
            await events.aclose()

        try:
            while (event := self._portal.call(following)) is not None:
                yield event
        finally:
            self._portal.call(closing)

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
            voting=self._voting,
            strategies=self.strategies,
        )
        return Engine(
            self.registry,
            self.server,
            self._chooser,
            executor=executor,
            strategies=self.strategies,
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

    async def planner(self) -> Planner:
        """The planner for the experts that are registered now; the index is brought up to date."""
        async with self._building:
            if self._planner is None or self._planned_for != list(self.registry.cards):
                self._planned_for = list(self.registry.cards)
                index = await self.index()
                self._planner = Planner(
                    Selector(
                        index,
                        self.registry.cards,
                        self.profile(index),
                        kept=self.index_folder / "fitted.npz",
                    ),
                    self.embedder,
                    self.registry.cards,
                    outcomes=self._outcomes(),
                    needs=self._needs(),
                    chains=self._chains(),
                    asker=self._asker(),
                )
            return self._planner

    async def index(self, *, fresh: bool = False) -> CapabilityIndex:
        """The index for the registered experts: loaded, brought up to date, and saved.

        Args:
            fresh: build it anew, whatever is saved.
        """
        folder = self.index_folder
        saved = None
        if not fresh:
            saved = CapabilityIndex.load(folder, embedder_id=self.embedder.id)
        index, changed = await synchronised(saved, self.registry.cards.values(), self.embedder)
        if changed:
            _save_if_possible(partial(index.save, folder))
        return index

    @property
    def index_folder(self) -> Path:
        """Where the index is kept."""
        return index_folder(self.settings.cache_dir, self.embedder.id)

    @property
    def profile_file(self) -> Path:
        """Where the thresholds and calibrations of the index are kept."""
        return self.index_folder / "profile.json"

    @property
    def outcomes_file(self) -> Path:
        """Where it is kept which model gets what right."""
        return self.index_folder / "outcomes.npz"

    @property
    def voting_file(self) -> Path:
        """Where it is kept how the answers of several models add up."""
        return self.index_folder / "voting.json"

    @property
    def needs_file(self) -> Path:
        """Where it is kept what tells one step from several."""
        return self.index_folder / "needs.npz"

    @property
    def chains_file(self) -> Path:
        """Where it is kept what past plans taught; `chains.npz` beside it belongs to it."""
        return self.index_folder / "chains.json"

    def profile(self, index: CapabilityIndex) -> Profile:
        """The profile of this index: the saved one, else what its own examples teach."""
        file = self.profile_file
        if (profile := Profile.load(file, index_hash=index.hash())) is not None:
            return profile
        profile = Selector(index, self.registry.cards).learnt()
        if file.parent.is_dir():  # else the index could not be saved either, which was said
            _save_if_possible(partial(profile.save, file))
        return profile

    def keep_profile(self, profile: Profile) -> None:
        """Save a profile, and plan by it from now on.

        Raises:
            IndexUnavailable: the file cannot be written.
        """
        self._keep(partial(profile.save, self.profile_file))

    def keep_outcomes(self, outcomes: OutcomeModel, voting: VoteModel | None = None) -> None:
        """Save which model gets what right, and plan by it from now on.

        Args:
            voting: how their answers add up, by which `weighted` counts from now on.

        Raises:
            IndexUnavailable: the file cannot be written.
        """
        self._keep(partial(outcomes.save, self.outcomes_file, embedder_id=self.embedder.id))
        if voting is None:
            self.voting_file.unlink(missing_ok=True)
        else:
            self._keep(partial(voting.save, self.voting_file, embedder_id=self.embedder.id))

    def keep_needs(self, needs: SeveralNeeds) -> None:
        """Save what tells one step from several, and plan by it from now on.

        Raises:
            IndexUnavailable: the file cannot be written.
        """
        self._keep(partial(needs.save, self.needs_file, embedder_id=self.embedder.id))

    def keep_chains(self, chains: ChainModel) -> None:
        """Save what past plans taught, and plan by it from now on.

        Raises:
            IndexUnavailable: the file cannot be written.
        """
        self._keep(partial(chains.save, self.index_folder, embedder_id=self.embedder.id))

    def _keep(self, save: Callable[[], None]) -> None:
        _make(self.index_folder)
        save()
        self._planner = None

    def _outcomes(self) -> OutcomeModel | None:
        if not self.outcomes_file.exists():
            return None
        from metier.learning.outcomes import OutcomeModel

        return OutcomeModel.load(self.outcomes_file, embedder_id=self.embedder.id)

    def _voting(self) -> VoteModel | None:
        if not self.voting_file.exists():
            return None
        from metier.learning.voting import VoteModel

        return VoteModel.load(self.voting_file, embedder_id=self.embedder.id)

    def _needs(self) -> SeveralNeeds | None:
        if not self.needs_file.exists():
            return None
        from metier.planning.needs import SeveralNeeds

        return SeveralNeeds.load(self.needs_file, embedder_id=self.embedder.id)

    def _chains(self) -> ChainModel | None:
        if not self.chains_file.exists():
            return None
        from metier.learning.chains import ChainModel

        return ChainModel.load(self.index_folder, embedder_id=self.embedder.id)

    def _asker(self) -> Asker | None:
        general = self.registry.cards.get(GENERAL)
        if general is None or not self.settings.ask_to_split:
            return None
        from metier.planning.asking import asker

        return asker(self.server, partial(self.model_of, general))

    async def aclose(self) -> None:
        """Let the server's connections and what the experts hold go."""
        await self.registry.aclose()
        await self.server.aclose()

    def close(self) -> None:
        """End what the sync methods started."""
        self._portal.close(self.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _portal(self) -> Portal:
        """This council's own event loop, for the sync methods."""
        from metier.sync import Portal

        return Portal()


def _conversation(question: Question) -> tuple[str, tuple[Message, ...]]:
    if isinstance(question, str):
        return question, ()
    messages = tuple(question)
    if not messages or messages[-1].role != "user":
        raise EmptyQuestion
    return messages[-1].content, messages[:-1]


def _server(settings: Settings) -> ModelServer:
    from metier.models.ollama import OllamaServer

    return OllamaServer.from_settings(settings)


def _embedder(settings: Settings, server: ModelServer) -> Embedder:
    if settings.embedder == "sentence-transformers":
        from metier.models.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(settings.embed_model)
    from metier.models.ollama_embedder import OllamaEmbedder

    return OllamaEmbedder(server, model=settings.embed_model)


def _memory(settings: Settings) -> int | None:
    """This machine's memory says something only about a server on this machine."""
    from metier.experts.model_choice import physical_memory_bytes
    from metier.models.local import is_local

    return physical_memory_bytes() if is_local(settings.host) else None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise IndexUnavailable(f"{folder} cannot be made: {exc.strerror}") from exc


def _save_if_possible(save: Callable[[], None]) -> None:
    """A folder that cannot be written costs time at the next start, and nothing else."""
    try:
        save()
    except IndexUnavailable as exc:
        import warnings

        warnings.warn(str(exc), stacklevel=4)
