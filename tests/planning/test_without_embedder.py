"""What is planned while the embedder of the settings is not installed, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metier import Card, Council, Expert, Settings
from metier.errors import ModelMissing
from metier.events import Notice
from metier.experts.card import GENERAL
from metier.models.embedder import Role, Vectors
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio


class Missing(FixedEmbedder):
    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        raise ModelMissing(Settings().embed_model)


async def test_a_plan_that_is_only_looked_at_takes_no_notice_from_the_answer() -> None:
    expert = Expert(Card(id=GENERAL, description="all", models=("small",)))
    said: list[int] = []
    with ScriptedModels({"small": ["4", "6"]}) as models:
        async with Council.of([expert], server=models, embedder=Missing()) as council:
            await council.plan("What is 2 + 2?")
            for question in ("What is 2 + 2?", "What is 3 + 3?"):
                events = [event async for event in council.stream(question)]
                said.append(sum(isinstance(event, Notice) for event in events))
    assert said == [1, 0]
