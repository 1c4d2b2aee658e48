"""The hosts of a real Ray cluster on this machine, each with a scripted Ollama beside it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
import ray
from clusters import MODEL, World, card
from fake_ollama import FakeOllama, Machine
from faulty import faulty, piece, replies, streams
from hosts import WINDOW, ask
from ports import free_port

from metier import Council, Expert, Plan, Settings
from metier.errors import ClusterUnavailable, ModelMissing, ModelServerUnreachable
from metier.models.hosts import Patience
from metier.models.hosts.ray_connection import connect
from metier.models.hosts.ray_server import RayServer
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest
from metier.plan import Message, Step
from metier.telemetry.tracing import trace_headers
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio


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
        ollama.machine = Machine(reply_s=0.3)  # so that the samples meet
        ollama.loaded = [MODEL]
    step = Step(id="1", task="What?", expert="general", strategy="vote", options={"samples": 4})
    texts = []
    for server in (world.server(), OllamaServer(ollamas[0].host)):
        async with Council.of(
            [Expert(card())],
            settings=Settings(cache_dir=tmp_path),
            server=server,
            embedder=FixedEmbedder(),
        ) as council:
            texts.append((await council.run(Plan(question="What?", steps=(step,)))).text)
    assert texts[0] == texts[1]
    assert ollamas[1].asked


async def test_an_expert_that_is_pinned_to_a_label_runs_only_on_nodes_with_it(
    world: World, ollamas: list[FakeOllama], tmp_path: Path
) -> None:
    world.start("one", ollamas[0].host)
    world.start("two", ollamas[1].host, label="gpu")
    ollamas[0].loaded = [MODEL]
    settings = Settings(cache_dir=tmp_path, runs_on={"general": "gpu"})
    step = Step(id="1", task="What?", expert="general")
    async with Council.of([Expert(card())], settings=settings, server=world.server()) as council:
        events = [event async for event in council.stream(Plan(question="What?", steps=(step,)))]
    assert [event.host for event in events if event.type == "call_done"] == ["two"]


async def test_an_error_of_a_node_arrives_as_it_was(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host)
    with pytest.raises(ModelMissing, match="'other' is not installed"):
        await ask(world.server(), "other")


async def test_a_node_whose_ollama_stops_answering_is_given_up_for_another(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host)
    world.start("two", ollamas[1].host)
    ollamas[0].loaded = [MODEL]
    server = world.server(patience=Patience(fresh_s=0.0, look_s=1.0, check_every_s=0.1))
    assert await ask(server, MODEL) == "one"
    ollamas[0].fault = "silent"
    with anyio.fail_after(60):
        assert await ask(server, MODEL) == "two"


async def test_a_node_without_memory_for_the_model_is_passed_over(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host)
    world.start("two", ollamas[1].host)
    ollamas[0].loaded, ollamas[0].fault = [MODEL], "memory"
    assert await ask(world.server(), MODEL) == "two"


async def test_the_trace_of_a_call_reaches_the_model_server_beside_a_node(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host)
    token = trace_headers.set({"traceparent": "00-1"})
    await ask(world.server(), MODEL)
    trace_headers.reset(token)
    assert ollamas[0].traces == ["00-1"]


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


async def test_a_host_that_was_started_again_is_used_again_as_it_is_now(
    world: World, ollamas: list[FakeOllama]
) -> None:
    server = world.server()
    world.start("one", ollamas[0].host, label="old")
    assert await ask(server, MODEL) == "one"
    ray.kill(world.actors.pop("one"))
    await world.start_again("one", ollamas[1].host, label="new")
    assert await ask(server, MODEL) == "one"
    assert ollamas[1].asked
    assert [*server.hosts[0].labels] == ["new"]
    assert server.facts["one"].labels == ("new",)


async def test_a_node_with_another_context_window_is_left_out(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host, num_ctx=8192)
    with pytest.raises(ModelServerUnreachable, match="one: num_ctx there is 8192, here 4096"):
        await world.server().list()


async def test_leaving_a_reply_early_cancels_it_on_the_node(world: World) -> None:
    models = {"models": [{"name": MODEL, "model": MODEL, "size": 1}]}
    tags, ps = replies(200, models), replies(200, models)
    version = replies(200, {"version": "0.24.0"})
    said = streams([piece("One, ")], then="silence")
    paths = {"/api/tags": tags, "/api/version": version, "/api/ps": ps}
    async with faulty(said, paths=paths) as ollama:
        world.start("one", ollama.host)
        request = ChatRequest(model=MODEL, messages=(Message(role="user", content="Count."),))
        async with aclosing(world.server().chat(request)) as chunks:
            assert (await anext(chunks)).text == "One, "
        with anyio.fail_after(60):
            await ollama.hung_up.wait()


def test_a_call_that_comes_when_the_connection_is_given_up_starts_no_cluster() -> None:
    program = """
from contextlib import suppress
from metier.errors import ClusterUnavailable
from metier.models.hosts.ray_connection import connect
with suppress(ClusterUnavailable):
    connect("")
import ray.exceptions, ray.util
with suppress(ray.exceptions.RayError):
    ray.util.list_named_actors()
print(ray.is_initialized())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "False"


async def test_a_second_cluster_is_refused_and_the_first_stays_connected(
    world: World, ollamas: list[FakeOllama]
) -> None:
    world.start("one", ollamas[0].host)
    async with faulty() as other:  # something listens there
        address = other.host.removeprefix("http://")
        with pytest.raises(ClusterUnavailable, match=f"connected to .*{world.address}.*{address}"):
            await RayServer(address, num_ctx=WINDOW).list()
    with pytest.raises(ClusterUnavailable, match="does not answer"):
        await RayServer(f"127.0.0.1:{free_port()}", num_ctx=WINDOW).list()
    assert ray.is_initialized()


def test_a_cluster_has_several_addresses(world: World) -> None:
    port = world.address.rpartition(":")[2]
    for address in (world.address, f"127.0.0.1:{port}", f"localhost:{port}"):
        connect(address)
    with pytest.raises(ClusterUnavailable):
        connect(f"203.0.113.7:{port}")


async def test_a_cluster_that_is_not_there_is_never_started() -> None:
    for address in ("", "local", f"127.0.0.1:{free_port()}"):
        with pytest.raises(ClusterUnavailable):
            await RayServer(address, num_ctx=WINDOW).list()
