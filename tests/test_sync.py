"""One council and several event loops: one after the other, never two at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from metier import Card, Council, Expert, Plan, Settings
from metier.errors import CouncilInUse
from metier.models.embedder import Role, Vectors
from metier.plan import Step
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Stall

pytestmark = pytest.mark.anyio

PLAN = Plan(question="What is it?", steps=(Step(id="1", task="What is it?", expert="general"),))


class Waiting(FixedEmbedder):
    """Makes no vector before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_go_on = anyio.Event(), anyio.Event()

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        if not self.may_go_on.is_set():
            self.began.set()
            await self.may_go_on.wait()
        return await super().embed(texts, role=role)


def council(
    folder: Path, *, models: ScriptedModels | None = None, embedder: FixedEmbedder | None = None
) -> Council:
    general = Expert(Card(id="general", description="all", models=("small",)))
    return Council.of(
        [general],
        settings=Settings(cache_dir=folder),
        server=models or ScriptedModels(),
        embedder=embedder or FixedEmbedder(),
    )


async def elsewhere(call: Callable[[], object]) -> None:
    """Do it in a thread, where another event loop can run."""
    with anyio.fail_after(20):  # two loops that wait for each other never end
        await anyio.to_thread.run_sync(call, abandon_on_cancel=True)


async def test_a_council_that_plans_is_refused_in_a_second_loop(tmp_path: Path) -> None:
    embedder = Waiting()
    made = council(tmp_path, embedder=embedder)
    async with anyio.create_task_group() as group:
        group.start_soon(made.plan, "What is it?")
        await embedder.began.wait()
        for second in (partial(anyio.run, made.plan, "Why?"), partial(made.plan_sync, "Why?")):
            with pytest.raises(CouncilInUse, match="asked in another event loop"):
                await elsewhere(second)
        embedder.may_go_on.set()
    await elsewhere(partial(anyio.run, made.plan, "Why?"))
    made.close()


async def test_a_council_that_answers_is_refused_in_a_second_loop(tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("One ")]})
    models.requested = anyio.Event()
    made = council(tmp_path, models=models)
    async with anyio.create_task_group() as group:
        group.start_soon(made.run, PLAN)
        await models.requested.wait()
        with pytest.raises(CouncilInUse):
            await elsewhere(partial(anyio.run, made.run, PLAN))
        with pytest.raises(CouncilInUse):
            await elsewhere(lambda: list(made.stream_sync(PLAN)))
        group.cancel_scope.cancel()
    made.close()


async def test_one_loop_may_ask_often_at_once(tmp_path: Path) -> None:
    models = ScriptedModels({"small": ["One."] * 2})
    made = council(tmp_path, models=models)
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(made.ask, "What is it?")
    assert len(models.requests) == 2
