"""Merging models of Ollama: exact as mergekit, in little memory, fast, and the result answers.

Keys: `METHOD.max_rel_error` (to mergekit 0.1.5 on the same float weights, in the root mean square
of each tensor), `memory_mb_0135b`, `memory_mb_05b`, `memory_mb_15b` (peak of the whole process,
SLERP to Q8_0), `weights_per_s` (0.5B), `METHOD.weights_per_s`, `memory_slope` and `seconds_slope`
(a line through the three sizes, in MB and seconds for a billion weights), `seconds_r2` (how well
that line fits), `METHOD.kl` (from qwen2.5-coder:0.5b to what is merged from it and siblings with
1 % of noise, next token after 50 texts), `METHOD.answers` (whether the program that it writes
passes its tests). The baseline `copy` is the model itself, written as Q8_0.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import numpy as np

from benchmarks.contract import Metric, exactly, mean_of, median_of, report, say
from benchmarks.mergekit import parity
from benchmarks.merging_texts import TEXTS
from benchmarks.server import BIG, HALF, SMALL, serving
from benchmarks.siblings import sibling
from metier.merging.divergence import NextToken, divergence, next_tokens
from metier.merging.store import Store
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Sampling
from metier.plan import Message
from metier.sandbox import Sandboxes, checked
from metier.settings import Settings
from metier_code.fences import blocks

METHODS: dict[str, list[str]] = {
    "linear": [],
    "slerp": [],
    "nuslerp": [],
    "model_stock": ["--base", HALF],
    "task_arithmetic": ["--base", HALF],
    "ties": ["--base", HALF, "--density", "0.5"],
    "dare_linear": ["--base", HALF, "--density", "0.5"],
    "dare_ties": ["--base", HALF, "--density", "0.5"],
    "breadcrumbs": ["--base", HALF, "--density", "0.5"],
    "breadcrumbs_ties": ["--base", HALF, "--density", "0.5"],
    "della": ["--base", HALF, "--density", "0.5"],
    "della_linear": ["--base", HALF, "--density", "0.5"],
}
QUESTION = "Write a Python function is_leap(year) that says whether a year is a leap year."
TESTS = ("assert is_leap(2024)", "assert not is_leap(1900)", "assert is_leap(2000)")
SIZES = {"0135b": SMALL, "05b": HALF, "15b": BIG}
_MB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A merge as a process of its own.

    Attributes:
        memory_mb: the peak of its resident memory.
    """

    weights: int
    seconds: float
    memory_mb: float

    @property
    def weights_per_s(self) -> float:
        return self.weights / self.seconds


def merged(models: Sequence[str], out: str, *options: str) -> Run:
    """What `metier merge` makes, and what it takes."""
    program = str(Path(sys.executable).with_name("metier"))
    command = [program, "merge", *models, "-o", out, "--replace", "--json", *options]
    with tempfile.TemporaryFile() as noise:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise) as process:
            assert process.stdout is not None
            text = process.stdout.read()
            # The usage of this process alone, which only waiting for it tells.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            noise.seek(0)
            sys.exit(f"metier merge failed: {noise.read().decode()[-1000:]}")
    found = json.loads(text)
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(
        weights=found["weights"],
        seconds=found["seconds"],
        memory_mb=usage.ru_maxrss * unit / _MB,
    )


async def weights_of(model: str) -> Path:
    async with Store(Settings.load()) as store:
        return (await store.describe(model)).weights


def sizes(scratch: Path, runs: int) -> dict[str, Metric]:
    """Memory and time at three sizes: each model merged with itself under another name."""
    every: dict[str, list[Run]] = {}
    for size, model in SIZES.items():
        link = scratch / f"{size}.gguf"
        link.symlink_to(anyio.run(weights_of, model))
        out = str(scratch / "out.gguf")
        every[size] = [merged([model, str(link)], out, "--method", "slerp") for _ in range(runs)]
        say(f"{model}: {every[size][0]}")
    found: dict[str, Metric] = {
        f"memory_mb_{size}": median_of([run.memory_mb for run in done])
        for size, done in every.items()
    }
    found["weights_per_s"] = median_of([run.weights_per_s for run in every["05b"]])
    return found | slopes(every)


def slopes(every: dict[str, list[Run]]) -> dict[str, Metric]:
    """Lines through all runs, for a billion weights."""
    runs = [run for done in every.values() for run in done]
    billions = np.array([run.weights / 1e9 for run in runs])
    memory = np.polyfit(billions, [run.memory_mb for run in runs], 1)
    seconds = np.array([run.seconds for run in runs])
    line = np.polyfit(billions, seconds, 1)
    left = seconds - np.polyval(line, billions)
    fit = 1 - float((left**2).sum() / ((seconds - seconds.mean()) ** 2).sum())
    count = len(runs)
    return {
        "memory_slope": exactly(round(float(memory[0]), 2), n=count),
        "seconds_slope": exactly(round(float(line[0]), 2), n=count),
        "seconds_r2": exactly(round(fit, 4), n=count),
    }


def exactness() -> dict[str, Metric]:
    """How far every method is from mergekit."""
    found: dict[str, Metric] = {}
    for name in parity.EXACT:
        say(f"mergekit: {name}")
        value = float(f"{parity.largest_error(name):.3g}")
        found[f"{name}.max_rel_error"] = exactly(value, n=len(parity.ARCHITECTURES))
    return found


@asynccontextmanager
async def server_of_models() -> AsyncGenerator[OllamaServer, None]:
    server = OllamaServer(Settings.load().host, num_ctx=1024)
    try:
        yield server
    finally:
        await server.aclose()


async def nexts(model: str) -> list[NextToken | None]:
    async with server_of_models() as server:
        return await next_tokens(server, model, TEXTS)


async def told(model: str, parent: Sequence[NextToken | None]) -> tuple[list[float], bool, str]:
    """KL from the parent to a model, one a text; whether its program is right; the program."""
    async with server_of_models() as server:
        child = await next_tokens(server, model, TEXTS)
        text = await answer(server, model)
    values = [divergence(p, q) for p, q in zip(parent, child, strict=True) if p and q]
    code = "\n".join(block.code for block in blocks(text)[:1])
    checks = await checked(Sandboxes(), code, TESTS)
    return values, len(checks.passed) == len(TESTS), text


async def answer(server: OllamaServer, model: str) -> str:
    message = Message(role="user", content=QUESTION)
    sampling = Sampling(max_tokens=200)
    request = ChatRequest(model=model, messages=(message,), sampling=sampling)
    async with aclosing(server.chat(request)) as chunks:
        return "".join([chunk.text async for chunk in chunks])


async def gone(model: str) -> None:
    async with Store(Settings.load()) as store:
        await store.delete(model)


def damage(scratch: Path, methods: Sequence[str]) -> dict[str, dict[str, Metric]]:
    """What merging with siblings does to a model; by method, and `copy` for writing it anew."""
    parent = anyio.run(weights_of, HALF)
    siblings = [str(sibling(parent, scratch / f"sibling{n}.gguf", seed=n)) for n in (1, 2)]
    link = scratch / "copy.gguf"
    link.symlink_to(parent)
    before = anyio.run(nexts, HALF)
    found: dict[str, dict[str, Metric]] = {}
    for name in ("copy", *methods):
        options = ["--method", name, *METHODS[name]] if name in METHODS else ["--method", "linear"]
        models = siblings if "--base" in options else [HALF, siblings[0]]
        made = f"metier-benchmark-{name.replace('_', '-')}"
        run = merged([HALF, str(link)] if name == "copy" else models, made, *options)
        try:
            values, right, text = anyio.run(partial(told, made, before))
        finally:
            anyio.run(gone, made)
        say(f"{name}: {run}, KL {np.mean(values):.4f}, right {right}\n{text}")
        found[name] = {
            "kl": mean_of(values),
            "answers": exactly(float(right)),
            "weights_per_s": exactly(round(run.weights_per_s)),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=3, help="runs of each size")
    parser.add_argument("--methods", default=",".join(METHODS), help="those whose damage is shown")
    arguments = parser.parse_args()
    methods = [name for name in arguments.methods.split(",") if name]
    started = time.perf_counter()
    metrics = exactness()
    with tempfile.TemporaryDirectory() as scratch, serving((SMALL, HALF, BIG)):
        metrics |= sizes(Path(scratch), arguments.limit)
        every = damage(Path(scratch), methods) if methods else {}
    baselines = {"copy": every.pop("copy")} if every else {}
    for name, figures in every.items():
        metrics |= {f"{name}.{key}": metric for key, metric in figures.items()}
    report("merging", metrics, baselines=baselines, embedder="none", started=started)


if __name__ == "__main__":
    main()
