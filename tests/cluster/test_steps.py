"""Steps that run whole on a node of a Ray cluster, their experts' own code included."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import pytest
import ray
from clusters import (
    MODEL,
    Asking,
    Broken,
    Placed,
    World,
    card,
    installed,
    installed_in,
    pids,
    with_a_wrong_clock,
)
from fake_ollama import FakeOllama, Machine
from faulty import Reader, Writer, faulty, piece, replies, streams
from sites import CODE, Site, domain

from metier import Council, Event, Expert, Plan, Settings
from metier.engine.engine import Limits
from metier.errors import ExpertFailed
from metier.experts.registry import Registry
from metier.models.hosts import Patience
from metier.plan import Step
from metier.telemetry.tracing import trace_headers

pytestmark = pytest.mark.anyio

STEP = Step(id="1", task="What?", expert="general")
PLAN = Plan(question="What?", steps=(STEP,))


@asynccontextmanager
async def council(
    world: World, experts: Sequence[Expert], folder: Path, *, patience: Patience | None = None
) -> AsyncIterator[Council]:
    """A council whose steps run on the nodes."""
    names = tuple(expert.id for expert in experts)
    settings = Settings(cache_dir=folder, remote_steps=names, embed_model=MODEL)
    server = world.server(patience=patience) if patience else world.server()
    async with Council.of(experts, settings=settings, server=server) as made:
        yield made


async def events_of(council: Council, limits: Limits | None = None) -> list[Event]:
    return [event async for event in council.stream(PLAN, limits=limits)]


async def test_an_experts_code_runs_on_the_node_and_asks_the_model_there(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Placed(card())))
    async with council(world, [Placed(card())], tmp_path) as asked:
        answer = await asked.run(PLAN)
    (process,) = pids([answer.text])
    assert process != os.getpid()
    assert answer.text.endswith(": Four.")
    assert ollamas[0].asked == ["What?"]


async def test_events_of_a_node_are_events_of_the_run(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Placed(card())))
    async with council(world, [Placed(card())], tmp_path) as asked:
        events = await events_of(asked)
    kinds = ["plan_ready", "step_started", "call_started", "call_done", "token", "step_done"]
    assert [event.type for event in events] == [*kinds, "answered"]
    assert [event.seq for event in events] == list(range(len(events)))
    assert len({event.run_id for event in events}) == 1
    assert [event.host for event in events if event.type == "call_done"] == ["one"]


async def test_a_step_on_a_node_ends_where_its_answer_is_cut(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Placed(card())))
    async with council(world, [Placed(card())], tmp_path) as asked:
        *_, done, last = await events_of(asked, Limits(max_chars=2))
    assert done.type == "step_done"
    assert last.type == "answered"
    assert (len(last.answer.text), last.cut, last.answer.missing) == (2, "length", ())
    assert [part.expert for part in last.answer.parts] == ["general"]


async def test_calls_on_a_node_count_against_the_questions_budget(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Asking(card())))
    async with council(world, [Asking(card())], tmp_path) as asked:
        events = await events_of(asked, Limits(max_calls=2))
    assert [event.code for event in events if event.type == "step_failed"] == ["budget_exceeded"]
    assert len(ollamas[0].asked) == 2
    assert [event.call_id for event in events if event.type == "call_done"] == ["1", "2"]


async def test_a_step_on_a_node_ends_at_the_questions_deadline(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    ollamas[0].fault = "silent to chats"
    world.start("one", ollamas[0].host, experts=installed(Placed(card())))
    async with council(world, [Placed(card())], tmp_path) as asked:
        with anyio.fail_after(60):
            events = await events_of(asked, Limits(timeout_s=2))
    assert [event.code for event in events if event.type == "step_failed"] == ["deadline_exceeded"]


async def test_leaving_a_step_early_cancels_it_on_the_node(world: World, tmp_path: Path) -> None:
    models = replies(200, {"models": [{"name": MODEL, "model": MODEL, "size": 1}]})
    silent = streams([piece("One, ")], then="silence")

    async def reply(reader: Reader, writer: Writer) -> None:
        path, _ = ollama.requests[-1]
        await (silent if path == "/api/chat" else models)(reader, writer)

    async with faulty(reply) as ollama:
        world.start("one", ollama.host, experts=installed(Expert(card())))
        still = Patience(fresh_s=60.0, look_s=20.0, check_every_s=60.0)
        async with council(world, [Expert(card())], tmp_path, patience=still) as asked:
            async with aclosing(asked.stream(PLAN)) as events:
                async for event in events:
                    if event.type == "token":
                        break
            with anyio.fail_after(60):
                await ollama.hung_up.wait()


async def test_the_trace_of_a_question_reaches_the_model_server_beside_a_node(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    world.start("one", ollamas[0].host, experts=installed(Placed(card())))
    async with council(world, [Placed(card())], tmp_path) as asked:
        token = trace_headers.set({"traceparent": trace})
        await asked.run(PLAN)
        trace_headers.reset(token)
    assert ollamas[0].traces == [trace]


async def test_what_an_experts_code_raises_on_a_node_is_the_reason_of_its_step(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Broken(card())))
    async with council(world, [Broken(card())], tmp_path) as asked:
        with pytest.raises(ExpertFailed, match="ValueError: out of ideas"):
            await asked.run(PLAN)


async def test_a_step_whose_node_dies_before_its_first_word_runs_on_another(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    for name, ollama in zip(("one", "two"), ollamas, strict=True):
        world.start(name, ollama.host, experts=installed(Placed(card())))
    ollamas[0].fault = "silent to chats"
    async with council(world, [Placed(card())], tmp_path) as asked:
        events: list[Event] = []
        async for event in asked.stream(PLAN):
            events.append(event)
            if event.type == "call_started" and event.attempt == 1:
                ray.kill(world.actors.pop("one"))
    calls = [(event.host, event.attempt) for event in events if event.type == "call_done"]
    assert calls == [("one", 1), ("two", 2)]
    assert events[-1].type == "answered"
    assert events[-1].answer.complete


async def test_a_vote_on_a_node_elects_as_it_does_here(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Expert(card())))
    voted = STEP.model_copy(update={"strategy": "vote", "options": {"samples": 3}})
    parts = []
    for experts in ([Expert(card())], []):
        settings = Settings(
            cache_dir=tmp_path, remote_steps=tuple(e.id for e in experts), embed_model=MODEL
        )
        asking = Council.of([Expert(card())], settings=settings, server=world.server())
        async with asking as asked:
            answer = await asked.run(Plan(question="What?", steps=(voted,)))
        parts.append(answer.parts[0].model_dump(exclude={"usage"}))
    assert parts[0] == parts[1]


async def test_a_node_with_another_card_is_refused_with_the_reason_once_for_that_expert(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    other = card("other")
    experts = [Placed(card()), Placed(other)]
    there = installed(Placed(card(prompt="Be brief.")), Placed(other))
    world.start("one", ollamas[0].host, experts=there)
    steps = (STEP, Step(id="2", task="And?", expert="other"))
    async with council(world, experts, tmp_path) as asked:
        runs = [
            [event async for event in asked.stream(Plan(question="What? And?", steps=steps))]
            for _ in range(2)
        ]
    told = [[event.text for event in run if event.type == "notice"] for run in runs]
    assert told == [["no steps of general run on one: its card there is another"], []]
    for run in runs:
        done = {event.step_id: event.text for event in run if event.type == "step_done"}
        assert pids([done["1"]]) == {os.getpid()}
        assert pids([done["2"]]) != {os.getpid()}
    assert len(ollamas[0].asked) == 4  # its models are used all the same


async def test_a_node_with_other_code_of_an_expert_is_refused(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Asking(card())))
    async with council(world, [Placed(card())], tmp_path) as asked:
        events = await events_of(asked)
    (told,) = [event.text for event in events if event.type == "notice"]
    assert told.endswith("its code there is 'clusters.Asking', here 'clusters.Placed'")


async def test_a_node_with_another_version_of_a_plugin_is_refused(
    world: World, ollamas: list[FakeOllama], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, version in (("here", "1.0"), ("there", "1.1")):
        files = {"kitchen/__init__.py": CODE, "kitchen/domain.toml": domain("kitchen")}
        site = Site(tmp_path / place)
        site.install("brigade", {"kitchen": "kitchen:Plugin"}, files, version=version)
    monkeypatch.syspath_prepend(tmp_path / "here")
    world.start("one", ollamas[0].host, experts=installed_in(tmp_path / "there"))
    settings = Settings(cache_dir=tmp_path, remote_steps=("kitchen",), embed_model=MODEL)
    registry = Registry.from_installed(settings)
    plan = Plan(question="What?", steps=(Step(id="1", task="What?", expert="kitchen"),))
    async with Council(registry, settings=settings, server=world.server()) as asked:
        events = [event async for event in asked.stream(plan)]
    told = [event.text for event in events if event.type == "notice"]
    reason = "its code there is 'brigade 1.1', here 'brigade 1.0'"
    assert f"no steps of kitchen run on one: {reason}" in told


async def test_a_node_with_a_wrong_clock_changes_neither_times_nor_deadlines(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=with_a_wrong_clock(Placed(card())))
    async with council(world, [Placed(card())], tmp_path) as asked:
        before = time.time()
        events = await events_of(asked, Limits(timeout_s=60))
    assert [event.host for event in events if event.type == "call_done"] == ["one"]
    assert all(before <= event.at <= time.time() for event in events)


async def test_nodes_join_and_leave_while_a_question_runs(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host)
    settings = Settings(cache_dir=tmp_path, embed_model=MODEL)
    steps = (STEP, Step(id="2", task="And?", expert="general", needs=("1",)))
    hosts: list[str] = []
    asking = Council.of([Expert(card())], settings=settings, server=world.server())
    async with asking as asked:
        async for event in asked.stream(Plan(question="What? And?", steps=steps)):
            if event.type == "step_done" and event.step_id == "1":
                world.start("two", ollamas[1].host)
                ray.kill(world.actors.pop("one"))
            if event.type == "call_done" and event.step_id is not None:
                hosts.append(event.host)
    assert hosts == ["one", "two"]
    assert event.type == "answered"
    assert event.answer.complete


async def test_a_node_with_other_weights_of_the_embedder_is_refused(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    ollamas[1].models = ["embed:1b", MODEL]
    ollamas[0].models = ["embed:1b", MODEL]
    ollamas[1].machine = Machine(digests=(("embed:1b", "1" * 64),))
    for name, ollama in zip(("one", "two"), ollamas, strict=True):
        world.start(name, ollama.host, experts=installed(Placed(card())), embedder="embed:1b")
    settings = Settings(cache_dir=tmp_path, remote_steps=("general",), embed_model="embed:1b")
    ollamas[1].loaded = [MODEL]
    async with Council.of([Placed(card())], settings=settings, server=world.server()) as asked:
        events = await events_of(asked)
    (told,) = [event.text for event in events if event.type == "notice"]
    assert told == "no steps of general run on two: the embedder 'embed:1b' there has other weights"
    assert [event.host for event in events if event.type == "call_done"] == ["one"]
