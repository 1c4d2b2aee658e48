"""Runs of random plans on a server that fails, in an order and at times that a seed decides.

Time is virtual: where nothing can go on, the clock moves to the next timer, so that a deadline of
15 minutes passes at once, and the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import selectors
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import anyio

from metier import Card, Council, Expert, Limits, Plan
from metier.answer import Usage
from metier.events import Event
from metier.experts.card import Capability
from metier.models.server import ChatRequest, Chunk, InstalledModel, TokenProbability
from metier.plan import Member, Step
from metier.settings import Settings
from metier.strategies import Strategies
from metier.testing import Fault, FaultyModels, FixedEmbedder, ScriptedModels

EXPERTS = ("general", "math", "code")
MODELS = ("a", "b", "c")
TASKS = (
    "What is 2 + 2?",
    "Which is larger?\n(A) 2\n(B) 3\n(C) 1",
    "Is 7 a prime number?",
    "Tell me about bread.",
)
REPLIES = (
    "It is 4.",
    "4",
    "5",
    "A",
    "(B)",
    "Yes.",
    "No, it is not.",
    "Bread is baked. " * 9,
    " ",
    "{",
)
FAULTS = tuple(set(Fault) - {Fault.FOREIGN})  # which no server may raise
_HUNG_MS = 2_000


class VirtualClock(selectors.DefaultSelector):
    """Moves the loop's clock on instead of waiting, unless a thread is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._others = _plugin_threads()

    def select(self, timeout: float | None = None) -> Any:
        """What is ready, as of any selector."""
        waited = 0
        while not (found := super().select(0)):
            if _plugin_threads() <= self._others and (timeout is not None or waited > _HUNG_MS):
                break
            super().select(0.001)
            waited += 1
        if not found and timeout is None:
            raise AssertionError("it hangs: nothing will ever happen again")
        self.now += 0 if found else timeout or 0
        return found


def _plugin_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == "metier plugin"}


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is virtual."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds since it was made."""
        return self._clock.now


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What happens in a run; all of it follows from the seed.

    Attributes:
        leaves_after: events after which whoever reads them goes away.
        leaves_at_s: when the task that reads them is cancelled.
    """

    seed: int
    plan: Plan
    limits: Limits
    concurrency: int
    fault_share: float
    leaves_after: int | None
    leaves_at_s: float


@dataclass(kw_only=True)
class Seen:
    """What came of it."""

    events: list[Event] = field(default_factory=list)
    calls: int = 0
    open_streams: int = 0
    tasks_left: int = 0
    left_early: bool = False


def schedule(seed: int) -> Schedule:
    """The schedule of a seed."""
    random = Random(seed)
    ids = [f"s{n}" for n in range(random.randint(1, 5))]
    steps = [_step(random, name, ids[:n]) for n, name in enumerate(ids)]
    random.shuffle(steps)
    return Schedule(
        seed=seed,
        plan=Plan(question="Several things.", steps=tuple(steps)),
        limits=Limits(
            max_calls=random.choice((1, 2, 3, 5, 8, 16)),
            timeout_s=random.choice((0.5, 5.0, 60.0, 900.0)),
        ),
        concurrency=random.choice((1, 1, 2, 8)),
        fault_share=random.choice((0.0, 0.1, 0.4, 0.9)),
        leaves_after=random.randint(0, 30) if random.random() < 0.2 else None,
        leaves_at_s=random.uniform(0, 20) if random.random() < 0.2 else math.inf,
    )


def _step(random: Random, name: str, earlier: list[str]) -> Step:
    strategy = random.choice(Strategies().names)
    sampled = "samples" in Strategies().options(strategy).model_fields
    members = [
        Member(expert=random.choice(EXPERTS), model=random.choice((None, *MODELS)))
        for _ in range(random.choice((0, 0, 2, 3)))
    ]
    return Step(
        id=name,
        task=random.choice(TASKS),
        expert=random.choice(EXPERTS),
        needs=tuple(random.sample(earlier, random.randint(0, min(2, len(earlier))))),
        strategy=strategy,
        members=tuple(members),
        options={"samples": random.randint(1, 5)} if sampled and random.random() < 0.7 else {},
    )


class ChaoticModels(ScriptedModels):
    """Replies, and the time that they take, follow from the seed and what is asked."""

    def __init__(self, seed: int, *, concurrency: int) -> None:
        super().__init__(
            {model: [] for model in MODELS}, concurrency=concurrency, parameters=4_000_000_000
        )
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self.open_streams = 0

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """A reply in pieces, each after a while."""
        random = self._random(request)
        self.requests.append(request)
        self.open_streams += 1
        try:
            words = random.choice(REPLIES).split(" ")
            for number, word in enumerate(words):
                await anyio.sleep(random.choice((0.0, 0.01, 0.5, 3.0)))
                text = f"{word} " if number + 1 < len(words) else word
                yield Chunk(text=text, logprobs=(_token(random, text),))
            usage = Usage(calls=1, prompt_tokens=10, completion_tokens=len(words))
            yield Chunk(done=True, done_reason=random.choice(("stop", "length")), usage=usage)
        finally:
            self.open_streams -= 1

    async def list(self) -> list[InstalledModel]:
        """All models, after a while."""
        await anyio.sleep(0.01)
        return [InstalledModel(name=name, size_bytes=1) for name in MODELS]

    def _random(self, request: ChatRequest) -> Random:
        asked = f"{request.model} {request.messages} {request.sampling}"
        self._asked[asked] += 1
        told = f"{self._seed} {self._asked[asked]} {asked}"
        return Random(hashlib.sha256(told.encode()).digest())


def _token(random: Random, text: str) -> TokenProbability:
    shares = [(label, math.log(random.uniform(0.01, 0.3))) for label in ("A", "B", "C", "yes")]
    return TokenProbability(token=text, logprob=math.log(random.random() + 1e-9), top=tuple(shares))


@cache
def _experts() -> tuple[Expert, ...]:
    capability = Capability(name="all", description="everything")
    return tuple(
        Expert(
            Card(
                id=name,
                description=name,
                models=MODELS[n:],
                stream="checked" if name == "code" else "direct",
                capabilities=(capability,),
            )
        )
        for n, name in enumerate(EXPERTS)
    )


async def played(made: Schedule) -> Seen:
    """Run a schedule to its end."""
    models = ChaoticModels(made.seed, concurrency=made.concurrency)
    random = Random(made.seed)
    seen = Seen()

    def fault(method: str) -> Fault | None:
        hit = method in ("chat", "list", "embed") and random.random() < made.fault_share
        return random.choice(sorted(FAULTS)) if hit and method == "chat" else None

    council = Council.of(
        _experts(),
        settings=Settings(compose=random.choice(("auto", "sections", "written"))),
        server=FaultyModels(models, fault),
        embedder=FixedEmbedder(),
    )
    with anyio.move_on_after(made.leaves_at_s) as scope:
        async with aclosing(council.stream(made.plan, limits=made.limits)) as events:
            async for event in events:
                seen.events.append(event)
                if len(seen.events) == made.leaves_after:
                    seen.left_early = True
                    break
    seen.left_early = seen.left_early or scope.cancelled_caught
    seen.calls, seen.open_streams = len(models.requests), models.open_streams
    seen.tasks_left = len(asyncio.all_tasks()) - 1
    return seen


def play(seed: int) -> tuple[Schedule, Seen]:
    """Run the schedule of a seed in an event loop of its own."""
    made = schedule(seed)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return made, runner.run(played(made))


def told(events: list[Event]) -> list[str]:
    """What happened, without what differs between runs of one seed."""
    apart = {"run_id", "at", "usage", "answer", "first_token_s"}
    return [json.dumps(event.model_dump(mode="json", exclude=apart)) for event in events]
