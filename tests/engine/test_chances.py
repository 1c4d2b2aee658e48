"""A step runs on the model that is likeliest to get it right."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Council, Expert, Plan, Settings
from metier.errors import InvalidPlan
from metier.experts.card import Capability
from metier.plan import Step
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio


def council(models: ScriptedModels, folder: Path) -> Council:
    capability = Capability(name="all", description="everything")
    experts = [
        Expert(Card(id=name, description=name, models=("usual",), capabilities=(capability,)))
        for name in ("general", "math", "code")
    ]
    return Council.of(
        experts, settings=Settings(cache_dir=folder), server=models, embedder=FixedEmbedder()
    )


def step(name: str, expert: str, *needs: str, **chances: float) -> Step:
    return Step(id=name, task=f"Do {name}.", expert=expert, needs=needs, chances=chances)


async def test_a_step_runs_on_its_likeliest_model(tmp_path: Path) -> None:
    with ScriptedModels({"usual": [], "other": ["4"]}) as models:
        made = Plan(question="2 + 2?", steps=(step("1", "math", usual=0.2, other=0.6, gone=0.9),))
        answer = await council(models, tmp_path).run(made)
    assert answer.parts[0].models == ("other",)


async def test_a_step_of_which_nothing_is_known_runs_as_its_card_says(tmp_path: Path) -> None:
    with ScriptedModels({"usual": ["4"], "other": []}) as models:
        answer = await council(models, tmp_path).run(Plan(question="?", steps=(step("1", "math"),)))
    assert answer.parts[0].models == ("usual",)


async def test_steps_are_ordered_by_the_models_that_they_run_on(tmp_path: Path) -> None:
    script = {"usual": ["a", "c"], "other": ["b"]}
    with ScriptedModels(script) as models:
        steps = (step("1", "math"), step("2", "math", usual=0.1, other=0.9), step("3", "code"))
        answer = await council(models, tmp_path).run(Plan(question="All.", steps=steps))
    # In the order of the plan it would be usual, other, usual.
    assert models.loads == ["usual", "other"]
    assert [part.models for part in answer.parts] == [("usual",), ("other",), ("usual",)]


async def test_chances_are_kept_in_the_plan_s_json_and_are_probabilities() -> None:
    made = Plan(question="?", steps=(step("1", "math", small=0.25),))
    assert Plan.parse(made.model_dump_json()) == made
    with pytest.raises(InvalidPlan, match="chances"):
        Plan.parse(made.model_dump_json().replace("0.25", "1.25"))
