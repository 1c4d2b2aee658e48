"""Two real Ollamas on two ports, each with models of its own, as one server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_hosts import started_hosts
from world import EMBED, HALF, SMALL

from metier import Card, Council, Expert, Settings
from metier.experts.card import Capability

pytestmark = pytest.mark.anyio


@pytest.fixture
def hosts(ollama_host: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a server with the smallest models, and of one with a larger one.

    The shared server has fetched their weights; both read them where they are.
    """
    with started_hosts([(EMBED, SMALL), (HALF,)], tmp_path) as (first, second):
        yield first, second


def expert(name: str, model: str, *capabilities: Capability) -> Expert:
    known = {"id": name, "description": name, "models": (model,), "capabilities": capabilities}
    return Expert(Card.model_validate(known | {"max_tokens": 20}))


GEOGRAPHY = Capability(
    name="places",
    description="Countries, capitals, rivers and mountains",
    examples=("What is the capital of Italy?", "Which river flows through Vienna?"),
)
PROGRAMS = Capability(
    name="programs",
    description="Write, explain and correct programs in Python",
    examples=(
        "Write a Python function that reverses a string.",
        "Write a Python function that counts the words of a text.",
    ),
)


async def test_a_question_of_two_parts_is_answered_by_each_model_where_it_is(
    hosts: tuple[str, str], tmp_path: Path
) -> None:
    settings = Settings(
        hosts=({"address": hosts[0]}, {"address": hosts[1]}), cache_dir=tmp_path / "cache"
    )
    experts = [expert("geography", SMALL, GEOGRAPHY), expert("code", HALF, PROGRAMS)]
    question = "What is the capital of France? Write a Python function that adds two numbers."
    async with Council.of(experts, settings=settings) as council:
        listed = {model.name: model.hosts for model in await council.server.list()}
        events = [event async for event in council.stream(question)]
    places = [host.removeprefix("http://") for host in hosts]
    (planned,) = (event.plan for event in events if event.type == "plan_ready")
    answered = {
        event.step_id: (event.model, event.host) for event in events if event.type == "call_done"
    }
    assert listed == {f"{EMBED}:latest": (places[0],), SMALL: (places[0],), HALF: (places[1],)}
    assert [step.expert for step in planned.steps] == ["geography", "code"]
    assert answered == {"1": (SMALL, places[0]), "2": (HALF, places[1])}
    assert events[-1].type == "answered"
    assert events[-1].answer.complete
