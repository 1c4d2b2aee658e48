"""What metier costs over the plain `ollama` package: same model, same prompt, same options.

Keys, all measured in one process on one server, each pair in turn:

- `single.ratio`: a one-expert question through `Council.ask` over the raw call.
- `single.first_token_extra_ms`: how much later its first token comes.
- `plan.single_ms`: the plan of a one-expert question, warm, embedding included.
- `compound.ratio`: a three-expert question over the sum of its raw model calls, which are replayed
  one by one, the composing one included.
- `compound.calls`, `compound.loads`: its generating calls, and how often the model changed.

The experts are direct and declarative: what an expert does on top is its own.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import anyio
import ollama

from benchmarks.contract import Metric, exactly, median_of, report, say
from benchmarks.server import BIG, EMBED, HALF, serving
from metier.council import Council
from metier.events import Event
from metier.experts.card import read_card
from metier.experts.expert import Expert
from metier.experts.registry import builtin_domains
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Chunk
from metier.plan import Message, Plan
from metier.settings import Settings

SINGLE = "What is the capital of Australia? Answer in two sentences."
COMPOUND = (
    "What is 15% of 80? Then write a Python function that computes 15% of any number, and say "
    "which side effects ibuprofen has."
)
NUM_CTX = 4096


def experts(model: str, *, max_tokens: int) -> list[Expert]:
    """The shipped cards, as experts that stream their model's words straight through."""
    cards = [read_card(folder) for folder in sorted(builtin_domains().iterdir())]
    changes = {"models": (model,), "stream": "direct", "max_tokens": max_tokens, "disclaimer": ""}
    return [Expert(card.model_copy(update=changes)) for card in cards]


class Recording(OllamaServer):
    """Remembers what it was asked, so that it can be asked again raw."""

    def __init__(self, host: str) -> None:
        super().__init__(host, num_ctx=NUM_CTX)
        self.requests: list[ChatRequest] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        async with aclosing(super().chat(request)) as chunks:
            async for chunk in chunks:
                yield chunk


async def raw(client: ollama.AsyncClient, request: ChatRequest) -> tuple[float, float]:
    """The same call through the plain package: seconds to the first token, and to the end."""
    sampling = request.sampling
    options: dict[str, Any] = {
        "num_ctx": NUM_CTX,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "num_predict": sampling.max_tokens,
    }
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    messages = [message.model_dump() for message in request.messages]
    started = time.perf_counter()
    first = 0.0
    stream = await client.chat(
        request.model, messages=messages, stream=True, options=options, keep_alive="10m"
    )
    async for part in stream:
        first = first or (time.perf_counter() - started if part.message.content else 0.0)
    return first, time.perf_counter() - started


async def evict(client: ollama.AsyncClient, model: str) -> None:
    """Put another prompt into the server's prefix cache, so that no run profits from the last."""
    await client.chat(
        model,
        messages=[Message(role="user", content=f"{time.time_ns()} say ok").model_dump()],
        options={"num_ctx": NUM_CTX, "num_predict": 1},
    )


async def asked(council: Council, question: str | Plan) -> tuple[float, float, list[Event]]:
    started = time.perf_counter()
    first = 0.0
    events: list[Event] = []
    async for event in council.stream(question):
        if event.type == "token" and event.answer and not first:
            first = time.perf_counter() - started
        events.append(event)
    return first, time.perf_counter() - started, events


async def single(council: Council, server: Recording, model: str, runs: int) -> dict[str, Metric]:
    client = ollama.AsyncClient(host=council.settings.host)
    await asked(council, SINGLE)
    request = server.requests[-1]
    await raw(client, request)
    ratios, later, plans = [], [], []
    for run in range(runs):
        await evict(client, model)
        raw_first, raw_total = await raw(client, request)
        await evict(client, model)
        first, total, _ = await asked(council, SINGLE)
        ratios.append(total / raw_total)
        later.append((first - raw_first) * 1000)
        started = time.perf_counter()
        await council.plan(SINGLE)
        plans.append((time.perf_counter() - started) * 1000)
        say(f"single {run + 1}/{runs}: {total:.2f} s, raw {raw_total:.2f} s")
    return {
        "single.ratio": median_of(ratios),
        "single.first_token_extra_ms": median_of(later),
        "plan.single_ms": median_of(plans),
    }


async def compound(council: Council, server: Recording, model: str, runs: int) -> dict[str, Metric]:
    client = ollama.AsyncClient(host=council.settings.host)
    plan = await council.plan(COMPOUND)
    say("compound plan: " + ", ".join(step.expert for step in plan.steps))
    ratios: list[float] = []
    calls, loads = 0, 0
    for run in range(runs):
        server.requests.clear()
        await evict(client, model)
        _, total, events = await asked(council, COMPOUND)
        models = [event.model for event in events if event.type == "call_started"]
        calls, loads = max(calls, len(models)), max(loads, 1 + _changes(models))
        requests = list(server.requests)
        await evict(client, model)
        raw_total = 0.0
        for request in requests:
            _, seconds = await raw(client, request)
            raw_total += seconds
        ratios.append(total / raw_total)
        say(f"compound {run + 1}/{runs}: {total:.2f} s, raw calls {raw_total:.2f} s")
    return {
        "compound.ratio": median_of(ratios),
        "compound.calls": exactly(calls, n=runs),
        "compound.steps": exactly(len(plan.steps), n=runs),
        "compound.loads": exactly(loads, n=runs),
    }


def _changes(models: Sequence[str]) -> int:
    return sum(before != after for before, after in pairwise(models))


async def measured(model: str, runs: int) -> dict[str, Metric]:
    settings = Settings.load()
    metrics: dict[str, Metric] = {}
    for part, max_tokens in ((single, 60), (compound, 80)):
        server = Recording(settings.host)
        asked = experts(model, max_tokens=max_tokens)
        council = Council.of(asked, settings=settings, server=server)
        metrics |= await part(council, server, model, runs)
        await council.aclose()
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=10, help="runs of each")
    parser.add_argument("--model", default=BIG, choices=(BIG, HALF))
    arguments = parser.parse_args()
    started = time.perf_counter()
    with serving((EMBED, arguments.model)):
        metrics = anyio.run(measured, arguments.model, arguments.limit)
    report(
        "overhead",
        metrics,
        baselines={
            "ollama package": {"single.ratio": exactly(1.0), "compound.ratio": exactly(1.0)}
        },
        embedder=f"ollama/{EMBED}",
        started=started,
    )


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
