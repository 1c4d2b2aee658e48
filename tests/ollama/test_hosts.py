"""Two real Ollamas on two ports, each with models of its own, as one server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_hosts import started_hosts
from world import EMBED, HALF, SMALL

from metier import Card, Council, Expert, Plan, Settings
from metier.experts.card import Capability
from metier.plan import Step

pytestmark = pytest.mark.anyio


@pytest.fixture
def hosts(ollama_host: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a server with the smallest models, and of one with a larger one.

    The shared server has fetched their weights; both read them where they are.
    """
    with started_hosts([(EMBED, SMALL), (HALF,)], tmp_path) as (first, second):
        yield first, second


def expert(name: str, model: str) -> Expert:
    capability = Capability(name="all", description=f"everything about {name}")
    return Expert(
        Card(id=name, description=name, models=(model,), max_tokens=20, capabilities=(capability,))
    )


async def test_a_question_of_two_parts_is_answered_by_each_model_where_it_is(
    hosts: tuple[str, str], tmp_path: Path
) -> None:
    settings = Settings(
        hosts=({"address": hosts[0]}, {"address": hosts[1]}), cache_dir=tmp_path / "cache"
    )
    experts = [expert("general", SMALL), expert("code", HALF)]
    plan = Plan(
        question="Name a colour, and write a line of Python.",
        steps=(
            Step(id="1", task="Name a colour.", expert="general"),
            Step(id="2", task="Write a line of Python.", expert="code"),
        ),
    )
    async with Council.of(experts, settings=settings) as council:
        listed = {model.name: model.hosts for model in await council.server.list()}
        vectors = await council.embedder.embed(["one text"])
        events = [event async for event in council.stream(plan)]
    places = [host.removeprefix("http://") for host in hosts]
    answered = {event.model: event.host for event in events if event.type == "call_done"}
    assert listed == {f"{EMBED}:latest": (places[0],), SMALL: (places[0],), HALF: (places[1],)}
    assert answered == {SMALL: places[0], HALF: places[1]}
    assert vectors.shape == (1, 384)
    assert events[-1].type == "answered"
    assert events[-1].answer.complete
