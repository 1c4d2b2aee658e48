"""Processes that are killed at moments that a seed chooses: `python -m faults.killing WHAT COUNT`.

Each does one thing again and again until it is killed. Prints a line of JSON for each: its folder,
and how often it had done it. They are forked, since starting Python every time takes minutes.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import anyio
import httpx
import numpy as np
from benchmarks import ggufs
from faults.operations import merged
from kept_runs import council, settings_in
from planning.learning.test_artefacts import Lengths
from planning.learning.test_artefacts import store as artefacts
from serving.running_server import served

from metier import Plan
from metier.experts.knowledge.store import KnowledgeBase
from metier.plan import Step
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder

LONGEST_S = 0.3
Done = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something that is done again and again.

    Attributes:
        work: does it in a folder from a number on, and tells each number when it is done.
        found: the numbers whose result is in the folder.
    """

    work: Callable[[Path, int, Done], object]
    found: Callable[[Path], set[int]]


def one_by_one(do: Callable[[Path, int], object], folder: Path, first: int, done: Done) -> None:
    for number in range(first, 100_000):
        do(folder, number)
        done(number)


def ask(folder: Path, first: int, done: Done) -> None:
    async def run() -> None:
        made = council(folder)
        for number in range(first, 100_000):
            step = Step(id="1", task=str(number), expert="math")
            await made.run(Plan(question=str(number), steps=(step,)))
            done(number)

    anyio.run(run)


def serve(folder: Path, first: int, done: Done) -> None:
    with served(council(folder)) as host, httpx.Client(base_url=host, timeout=60) as client:
        for number in range(first, 100_000):
            asked = [{"role": "user", "content": f"What is {number}?"}]
            body = {"model": "math", "messages": asked, "stream": False}
            client.post("/api/chat", json=body).raise_for_status()
            done(number)


def answered(folder: Path) -> set[int]:
    with closing(RunStore.of(settings_in(folder))) as store:
        runs = [run for run in store.newest(limit=100_000) if run.status == "answered"]
    return {int("".join(filter(str.isdigit, run.question))) for run in runs}


def add(folder: Path, number: int) -> None:
    source = folder / f"{number}.md"
    source.write_text(f"# Number {number}\n\nA text about {number}.\n")
    anyio.run(KnowledgeBase.open(folder / "kept", FixedEmbedder()).add, source)


def added(folder: Path) -> set[int]:
    base = KnowledgeBase.open(folder / "kept", FixedEmbedder())
    assert all(entry.chunks == 1 for entry in base.entries.values())
    return {int(Path(entry.name).stem) for entry in base.entries.values()}


def merge(folder: Path, number: int) -> None:
    merged(folder, f"{number}.gguf")


def all_merged(folder: Path) -> set[int]:
    files = list(folder.glob("*.gguf"))
    assert all(len(ggufs.read(file)) == 8 for file in files)
    return {int(file.stem) for file in files}


def learn(folder: Path, number: int) -> None:
    artefacts(folder).save(Lengths(unit=str(number), mean=np.arange(1.0 + number)))


def learnt(folder: Path) -> set[int]:
    loaded = artefacts(folder).load(Lengths)
    assert loaded is None or loaded.mean.size == 1 + int(loaded.unit)
    return set() if loaded is None else set(range(1 + int(loaded.unit)))


WORKS = {
    "ask": Work(work=ask, found=answered),
    "serve": Work(work=serve, found=answered),
    "add knowledge": Work(work=partial(one_by_one, add), found=added),
    "merge": Work(work=partial(one_by_one, merge), found=all_merged),
    "learn": Work(work=partial(one_by_one, learn), found=learnt),
}


def killed(work: Work, folder: Path, *, after_s: float) -> int:
    """How many times it was done before the process was killed, so long after the first time."""
    told, out = os.pipe()
    if (child := os.fork()) == 0:
        os.close(told)  # so that it ends, at its next word, if this process is killed
        work.work(folder, 0, lambda _: os.write(out, b"."))
        os._exit(1)
    os.close(out)
    done = len(os.read(told, 1 << 16))
    select.select([], [], [], after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(told, 1 << 16):
        done += len(more)
    os.close(told)
    return done


def main(what: str, count: str, folder: str) -> None:
    """Kill so many of them."""
    random = Random(7)
    for number in range(int(count)):
        mine = Path(folder) / str(number)
        mine.mkdir()
        done = killed(WORKS[what], mine, after_s=random.uniform(0, LONGEST_S))
        print(json.dumps({"folder": str(mine), "done": done}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
