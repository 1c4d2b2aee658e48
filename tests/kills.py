"""Questions that lose a machine in the middle, and what must come of them."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from clusters import MODEL, card

from metier import Council, Event, Expert, Plan, Settings
from metier.engine.engine import Limits
from metier.models.server import ModelServer
from metier.plan import Step

SAID = "It takes five words here."
WORD_S = 0.05
# What a question takes at least if nothing happens: a host writes one answer at a time.
WRITING_S = {"single": 5 * WORD_S, "vote": 2 * 5 * WORD_S}
TIMEOUT_S = 20.0
# A deadline is kept if what follows it (telling, closing streams) takes less than this.
LATEST_S = TIMEOUT_S + 10.0
_LIMITS = Limits(timeout_s=TIMEOUT_S)

_PROGRAM = """
import json, sys, threading
from fake_ollama import Machine, fake_ollama
from metier.testing import FixedEmbedder
model, reply, machine = json.loads(sys.argv[1])
options = {"models": [model], "reply": reply, "machine": Machine(**machine)}
with fake_ollama(FixedEmbedder(), **options) as server:
    server.loaded = [model]
    print(server.host, flush=True)
    threading.Event().wait()
"""


def moments(count: int, *, in_make_test: int) -> Sequence[object]:
    """Random parts of a question's time, the first few for `make test`, all for `make test-all`."""
    draw = random.Random(33)
    return [
        pytest.param(
            draw.uniform(0, 1),
            marks=() if number < in_make_test else pytest.mark.matrix,
            id=str(number),
        )
        for number in range(count)
    ]


@contextmanager
def ollama_process() -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a scripted Ollama in a process of its own, and what kills it."""
    given = json.dumps([MODEL, SAID, {"word_s": WORD_S}])
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, given],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process.kill
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def step(strategy: str) -> Step:
    """A vote of four samples, or one answer that is shown as it is written."""
    options = {"samples": 4} if strategy == "vote" else {}
    return Step(id="1", task="What?", expert="general", strategy=strategy, options=options)


async def asked(
    server: ModelServer, strategy: str, kill: Callable[[], None], *, at: float, folder: Path
) -> list[Event]:
    """The events of a question during which something is killed.

    If the answer is there before the kill, the question is asked again with a sooner one.

    Args:
        at: the part of the question's time, from its plan on, after which it is killed.

    Raises:
        TimeoutError: the question outlived its deadline.
    """
    council = Council.of([Expert(card())], settings=Settings(cache_dir=folder), server=server)
    plan = Plan(question="What?", steps=(step(strategy),))
    async with council:
        after_s = at * WRITING_S[strategy]
        while True:
            events, is_struck = await _struck(council.stream(plan, limits=_LIMITS), kill, after_s)
            if is_struck:
                return events
            judge(events)
            after_s /= 2


async def _struck(
    stream: AsyncIterator[Event], kill: Callable[[], None], after_s: float
) -> tuple[list[Event], bool]:
    """The events of a question, and whether it was running when something was killed."""
    events: list[Event] = []
    is_struck = False

    async def strike() -> None:
        nonlocal is_struck
        await anyio.sleep(after_s)
        is_struck = True
        kill()

    with anyio.fail_after(LATEST_S):
        async with anyio.create_task_group() as group:
            async for event in stream:
                events.append(event)
                if event.type == "plan_ready":
                    group.start_soon(strike)
            group.cancel_scope.cancel()
    return events, is_struck


def judge(events: Sequence[Event]) -> None:
    """Answered, or partial with the reason; and no word of the answer twice."""
    last = events[-1]
    assert last.type == "answered"
    told = "".join(event.text for event in events if event.type == "token" and event.answer)
    assert told == last.answer.text
    if last.answer.complete:
        assert told == SAID
    else:
        assert SAID.startswith(told)
        assert all(missing.reason for missing in last.answer.missing)
        assert last.answer.missing
