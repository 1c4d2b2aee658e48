"""What it brings to keep the experts' prompts in the server's slots, over one that has one slot.

The council of the experts that come with metier is asked on a server that has as many slots as
metier starts it with, all prompts read beforehand. After each question its calls are made again
through the plain `ollama` package, one after the other, on a server with one slot. The model is in
memory on both. Before each question the council has a few idle seconds, in which it reads lost
prompts again as `metier serve` does. No two questions are the same. Keys:

- `first_token_ratio`: seconds to a call's first token, questions to four experts in turn.
- `compound_ratio`: the question of the README as a whole, with another weight and dose in each run,
  over the sum of its raw calls.
- `single.ratio`: those questions as a whole, planned and checked, over the sum of their raw calls.
- `samples_ratio_550`: four samples of 60 tokens of a prompt of 550 tokens that was not read
  before, over one; `samples_ratio_550_120` of 120 tokens. In `side by side`: all at once.
- `samples_table.IN_OUT`: four samples of OUT tokens of a prompt of IN tokens, all at once, over one
  after the other, without metier: above 1, one after the other is quicker.
- `memory_mb_per_prompt`: what one more slot takes; `slots`: how many there are.
- `identical`: the percentage of calls whose text is the one of the server with one slot. In
  `ollama package, one slot`: of that server's calls whose text is the same a second time.
- `unasked`: questions that were answered without a call, which count in no other figure.
- `fill_s`: seconds until all prompts are read.

With `--plot`, the question of the README is asked once more before all others, with the model in
the memory of neither server, and so with no prompt in a slot (`cold`). The picture has its seconds
and the medians of the other runs, by the phases of `benchmarks.phases`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import anyio
import ollama

from benchmarks.contract import Metric, exactly, median_of, report, say, share_of
from benchmarks.phases import import_s, phases, unload
from benchmarks.plotting import stacked_seconds
from benchmarks.server import BIG, EMBED, refuse_inherited, serving, slots_wanted, two_servers
from metier.council import Council
from metier.engine.engine import Limits
from metier.events import PlanReady
from metier.experts.card import Card, read_card
from metier.experts.expert import Context, Expert, Task
from metier.experts.registry import builtin_domains
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Chunk, Sampling
from metier.models.shared import SharedServer
from metier.plan import Message
from metier.settings import Settings

FLAGSHIP = (
    "A patient weighs {weight} kg and needs {dose} mg/kg of paracetamol. What is one dose in mg? "
    "Then write a Python function that gives the dose for any weight, and say when paracetamol "
    "must not be given."
)
# One question to each expert in turn, and then the next to each.
TURNS = (
    ("general", "Why does ice float on water? Answer in one sentence."),
    ("math", "Three workers paint a fence in 8 hours; how long would four need?"),
    ("code", "Write a Python function that reverses a string."),
    ("medical", "Which painkiller is safe in pregnancy?"),
    ("general", "What is the capital of Mongolia? Answer in one sentence."),
    ("math", "Lena saves 35 a week. After how many weeks has she 490?"),
    ("code", "JavaScript function that returns the last element of an array"),
    ("medical", "Is alcohol allowed with metronidazole?"),
    ("general", "How do magnets work? Answer in one sentence."),
    ("math", "What is the surface of a cube with an edge of 4.5?"),
    ("code", "bash one-liner to delete all .tmp files older than 7 days"),
    ("medical", "When must metformin not be given?"),
)
SAMPLES, PROMPT_TOKENS = 4, 550
TABLE_PROMPTS, TABLE_REPLIES = (75, 150, 300, 550, 1100), (30, 120, 300)
IDLE_S = 15.0
# About as many tokens as words; every run begins with other words, so that nothing is kept of it.
_WORDS = "The next box holds apples and pears and one letter for the man at the door."


@dataclass(slots=True)
class Call:
    """A call with its reply and its times."""

    request: ChatRequest
    text: str = ""
    first_s: float = 0.0
    total_s: float = 0.0
    load_s: float = 0.0
    read_s: float = 0.0
    write_s: float = 0.0


@dataclass(slots=True)
class Asked:
    """A question, as a whole and by its calls, and the same calls raw."""

    total_s: float
    plan_s: float = 0.0
    calls: list[Call] = field(default_factory=list)
    raws: list[Call] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """All questions.

    Attributes:
        turns: those in turn.
        flagship: the runs of the README's.
        cold: its run without the model in memory, if it was wanted.
        fill_s: seconds of the reading before.
    """

    turns: list[Asked] = field(default_factory=list)
    flagship: list[Asked] = field(default_factory=list)
    cold: list[Asked] = field(default_factory=list)
    fill_s: float = 0.0


class Timed(OllamaServer):
    """Remembers what it was asked, so that it can be asked again raw."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.host, num_ctx=settings.num_ctx, concurrency=settings.concurrency)
        self.calls: list[Call] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        call = Call(request)
        self.calls.append(call)
        started = time.perf_counter()
        async with aclosing(super().chat(request)) as chunks:
            async for chunk in chunks:
                call.first_s = call.first_s or time.perf_counter() - started
                call.text += chunk.text
                call.load_s = chunk.usage.load_s
                call.read_s, call.write_s = chunk.usage.prompt_s, chunk.usage.decode_s
                yield chunk
        call.total_s = time.perf_counter() - started


class Sampled(Expert):
    """Several replies to one prompt, in whatever way the context finds quickest."""

    def __init__(self, card: Card, samples: int, max_tokens: int) -> None:
        super().__init__(card)
        self.samples = samples
        self._max_tokens = max_tokens

    async def answer(self, task: Task, context: Context) -> str:
        samplings = [sampling(number, self._max_tokens) for number in range(self.samples)]
        messages = (Message(role="user", content=task.text),)
        texts = [text async for found in context.replies(messages, samplings) for text in found]
        return "\n".join(texts)


def sampling(number: int, max_tokens: int) -> Sampling:
    return Sampling(temperature=0.7, seed=number, max_tokens=max_tokens)


def long_prompt(tokens: int = PROMPT_TOKENS) -> str:
    words = f"Note {time.time_ns()}. {_WORDS * (tokens // 16)}"
    return f"{words}\n\nWrite a Python class for a bank account with ten methods."


async def raw(
    client: ollama.AsyncClient,
    request: ChatRequest,
    num_ctx: int,
    *,
    keep_alive: str | None = "10m",
) -> Call:
    """The same call through the plain package."""
    given = request.sampling
    options: dict[str, Any] = {
        "num_ctx": num_ctx,
        "temperature": given.temperature,
        "seed": given.seed,
        "num_predict": given.max_tokens,
        "stop": list(given.stop),
    }
    call = Call(request)
    started = time.perf_counter()
    stream = await client.chat(
        request.model,
        messages=[message.model_dump() for message in request.messages],
        stream=True,
        format=dict(given.schema) if given.schema else None,
        options=options,
        keep_alive=keep_alive,
    )
    async for part in stream:
        call.first_s = call.first_s or time.perf_counter() - started
        call.text += part.message.content or ""
        call.load_s = (part.load_duration or 0) / 1e9
        call.read_s = (part.prompt_eval_duration or 0) / 1e9
        call.write_s = (part.eval_duration or 0) / 1e9
    call.total_s = time.perf_counter() - started
    return call


async def size_mb(host: str) -> float:
    """What the server says that the model takes in memory."""
    async with aclosing(OllamaServer(host)) as server:
        found = [model for model in await server.loaded() if model.name == BIG]
    return found[0].size_bytes / 1e6


def questions(runs: int, limit: int) -> Iterator[tuple[str, str | None]]:
    """Questions, with the only expert that they go to."""
    for only, text in TURNS[:limit]:
        yield text, only
    for run in range(runs):
        yield FLAGSHIP.format(weight=61 + run, dose=10 + run % 6), None


async def asked(runs: int, limit: int, plain: str, *, cold: bool) -> Found:
    """The questions in turn, and the flagship."""
    settings = Settings.load(model=BIG)
    server = Timed(settings)
    shared = SharedServer.of(server, settings, keeps=_keeps(settings))
    installed = Council.from_installed(settings)
    found = Found()
    async with (
        aclosing(OllamaServer(plain, num_ctx=settings.num_ctx)) as other,
        Council(installed.registry, settings=settings, server=shared) as council,
    ):
        await council.plan("Why?")
        if cold:
            found.cold.append(await _asked_cold(council, server, other))
        await council.server.load(BIG)
        await other.load(BIG)
        started = time.perf_counter()
        await council.warm()
        found.fill_s = time.perf_counter() - started
        say(f"prompts read in {found.fill_s:.1f} s, {shared.keeps} slots")
        for question, only in questions(runs, limit):
            with anyio.move_on_after(IDLE_S):
                await shared.keep_again()
            one = await _asked(council, server, question, only)
            one.raws = await again(one, plain, settings.num_ctx)
            (found.flagship if only is None else found.turns).append(one)
    return found


async def _asked_cold(council: Council, server: Timed, plain: OllamaServer) -> Asked:
    """The flagship while neither server has the model in memory, but the system has its file."""
    servers = (server, plain)
    for each in servers:
        await each.load(BIG)
    for each in servers:
        await unload(each.address, BIG)
    one = await _asked(council, server, FLAGSHIP.format(weight=60, dose=9), None)
    one.raws = await again(one, plain.address, council.settings.num_ctx)
    for each in servers:
        await unload(each.address, BIG)
    return one


def _keeps(settings: Settings) -> int:
    from metier.models import local

    return local.slots_of(settings)


async def _asked(council: Council, server: Timed, question: str, only: str | None) -> Asked:
    server.calls.clear()
    plan_s, started = 0.0, time.perf_counter()
    experts = None if only is None else (only,)
    limits = Limits(timeout_s=300)
    stream = council.stream(question, experts=experts, limits=limits, strict=True)
    async with aclosing(stream) as events:
        async for event in events:
            if isinstance(event, PlanReady):
                plan_s = time.perf_counter() - started
    found = Asked(time.perf_counter() - started, plan_s, list(server.calls))
    _say_calls(only or "flagship", found.total_s, found.calls)
    return found


async def again(one: Asked, host: str, num_ctx: int) -> list[Call]:
    """The same calls raw, one after the other."""
    client = ollama.AsyncClient(host=host)
    calls = [await raw(client, call.request, num_ctx) for call in one.calls]
    _say_calls("raw", sum(call.total_s for call in calls), calls)
    return calls


def _say_calls(what: str, total_s: float, calls: Sequence[Call]) -> None:
    firsts = ", ".join(f"{call.first_s:.2f}" for call in calls)
    reads = ", ".join(f"{call.read_s:.2f}" for call in calls)
    say(f"{what}: {total_s:.2f} s, first tokens {firsts}, read {reads}")


async def control(turns: Sequence[Asked], host: str) -> list[bool]:
    """Whether each raw call of the questions in turn has the same text a second time."""
    num_ctx = Settings.load().num_ctx
    second = [await again(one, host, num_ctx) for one in turns]
    pairs = zip((one.raws for one in turns), second, strict=True)
    return [a.text == b.text for each in pairs for a, b in zip(*each, strict=True)]


async def sampled(runs: int, max_tokens: int) -> tuple[list[float], list[float]]:
    """Four samples over one: as metier takes them, and side by side."""
    settings = Settings.load(concurrency=SAMPLES)
    card = read_card(builtin_domains() / "general").model_copy(update={"models": (BIG,)})
    expert = Sampled(card, 1, max_tokens)
    chosen, together = [], []
    async with Council.of([expert], settings=settings) as council:
        await council.server.load(BIG)
        plan = await council.plan("Why?")
        for _ in range(runs):
            seconds = []
            for count in (1, SAMPLES):
                expert.samples = count
                step = plan.steps[0].model_copy(update={"task": long_prompt()})
                started = time.perf_counter()
                await council.run(plan.model_copy(update={"steps": (step,)}))
                seconds.append(time.perf_counter() - started)
            seconds.append(await _side_by_side(settings, long_prompt(), max_tokens))
            say(f"{max_tokens} tokens, 1, 4, 4 at once: {seconds}")
            chosen.append(seconds[1] / seconds[0])
            together.append(seconds[2] / seconds[0])
    return chosen, together


def _requests(text: str, max_tokens: int) -> list[ChatRequest]:
    messages = (Message(role="user", content=text),)
    samplings = [sampling(number, max_tokens) for number in range(SAMPLES)]
    return [ChatRequest(model=BIG, messages=messages, sampling=each) for each in samplings]


async def _side_by_side(settings: Settings, text: str, max_tokens: int) -> float:
    client = ollama.AsyncClient(host=settings.host)
    started = time.perf_counter()
    async with anyio.create_task_group() as group:
        for request in _requests(text, max_tokens):
            group.start_soon(raw, client, request, settings.num_ctx)
    return time.perf_counter() - started


async def _one_by_one(settings: Settings, text: str, max_tokens: int) -> float:
    client = ollama.AsyncClient(host=settings.host)
    started = time.perf_counter()
    for request in _requests(text, max_tokens):
        await raw(client, request, settings.num_ctx)
    return time.perf_counter() - started


async def sample_table(runs: int) -> dict[str, list[float]]:
    """Seconds of four samples all at once, over one after the other, by lengths in tokens."""
    settings = Settings.load(concurrency=SAMPLES)
    table: dict[str, list[float]] = {}
    async with aclosing(OllamaServer(settings.host, num_ctx=settings.num_ctx)) as server:
        await server.load(BIG)
    for prompt, reply in product(TABLE_PROMPTS, TABLE_REPLIES):
        for _ in range(runs):
            single = await _one_by_one(settings, long_prompt(prompt), reply)
            together = await _side_by_side(settings, long_prompt(prompt), reply)
            say(f"{prompt} tokens, {reply} written: {single:.2f} s, at once {together:.2f} s")
            table.setdefault(f"{prompt}_{reply}", []).append(together / single)
    return table


def picture(found: Found, file: Path) -> None:
    """Draw where the seconds of the README's question go, warm and cold."""
    importing_s = import_s()
    cold = phases(found.cold, importing_s)
    where = {f"{name}, cold": spent for name, spent in cold.items()}
    where |= phases([one for one in found.flagship if one.calls], importing_s)
    say(f"seconds of the flagship question: {where}")
    stacked_seconds(where, file)


def ratios(questions: Sequence[Asked]) -> list[float]:
    return [one.total_s / sum(call.total_s for call in one.raws) for one in questions]


def measured(
    runs: int, limit: int, sample_runs: int, table_runs: int, plot: Path | None
) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    metrics: dict[str, Metric] = {}
    side: dict[str, Metric] = {}
    slots = slots_wanted((EMBED, BIG))
    with two_servers((EMBED, BIG), keeps=slots) as (keeping, plain):
        found = anyio.run(partial(asked, runs, limit, plain, cold=plot is not None))
        full_mb, one_mb = anyio.run(size_mb, keeping), anyio.run(size_mb, plain)
        turns = [one for one in found.turns if one.calls]
        flagship = [one for one in found.flagship if one.calls]
        same = anyio.run(control, turns, plain)
    if sample_runs:
        with serving((EMBED, BIG), slots=SAMPLES):
            for name, tokens in (("samples_ratio_550", 60), ("samples_ratio_550_120", 120)):
                chosen, together = anyio.run(sampled, sample_runs, tokens)
                metrics[name], side[name] = median_of(chosen), median_of(together)
    if table_runs:
        with serving((EMBED, BIG), slots=SAMPLES):
            table = anyio.run(sample_table, table_runs)
        metrics |= {f"samples_table.{name}": median_of(each) for name, each in table.items()}
    if plot is not None:
        picture(found, plot)
    pairs = [pair for one in (*turns, *flagship) for pair in zip(one.calls, one.raws, strict=True)]
    all_asked = len(found.turns) + len(found.flagship)
    unasked = all_asked - len(turns) - len(flagship)
    metrics |= {
        "first_token_ratio": median_of([o.calls[0].first_s / o.raws[0].first_s for o in turns]),
        "compound_ratio": median_of(ratios(flagship)),
        "single.ratio": median_of(ratios(turns)),
        "memory_mb_per_prompt": exactly(round((full_mb - one_mb) / max(1, slots - 1), 1)),
        "slots": exactly(slots),
        "identical": share_of([warm.text == cold.text for warm, cold in pairs]),
        "unasked": exactly(unasked, n=all_asked),
        "fill_s": exactly(round(found.fill_s, 1)),
        "first_token_s": median_of([one.calls[0].first_s for one in turns]),
        "compound_s": median_of([one.total_s for one in flagship]),
    }
    raws = {
        "first_token_s": median_of([one.raws[0].first_s for one in turns]),
        "compound_s": median_of([sum(c.total_s for c in one.raws) for one in flagship]),
        "identical": share_of(same),
    }
    return metrics, {"ollama package, one slot": raws, "side by side": side}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=10, help="runs of the flagship question")
    parser.add_argument("--turns", type=int, default=len(TURNS), help="questions in turn")
    parser.add_argument("--samples", type=int, default=5, help="runs of each kind of samples")
    parser.add_argument("--table", type=int, default=1, help="runs of each cell of samples_table")
    parser.add_argument("--plot", type=Path, help="file for a picture of where the time goes")
    options = parser.parse_args()
    refuse_inherited()
    started = time.perf_counter()
    metrics, baselines = measured(
        options.limit, options.turns, options.samples, options.table, options.plot
    )
    report(
        "resident",
        metrics,
        baselines=baselines,
        embedder=f"ollama/{EMBED}",
        started=started,
    )


if __name__ == "__main__":
    main()
