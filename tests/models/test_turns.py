"""Many questions share one server: in which order their calls run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.errors import ModelServerBusy
from metier.models.resident import ResidentPrompt
from metier.models.shared import SharedServer
from metier.models.turns import Turns, one_question
from metier.testing import ScriptedModels

pytestmark = pytest.mark.anyio
PATIENT_S = 1000.0


@dataclass
class Server:
    """A server whose calls take a second of its own clock each, and that says what it ran."""

    now: float = 0.0
    ran: list[tuple[str, int]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def turns(
        self, *, concurrency: int = 1, max_waiting: int = 64, max_wait_s: float = PATIENT_S
    ) -> Turns:
        return Turns(
            "here",
            concurrency=concurrency,
            max_waiting=max_waiting,
            max_wait_s=max_wait_s,
            clock=lambda: self.now,
        )

    async def call(self, turns: Turns, model: str, question: int) -> None:
        since = self.now
        async with turns.turn(model):
            self.waited.append(self.now - since)
            self.ran.append((model, question))
            await anyio.lowlevel.checkpoint()
            self.now += 1

    @property
    def loads(self) -> int:
        return len(list(groupby(model for model, _ in self.ran)))


async def ask(server: Server, turns: Turns, questions: Sequence[Sequence[str]]) -> None:
    """Ask questions side by side, each with calls to these models, one after the other.

    Their first calls all wait before one starts; model a ran last.
    """

    async def one(number: int, models: Sequence[str]) -> None:
        with one_question():
            for model in models:
                await server.call(turns, model, number)

    async with anyio.create_task_group() as group, turns.turn("a"):
        for number, models in enumerate(questions):
            group.start_soon(one, number, models)
        await anyio.wait_all_tasks_blocked()


async def test_calls_to_the_model_that_ran_last_go_first() -> None:
    server = Server()
    await ask(server, server.turns(), [["a"], ["b"], ["a"], ["b"], ["a"], ["b"]])
    assert "".join(model for model, _ in server.ran) == "aaabbb"


async def test_a_call_to_another_model_goes_first_after_half_of_the_longest_wait() -> None:
    server = Server()
    await ask(server, server.turns(max_wait_s=6), [["a"], ["b"], *[["a"]] * 6])
    assert "".join(model for model, _ in server.ran) == "aaabaaaa"
    assert max(server.waited) == 7


async def test_calls_to_two_models_never_run_at_the_same_time() -> None:
    server, running = Server(), set[str]()
    turns = server.turns(concurrency=4)

    async def one(model: str) -> None:
        async with turns.turn(model):
            running.add(model)
            await anyio.lowlevel.checkpoint()
            assert running == {model}
            await anyio.lowlevel.checkpoint()
            running.discard(model)

    async with anyio.create_task_group() as group:
        for model in "abab":
            group.start_soon(one, model)


async def test_a_question_that_has_a_turn_does_not_wait_for_itself() -> None:
    turns = Server().turns()
    with one_question(), anyio.fail_after(5):
        async with turns.turn("a"), turns.turn("b"):
            pass


async def test_one_call_more_than_may_wait_is_refused_at_once() -> None:
    turns = Server().turns(max_waiting=1)
    async with turns.turn("a"), anyio.create_task_group() as group:
        group.start_soon(holding, turns.turn, "a")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ModelServerBusy, match="1 calls already wait for here"):
            await holding(turns.turn, "a")
        group.cancel_scope.cancel()


async def test_a_question_is_refused_at_once_if_its_turn_would_come_too_late() -> None:
    server = Server()
    turns = server.turns(max_wait_s=1.5)
    for _ in range(3):
        await server.call(turns, "a", 0)  # which takes a second
    assert not await refused(turns, waiting=1)
    assert await refused(turns, waiting=2)


async def test_no_question_is_refused_before_some_calls_have_told_how_long_they_take() -> None:
    server = Server()
    turns = server.turns(max_wait_s=1.5)
    for _ in range(2):
        await server.call(turns, "a", 0)
    assert not await refused(turns, waiting=2)


async def test_a_load_or_a_giant_answer_does_not_tell_how_long_calls_take() -> None:
    server = Server()
    turns = server.turns(max_wait_s=5)
    for seconds in (60, 1, 60, 1, 1):
        async with turns.turn("a"):
            server.now += seconds
    assert not await refused(turns, waiting=5)


async def test_a_call_that_fails_does_not_tell_how_long_calls_take() -> None:
    server = Server()
    turns = server.turns(max_wait_s=1.5)
    for _ in range(3):
        await server.call(turns, "a", 0)
    for _ in range(9):
        with pytest.raises(ValueError, match="fails"):
            async with turns.turn("a"):
                raise ValueError("it fails at once")
    assert await refused(turns, waiting=2)


async def test_what_is_read_beforehand_does_not_tell_how_long_calls_take() -> None:
    server = Server()

    class Loading(ScriptedModels):
        async def load(self, model: str) -> None:
            server.now += 60

    shared = SharedServer(Loading({"a": ["x"] * 12}))
    shared.turns = turns = server.turns(max_wait_s=5)
    for _ in range(3):
        await shared.keep("a", [ResidentPrompt(model="a", messages=())])
    assert not await refused(turns, waiting=1)


async def refused(turns: Turns, *, waiting: int) -> bool:
    """Whether a question is refused while so many wait."""
    found = list[ModelServerBusy]()

    async def one_more() -> None:
        try:
            await holding(turns.turn, "a")
        except ModelServerBusy as exc:
            found.append(exc)

    async with turns.turn("a"), anyio.create_task_group() as group:
        for _ in range(waiting):
            group.start_soon(holding, turns.turn, "a")
        await anyio.wait_all_tasks_blocked()
        group.start_soon(one_more)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert all(str(exc).startswith(f"{waiting} calls already wait for here") for exc in found)
    return bool(found)


async def test_no_call_of_a_question_that_waits_for_its_first_turn_is_refused() -> None:
    server = Server()
    turns = server.turns(max_waiting=2)
    await make_at_once(turns, *[partial(server.call, turns, "a", 0)] * 4)
    assert len(server.ran) == 4


async def test_no_call_of_a_question_that_had_a_turn_waits_too_long() -> None:
    turns = Turns("here", max_wait_s=0.05)
    ran = list[str]()

    async def slow() -> None:
        async with turns.turn("a"):
            await anyio.sleep(0.1)
            ran.append("a")

    await make_at_once(turns, slow, slow)
    assert ran == ["a", "a"]


async def make_at_once(turns: Turns, *calls: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Calls of one question, which wait until another question's call ends."""
    async with anyio.create_task_group() as group, turns.turn("a"):
        with one_question():
            for call in calls:
                group.start_soon(call)
        await anyio.wait_all_tasks_blocked()


async def test_a_question_that_had_a_turn_is_not_refused() -> None:
    server = Server()
    turns = server.turns(max_waiting=1)

    async def again() -> None:
        with one_question():
            await server.call(turns, "a", 0)
            another.set()
            await turned.wait()
            await server.call(turns, "a", 0)

    another, turned = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(again)
        await another.wait()
        async with turns.turn("a"):
            group.start_soon(server.call, turns, "a", 1)
            await anyio.wait_all_tasks_blocked()
            turned.set()
            await anyio.wait_all_tasks_blocked()
    assert sorted(question for _, question in server.ran) == [0, 0, 1]


async def beside_one_that_waits_twice(
    server: Server, turns: Turns, *, then: str, later_s: float
) -> None:
    """Question 0 waits 5 s for its first call; its second, of model `then`, is after question 1."""
    turned = anyio.Event()

    async def waits_twice() -> None:
        with one_question():
            await server.call(turns, "a", 0)
            await turned.wait()
            await server.call(turns, then, 0)

    async with anyio.create_task_group() as group:
        async with turns.turn("a"):
            group.start_soon(waits_twice)
            await anyio.wait_all_tasks_blocked()
            server.now += 5
        await anyio.wait_all_tasks_blocked()
        async with turns.turn("a"):
            group.start_soon(server.call, turns, "a", 1)
            await anyio.wait_all_tasks_blocked()
            server.now += later_s
            turned.set()
            await anyio.wait_all_tasks_blocked()


async def test_what_a_question_has_waited_counts_for_its_next_call() -> None:
    server = Server()
    await beside_one_that_waits_twice(server, server.turns(), then="a", later_s=1)
    assert [question for _, question in server.ran] == [0, 0, 1]


async def test_what_a_question_has_waited_before_does_not_make_a_call_overdue() -> None:
    server = Server()
    await beside_one_that_waits_twice(server, server.turns(max_wait_s=6), then="b", later_s=0)
    assert [model for model, _ in server.ran] == ["a", "a", "b"]


async def test_no_call_waits_longer_than_the_longest_wait() -> None:
    turns = Turns("here", max_wait_s=0.01)
    async with turns.turn("a"):
        with pytest.raises(ModelServerBusy, match=r"within 0\.01 s"):
            await holding(turns.turn, "a")
    assert turns.is_idle


async def test_a_call_that_is_cancelled_leaves_the_queue() -> None:
    turns = Server().turns(max_waiting=1)
    async with turns.turn("a"):
        with anyio.move_on_after(0.01):
            await holding(turns.turn, "b")
        async with anyio.create_task_group() as group:
            group.start_soon(holding, turns.turn, "a")
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    with anyio.fail_after(5):
        await holding(turns.turn, "c")


async def holding(turn: Callable[[str], AbstractAsyncContextManager[None]], model: str) -> None:
    async with turn(model):
        pass


@settings(max_examples=40, deadline=None)
@given(
    questions=st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=8),
    concurrency=st.integers(1, 3),
    max_wait_s=st.sampled_from([2.0, 6.0, PATIENT_S]),
)
def test_every_call_runs_once_and_in_the_order_of_its_question(
    questions: list[list[str]], concurrency: int, max_wait_s: float
) -> None:
    server = Server()
    anyio.run(ask, server, server.turns(concurrency=concurrency, max_wait_s=max_wait_s), questions)
    for number, models in enumerate(questions):
        assert [model for model, asked in server.ran if asked == number] == models


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("ab"), min_size=2, max_size=24))
def test_questions_of_one_call_need_at_most_one_load_a_model(models: list[str]) -> None:
    server = Server()
    anyio.run(ask, server, server.turns(), [[model] for model in models])
    assert server.loads == len(set(models))
