"""Names that a model server had before version 0.2 still work, with a warning."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metier import Card, Council, Expert
from metier.models import server
from metier.testing import FaultyModels, FixedEmbedder, ScriptedModels, ScriptedSampler
from metier.testing.sampler import SMALL

pytestmark = pytest.mark.anyio
EXPERTS = (Expert(Card(id="general", description="everything", models=("small",))),)
RENAMED = "'ModelServer.slots' is called 'ModelServer.concurrency'"


class OldModels:
    """A server of version 0.1 for two requests at once, on scripted models."""

    def __init__(self) -> None:
        inner = self.inner = ScriptedModels({"small": ["Four."]})
        self.address, self.load, self.aclose = inner.address, inner.load, inner.aclose
        self.chat, self.list, self.show = inner.chat, inner.list, inner.show

    def slots(self, model: str) -> int:
        return 2

    async def resident(self) -> Sequence[server.LoadedModel]:
        return [server.LoadedModel(name="small", size_bytes=1, context_length=4096)]


async def test_a_server_of_version_0_1_answers_and_a_warning_names_the_new_methods() -> None:
    with pytest.warns(DeprecationWarning, match="'ModelServer.concurrency/loaded'"):
        # The old protocol is what is tried.
        council = Council.of(EXPERTS, server=OldModels(), embedder=FixedEmbedder())  # pyrefly: ignore
    async with council:
        assert council.server.concurrency("small") == 2
        assert [model.name for model in await council.server.loaded()] == ["small"]
        assert (await council.ask("2 + 2?")).text == "Four."


def test_the_old_name_of_concurrency_works_and_warns() -> None:
    models = FaultyModels(ScriptedModels(concurrency=3), {})
    with pytest.warns(DeprecationWarning, match=RENAMED):
        assert models.slots("small") == 3


async def test_the_old_name_of_loaded_works_and_warns() -> None:
    models = ScriptedModels({"small": []})
    await models.load("small")
    with pytest.warns(DeprecationWarning, match="is called 'ModelServer.loaded'"):
        assert await models.resident() == await models.loaded() != []


def test_the_old_name_of_a_loaded_model_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match="LoadedModel"):
        assert server.ResidentModel is server.LoadedModel


def test_the_old_argument_slots_of_scripted_models_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match="'slots' is called 'concurrency'"):
        assert ScriptedModels(slots=3).concurrency("small") == 3


def test_the_old_name_of_a_sampler_s_concurrency_works_and_warns() -> None:
    sampler = ScriptedSampler({SMALL: []}, room=3)
    with pytest.warns(DeprecationWarning, match="'Sampler.slots' is called 'Sampler.concurrency'"):
        assert sampler.slots(SMALL) == 3
