"""What a strategy sees of a step: its voters, its judge, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metier import Card, Council, Expert, Plan, Settings
from metier.experts.card import Capability
from metier.experts.registry import Registry
from metier.plan import Candidate, Document, Message, Step
from metier.strategies import Sampled, Sampler, Strategies
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

# Of the models of the card one is measured.
CHANCES = {"one": 0.6}
CANDIDATES = (
    Candidate(expert="math", score=0.5, probability=0.6, capability="sum"),
    Candidate(expert="code", score=0.4, probability=0.1, capability="sum"),
    Candidate(expert="general", score=0.4, probability=0.09, capability="sum"),
    Candidate(expert="gone", score=0.4, probability=0.9, capability="sum"),
)


async def seen(
    look: Callable[[Sampler], Any],
    folder: Path,
    *,
    experts: tuple[str, ...] = ("general", "math", "code"),
    candidates: tuple[Candidate, ...] = CANDIDATES,
    **plan: Any,
) -> Any:
    """What a strategy sees of a step of math."""
    found: list[Any] = []

    async def looking(step: Step, sampler: Sampler) -> Sampled:
        told = look(sampler)
        found.append(await told if hasattr(told, "__await__") else told)
        return Sampled(text="It is 4.", expert="math", models=("one",))

    capability = Capability(name="sum", description="sums", output="number")
    registry = Registry.of(
        Expert(
            Card(id=name, description=name, models=("one", "two"), capabilities=(capability,),
                 prompt="x" * 100)
        )
        for name in experts
    )  # fmt: skip
    step = Step(
        id="1", task="y" * 100, expert="math", strategy="looking", candidates=candidates,
        chances=CHANCES,
    )  # fmt: skip
    council = Council(
        registry,
        settings=Settings(cache_dir=folder),
        server=ScriptedModels({"one": [], "two": []}, concurrency=3),
        embedder=FixedEmbedder(),
        strategies=Strategies({"looking": looking}),
    )
    answer = await council.run(Plan(question="What is 2 + 2?", steps=(step,), **plan))
    assert answer.text == "It is 4."
    return found[0]


async def test_the_models_of_its_expert_may_be_asked_with_what_is_known_of_them(
    tmp_path: Path,
) -> None:
    voters = await seen(lambda sampler: sampler.voters("models"), tmp_path)
    assert [(each.expert, each.model, each.skill, each.fit) for each in voters] == [
        ("math", "one", 0.6, 0.6),
        ("math", "two", None, 0.6),
    ]


async def test_other_experts_have_a_say_if_they_are_likely_and_there(tmp_path: Path) -> None:
    voters = await seen(lambda sampler: sampler.voters("experts"), tmp_path)
    assert [(each.expert, each.fit) for each in voters] == [("math", 0.6), ("code", 0.1)]


@pytest.mark.parametrize(
    ("candidates", "output", "fit"),
    [(CANDIDATES, "number", 0.6), ((), "", 1), (CANDIDATES[1:], "", 1)],
)
async def test_what_the_chosen_capability_returns_is_known(
    candidates: tuple[Candidate, ...], output: str, fit: float, tmp_path: Path
) -> None:
    assert await seen(lambda s: (s.output, s.own.fit), tmp_path, candidates=candidates) == (
        output,
        fit,
    )


@pytest.mark.parametrize(
    ("experts", "judge"), [(("general", "math"), "general"), (("math", "code"), "math")]
)
async def test_the_general_expert_judges_or_else_the_steps_own(
    experts: tuple[str, ...], judge: str, tmp_path: Path
) -> None:
    assert await seen(lambda sampler: sampler.judge.expert, tmp_path, experts=experts) == judge


@pytest.mark.parametrize(
    ("plan", "at_once"),
    [
        ({}, 3),
        ({"documents": (Document(name="a", text="z" * 1000),)}, 3),
        ({"documents": (Document(name="a", text="z" * 1001),)}, 1),
        ({"messages": (Message(role="user", content="z" * 1001),)}, 1),
    ],
)
async def test_a_long_prompt_is_read_by_one_slot(
    plan: dict[str, Any], at_once: int, tmp_path: Path
) -> None:
    assert await seen(lambda s: s.concurrency(s.own), tmp_path, **plan) == at_once


async def test_calls_are_counted_for_it(tmp_path: Path) -> None:
    assert await seen(lambda sampler: sampler.calls_left, tmp_path) == 16
