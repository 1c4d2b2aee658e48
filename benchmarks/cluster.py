"""Several hosts as one, on scripted Ollama servers of a fixed speed: real HTTP, no model.

Keys:

- `speedup_2`, `speedup_4`, `speedup_8`: throughput on so many hosts over that on one, with as many
  requests at once as there are hosts.
- `call_extra_ms`: how much longer a call takes through the pool than at the host itself; pairs.
- `first_token_extra_ms`: how much later its first token comes.
- `vote_ratio_8`: a vote of 8 samples on 8 hosts over the time of one sample.
- `ray_…`: the same where the hosts are actors of a Ray cluster, on two nodes of this machine.
- `loads`, `p95_s`: of a stream of requests to three models on two hosts that hold two each; the
  baselines send the same requests to a random host, and to the one with the fewest open requests.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, aclosing, contextmanager
from pathlib import Path

import anyio
import numpy as np
import ray
from ray.cluster_utils import Cluster
from tests.clusters import World, started_cluster
from tests.fake_ollama import FakeOllama, Machine, fake_ollama

from benchmarks.contract import Metric, exactly, median_of, report, say
from metier import Card, Council, Expert, Plan, Settings
from metier.experts.card import Capability
from metier.models.hosts import Host, HostPool
from metier.models.hosts.ray_server import RayServer
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, ModelServer
from metier.plan import Message, Step
from metier.testing import FixedEmbedder

ROOT = Path(__file__).parents[1]
MODEL = "m:1b"
THREE = ("a:1b", "b:1b", "c:1b")
REPLY_S = 1.0
WINDOW = 4096

Ask = Callable[[str], Awaitable[float]]
# Servers as one.
Pooled = Callable[[Sequence[str]], AbstractContextManager[HostPool]]

# Two servers in a process of their own, as real ones are, which does not wait for this one's lock.
_APART = """
import threading
from benchmarks.cluster import MODEL, served
from tests.fake_ollama import Machine
with served(2, [MODEL], Machine()) as servers:
    print(*(server.host for server in servers), flush=True)
    threading.Event().wait()
"""


@contextmanager
def served(count: int, models: Sequence[str], machine: Machine) -> Iterator[list[FakeOllama]]:
    """So many servers, with their models loaded as far as they hold them."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                fake_ollama(FixedEmbedder(), models=models, reply="Yes.", machine=machine)
            )
            for _ in range(count)
        ]
        for server in servers:
            server.loaded = list(models[: machine.holds])
        yield servers


@contextmanager
def served_apart() -> Iterator[list[str]]:
    """The addresses of two servers in another process."""
    with subprocess.Popen(
        [sys.executable, "-c", _APART], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()
        process.kill()


def addresses(servers: Sequence[FakeOllama]) -> list[str]:
    return [each.host for each in servers]


def pool_of(hosts: Sequence[str]) -> HostPool:
    return HostPool(
        [
            Host(server=OllamaServer(each, num_ctx=WINDOW), name=each, num_ctx=WINDOW)
            for each in hosts
        ]
    )


@contextmanager
def pooled(hosts: Sequence[str]) -> Iterator[HostPool]:
    yield pool_of(hosts)


def pooled_by_ray(cluster: Cluster) -> Pooled:
    """An actor on a node of the cluster beside each server."""

    @contextmanager
    def pooled(hosts: Sequence[str]) -> Iterator[HostPool]:
        world = World(cluster)
        for number, host in enumerate(hosts):
            world.start(f"host{number}", host)
        yield RayServer(world.address, num_ctx=WINDOW)
        world.close()

    return pooled


async def asked(server: ModelServer, model: str) -> tuple[float, float]:
    """Seconds to the first piece of a reply, and to its end."""
    request = ChatRequest(model=model, messages=(Message(role="user", content="Is it so?"),))
    started = time.perf_counter()
    first: float | None = None
    async with aclosing(server.chat(request)) as chunks:
        async for _ in chunks:
            first = first or time.perf_counter() - started
    return first or 0.0, time.perf_counter() - started


async def stream_of(ask: Ask, models: Sequence[str], at_once: int) -> tuple[float, list[float]]:
    """Seconds for all requests, and for each, with so many in work at any time."""
    waiting = iter(models)
    took: list[float] = []

    async def work() -> None:
        took.extend([await ask(model) for model in waiting])

    started = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(at_once):
            group.start_soon(work)
    return time.perf_counter() - started, took


async def throughput(hosts: int, each: int, pooled: Pooled) -> float:
    """Requests a second."""
    machine = Machine(reply_s=REPLY_S)
    with served(hosts, [MODEL], machine) as servers, pooled(addresses(servers)) as pool:
        await pool.list()
        seconds, _ = await stream_of(_ask(pool), [MODEL] * (hosts * each), hosts)
        await pool.aclose()
    return hosts * each / seconds


def _ask(server: ModelServer) -> Ask:
    async def ask(model: str) -> float:
        return (await asked(server, model))[1]

    return ask


async def overhead(pairs: int, pooled: Pooled) -> dict[str, Metric]:
    """What the pool adds to a call, each pair one after the other."""
    with served_apart() as hosts, pooled(hosts) as pool:
        direct = OllamaServer(hosts[0])
        extra: list[tuple[float, float]] = []
        for number in range(pairs + 5):
            (first, whole), (base_first, base) = (
                await asked(pool, MODEL),
                await asked(direct, MODEL),
            )
            if number >= 5:
                extra.append((first - base_first, whole - base))
        await pool.aclose()
        await direct.aclose()
    return {
        "call_extra_ms": median_of([1000 * whole for _, whole in extra]),
        "first_token_extra_ms": median_of([1000 * first for first, _ in extra]),
    }


async def vote_ratio(samples: int, pooled: Pooled) -> float:
    """A vote with as many samples as hosts, over one sample alone."""
    machine = Machine(reply_s=REPLY_S)
    with (
        served(samples, [MODEL], machine) as servers,
        pooled(addresses(servers)) as pool,
        _folder() as folder,
    ):
        capability = Capability(name="all", description="everything")
        card = Card(id="general", description="all", models=(MODEL,), capabilities=(capability,))
        council = Council.of(
            [Expert(card)],
            settings=Settings(cache_dir=folder, state_dir=folder),
            server=pool,
            embedder=FixedEmbedder(),
        )
        async with council:
            single = Step(id="1", task="Is it so?", expert="general")
            voted = single.model_copy(update={"strategy": "vote", "options": {"samples": samples}})
            await council.run(Plan(question="Is it so?", steps=(single,)))
            seconds = []
            for step in (single, voted):
                started = time.perf_counter()
                await council.run(Plan(question="Is it so?", steps=(step,)))
                seconds.append(time.perf_counter() - started)
    return seconds[1] / seconds[0]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


async def placing(who: str, requests: int, seed: int) -> dict[str, Metric]:
    """Loads and waits of requests to three models on two hosts that hold two of them."""
    draw = random.Random(seed)
    models = [draw.choice(THREE) for _ in range(requests)]
    with served(2, THREE, Machine(holds=2, load_s=0.5, reply_s=0.1)) as servers:
        for server in servers:
            server.loaded = []
        pool = pool_of(addresses(servers))
        open_requests = [0, 0]

        async def elsewhere(model: str) -> float:
            fewest = open_requests.index(min(open_requests))
            number = draw.randrange(2) if who == "random" else fewest
            open_requests[number] += 1
            try:
                return await _ask(pool.hosts[number].server)(model)
            finally:
                open_requests[number] -= 1

        await pool.list()
        _, took = await stream_of(_ask(pool) if who == "metier" else elsewhere, models, 2)
        await pool.aclose()
        loads = sum(len(server.loads) for server in servers)
    return {
        "loads": exactly(loads, n=requests),
        "p95_s": exactly(round(float(np.percentile(took, 95)), 3), n=requests),
        "mean_s": exactly(round(statistics.mean(took), 3), n=requests),
    }


async def grown(limit: int, pooled: Pooled) -> dict[str, Metric]:
    """What more hosts give, and what it costs to choose among them."""
    metrics: dict[str, Metric] = {}
    alone = await throughput(1, limit, pooled)
    for hosts in (2, 4, 8):
        say(f"{hosts} hosts …")
        speedup = await throughput(hosts, limit, pooled) / alone
        metrics[f"speedup_{hosts}"] = exactly(round(speedup, 2), n=hosts * limit)
    metrics |= await overhead(20 * limit, pooled)
    metrics["vote_ratio_8"] = exactly(round(await vote_ratio(8, pooled), 3), n=8)
    return metrics


async def measured(limit: int, seed: int) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    metrics = await grown(limit, pooled)
    baselines = {}
    for who in ("metier", "random", "least busy"):
        say(f"three models on two hosts, {who} …")
        baselines[who] = await placing(who, 20 * limit, seed)
    say("a Ray cluster …")
    with started_cluster() as cluster:
        try:
            by_ray = await grown(limit, pooled_by_ray(cluster))
        finally:
            ray.shutdown()
    metrics |= {f"ray_{key}": metric for key, metric in by_ray.items()}
    return metrics | baselines.pop("metier"), baselines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=6, help="requests for each host")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.perf_counter()
    metrics, baselines = anyio.run(measured, given.limit, given.seed)
    report("cluster", metrics, baselines=baselines, embedder="none", started=started)


if __name__ == "__main__":
    main()
