"""A real Ray cluster on this machine, and hosts on it with a scripted Ollama beside each."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import ray
import ray.exceptions
from ray._private.node import Node
from ray.cluster_utils import Cluster

from metier import Card, Expert, Message, Settings
from metier.council.node import start_host
from metier.errors import ClusterUnavailable
from metier.experts.card import Capability
from metier.experts.expert import Context, Task
from metier.experts.registry import Registry
from metier.merging.node_jobs import merged_here
from metier.models.hosts import Patience
from metier.models.hosts.facts import NodeFacts
from metier.models.hosts.ray_server import RayServer
from metier.models.ollama import OllamaServer

MODEL = "m:1b"
WINDOW = Settings().num_ctx
PATIENCE = Patience(fresh_s=0.0, look_s=20.0)


def add_node(cluster: Cluster, **more: Any) -> Node:
    """One more node: processes of its own on this machine."""
    return cluster.add_node(
        num_cpus=1,
        object_store_memory=80_000_000,
        include_log_monitor=False,
        env_vars={"PYTHONPATH": str(Path(__file__).parent)},  # the experts below
        **more,
    )


def _add_head(cluster: Cluster, **more: Any) -> None:
    add_node(cluster, include_dashboard=False, no_monitor=True, **more)


@contextmanager
def started_cluster(nodes: int = 2) -> Iterator[Cluster]:
    """A head and more nodes."""
    started = Cluster()
    try:
        _add_head(started)
        for _ in range(nodes - 1):
            add_node(started)
        yield started
    finally:
        started.shutdown()


def address_of(cluster: Cluster) -> str:
    """Where its head is."""
    assert cluster.address is not None
    return cluster.address


def restart_head(cluster: Cluster) -> None:
    """Kill the head with all that runs on it, and start another one at its address."""
    head = cluster.head_node
    assert head is not None
    port = int(address_of(cluster).rpartition(":")[2])
    cluster.remove_node(head, allow_graceful=False)
    _add_head(cluster, gcs_server_port=port)


class World:
    """Hosts that a test starts on the cluster; they end with the test.

    Those that are started one after the other start side by side: the cluster's address is known
    once all of them answer.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.actors: dict[str, Any] = {}
        self._address = address_of(cluster)
        self._starting: list[Any] = []
        self._nodes = [node.node_id for node in cluster.list_all_nodes()]

    def start(
        self,
        name: str,
        host: str,
        *,
        num_ctx: int = WINDOW,
        label: str = "",
        embedder: str = MODEL,
        node_id: str | None = None,
        experts: Callable[[Settings], Registry] = Registry.from_installed,
    ) -> None:
        facts = NodeFacts(
            labels=(label,) if label else (), concurrency=1, memory_bytes=None, num_ctx=num_ctx
        )
        actor = start_host(
            self._address,
            name,
            OllamaServer(host, num_ctx=num_ctx),
            facts,
            settings=Settings(host=host, num_ctx=num_ctx, embed_model=embedder),
            merge=merged_here,
            experts=experts,
            node_id=node_id or self._nodes[len(self.actors) % len(self._nodes)],
        )
        self.actors[name] = actor
        self._starting.append(actor.call.remote("facts", trace={}))

    @property
    def address(self) -> str:
        """Where the cluster is, as soon as each host that was started answers."""
        ray.get(self._starting, timeout=120)  # a process takes a second
        self._starting = []
        return self._address

    async def start_again(self, name: str, host: str, *, label: str) -> None:
        """Start a host whose actor was killed, as soon as its name is free again."""
        with anyio.fail_after(60):
            while True:
                try:
                    return self.start(name, host, label=label)
                except ClusterUnavailable:
                    await anyio.sleep(0.1)

    def pid(self, name: str) -> int:
        """The process of a host's actor; waits for one that is being started again."""
        until = time.monotonic() + 120
        while True:
            asked = self.actors[name].__ray_call__.remote(lambda _: os.getpid())
            try:
                return ray.get(asked, timeout=120)
            except ray.exceptions.ActorUnavailableError:
                if time.monotonic() > until:
                    raise

    def server(self, *, patience: Patience = PATIENCE) -> RayServer:
        return RayServer(self.address, num_ctx=WINDOW, patience=patience)

    def close(self) -> None:
        for actor in self.actors.values():
            ray.kill(actor)


def card(name: str = "general", **fields: object) -> Card:
    """The card of an expert that runs on the hosts' model."""
    capability = Capability(name="all", description=f"everything about {name}")
    given = {"id": name, "description": name, "models": (MODEL,), "capabilities": (capability,)}
    return Card.model_validate(given | fields)


class Placed(Expert):
    """Answers with the process that its code runs in, and with what its model says."""

    asks = 1

    async def answer(self, task: Task, context: Context) -> str:
        messages = [Message(role="user", content=task.text)]
        said = [await context.complete(messages) for _ in range(self.asks)]
        return f"{os.getpid()}: {' '.join(said)}"


class Asking(Placed):
    """Asks its model more often."""

    asks = 3


class Twice(Expert):
    """Answers with what its model says at two calls."""

    async def answer(self, task: Task, context: Context) -> str:
        messages = [Message(role="user", content=task.text)]
        return " ".join([await context.complete(messages) for _ in range(2)])


class Broken(Expert):
    """Fails."""

    async def answer(self, task: Task, context: Context) -> str:
        raise ValueError("out of ideas")


def installed(*experts: Expert) -> Callable[[Settings], Registry]:
    """Exactly these experts, on a node."""
    return lambda _: Registry.of(experts)


def installed_in(folder: Path) -> Callable[[Settings], Registry]:
    """The experts of a folder like site-packages, on a node."""

    def found(settings: Settings) -> Registry:
        sys.path.insert(0, str(folder))
        return Registry.from_installed(settings)

    return found


def with_a_wrong_clock(*experts: Expert) -> Callable[[Settings], Registry]:
    """Exactly these experts, on a node whose clock is half a century slow."""

    def found(_: Settings) -> Registry:
        time.time = lambda: 0.0
        return Registry.of(experts)

    return found


def pids(texts: Sequence[str]) -> set[int]:
    """The processes that answers of `Placed` name."""
    return {int(text.partition(":")[0]) for text in texts}
