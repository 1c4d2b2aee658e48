"""Runs whose steps ran on a node of a Ray cluster, given again without the cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import ray
from clusters import MODEL, Twice, World, card, installed
from fake_ollama import FakeOllama

from metier import Council, Expert, Plan, Settings
from metier.answer import Part, Source
from metier.events import Answered
from metier.plan import Step
from metier.runs.replaying import Replay
from metier.runs.run import Run
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

STEP = Step(id="1", task="What?", expert="general")
PLAN = Plan(question="What?", steps=(STEP,))


@asynccontextmanager
async def council(world: World, expert: Expert, folder: Path) -> AsyncIterator[Council]:
    """A council that keeps its runs, and whose steps run on the nodes."""
    settings = Settings(cache_dir=folder, remote_steps=("general",), embed_model=MODEL)
    store = RunStore(folder / "runs.db")
    asked = Council.of([expert], settings=settings, server=world.server(), runs=store)
    async with asked:
        yield asked


def kept(folder: Path) -> Run:
    with RunStore(folder / "runs.db") as store:
        return store.load("last")


async def replayed(run: Run, expert: Expert, folder: Path) -> Replay:
    """The run again, where neither the cluster nor a model nor the embedder is."""
    alone = Council.of(
        [expert],
        settings=Settings(cache_dir=folder, embed_model=MODEL),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    return await alone.replay(run)


async def test_a_vote_on_a_node_is_replayed_byte_for_byte(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Expert(card())))
    voted = STEP.model_copy(update={"strategy": "vote", "options": {"samples": 3}})
    async with council(world, Expert(card()), tmp_path) as asked:
        answer = await asked.run(Plan(question="What?", steps=(voted,)))
    replay = await replayed(kept(tmp_path), Expert(card()), tmp_path)
    assert (replay.same, replay.differences) == (True, ())
    assert replay.answer is not None
    assert replay.answer.text.encode() == answer.text.encode() == b"Four."


async def test_a_step_that_was_made_again_on_another_node_is_replayed_as_it_ended(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    for name, ollama in zip(("one", "two"), ollamas, strict=True):
        world.start(name, ollama.host, experts=installed(Twice(card())))
    first = ollamas[0]
    first.reply, first.loaded = "Five.", [MODEL]
    first.after_chat = lambda: setattr(first, "fault", "silent to chats")
    calls = 0
    async with council(world, Twice(card()), tmp_path) as asked:
        async for event in asked.stream(PLAN):
            calls += event.type == "call_started"
            if event.type == "call_started" and calls == 2:
                ray.kill(world.actors.pop("one"))
    assert len(first.asked) == 1
    replay = await replayed(kept(tmp_path), Twice(card()), tmp_path)
    assert (replay.same, replay.differences) == (True, ())
    assert replay.answer is not None
    assert replay.answer.text == "Four. Four."


async def test_a_replay_names_the_node_whose_documents_a_step_used(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host, experts=installed(Expert(card())))
    async with council(world, Expert(card()), tmp_path) as asked:
        await asked.run(PLAN)
    run = kept(tmp_path)
    source = Source(name="a.md")
    part = Part(step_id="1", task="What?", expert="general", text="Four.", sources=(source,))
    last = run.events[-1]
    assert last.type == "answered"
    answered = Answered(answer=last.answer.model_copy(update={"parts": (part,)}))
    node = tuple(each for each in run.exchanges if each.kind == "node")
    changed = {"events": (*run.events[:-1], answered), "exchanges": node}
    other = run.model_copy(update=changed)
    replay = await replayed(other, Expert(card()), tmp_path)
    assert "step 1 used documents that were added on one" in replay.differences
