"""A simulation of many hosts: which choice of host loads models least and answers soonest.

Discrete events on a clock of its own; metier's choice is the product's own code (`Host` and
`soonest`), asked with that clock. Calls arrive at random (Poisson) for models of four sizes, the
small ones most often; each host holds some of them in memory and runs one request at a time.
Seconds for a reply are log-normal around the medians below; loading takes 1 s and 2 s a gigabyte.

Keys, for each number of hosts N: `N.loads_percent` (calls that had to load), `N.p50_s` and
`N.p95_s` (from arrival to the end of the reply), `N.per_hour` (replies), each the mean over
`--repeats` simulations with seeds of their own, and its interval over these. Baselines: a random
host that has the model, as Open WebUI chooses, and the host with the fewest open requests (least
busy).
"""

from __future__ import annotations

import argparse
import heapq
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from benchmarks.contract import Metric, mean_of, report, say
from metier.answer import Usage
from metier.models.hosts import Host
from metier.models.hosts.placing import soonest
from metier.models.server import InstalledModel, LoadedModel
from metier.testing import ScriptedModels

HOSTS = (1, 2, 5, 10, 20, 50, 100, 200)
# Name, size in GB, share of the calls, median seconds for a reply.
MODELS = (
    ("small:1.5b", 1.1, 0.55, 6.0),
    ("medium:3b", 2.0, 0.25, 10.0),
    ("large:7b", 4.7, 0.15, 22.0),
    ("huge:14b", 9.0, 0.05, 45.0),
)
MEMORY_GB = (8.0, 16.0, 24.0)
# Spread of a reply's seconds around its median, log-normal: questions differ in length.
SPREAD = 0.5
# How much of what all hosts could do is asked of them.
LOAD = 0.6


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Machine:
    """A host as it really is; the `Host` is what a pool knows of it."""

    host: Host
    memory_gb: float
    speed: float
    free_at: float = 0.0
    loaded: list[str] = field(default_factory=list)

    def load_s(self, model: str) -> float:
        """Bring the model into memory; the least recently used ones leave."""
        if model in self.loaded:
            self.loaded.remove(model)
            self.loaded.append(model)
            return 0.0
        self.loaded.append(model)
        while sum(SIZES[each] for each in self.loaded) > self.memory_gb and len(self.loaded) > 1:
            self.loaded.pop(0)
        self.host.loaded = {
            name: LoadedModel(name=name, size_bytes=int(SIZES[name] * 1e9), context_length=4096)
            for name in self.loaded
        }
        return 1.0 + 2.0 * SIZES[model]


SIZES = {name: size for name, size, _, _ in MODELS}
Choice = Callable[[Sequence[Machine], str, random.Random], Machine]


def by_metier(able: Sequence[Machine], model: str, _draw: random.Random) -> Machine:
    """As `HostPool` chooses."""
    machine_of = {each.host: each for each in able}
    return machine_of[soonest(list(machine_of), model)]


def at_random(able: Sequence[Machine], _model: str, draw: random.Random) -> Machine:
    return draw.choice(able)


def least_busy(able: Sequence[Machine], _model: str, draw: random.Random) -> Machine:
    fewest = min(each.host.running for each in able)
    return draw.choice([each for each in able if each.host.running == fewest])


def machines(count: int, clock: Clock, draw: random.Random) -> list[Machine]:
    """Hosts of three sizes, with all models that fit on their disks and in their memory."""
    made = []
    for number in range(count):
        memory_gb = MEMORY_GB[-1 - number % len(MEMORY_GB)]
        host = Host(
            server=ScriptedModels(),
            name=f"h{number}",
            memory_bytes=int(memory_gb * 1e9),
            num_ctx=4096,
            clock=clock,
        )
        host.installed = {
            name: InstalledModel(name=name, size_bytes=int(size * 1e9))
            for name, size, _, _ in MODELS
            if size * 1.2 <= memory_gb
        }
        made.append(Machine(host=host, memory_gb=memory_gb, speed=draw.uniform(0.7, 1.4)))
    return made


def simulated(count: int, calls: int, choose: Choice, seed: int) -> dict[str, float]:
    """So many calls to so many hosts."""
    draw, clock = random.Random(seed), Clock()
    hosts = machines(count, clock, draw)
    choices = random.Random(seed + 1)
    names, shares = [row[0] for row in MODELS], [row[2] for row in MODELS]
    medians = {name: median for name, _, _, median in MODELS}
    mean_s = sum(share * median for _, _, share, median in MODELS)
    rate = LOAD * count / mean_s
    ends: list[tuple[float, int, Callable[[], None]]] = []
    loads, waits, arrival = 0, [], 0.0
    for number in range(calls):
        arrival += draw.expovariate(rate)
        model = draw.choices(names, shares)[0]
        reply_s = medians[model] * draw.lognormvariate(0, SPREAD)
        while ends and ends[0][0] <= arrival:
            clock.now, _, end = heapq.heappop(ends)
            end()
        clock.now = arrival
        able = [each for each in hosts if model in each.host.installed]
        chosen = choose(able, model, choices)
        load_s = chosen.load_s(model)
        loads += load_s > 0
        chosen.free_at = max(chosen.free_at, arrival) + load_s + reply_s / chosen.speed
        end = _working(chosen, model, load_s, reply_s / chosen.speed)
        heapq.heappush(ends, (chosen.free_at, number, end))
        waits.append(chosen.free_at - arrival)
    busy = max(each.free_at for each in hosts)
    return {
        "loads_percent": 100 * loads / calls,
        "p50_s": float(np.percentile(waits, 50)),
        "p95_s": float(np.percentile(waits, 95)),
        "per_hour": 3600 * calls / busy,
    }


def _working(machine: Machine, model: str, load_s: float, reply_s: float) -> Callable[[], None]:
    """Count a call as running; what is returned ends it and reports what it took."""
    stack = ExitStack()
    learn = stack.enter_context(machine.host.working(model))
    usage = Usage(calls=1, load_s=load_s, total_s=load_s + reply_s)

    def end() -> None:
        learn(usage)
        stack.close()

    return end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200, help="calls for each host")
    parser.add_argument("--repeats", type=int, default=10, help="simulations, each with its seed")
    parser.add_argument("--seed", type=int, default=0, help="of the first")
    given = parser.parse_args()
    started = time.perf_counter()
    found: dict[str, dict[str, Metric]] = {"metier": {}, "random": {}, "least busy": {}}
    choices: dict[str, Choice] = {
        "metier": by_metier,
        "random": at_random,
        "least busy": least_busy,
    }
    for count in HOSTS:
        say(f"{count} hosts …")
        for who, choose in choices.items():
            calls = max(1000, min(given.limit * count, 20_000))
            seeds = range(given.seed, given.seed + 2 * given.repeats, 2)  # each takes two
            runs = [simulated(count, calls, choose, seed) for seed in seeds]
            found[who] |= {f"{count}.{key}": mean_of([run[key] for run in runs]) for key in runs[0]}
    metrics = found.pop("metier")
    report("cluster_sim", metrics, baselines=found, embedder="none", started=started)


if __name__ == "__main__":
    main()
