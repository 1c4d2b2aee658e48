"""What four samples of a model cost beside one, and how fast it reads and writes.

Keys, for each model (`big`, `half`): `MODEL.one` and `MODEL.four`, the seconds of one sample of 100
tokens and of four at once; `MODEL.ratio`, four over one, pair by pair; `MODEL.read` and
`MODEL.written`, tokens a second of a long prompt and of a reply, as the server counts them. No
prompt comes twice, so none is remembered.

The server is one that metier starts with four slots, unless OLLAMA_HOST names another: then the
figures are of that one, with the slots that it has.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import anyio

from benchmarks.contract import Metric, median_of, report, say
from benchmarks.server import BIG, HALF, serving
from metier.answer import Usage
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Sampling
from metier.plan import Message
from metier.settings import Settings

MODELS = {"big": BIG, "half": HALF}
TOKENS = 100
SLOTS = 4
# Of this a small model, too, writes more than 100 tokens.
_TASK = "Write a Python class for a bank account with ten methods, each with a docstring."
_LONG = " ".join(f"The {n}th box holds {n * 7} apples and a letter." for n in range(60))


async def sample(server: OllamaServer, model: str, text: str, *, max_tokens: int = TOKENS) -> Usage:
    """One reply, drawn; what the server counted.

    Raises:
        ValueError: the model ended before it had written as much as it may.
    """
    request = ChatRequest(
        model=model,
        messages=(Message(role="user", content=f"Request {time.time_ns()}.\n\n{text}"),),
        sampling=Sampling(max_tokens=max_tokens, temperature=0.7, seed=1),
    )
    usage = [chunk async for chunk in server.chat(request)][-1].usage
    if usage.completion_tokens < max_tokens:
        raise ValueError(f"{model} wrote {usage.completion_tokens} tokens of {max_tokens}")
    return usage


async def at_once(server: OllamaServer, model: str, count: int) -> float:
    """Seconds until all are there."""
    started = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for number in range(1, count + 1):
            tasks.start_soon(sample, server, model, f"{_TASK} Call it Box{number}.")
    return time.perf_counter() - started


async def of_model(server: OllamaServer, name: str, runs: int) -> dict[str, Metric]:
    """All figures of one model."""
    model = MODELS[name]
    await server.load(model)
    await at_once(server, model, SLOTS)
    found: dict[str, list[float]] = {key: [] for key in ("one", "four", "read", "written", "ratio")}
    for run in range(runs):
        found["one"].append(await at_once(server, model, 1))
        found["four"].append(await at_once(server, model, SLOTS))
        found["ratio"].append(found["four"][-1] / found["one"][-1])
        read = await sample(server, model, _LONG, max_tokens=1)
        found["read"].append(read.prompt_tokens / read.prompt_s)
        written = await sample(server, model, _TASK)
        found["written"].append(written.completion_tokens / written.decode_s)
        say(f"{name} {run + 1}/{runs}: " + ", ".join(f"{k} {v[-1]:.2f}" for k, v in found.items()))
    return {f"{name}.{key}": median_of(values) for key, values in found.items()}


async def measured(runs: int, names: Sequence[str]) -> dict[str, Metric]:
    """Every model, one after the other."""
    server = OllamaServer(Settings.load().host)
    metrics: dict[str, Metric] = {}
    for name in names:
        metrics |= await of_model(server, name, runs)
    await server.aclose()
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=5, help="runs of each")
    parser.add_argument("--models", default=",".join(MODELS), help="of big and half")
    options = parser.parse_args()
    names = options.models.split(",")
    started = time.perf_counter()
    with serving([MODELS[name] for name in names], slots=SLOTS):
        metrics = anyio.run(measured, options.limit, names)
    report("slots", metrics, baselines={}, embedder="none", started=started)


if __name__ == "__main__":
    main()
