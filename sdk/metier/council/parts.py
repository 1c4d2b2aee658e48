"""The parts of a council, each built when it is first needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from metier.council.sync import OneLoop
from metier.experts.card import GENERAL, Card
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.models.embedder import Embedder
from metier.models.old_server import with_new_names
from metier.models.opening import embedder_of, server_of
from metier.models.server import ModelServer
from metier.planning.assembly import PlannerAssembly
from metier.settings import Settings

# The engine is imported when the first plan is run: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.council.without_embedder import WithoutEmbedder
    from metier.engine.beforehand import Beforehand
    from metier.engine.engine import Engine, Limits
    from metier.engine.executor import Executor
    from metier.experts.knowledge.bases import KnowledgeBases
    from metier.experts.warming import Warming
    from metier.models.server import Sampling
    from metier.plan import Message
    from metier.planning.ask_to_split import Asker
    from metier.runs.keeping import Keeping
    from metier.runs.store import RunStore
    from metier.strategies import Strategies
    from metier.strategies.ballots.voting import VoteAggregator
    from metier.telemetry import Backend


class Parts:
    """What answers the questions of a council.

    Attributes:
        server: runs the models; recorded if runs are kept.
        embedder: makes vectors; recorded if runs are kept.
        keeping: what keeps the runs; None if they are not kept.
        telemetry: backends that receive the events of every run.
        one_loop: lets in one event loop at a time.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        *,
        server: ModelServer | None,
        embedder: Embedder | None,
        strategies: Strategies | None,
        runs: RunStore | None,
    ) -> None:
        self.registry = registry
        self.settings = settings
        self.given_strategies = strategies
        self.telemetry: list[Backend] = []
        self.one_loop = OneLoop()
        self._own_server = self.server = with_new_names(server) if server else server_of(settings)
        self.embedder = embedder or embedder_of(settings, self.server)
        self._runs = runs
        self.keeping = self._kept_in(runs) if runs is not None else None
        self.chooser = ModelChooser.of(settings, self.server)

    def _kept_in(self, runs: RunStore) -> Keeping:
        from metier.runs.keeping import Keeping

        keeping = Keeping(
            runs, self.registry, self.settings, server=self.server, embedder=self.embedder
        )
        self.server, self.embedder = keeping.server, keeping.embedder
        return keeping

    @cached_property
    def engine(self) -> Engine:
        """What runs a plan."""
        from metier.engine.engine import Engine

        return Engine(
            self.registry,
            self.server,
            self.chooser,
            executor=self.executor,
            strategies=self.strategies,
            num_ctx=self.settings.num_ctx,
            compose=self.settings.compose,
        )

    @cached_property
    def executor(self) -> Executor:
        """What runs the steps: this process, or the cluster's nodes for `remote_steps`."""
        from metier.engine.executor import LocalExecutor

        here = LocalExecutor(
            self.registry,
            self.chooser,
            find_passages=self.knowledge.search,
            embedder=self.embedder,
            voting=self._votes,
            strategies=self.strategies,
            runs_on=self.settings.runs_on,
        )
        if not self.settings.remote_steps:
            return here
        from metier.engine.ray_executor import RayExecutor
        from metier.engine.refusals import Refusals
        from metier.models.hosts.ray_server import RayServer
        from metier.runs.remote import keep

        if not isinstance(self._own_server, RayServer):
            return here
        return RayExecutor(
            here,
            self._own_server,
            self.registry,
            self.chooser,
            refusals=Refusals(self.registry, self.embedder, self.settings),
            settings=self.settings,
            keep=keep if self.keeping is not None else None,
        )

    def _votes(self) -> VoteAggregator | None:
        """How the votes of several models add up, if that was learnt."""
        artefacts = self.planning.artefacts
        if not artefacts.has("votes"):
            return None
        from metier.strategies.ballots.voting import VoteAggregator

        return artefacts.load(VoteAggregator)

    @cached_property
    def planning(self) -> PlannerAssembly:
        """The index over the experts, what was learnt, and the planner made of both."""
        return self._assembled(self.embedder)

    @cached_property
    def without_embedder(self) -> WithoutEmbedder:
        """What plans while the embedder of the settings is not installed."""
        from metier.council.without_embedder import WithoutEmbedder

        return WithoutEmbedder(self._own_server, self._assembled)

    def _assembled(self, embedder: Embedder) -> PlannerAssembly:
        cache = self.settings.cache_dir
        return PlannerAssembly(self.registry, embedder, cache_dir=cache, asker=self._asker)

    @cached_property
    def strategies(self) -> Strategies:
        """The strategies that a plan may name."""
        from metier.strategies import Strategies

        return self.given_strategies or Strategies()

    @cached_property
    def knowledge(self) -> KnowledgeBases:
        """The documents that the user added, by domain."""
        from metier.experts.knowledge.bases import KnowledgeBases

        return KnowledgeBases(self.settings.state_dir / "knowledge", self.embedder)

    @cached_property
    def warming(self) -> Warming:
        """The prompts that the server is to keep."""
        from metier.experts.warming import Warming

        return Warming(self.registry, self.chooser, self._own_server, settings=self.settings)

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
        return (await self.chooser.model_for(card, general)).name

    async def aclose(self) -> None:
        """Close the server's connections, the experts' resources and the file of kept runs."""
        await self.registry.aclose()
        await self.server.aclose()
        if self._runs is not None:
            self._runs.close()

    def beforehand(self, limits: Limits | None = None) -> Beforehand | None:
        """What planning a question may use of its limits; None if no model is asked."""
        general = self._asked_to_split
        return None if general is None else self._calls(general, limits or self.limits)

    def _asker(self) -> Asker | None:
        """For a planner that is used by itself: each question has limits of its own."""
        general = self._asked_to_split
        if general is None:
            return None
        from metier.planning.ask_to_split import asker

        async def reply(messages: Sequence[Message], sampling: Sampling) -> str:
            return await self._calls(general, self.limits).reply(messages, sampling)

        return asker(reply)

    def _calls(self, general: Card, limits: Limits) -> Beforehand:
        from metier.engine.beforehand import Beforehand

        return Beforehand(
            self.server,
            partial(self.chooser.model_for, general, general),
            timeout_s=limits.timeout_s,
            max_calls=limits.max_calls,
        )

    @property
    def _asked_to_split(self) -> Card | None:
        """The general expert, if its model is to be asked how to split a question."""
        return self.registry.cards.get(GENERAL) if self.settings.ask_to_split else None
