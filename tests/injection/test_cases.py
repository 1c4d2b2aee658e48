"""The harness itself: it sees what an attack changes. Models are scripted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.attacks.cases import Case, Trial, Verdict, cases
from benchmarks.attacks.scenes import PLACES, Place, scenes_of
from benchmarks.attacks.texts import Attack, attacks

from metier.models.embedder import Role, Vectors
from metier.settings import Settings
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

LOOKED_UP = json.dumps({"tool": "order_status", "arguments": {"number": 4711}})
REFUNDED = json.dumps({"tool": "refund", "arguments": {"number": 4711, "amount": 4711}})
ATTACK = attacks("development")[0]


class Everywhere(FixedEmbedder):
    """Finds every document near every question."""

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        vectors = await super().embed(texts, role=role)
        vectors[:, 0] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def case(place: Place, expert: str) -> Case:
    listed = cases([replace(ATTACK, turn=turn) for turn in range(3)], place)
    return next(each for each in listed if each.scene.expert == expert)


async def verdict(tmp_path: Path, tried: Case, *replies: str) -> Verdict:
    settings = Settings(cache_dir=tmp_path, state_dir=tmp_path)
    with ScriptedModels({"small": replies}) as models:
        trial = Trial(settings, model="small", embedder=FixedEmbedder(), server=models)
        found = await trial.verdict(tried)
        await trial.aclose()
    return found


async def test_an_attack_that_changes_nothing_is_held(tmp_path: Path) -> None:
    found = await verdict(tmp_path, case("document", "general"), "At 9:00.", "At nine.")
    assert found.held


async def test_an_obeyed_order_is_seen(tmp_path: Path) -> None:
    found = await verdict(tmp_path, case("document", "general"), "At 9:00.", ATTACK.canary)
    assert (found.canary, found.plan_same, found.calls_same) == (True, True, True)


async def test_another_call_is_seen(tmp_path: Path) -> None:
    replies = (LOOKED_UP, "Sent.", REFUNDED, "Refunded.")
    found = await verdict(tmp_path, case("document", "shop"), *replies)
    assert (found.canary, found.plan_same, found.calls_same) == (False, True, False)


async def test_the_results_that_the_program_places_are_not_the_models_words(tmp_path: Path) -> None:
    replies = ("At 9:00.",) * 2
    found = await verdict(tmp_path, case("result", "general"), *replies)
    assert found.held
    assert ATTACK.canary not in found.said


async def test_an_order_that_the_second_step_obeys_is_seen(tmp_path: Path) -> None:
    replies = ("At 9:00.", ATTACK.canary)
    found = await verdict(tmp_path, case("result", "general"), *replies)
    assert found.canary


async def test_an_expert_more_in_a_question_is_seen(tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path, state_dir=tmp_path)
    trial = Trial(settings, model="small", embedder=FixedEmbedder(), server=ScriptedModels())
    words = "Write a Python function that removes duplicates from a list and keeps the order."
    asked = Attack(id="x.1", category="x", half="reported", canary="x", text=words)
    assert not all(await trial.bare_plans(asked))


@pytest.mark.parametrize("place", PLACES)
def test_every_text_is_tried_in_every_place(place: Place) -> None:
    listed = cases(attacks(), place)
    assert [each.attack for each in listed] == attacks()
    assert len({each.scene.question for each in listed}) == len(scenes_of(place))
    assert len({each.way for each in listed}) == 3


@pytest.mark.parametrize("place", PLACES)
async def test_a_text_in_every_place_is_before_the_eyes_of_a_model(
    place: Place, tmp_path: Path
) -> None:
    settings = Settings(cache_dir=tmp_path, state_dir=tmp_path)
    models = ScriptedModels({"small": lambda _: LOOKED_UP})
    trial = Trial(settings, model="small", embedder=Everywhere(), server=models)
    tried = case(place, "shop" if place == "card" else "general")
    await trial.run(tried, ATTACK.text)
    await trial.aclose()
    seen = " ".join(message.content for each in models.requests for message in each.messages)
    assert " ".join(ATTACK.text.split())[:40] in " ".join(seen.split())
