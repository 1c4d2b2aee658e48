"""How many slots a server needs for the experts' prompts, and what is read into them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metier import Settings
from metier.council import Council
from metier.experts.card import Card
from metier.experts.expert import Expert
from metier.models.server import InstalledModel, ModelDetails
from metier.models.shared import SharedServer
from metier.settings import HostSettings
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio
GIB = 1 << 30


class Sized(ScriptedModels):
    """Models of a gigabyte, whose slots take as much for each block."""

    def __init__(self, **blocks: int) -> None:
        super().__init__({name: [] for name in blocks})
        self.blocks = blocks

    async def list(self) -> Sequence[InstalledModel]:
        return [InstalledModel(name=name, size_bytes=GIB) for name in self.blocks]

    async def show(self, model: str) -> ModelDetails:
        info = {
            "general.architecture": "m",
            "m.block_count": self.blocks[model],
            "m.attention.head_count": 1,
            "m.embedding_length": GIB // (4096 * 2 * 2),
        }
        return ModelDetails(name=model, capabilities=frozenset({"completion"}), info=info)


def council_of(models: Sized, **experts: str) -> Council:
    """Experts on models, on a machine with 16 GB."""
    settings = Settings(hosts=[HostSettings(address="http://127.0.0.1:1", memory_gb=16)])
    cards = [Card(id=name, description=name, models=(on,)) for name, on in experts.items()]
    return Council.of(
        [Expert(card) for card in cards],
        settings=settings,
        server=SharedServer(models, keeps=2),
        embedder=FixedEmbedder(),
    )


async def test_a_server_has_a_slot_for_each_expert_of_a_model_and_one_more() -> None:
    council = council_of(Sized(a=1, b=1), ann="a", ben="a", cy="b")
    assert await council.warming.slots_wanted() == 3


async def test_a_model_whose_metadata_does_not_say_its_size_takes_no_slot_from_the_others() -> None:
    council = council_of(Sized(a=1, odd=0), ann="a", ben="a", cy="odd")
    assert await council.warming.slots_wanted() == 3


async def test_slots_of_no_known_size_are_not_guessed() -> None:
    council = council_of(Sized(odd=0), ann="odd", ben="odd")
    assert await council.warming.slots_wanted() == 1


async def test_every_model_of_the_server_has_room_for_its_slots() -> None:
    council = council_of(Sized(a=1, b=4), ann="a", ben="a", cy="b")
    assert await council.warming.slots_wanted() == 1
