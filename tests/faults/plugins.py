"""Code of others in this process: an expert that fails leaves the other steps their answers."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from faults.matrix import Attempt, Row, jumping_clock
from kept_runs import card, council, settings_in

from metier import Answer, Context, Council, Expert, Limits, Plan, Task
from metier.errors import DeadlineExceeded, ExpertFailed, PluginBroken, ResourceExhausted
from metier.events import fold
from metier.plan import Step
from metier.strategies import Sampled, Sampler, Strategies
from metier.testing import FixedEmbedder, ScriptedModels

PLAN = Plan(
    question="Two things.",
    steps=(
        Step(id="1", task="What is 2 + 2?", expert="math"),
        Step(id="2", task="Say hello.", expert="general"),
    ),
)
REASONS = {
    "4xx": "a function has no status",
    "5xx": "a function has no status",
    "killed": "a plugin is trusted, and may end its own process: docs/writing-an-expert.md, Trust",
}
Misbehave = Callable[[], Any]


def raises(exc: BaseException) -> Misbehave:
    async def misbehave() -> str:
        raise exc

    return misbehave


async def never() -> str:
    await anyio.sleep_forever()
    raise AssertionError


async def slowly() -> str:
    for _ in range(50):
        await anyio.lowlevel.checkpoint()
    return "It is 4."


async def oddly() -> str:
    return "\x00\x1b[2J}{\ufffd<|im_end|>"


async def wrongly() -> object:
    return {"answer": [4]}


class _Told(Expert):
    """Knows how to misbehave."""

    def __init__(self, misbehave: Misbehave) -> None:
        super().__init__(card("math"))
        self.misbehave = misbehave


class Odd(_Told):
    """Answers as it is told."""

    async def answer(self, task: Task, context: Context) -> str:
        return await self.misbehave()


class Streaming(_Told):
    """Says two words first."""

    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        yield "It is "
        yield await self.misbehave()


def with_expert(kind: type[_Told], misbehave: Misbehave, folder: Path) -> Council:
    return council(folder, Expert(card("general")), kind(misbehave))


def with_strategy(misbehave: Misbehave, folder: Path) -> Council:
    async def odd(step: Step, sampler: Sampler) -> Sampled:
        if step.expert == "general":
            return await sampler.sample(sampler.own)
        return Sampled(expert="math", model="small", text=await misbehave())

    made = council(folder, Expert(card("general")), Expert(card("math")))
    return Council(
        made.registry,
        settings=settings_in(folder),
        server=ScriptedModels({"small": lambda _: "Hello."}),
        embedder=FixedEmbedder(),
        strategies=Strategies({"single": odd}),
    )


Make = Callable[[Misbehave, Path], Council]
HOOKS: dict[str, Make] = {
    "answer": partial(with_expert, Odd),
    "answer in pieces": partial(with_expert, Streaming),
    "strategy": with_strategy,
}


async def answered(make: Make, misbehave: Misbehave, folder: Path, *, limit_s: float) -> Answer:
    """The answer of both steps; the events tell the same."""
    async with make(misbehave, folder) as made:
        stream = made.stream(PLAN, limits=Limits(timeout_s=limit_s))
        events = [event async for event in stream]
    last = events[-1]
    assert last.type == "answered"
    assert fold(events) == last.answer
    return last.answer


async def fails(make: Make, misbehave: Misbehave, code: str, folder: Path) -> None:
    # The mute one goes second, so that the other has its answer before the deadline.
    limit_s = 2.0 if misbehave is never else 30.0
    answer = await answered(make, misbehave, folder, limit_s=limit_s)
    assert [missing.code for missing in answer.missing if missing.step_id == "1"] == [code]
    assert misbehave is never or [part.step_id for part in answer.parts] == ["2"]


async def succeeds(make: Make, misbehave: Misbehave, folder: Path) -> None:
    answer = await answered(make, misbehave, folder, limit_s=30.0)
    assert [part.step_id for part in answer.parts] == ["1", "2"]


async def is_cancelled(make: Make, folder: Path) -> None:
    ended = anyio.Event()

    async def waits() -> str:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()
        raise AssertionError

    async with make(waits, folder) as made, aclosing(made.stream(PLAN)) as events:
        async for event in events:
            if event.type == "step_started":
                break
    with anyio.fail_after(10):
        await ended.wait()


async def jumps(make: Make, folder: Path) -> None:
    with jumping_clock():
        await succeeds(make, slowly, folder)


def attempts(make: Make) -> Iterator[tuple[str, tuple[str, Attempt]]]:
    broken = PluginBroken.code if make is with_strategy else ExpertFailed.code

    def failing(misbehave: Misbehave, code: str = broken) -> tuple[str, Attempt]:
        return f"{code}; the other step has its answer", partial(fails, make, misbehave, code)

    def of_system(number: int) -> Misbehave:
        return raises(OSError(number, os.strerror(number)))

    yield "refused", failing(raises(ConnectionRefusedError()))
    yield "mute", failing(never, DeadlineExceeded.code)
    yield "slow", ("both answers", partial(succeeds, make, slowly))
    yield "cut", failing(raises(EOFError()))
    yield "garbage", ("its words as they are", partial(succeeds, make, oddly))
    if make is HOOKS["answer in pieces"]:
        yield "wrong JSON", ("the value as text", partial(succeeds, make, wrongly))
    else:
        yield "wrong JSON", failing(wrongly)
    yield "disk full", failing(of_system(errno.ENOSPC))
    yield "read-only", failing(of_system(errno.EROFS))
    yield "permission", failing(of_system(errno.EACCES))
    yield "interrupted", ("it is cancelled", partial(is_cancelled, make))
    yield "clock jumps", ("both answers", partial(jumps, make))
    yield "out of memory", failing(raises(MemoryError()), ResourceExhausted.code)


ROWS = [
    Row(kind="plugins", call=name, attempts=dict(attempts(make)), reasons=REASONS)
    for name, make in HOOKS.items()
]
