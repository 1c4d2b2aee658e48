"""Which model an expert runs on: the likeliest to be right, the first of its card, or the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from metier.errors import ModelMissing
from metier.experts.card import Card
from metier.experts.stand_in import best_chat_model, fits
from metier.models.opening import memory_for_models
from metier.models.server import InstalledModel, ModelServer, full_name
from metier.settings import Settings

# What to get if a card names no model.
STARTER = "qwen2.5-coder:1.5b"


class ModelChooser:
    """Chooses models, and asks the server for its list once.

    Args:
        general_model: the model of the general expert, over its card's.
        memory_bytes: what a model may take; None if that is not known.
    """

    def __init__(
        self,
        server: ModelServer,
        *,
        general_model: str | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self._server = server
        self._general_model = general_model
        self._memory_bytes = memory_bytes
        self._installed: dict[str, InstalledModel] = {}
        self._stand_ins: dict[str, bool] = {}

    @classmethod
    def of(cls, settings: Settings, server: ModelServer) -> Self:
        """A chooser with the general model and the memory of the settings."""
        memory = memory_for_models(settings)
        return cls(server, general_model=settings.model, memory_bytes=memory)

    async def model_for(
        self,
        card: Card,
        general: Card | None,
        *,
        chances: Mapping[str, float] | None = None,
    ) -> InstalledModel:
        """The model for an expert.

        Of the models that are installed and fit in memory it is the likeliest to be right, else
        the first of its card, else the first of the general expert's, else the best chat model
        there is. If a model of the general expert was set, it runs on that one, whatever was
        learnt.

        Args:
            chances: probability that a model gets the task right, if that was learnt.

        Raises:
            ModelMissing: no chat model that fits in memory is installed.
            ModelServerUnreachable: the server cannot be asked.
        """
        await self._list()
        if card.is_general and self._general_model is not None:
            return await self.named(self._general_model)
        wanted = self._wanted(card, general, chances or {})
        if found := self._usable(wanted):
            return found[0]
        listed, self._installed = self._installed, {}  # a model pulled meanwhile is seen next time
        best = await best_chat_model(
            self._server, listed.values(), like=wanted, memory_bytes=self._memory_bytes
        )
        if best is None:
            raise ModelMissing(wanted[-1] if wanted else STARTER)
        self._stand_ins.setdefault(best.name, False)
        return best

    def news_of(self, model: str) -> str | None:
        """What to tell of a model that stands in for those of the cards, the first time only."""
        if self._stand_ins.get(model, True):
            return None
        self._stand_ins[model] = True
        return (
            f"{model} is used, as no model that was chosen for this is installed; "
            "for better ones see: metier models suggest"
        )

    async def models_for(
        self,
        card: Card,
        general: Card | None,
        *,
        chances: Mapping[str, float] | None = None,
    ) -> list[InstalledModel]:
        """All models that an expert may run on, the one of `model_for` first, weights once each.

        Raises:
            ModelMissing, ModelServerUnreachable: as `model_for` does.
        """
        first = await self.model_for(card, general, chances=chances)
        others = self._usable(self._wanted(card, general, chances or {}))
        return list({model.digest or model.name: model for model in (first, *others)}.values())

    async def named(self, name: str) -> InstalledModel:
        """The model of this name.

        Raises:
            ModelMissing: it is not installed.
            ModelServerUnreachable: the server cannot be asked.
        """
        await self._list()
        if (found := self._installed.get(full_name(name))) is None:
            installed = list(self._installed)
            self._installed = {}
            raise ModelMissing(name, installed=installed)
        return found

    async def _list(self) -> None:
        if not self._installed:
            listed = await self._server.list()
            self._installed = {full_name(model.name): model for model in listed}

    def _wanted(self, card: Card, general: Card | None, chances: Mapping[str, float]) -> list[str]:
        """Names of models, the likeliest to be right first."""
        wanted = [*sorted(chances, key=chances.__getitem__, reverse=True), *card.models]
        if general is not None and not card.is_general:
            wanted += [self._general_model] if self._general_model else []
            wanted += general.models
        return wanted

    def _usable(self, names: Sequence[str]) -> list[InstalledModel]:
        """Those that are installed and fit in memory, in this order."""
        installed = (self._installed.get(full_name(name)) for name in names)
        return [
            model
            for model in installed
            if model is not None and fits(model.size_bytes, self._memory_bytes)
        ]
