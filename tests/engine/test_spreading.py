"""Work that does not depend on each other runs side by side on several hosts."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from hosts import Node, meeting, pool

from metier import Card, Council, Event, Expert, Plan, Settings
from metier.experts.card import Capability
from metier.models.hosts import HostPool
from metier.plan import Step
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio


def expert(name: str, model: str, **card: object) -> Expert:
    capability = Capability(name="all", description=f"everything about {name}")
    fields = {"id": name, "description": name, "models": (model,), "capabilities": (capability,)}
    return Expert(Card.model_validate(fields | card))


async def ran(hosts: HostPool, plan: Plan, *experts: Expert, tmp_path: Path) -> list[Event]:
    settings = Settings(cache_dir=tmp_path)
    council = Council.of(experts, settings=settings, server=hosts, embedder=FixedEmbedder())
    with anyio.fail_after(30):
        return [event async for event in council.stream(plan)]


def plan(*steps: Step) -> Plan:
    return Plan(question="What?", steps=steps)


async def test_samples_of_a_vote_are_drawn_on_all_hosts_at_once(tmp_path: Path) -> None:
    hosts = meeting(["m"], ["m"], ["m"], together=3)
    voted = Step(id="1", task="What?", expert="general", strategy="vote", options={"samples": 3})
    events = await ran(hosts, plan(voted), expert("general", "m"), tmp_path=tmp_path)
    assert {event.host for event in events if event.type == "call_done"} == {"h0", "h1", "h2"}


async def test_samples_of_a_long_prompt_are_drawn_on_all_hosts_at_once_one_on_each(
    tmp_path: Path,
) -> None:
    hosts = meeting(["m"], ["m"], ["m"], together=3, concurrency=2)
    voted = Step(
        id="1", task="Why? " * 300, expert="general", strategy="vote", options={"samples": 3}
    )
    events = await ran(hosts, plan(voted), expert("general", "m"), tmp_path=tmp_path)
    assert {event.host for event in events if event.type == "call_done"} == {"h0", "h1", "h2"}


async def test_steps_of_different_models_run_at_once_where_no_host_has_to_run_two(
    tmp_path: Path,
) -> None:
    hosts = meeting(["a"], ["b"], together=2)
    steps = (Step(id="1", task="One?", expert="one"), Step(id="2", task="Two?", expert="two"))
    events = await ran(
        hosts, plan(*steps), expert("one", "a"), expert("two", "b"), tmp_path=tmp_path
    )
    answered = {event.model: event.host for event in events if event.type == "call_done"}
    assert answered == {"a:latest": "h0", "b:latest": "h1"}


async def test_an_expert_runs_where_its_card_or_the_settings_pin_it(tmp_path: Path) -> None:
    hosts = pool(
        Node("first", ["m"], loaded=["m"]),
        Node("big", ["m"], labels=["gpu"]),
        Node("odd", ["m"], labels=["attic"]),
    )
    pinned = expert("one", "m", runs_on="gpu"), expert("two", "m", runs_on="gpu")
    settings = Settings(cache_dir=tmp_path, runs_on={"two": "attic"})
    council = Council.of(pinned, settings=settings, server=hosts, embedder=FixedEmbedder())
    steps = (Step(id="1", task="One?", expert="one"), Step(id="2", task="Two?", expert="two"))
    events = [event async for event in council.stream(plan(*steps))]
    hosts_of = {event.step_id: event.host for event in events if event.type == "call_done"}
    assert hosts_of == {"1": "big", "2": "odd"}
