"""Four real Ollamas as four nodes of a Ray cluster answer as one of them does alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from clusters import World, started_cluster
from real_hosts import started_hosts
from world import EMBED, SMALL

from metier import Card, Council, Expert, Plan, Settings
from metier.experts.card import Capability
from metier.models.ollama import OllamaServer
from metier.models.server import ModelServer
from metier.plan import Step

pytestmark = [pytest.mark.anyio, pytest.mark.matrix]

NODES = 4
SAMPLES = {"single": {}, "vote": {"samples": 4}, "mixture": {"samples": 4}}


@pytest.fixture(scope="module")
def nodes(
    ollama_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, str]]:
    """A cluster with an Ollama beside each node, and the address of one of these."""
    import ray

    folder = tmp_path_factory.mktemp("nodes")
    ray.shutdown()  # a process is in one cluster at a time
    with (
        started_cluster(nodes=NODES) as cluster,
        started_hosts([(EMBED, SMALL)] * NODES, folder) as addresses,
    ):
        for address in addresses:
            anyio.run(loaded, address)
        world = World(cluster)
        for number, address in enumerate(addresses):
            world.start(f"node{number}", address, embedder=EMBED)
        yield world, addresses[0]
        world.close()
        ray.shutdown()


async def loaded(address: str) -> None:
    """A node that would have to load its model first gets no sample while another is quicker."""
    server = OllamaServer(address)
    await server.load(SMALL)
    await server.aclose()


def council(server: ModelServer, folder: Path) -> Council:
    capability = Capability(name="all", description="everything")
    card = Card(
        id="general", description="all", models=(SMALL,), max_tokens=24, capabilities=(capability,)
    )
    settings = Settings.load(cache_dir=folder, embed_model=EMBED)
    return Council.of([Expert(card)], settings=settings, server=server)


@pytest.mark.parametrize("strategy", SAMPLES)
async def test_four_nodes_answer_as_one_server_with_the_same_seeds(
    nodes: tuple[World, str], strategy: str, tmp_path: Path
) -> None:
    world, alone = nodes
    task = "Name a colour of the sky."
    step = Step(id="1", task=task, expert="general", strategy=strategy, options=SAMPLES[strategy])
    parts, hosts = [], []
    for server in (world.server(), OllamaServer(alone)):
        async with council(server, tmp_path) as asked:
            plan = Plan(question=task, steps=(step,))
            events = [event async for event in asked.stream(plan)]
        assert events[-1].type == "answered"
        parts.append(events[-1].answer.parts[0].model_dump(include={"text", "votes", "agreement"}))
        hosts.append({event.host for event in events if event.type == "call_done"})
    assert parts[0] == parts[1]
    # A node that is done before the last sample is asked for may take two.
    assert len(hosts[0]) == 1 if strategy == "single" else len(hosts[0]) > 1
