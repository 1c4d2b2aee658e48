"""Many questions on one machine: turns over first come, first served.

Eight clients ask one question after the other. Each is a plan of one step for a declarative expert,
run by one council; first come, first served are the same calls through the plain `ollama` package,
in the same order, on a server of its own started in the same way. Either goes first in every second
run, and the weights have been read from disk before. Figures are medians over the runs. Keys:

- `loads_ratio`, `throughput_ratio`: 32 questions that mix two models on a server that holds one
  (`OLLAMA_MAX_LOADED_MODELS=1`): loads over those of first come, first served, and its seconds over
  ours. `loads`, `longest_wait_s`: a question's wait until its call begins, which the setting
  `max_wait_s` bounds (`bound_s`); `p95_s` of whole questions.
- `one.throughput_ratio`, `one.p95_ratio`: the same number of questions to one model.
- `unanswered`: questions that got no answer, of both kinds; a question has five minutes.
- `memory_growth_mb`: what this process grew by over the last 400 of 500 questions that a scripted
  model answers, in the same council.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import ollama

from benchmarks.contract import Metric, exactly, median_of, report, say
from benchmarks.resident import raw
from benchmarks.server import BIG, HALF, refuse_inherited, serving
from metier.council import Council
from metier.errors import MetierError
from metier.experts.card import Card
from metier.experts.expert import Expert
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Sampling
from metier.models.shared import SharedServer
from metier.models.turns import Turns
from metier.plan import Message, Plan, Step
from metier.settings import Settings
from metier.testing import FixedEmbedder, ScriptedModels

CLIENTS, QUESTIONS, MAX_TOKENS = 8, 32, 24
# Of one question; one that takes longer is counted as unanswered.
DEADLINE_S = 300.0
_FAILURES = (MetierError, ollama.ResponseError, httpx.HTTPError, ConnectionError)
# The server's log says this once for each load.
_LOADED = 'msg="loading model"'
_PROMPT = "You answer in one short sentence."
_TOPICS = "rivers bees trains bread clocks glass tides maps salt wool bridges owls".split()


@dataclass(slots=True)
class Load:
    """What happened to all questions together."""

    total_s: float = 0.0
    each_s: list[float] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    loads: int = 0
    unanswered: int = 0

    @property
    def p95_s(self) -> float:
        return statistics.quantiles(self.each_s, n=20)[-1]


class Waiting(Turns):
    """Remembers how long each call waited."""

    waits_s: list[float]

    @asynccontextmanager
    async def turn(self, model: str, *, is_typical: bool = True) -> AsyncIterator[None]:
        since = time.perf_counter()
        async with super().turn(model, is_typical=is_typical):
            self.waits_s.append(time.perf_counter() - since)
            yield


def mixed(seed: int, models: Sequence[str]) -> list[tuple[str, str]]:
    """Models with questions, in the order in which they are asked."""
    draw = random.Random(seed)
    return [
        (
            models[draw.randrange(len(models))],
            f"Say something about {draw.choice(_TOPICS)}, no. {n}.",
        )
        for n in range(QUESTIONS)
    ]


def request_of(model: str, text: str) -> ChatRequest:
    messages = (Message(role="system", content=_PROMPT), Message(role="user", content=text))
    return ChatRequest(model=model, messages=messages, sampling=Sampling(max_tokens=MAX_TOKENS))


async def loaded(
    questions: Sequence[tuple[str, str]], ask: Callable[[str, str], Awaitable[bool]]
) -> Load:
    """Eight clients, each of which takes the next question when it has its answer."""
    waiting, found = list(reversed(questions)), Load()
    started = time.perf_counter()

    async def client() -> None:
        while waiting:
            model, text = waiting.pop()
            since, answered = time.perf_counter(), False
            with anyio.move_on_after(DEADLINE_S), suppress(*_FAILURES):
                answered = await ask(model, text)
            found.unanswered += not answered
            found.each_s.append(time.perf_counter() - since)

    async with anyio.create_task_group() as group:
        for _ in range(CLIENTS):
            group.start_soon(client)
    found.total_s = time.perf_counter() - started
    return found


async def in_turns(questions: Sequence[tuple[str, str]]) -> Load:
    settings = Settings.load()
    experts = [
        Expert(
            Card(id=name, description=name, models=(model,), prompt=_PROMPT, max_tokens=MAX_TOKENS)
        )
        for name, model in (("big", BIG), ("half", HALF))
    ]
    names = {BIG: "big", HALF: "half"}
    shared = SharedServer.of(OllamaServer.from_settings(settings), settings)
    shared.turns = Waiting(
        settings.host, concurrency=settings.concurrency, max_wait_s=settings.max_wait_s
    )
    shared.turns.waits_s = []
    async with Council.of(
        experts, settings=settings, server=shared, embedder=FixedEmbedder()
    ) as council:

        async def ask(model: str, text: str) -> bool:
            step = Step(id="1", task=text, expert=names[model])
            return (await council.run(Plan(question=text, steps=(step,)))).complete

        found = await loaded(questions, ask)
    found.waits_s = shared.turns.waits_s
    return found


async def first_come(questions: Sequence[tuple[str, str]]) -> Load:
    settings = Settings.load()
    client = ollama.AsyncClient(host=settings.host)

    async def ask(model: str, text: str) -> bool:
        # As the package does by itself. With `keep_alive` in each call, Ollama 0.24 stalls: a call
        # to the model in memory gives it that time again though another model waits for its place,
        # which then is free only when that time is over (ollama#17408).
        request = request_of(model, text)
        await raw(client, request, settings.num_ctx, keep_alive=None)
        return True

    return await loaded(questions, ask)


def on_a_server(
    run: Callable[[Sequence[tuple[str, str]]], Awaitable[Load]],
    questions: Sequence[tuple[str, str]],
) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with serving((BIG, HALF), log=log, most_loaded=1):
            found = anyio.run(run, questions)
        found.loads = log.read_text(errors="replace").count(_LOADED)
    say(
        f"{run.__name__}: {found.total_s:.1f} s, {found.loads} loads, p95 {found.p95_s:.1f} s, "
        f"longest wait {max(found.waits_s, default=0):.1f} s, {found.unanswered} unanswered"
    )
    return found


async def read_from_disk() -> None:
    """Load both models once, so that no later load waits for the disk."""
    async with aclosing(OllamaServer.from_settings(Settings.load())) as server:
        for model in (BIG, HALF):
            await server.load(model)


async def memory_growth_mb(count: int) -> float:
    """Of this process, over four fifths of so many questions."""
    models = ScriptedModels({"small": lambda _: "Yes, it is as you say. " * 20})
    card = Card(id="ann", description="Ann", models=("small",), prompt=_PROMPT)
    server = SharedServer(models)
    async with Council.of([Expert(card)], server=server, embedder=FixedEmbedder()) as council:
        plan = Plan(question="Why?", steps=(Step(id="1", task="Why?", expert="ann"),))
        grown: list[float] = []
        for number in range(count):
            await council.run(plan)
            models.requests.clear()
            if number + 1 in (count // 5, count):
                gc.collect()
                grown.append(_resident_mb())
    return grown[1] - grown[0]


def _resident_mb() -> float:
    """Memory of this process that is in use; Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measured(runs: int) -> tuple[dict[str, Metric], dict[str, Metric]]:
    ours: dict[str, list[Load]] = {"two": [], "one": []}
    theirs: dict[str, list[Load]] = {"two": [], "one": []}
    with serving((BIG, HALF), most_loaded=1):
        anyio.run(read_from_disk)
        bound_s = Settings.load().max_wait_s
    for seed in range(runs):
        for name, models in (("two", (BIG, HALF)), ("one", (BIG,))):
            questions = mixed(seed, models)
            say(f"run {seed}, {len(models)} models")
            both = [(first_come, theirs), (in_turns, ours)]
            for run, found in both if seed % 2 == 0 else reversed(both):
                found[name].append(on_a_server(run, questions))
    two, one = ([*zip(ours[name], theirs[name], strict=True)] for name in ("two", "one"))
    growth = anyio.run(memory_growth_mb, 500)
    metrics = {
        "loads_ratio": median_of([mine.loads / other.loads for mine, other in two]),
        "throughput_ratio": median_of([other.total_s / mine.total_s for mine, other in two]),
        "loads": median_of([mine.loads for mine, _ in two]),
        "longest_wait_s": exactly(round(max(w for mine, _ in two for w in mine.waits_s), 1)),
        "bound_s": exactly(bound_s),
        "p95_s": median_of([mine.p95_s for mine, _ in two]),
        "one.throughput_ratio": median_of([other.total_s / mine.total_s for mine, other in one]),
        "one.p95_ratio": median_of([mine.p95_s / other.p95_s for mine, other in one]),
        "unanswered": _unanswered(ours),
        "memory_growth_mb": exactly(round(growth, 2), n=500),
    }
    first = {
        "loads": median_of([other.loads for _, other in two]),
        "seconds": median_of([other.total_s for _, other in two]),
        "p95_s": median_of([other.p95_s for _, other in two]),
        "one.p95_s": median_of([other.p95_s for _, other in one]),
        "unanswered": _unanswered(theirs),
    }
    return metrics, first


def _unanswered(runs: Mapping[str, Sequence[Load]]) -> Metric:
    each = [load for loads in runs.values() for load in loads]
    return exactly(sum(load.unanswered for load in each), n=QUESTIONS * len(each))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=10, help="runs of 32 questions, of each kind")
    runs = parser.parse_args().limit
    refuse_inherited()
    started = time.perf_counter()
    metrics, first = measured(runs)
    report(
        "load",
        metrics,
        baselines={"ollama package, first come, first served": first},
        embedder="none",
        started=started,
    )


if __name__ == "__main__":
    main()
