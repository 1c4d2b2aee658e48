"""The last question of a conversation is planned with those before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Council, Expert, Settings
from metier.experts.card import GENERAL, Capability
from metier.plan import Message
from metier.planning.following import follow_ups
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

_EXAMPLES = {
    "math": ("convert stone to pounds", "what is the sum of 3 and 4"),
    "code": ("write a python function", "write a test in rust"),
    GENERAL: ("tell me a story", "write a letter"),
}


async def expert_for(folder: Path, *turns: str) -> str:
    """Who answers the last turn."""
    cards = [
        Card(
            id=name,
            description=name,
            models=("m",),
            capabilities=(Capability(name="all", description=name, examples=examples),),
        )
        for name, examples in _EXAMPLES.items()
    ]
    council = Council.of(
        map(Expert, cards),
        settings=Settings(cache_dir=folder),
        server=ScriptedModels({}),
        embedder=FixedEmbedder(),
    )
    async with council:
        plan = await council.plan([Message(role="user", content=turn) for turn in turns])
    (step,) = plan.steps
    assert step.task == turns[-1]
    return step.expert


@pytest.mark.parametrize(
    ("before", "expert"), [("convert 3 stone to pounds", "math"), ("write a function", "code")]
)
async def test_words_that_fit_nobody_take_the_expert_of_what_came_before(
    before: str, expert: str, tmp_path: Path
) -> None:
    assert await expert_for(tmp_path, before, "and again?") == expert


async def test_a_new_subject_keeps_its_own_expert(tmp_path: Path) -> None:
    before = "write a python function"
    assert await expert_for(tmp_path, before, "what is the sum of 3 and 4") == "math"


async def test_the_subject_may_be_two_questions_ago(tmp_path: Path) -> None:
    turns = ("convert 3 stone to pounds", "and five?", "and nine?")
    assert await expert_for(tmp_path, *turns) == "math"


def test_a_long_question_before_leaves_room_for_the_last_one() -> None:
    long = Message(role="user", content="word " * 5000)
    (text,) = follow_ups("and in pounds?", [long])
    assert text.endswith("and in pounds?")
    assert len(text) < 500


def test_answers_are_not_looked_at() -> None:
    """They are a model's, and no text of a model chooses an expert."""
    reply = Message(role="assistant", content="write a python function")
    assert follow_ups("and in pounds?", [reply]) == ()
