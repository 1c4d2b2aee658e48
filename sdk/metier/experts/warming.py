"""Warming: models are loaded and the experts' prompts read before a question needs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable

from metier.errors import MetierError, PluginBroken
from metier.experts.card import GENERAL
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.experts.threads import in_thread
from metier.models import local
from metier.models.opening import memory_for_models, server_of
from metier.models.resident import (
    ResidentPrompt,
    ResidentPrompts,
    most_useful,
    slot_bytes,
    slots_for,
)
from metier.models.server import InstalledModel, ModelServer, full_name
from metier.models.shared import SharedServer
from metier.settings import Settings


class Warming:
    """Has a server keep the beginnings of the experts' prompts, which never change.

    A server with one slot keeps one prompt, so nothing is read beforehand there; and only a
    `SharedServer` knows what is in its slots.

    Attributes:
        has_loaded: whether `load` found that a model was not in memory.
    """

    def __init__(
        self,
        registry: Registry,
        chooser: ModelChooser,
        server: ModelServer,
        *,
        settings: Settings,
    ) -> None:
        self._registry = registry
        self._chooser = chooser
        self._server = server
        self._shared = server if isinstance(server, SharedServer) and server.keeps > 1 else None
        self._settings = settings
        self.has_loaded = False

    @classmethod
    async def slots_for_experts(cls, registry: Registry, settings: Settings) -> int:
        """As `slots_wanted`, of the server of the settings.

        Raises:
            ModelServerError: the server cannot be asked.
        """
        server = server_of(settings)
        chooser = ModelChooser.of(settings, server)
        try:
            return await cls(registry, chooser, server, settings=settings).slots_wanted()
        finally:
            await server.aclose()

    @property
    def keeps_prompts(self) -> bool:
        """Whether the server keeps the prompts of several experts, and the settings want it to."""
        return self._shared is not None and self._settings.resident_prompts

    async def is_loaded(self) -> bool:
        """Whether all models that experts run on are in memory.

        Raises:
            ModelServerError: the server cannot be asked.
        """
        loaded = await self._loaded()
        return all(full_name(model.name) in loaded for model in (await self._models()).values())

    async def load(self, experts: Collection[str] = ()) -> None:
        """Load the model that these experts run on, while a question is planned.

        Does nothing if there are several, or it is in memory.

        Args:
            experts: all if not given.

        Raises:
            ModelServerError, ModelMissing: it cannot be loaded.
        """
        by_expert = await self._models()
        names = {by_expert[name].name for name in experts or by_expert if name in by_expert}
        loaded = await self._loaded()
        if len(names) == 1 and full_name(name := names.pop()) not in loaded:
            self.has_loaded = True
            await self._server.load(name)

    async def warm(self, models: Collection[str] = ()) -> None:
        """Load models, and have the prompts of those that experts run on read.

        Args:
            models: their names; all that experts run on if not given.

        Raises:
            ModelServerError, ModelMissing: a model cannot be loaded.
        """
        by_expert = await self._models()
        read = list[ResidentPrompt]()
        for name in dict.fromkeys(models or [model.name for model in by_expert.values()]):
            if self._shared is None or not self._settings.resident_prompts:
                await self._server.load(name)
                continue
            experts = [
                expert
                for expert, model in by_expert.items()
                if full_name(model.name) == full_name(name)
            ]
            prompts = most_useful(await self._prompts(name, experts), self._shared.keeps)
            await self._shared.keep_when_idle(name, prompts)
            read += prompts if len(prompts) > 1 else ()
        if read and self._shared and not any(map(self._shared.prompts.is_resident, read)):
            local.forget_slots(self._settings)  # those of another server that was there before

    async def keep_warm(self, ready: Callable[[], None] = lambda: None) -> None:
        """Warm, and read prompts again that the server lost whenever it is idle, until cancelled.

        Does nothing on a server that keeps only one prompt.

        Args:
            ready: called once when all prompts have been read.

        Raises:
            ModelServerError, ModelMissing: a model cannot be loaded.
        """
        if self._shared is not None and self._settings.resident_prompts:
            await self.warm()
            ready()
            await self._shared.keep_again()

    async def slots_found(self, wanted: int) -> int | None:
        """Measure whether the server keeps so many prompts of a model: that many, else one.

        None if that cannot be measured: it has no model in memory that two experts run on.

        Raises:
            ModelServerError: the server cannot be asked.
        """
        loaded = await self._loaded()
        by_expert = await self._models()
        for name in dict.fromkeys(model.name for model in by_expert.values()):
            experts = [expert for expert, model in by_expert.items() if model.name == name]
            if full_name(name) in loaded and len(experts) > 1:
                prompts = most_useful(await self._prompts(name, experts), wanted)
                # Not in the queue, where one prompt after another is read, into the same slot.
                known = self._server.prompts if isinstance(self._server, SharedServer) else None
                known = known or ResidentPrompts(self._server.chat)
                return len(prompts) if await known.fill(prompts, at_once=True) else 1
        return None

    async def slots_wanted(self) -> int:
        """The slots that the prompts of all experts need, as far as memory allows.

        One for each expert of a model, and one for conversations that begin otherwise. A server
        gives every model the same number, so each must have room for it. A model whose metadata
        does not tell that is left out; if there is no other, it is one. No plugin is imported.

        Raises:
            ModelServerError: the server cannot be asked.
        """
        models = list((await self._models()).values())
        most = max(Counter(model.name for model in models).values(), default=0) + 1
        fitting = list[int]()
        for model in {model.name: model for model in models}.values():
            details = await self._server.show(model.name)
            if (size_bytes := slot_bytes(details, self._settings.num_ctx)) is None:
                continue
            slots = slots_for(
                most,
                slot_bytes=size_bytes,
                model_bytes=model.size_bytes,
                memory_bytes=memory_for_models(self._settings),
            )
            fitting.append(slots)
        return min(fitting, default=1)

    async def _loaded(self) -> set[str]:
        """The full names of the models in memory."""
        return {full_name(model.name) for model in await self._server.loaded()}

    async def _prompts(self, model: str, experts: Iterable[str]) -> list[ResidentPrompt]:
        """The beginnings of the prompts of these experts; their plugins are imported."""
        prompts = [ResidentPrompt(model=model, messages=())]
        for name in experts:
            try:
                expert = await in_thread(self._registry.expert, name)
            except PluginBroken:
                continue  # the registry lists it as broken
            prompts += [
                ResidentPrompt(model=model, messages=tuple(messages))
                for messages in expert.constant_messages
            ]
        return prompts

    async def _models(self) -> dict[str, InstalledModel]:
        """The model of each expert that has one."""
        found: dict[str, InstalledModel] = {}
        for name, card in self._registry.cards.items():
            try:
                found[name] = await self._chooser.model_for(card, self._registry.cards.get(GENERAL))
            except MetierError:
                continue
        return found
