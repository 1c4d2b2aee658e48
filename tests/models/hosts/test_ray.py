"""The hosts of a real Ray cluster on this machine, each with a scripted Ollama beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest
import ray
from fake_ollama import FakeOllama, Machine, fake_ollama
from faulty import faulty, piece, replies, streams
from hosts import WINDOW, ask
from ray.cluster_utils import Cluster

from metier import Card, Council, Expert, Plan, Settings
from metier.errors import ClusterUnavailable, ModelMissing, ModelServerUnreachable
from metier.experts.card import Capability
from metier.models.hosts import Patience
from metier.models.hosts.ray_node import start_host
from metier.models.hosts.ray_server import NodeFacts, RayServer
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest
from metier.plan import Message, Step
from metier.testing import FixedEmbedder

pytestmark = [pytest.mark.anyio, pytest.mark.matrix]

MODEL = "m:1b"
PATIENCE = Patience(fresh_s=0.0, look_s=20.0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head and one more node: processes of their own on this machine."""
    small = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_log_monitor": False}
    head = {"include_dashboard": False, "no_monitor": True, **small}
    started = Cluster(initialize_head=True, head_node_args=head)
    started.add_node(**small)
    try:
        yield started
    finally:
        ray.shutdown()
        started.shutdown()


class World:
    """Hosts that a test starts on the cluster; they end with the test."""

    def __init__(self, cluster: Cluster) -> None:
        self.address: str = cluster.address or ""
        self.actors: dict[str, Any] = {}
        self._nodes = [node.node_id for node in cluster.list_all_nodes()]

    def start(self, name: str, host: str, *, num_ctx: int = WINDOW, label: str = "") -> None:
        facts = NodeFacts(
            labels=(label,) if label else (), slots=1, memory_bytes=None, num_ctx=num_ctx
        )
        node_id = self._nodes[len(self.actors) % len(self._nodes)]
        server = OllamaServer(host, num_ctx=num_ctx)
        actor = start_host(self.address, name, server, facts, node_id=node_id)
        self.actors[name] = actor
        ray.get(actor.call.remote("facts"), timeout=120)  # its process takes seconds to start

    def server(self) -> RayServer:
        return RayServer(self.address, num_ctx=WINDOW, patience=PATIENCE)


@pytest.fixture
def world(cluster: Cluster) -> Iterator[World]:
    made = World(cluster)
    yield made
    for actor in made.actors.values():
        ray.kill(actor)


@pytest.fixture
def ollamas() -> Iterator[list[FakeOllama]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                fake_ollama(FixedEmbedder(), models=[MODEL], reply="Four.", machine=Machine())
            )
            for _ in range(2)
        ]


async def test_the_models_of_all_nodes_are_listed(world: World, ollamas: list[FakeOllama]) -> None:
    world.start("one", ollamas[0].host)
    world.start("two", ollamas[1].host)
    (model,) = await world.server().list()
    assert (model.name, model.hosts) == (MODEL, ("one", "two"))


async def test_a_call_goes_to_the_node_that_has_the_model_loaded(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host)
    world.start("two", ollamas[1].host)
    ollamas[1].loaded = [MODEL]
    assert await ask(world.server(), MODEL) == "two"


async def test_a_council_votes_on_all_nodes_and_answers_as_on_one_server(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host)
    world.start("two", ollamas[1].host)
    for ollama in ollamas:
        ollama.machine = Machine(reply_s=1.0)  # so that the samples meet
        ollama.loaded = [MODEL]
    card = Card(
        id="general",
        description="all",
        models=(MODEL,),
        capabilities=(Capability(name="all", description="everything"),),
    )
    step = Step(id="1", task="What?", expert="general", strategy="vote", options={"samples": 4})
    texts = []
    for server in (world.server(), OllamaServer(ollamas[0].host)):
        async with Council.of(
            [Expert(card)],
            settings=Settings(cache_dir=tmp_path),
            server=server,
            embedder=FixedEmbedder(),
        ) as council:
            texts.append((await council.run(Plan(question="What?", steps=(step,)))).text)
    assert texts[0] == texts[1]
    assert ollamas[1].asked


async def test_an_error_of_a_node_arrives_as_it_was(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host)
    with pytest.raises(ModelMissing, match="'other' is not installed"):
        await ask(world.server(), "other")


async def test_a_node_that_joins_or_leaves_is_noticed(
    world: World, ollamas: list[FakeOllama]
) -> None:
    server = world.server()
    world.start("one", ollamas[0].host)
    assert await ask(server, MODEL) == "one"
    world.start("two", ollamas[1].host)
    ray.kill(world.actors.pop("one"))
    with anyio.fail_after(60):
        while await ask(server, MODEL) != "two":
            pass


async def test_a_node_with_another_context_window_is_left_out(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host, num_ctx=8192)
    with pytest.raises(ModelServerUnreachable, match="no node runs"):
        await world.server().list()


async def test_leaving_a_reply_early_cancels_it_on_the_node(world: World) -> None:
    models = {"models": [{"name": MODEL, "model": MODEL, "size": 1}]}
    tags, ps = replies(200, models), replies(200, models)
    async with faulty(tags, ps, streams([piece("One, ")], then="silence")) as ollama:
        world.start("one", ollama.host)
        request = ChatRequest(model=MODEL, messages=(Message(role="user", content="Count."),))
        async with aclosing(world.server().chat(request)) as chunks:
            assert (await anext(chunks)).text == "One, "
        with anyio.fail_after(60):
            await ollama.hung_up.wait()


async def test_a_cluster_that_is_not_there_is_never_started() -> None:
    for address in ("", "local"):
        with pytest.raises(ClusterUnavailable):
            RayServer(address, num_ctx=WINDOW)._names()
