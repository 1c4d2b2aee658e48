"""How soon the server is free again after a question was cancelled.

Keys: `decoding.free_ms` (cancelled while it writes) and `prefill.free_ms` (cancelled while it reads
a long prompt): the time until a one-token request to the same model is answered,
less what that request takes on an idle server. Ollama stops writing at its next token, and finishes
a prefill that has begun; that is the server's, and only measured here.
"""

from __future__ import annotations

import argparse
import time
from contextlib import aclosing

import anyio

from benchmarks.contract import Metric, median_of, report, say
from benchmarks.server import HALF, serving
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Sampling
from metier.plan import Message
from metier.settings import Settings

LONG = "Describe a long walk through a city, street by street."


def request(text: str, *, max_tokens: int) -> ChatRequest:
    message = Message(role="user", content=text)
    return ChatRequest(model=HALF, messages=(message,), sampling=Sampling(max_tokens=max_tokens))


async def answered_ms(server: OllamaServer) -> float:
    started = time.perf_counter()
    async for _ in server.chat(request(f"Say ok {time.time_ns()}", max_tokens=1)):
        pass
    return (time.perf_counter() - started) * 1000


async def decoding(server: OllamaServer) -> float:
    async with aclosing(server.chat(request(LONG, max_tokens=2000))) as chunks:
        for _ in range(5):
            await anext(chunks)
    return await answered_ms(server)


async def prefill(server: OllamaServer) -> float:
    text = f"{time.time_ns()} " + "one two three four five " * 400
    with anyio.move_on_after(0.5):
        async for _ in server.chat(request(text, max_tokens=1)):
            pass
    return await answered_ms(server)


async def measured(runs: int) -> dict[str, Metric]:
    server = OllamaServer(Settings.load().host)
    await server.load(HALF)
    await answered_ms(server)
    found: dict[str, list[float]] = {"decoding.free_ms": [], "prefill.free_ms": []}
    for run in range(runs):
        idle = await answered_ms(server)
        found["decoding.free_ms"].append(await decoding(server) - idle)
        found["prefill.free_ms"].append(await prefill(server) - idle)
        say(f"{run + 1}/{runs}")
    await server.aclose()
    return {key: median_of(values) for key, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=10, help="runs of each")
    runs = parser.parse_args().limit
    started = time.perf_counter()
    with serving((HALF,)):
        metrics = anyio.run(measured, runs)
    report("cancel", metrics, baselines={}, embedder="none", started=started)


if __name__ == "__main__":
    main()
