"""Code of plugins in threads: deadlines are kept, and a program ends although a thread does not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import anyio
import pytest

from metier import Card, Council, Expert, Limits, Settings, tool
from metier.errors import DeadlineExceeded, ExpertFailed
from metier.experts.threads import in_thread
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels

CARD = Card(id="slow", description="slow", models=("small",))
PLAN = Plan(question="go", steps=(Step(id="1", task="go", expert="slow"),))


class Waits(Expert):
    """Its plain functions wait until they are let go."""

    gate = threading.Event()

    def answer(self, task: object, context: object) -> str:
        self.gate.wait(60)
        return "late"


class Exits(Expert):
    def answer(self, task: object, context: object) -> str:
        sys.exit("bye")


class Closes(Expert):
    async def aclose(self) -> None:
        raise RuntimeError("stuck")


class Skilled(Expert):
    @tool
    def wait(self) -> str:
        """Wait."""
        Waits.gate.wait(60)
        return "late"


def council(expert: Expert, folder: Path) -> Council:
    return Council.of(
        [expert],
        settings=Settings(cache_dir=folder, state_dir=folder),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )


@pytest.mark.anyio
async def test_a_result_and_an_error_come_back() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.anyio
async def test_cancelling_leaves_the_thread_behind() -> None:
    gate = threading.Event()
    with anyio.move_on_after(0.05) as scope:
        await in_thread(gate.wait, 60)
    gate.set()
    assert scope.cancelled_caught


@pytest.mark.anyio
async def test_a_tool_that_is_cancelled_is_left_behind() -> None:
    with anyio.move_on_after(0.05) as scope:
        await Skilled(CARD).tools["wait"].run()
    assert scope.cancelled_caught


def test_a_plain_answer_that_does_not_end_is_over_at_the_deadline(tmp_path: Path) -> None:
    with council(Waits(CARD), tmp_path) as asked, pytest.raises(DeadlineExceeded):
        asked.run_sync(PLAN, limits=Limits(timeout_s=0.1))
    Waits.gate.set()


def test_an_answer_that_exits_fails_its_step_and_not_the_program(tmp_path: Path) -> None:
    with (
        council(Exits(CARD), tmp_path) as asked,
        pytest.raises(ExpertFailed, match=r"slow raised SystemExit: bye \(.*test_threads.py:\d+\)"),
    ):
        asked.run_sync(PLAN)


def test_an_expert_that_cannot_be_closed_is_listed_and_the_council_closes(tmp_path: Path) -> None:
    asked = council(Closes(CARD), tmp_path)
    with asked:
        asked.plan_sync("go")
    (broken,) = asked.registry.broken
    assert "closing it raised RuntimeError: stuck" in str(broken.error)


def test_a_program_ends_although_a_thread_of_a_plugin_does_not() -> None:
    program = (
        "from metier.experts.threads import started\n"
        "def turn():\n    while True: pass\n"
        "started(turn)\n"
        "print('end')"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "end\n"


def test_a_thread_that_was_left_behind_ends_if_its_loop_stops_before_it_does() -> None:
    gate, inside = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def wait() -> None:
        threads.append(threading.current_thread())
        inside.set()
        gate.wait(60)

    async def leave() -> None:
        with anyio.move_on_after(0.01):
            await in_thread(wait)

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(leave())
        assert inside.wait(20)
        gate.set()  # the loop is not closed yet, and will never run again
        threads[0].join(20)
    finally:
        loop.close()
    assert not threads[0].is_alive()
