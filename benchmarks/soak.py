"""Hours of use in minutes: does `metier serve` grow, lose an answer, or mix two up?

The server is a process of its own with the experts that are installed, kept runs, and models that
reply from a script, which fails in a twentieth of all calls. Sixteen clients of ten kinds ask it
(`soak_clients.py`): through each API, streaming and not, with files, as a tool of MCP; some leave
in the middle, some send nonsense, some read and delete runs. Each question holds a word that only
its answer has.

Keys:

- `requests`, and what became of them: `answered`, `refused` (an error of the protocol, as for an
  injected fault), `left` (the client went), `lost` (neither an answer nor an error), `mixed` (the
  word of another question), `hung` (no end within a minute).
- `growth.mb`, `growth.descriptors`, `growth.threads`, `growth.children`: of the server, at rest
  after everything, less at rest after the warm-up. `slope.mb_per_hour`: of its memory, under load.
- `store.problems`: runs without an end, answers that were given and not kept, a damaged file.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import httpx
import numpy as np

from benchmarks.contract import Metric, exactly, report, say
from benchmarks.soak_clients import CLIENTS, Tally, asking
from metier import Council, Settings
from metier.experts.registry import Registry
from metier.models.server import ChatRequest
from metier.runs.deleting import Retention
from metier.runs.store import RunStore
from metier.serving import running
from metier.testing import Fault, FaultyModels, FixedEmbedder, ScriptedModels, sprinkled

MODEL = "small:1b"
FAULTY_SHARE = 0.05
FAULTS = (Fault.FAILED, Fault.BUSY, Fault.CUT, Fault.REJECTED, Fault.LATE, Fault.OVERFLOW)
# Room for all runs of an hour would be gigabytes; so it is also deleted from, all the time.
RETENTION = Retention(size_mb=40, check_s=10)
WARM_SHARE = 0.2
SAMPLE_S = 2.0
# Of the newest answers: older ones may have had to make room.
LOOKED_UP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a process takes; Linux only."""

    at_s: float
    mb: float
    descriptors: int
    threads: int
    children: int

    @classmethod
    def of(cls, pid: int) -> Sample:
        process = Path("/proc", str(pid))
        tasks = [each.name for each in (process / "task").iterdir()]
        pages = int((process / "statm").read_text().split()[1])
        return cls(
            at_s=time.monotonic(),
            mb=pages * os.sysconf("SC_PAGESIZE") / 1e6,
            descriptors=len(list((process / "fd").iterdir())),
            threads=len(tasks),
            children=sum(len(_children(process / "task" / task)) for task in tasks),
        )


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # the thread has ended since
        return []


def serve(folder: Path, seed: int) -> None:
    """The server as `metier serve` runs it; the first line says where."""
    models = ScriptedModels({MODEL: lambda request: reply(models, request)})
    faulty = FaultyModels(models, sprinkled(FAULTY_SHARE, seed=seed, among=FAULTS))
    settings = Settings(model=MODEL, cache_dir=folder / "cache", state_dir=folder, timeout_s=20.0)
    council = Council(
        Registry.from_installed(settings),
        settings=settings,
        server=faulty,
        embedder=FixedEmbedder(),
        runs=RunStore(folder / "runs.db", retention=RETENTION),
    )
    anyio.run(partial(running.serve, council, port=0, say=partial(print, flush=True)))


def reply(models: ScriptedModels, request: ChatRequest) -> str:
    """The word of a question, which is its last; what was asked before is forgotten."""
    models.requests.clear()
    words = " ".join(message.content for message in request.messages).split()
    return f"It is {[word for word in words if word.startswith('word')][-1].rstrip('?.')}."


@contextmanager
def server_process(folder: Path, seed: int) -> Iterator[tuple[int, str]]:
    command = [sys.executable, "-m", "benchmarks.soak", "--serve", str(folder), "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline().rpartition(" ")[2].strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


async def at_rest(pid: int) -> Sample:
    """The server when nobody asks: once nothing has changed for two seconds, or after a minute."""
    last, since = Sample.of(pid), time.monotonic()
    for _ in range(120):
        await anyio.sleep(0.5)
        now = Sample.of(pid)
        if (now.descriptors, now.threads) != (last.descriptors, last.threads):
            last, since = now, time.monotonic()
        elif now.at_s - since > 2:
            break
    return now


async def soaked(
    pid: int, address: str, seconds: float, seed: int
) -> tuple[Tally, list[Sample], Sample, Sample]:
    """What became of all requests, samples under load, and the server at rest before and after."""
    tally, samples = Tally(), []
    async with httpx.AsyncClient(base_url=address, timeout=None) as client:
        await client.get("/metier/health")  # it has started once it answers
    await asking(address, tally, seconds=WARM_SHARE * seconds, seed=seed)
    before = await at_rest(pid)
    say(f"warm: {before.mb:.1f} MB, {sum(tally.ends.values())} requests")

    async def sample() -> None:
        while True:
            samples.append(Sample.of(pid))
            await anyio.sleep(SAMPLE_S)

    async with anyio.create_task_group() as group:
        group.start_soon(sample)
        await asking(address, tally, seconds=(1 - WARM_SHARE) * seconds, seed=seed + 1)
        group.cancel_scope.cancel()
    after = await at_rest(pid)
    say(f"done: {after.mb:.1f} MB, {dict(tally.ends)}")
    return tally, samples, before, after


def slope_mb_per_hour(samples: Sequence[Sample]) -> float:
    """Of a straight line through the memory in use."""
    if len(samples) < 3:
        return 0.0
    at = np.array([sample.at_s for sample in samples])
    return float(np.polyfit(at - at[0], [sample.mb for sample in samples], 1)[0]) * 3600


def problems_of(folder: Path, answered: Sequence[str]) -> list[str]:
    """What is wrong with the store, after the server has ended."""
    found = []
    with closing(sqlite3.connect(folder / "runs.db")) as connection:
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        if whole != "ok":
            found.append(f"the file is damaged: {whole}")
        connection.execute("INSERT INTO found (found) VALUES ('integrity-check')")
        (running,) = connection.execute(
            "SELECT count(*) FROM runs WHERE status = 'running'"
        ).fetchone()
        if running:
            found.append(f"{running} runs have no end")
        for word in answered:
            row = connection.execute("SELECT count(*) FROM found WHERE found MATCH ?", (word,))
            if row.fetchone() == (0,):
                found.append(f"the answer to {word} is not kept")
    return found


def measured(minutes: float, seed: int) -> tuple[dict[str, Metric], bool]:
    """The figures, and whether everything is as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with server_process(folder, seed) as (pid, address):
            tally, samples, before, after = anyio.run(soaked, pid, address, 60 * minutes, seed)
        kept = [word for word in tally.kept if word not in tally.deleted][-LOOKED_UP:]
        problems = problems_of(folder, kept)
    for problem in [*tally.complaints[:20], *problems[:20]]:
        say(problem)
    ends = Counter(tally.ends)
    total = sum(ends.values())
    metrics = {
        "requests": exactly(total),
        **{name: exactly(ends[name], n=total) for name in Tally.ENDS},
        "growth.mb": exactly(round(after.mb - before.mb, 2)),
        "growth.descriptors": exactly(after.descriptors - before.descriptors),
        "growth.threads": exactly(after.threads - before.threads),
        "growth.children": exactly(after.children - before.children),
        "slope.mb_per_hour": exactly(round(slope_mb_per_hour(samples), 2), n=len(samples)),
        "store.problems": exactly(len(problems), n=len(kept)),
    }
    well = not problems and not any(ends[name] for name in ("lost", "mixed", "hung"))
    return metrics, well


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.seed)
        return
    started = time.perf_counter()
    say(f"{CLIENTS} clients, {given.minutes:g} minutes")
    metrics, well = measured(given.minutes, given.seed)
    report("soak", metrics, baselines={}, embedder="none", started=started)
    sys.exit(not well)


if __name__ == "__main__":
    main()
