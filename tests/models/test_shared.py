"""A council whose questions share one server."""

from __future__ import annotations

import anyio
import pytest

from metier.council import Council
from metier.errors import ModelServerBusy
from metier.experts.card import Card
from metier.experts.expert import Expert
from metier.models.shared import SharedServer
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels, Stall

pytestmark = pytest.mark.anyio


def expert(name: str, *, prompt: str = "") -> Expert:
    return Expert(Card(id=name, description=name, models=(f"model-{name}",), prompt=prompt))


def council_on(models: ScriptedModels, **limits: float) -> Council:
    return Council.of(
        [expert("ann", prompt="You are Ann."), expert("ben", prompt="You are Ben.")],
        server=SharedServer(models, **limits),  # type: ignore[arg-type]
        embedder=FixedEmbedder(),
    )


def plan(name: str) -> Plan:
    return Plan(question="Why?", steps=(Step(id="1", task="Why?", expert=name),))


async def test_questions_to_two_experts_load_each_model_once() -> None:
    models = ScriptedModels({"model-ann": ["Yes."] * 8, "model-ben": ["No."] * 8})
    council = council_on(models)
    async with anyio.create_task_group() as group:
        for name in ("ann", "ben") * 8:
            group.start_soon(council.run, plan(name))
    assert models.loads in (["model-ann", "model-ben"], ["model-ben", "model-ann"])


async def test_a_question_beyond_the_queue_is_answered_busy_at_once() -> None:
    models = ScriptedModels({"model-ann": [Stall()]})
    council = council_on(models, max_waiting=1)
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(council.run, plan("ann"))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ModelServerBusy):
            await council.run(plan("ann"))
        group.cancel_scope.cancel()


async def test_a_question_that_is_cancelled_leaves_the_queue_to_the_others() -> None:
    models = ScriptedModels({"model-ann": [Stall(), "Yes."]})
    council = council_on(models)
    async with anyio.create_task_group() as stalled:
        stalled.start_soon(council.run, plan("ann"))
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.01):
            await council.run(plan("ann"))
        stalled.cancel_scope.cancel()
    with anyio.fail_after(5):
        assert (await council.run(plan("ann"))).text == "Yes."


async def test_warming_reads_every_experts_prompt_before_a_question() -> None:
    models = ScriptedModels({"model-ann": ["x"] * 7, "model-ben": ["x"] * 7})
    council = council_on(models, keeps=3)
    await council.warm()
    read = [request.messages[0].content for request in models.requests]
    assert {"Hello", "You are Ann."} <= set(read[:3])
    assert {"Hello", "You are Ben."} <= set(read[7:10])


async def test_a_server_with_one_slot_is_not_given_prompts_to_keep() -> None:
    models = ScriptedModels({"model-ann": [], "model-ben": []})
    await council_on(models).warm()
    assert (models.requests, models.loads) == ([], ["model-ann", "model-ben"])


async def test_a_constant_prompt_is_what_a_question_begins_with() -> None:
    models = ScriptedModels({"model-ann": ["Yes."], "model-ben": []})
    council = council_on(models)
    await council.run(plan("ann"))
    (constant,) = council.registry.expert("ann").constant_messages
    assert models.requests[0].messages[: len(constant)] == tuple(constant)


async def test_the_one_model_of_all_experts_is_loaded_unless_it_is_in_memory() -> None:
    models = ScriptedModels({"model-ann": []})
    council = Council.of([expert("ann")], server=SharedServer(models), embedder=FixedEmbedder())
    await council.warming.load()
    await council.warming.load()
    assert models.loads == ["model-ann"]


async def test_no_model_is_loaded_beforehand_if_experts_run_on_several() -> None:
    models = ScriptedModels({"model-ann": [], "model-ben": []})
    await council_on(models).warming.load()
    assert models.loads == []
