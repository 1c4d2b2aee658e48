"""Hosts that fail: another one answers, unless a part of the answer is already written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager

import anyio
import pytest
from fake_ollama import FakeOllama, Machine, fake_ollama
from hosts import ask
from ports import free_port

from metier.errors import (
    ModelMissing,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.hosts import Host, HostPool, Patience
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest
from metier.plan import Message
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

MODEL = "m:1b"
HASTY = Patience(fresh_s=0.0, look_s=3.0, check_every_s=0.1, cooldown_s=30.0)


class Clock:
    """A time that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def served(
    *machines: Machine, clock: Clock | None = None, nowhere: bool = False
) -> AsyncIterator[tuple[HostPool, list[FakeOllama]]]:
    """Servers on ports of their own, and the pool of them; with `nowhere`, a port without one."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                fake_ollama(FixedEmbedder(), models=[MODEL], reply=f"I am {n}.", machine=machine)
            )
            for n, machine in enumerate(machines)
        ]
        addresses = [f"http://127.0.0.1:{free_port()}"] if nowhere else []
        addresses += [server.host for server in servers]
        pool = HostPool([_host(each, clock or Clock()) for each in addresses], pauses_s=())
        try:
            yield pool, servers
        finally:
            await pool.aclose()


def _host(address: str, clock: Clock) -> Host:
    server = OllamaServer(address, num_ctx=4096)
    name = address.removeprefix("http://")
    return Host(server=server, name=name, num_ctx=4096, patience=HASTY, clock=clock)


async def said(pool: HostPool, pieces: list[str] | None = None) -> str:
    """The pool's reply; `pieces` keeps what came of one that breaks off."""
    came = [] if pieces is None else pieces
    request = ChatRequest(model=MODEL, messages=(Message(role="user", content="Who?"),))
    async with aclosing(pool.chat(request)) as chunks:
        async for chunk in chunks:
            came.append(chunk.text)
    return "".join(came)


async def test_a_host_that_nobody_serves_is_passed_over() -> None:
    async with served(Machine(), nowhere=True) as (pool, _):
        assert await said(pool) == "I am 0."


async def test_a_host_that_accepts_and_never_answers_is_passed_over() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        servers[0].fault = "silent"
        with anyio.fail_after(30):
            assert await said(pool) == "I am 1."


async def test_a_host_that_falls_silent_after_it_was_chosen_is_given_up_for_another() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        await pool.list()
        await said(pool)  # loads the model on the first host
        servers[0].fault = "silent"
        pool.hosts[0].patience = Patience(look_s=3.0, check_every_s=0.1)  # its state is fresh
        with anyio.fail_after(30):
            assert await said(pool) == "I am 1."


async def test_a_host_without_memory_for_the_model_is_passed_over_until_it_had_time() -> None:
    clock = Clock()
    async with served(Machine(), Machine(), clock=clock) as (pool, servers):
        servers[0].loaded, servers[0].fault = [MODEL], "memory"
        assert await said(pool) == "I am 1."
        servers[0].fault = ""
        assert await said(pool) == "I am 1."
        clock.now = 60.0
        assert await said(pool) == "I am 0."


async def test_a_reply_that_has_begun_is_never_begun_again() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        servers[0].fault = "dies"
        pieces: list[str] = []
        with pytest.raises(StreamInterrupted):
            await said(pool, pieces)
        assert pieces == ["I am 0."]
        assert servers[1].asked == []


async def test_three_failures_make_a_host_a_last_resort_for_half_a_minute() -> None:
    clock = Clock()
    async with served(Machine(), Machine(), clock=clock) as (pool, servers):
        servers[0].loaded, servers[0].fault = [MODEL], "dies"
        for _ in range(3):
            with pytest.raises(StreamInterrupted):
                await said(pool)
        servers[0].fault = ""
        assert await said(pool) == "I am 1."
        clock.now = 60.0
        assert await said(pool) == "I am 0."


async def test_a_host_that_failed_often_still_answers_if_there_is_no_other() -> None:
    async with served(Machine()) as (pool, servers):
        servers[0].fault = "dies"
        for _ in range(3):
            with pytest.raises(StreamInterrupted):
                await said(pool)
        servers[0].fault = ""
        assert await said(pool) == "I am 0."


async def test_a_host_that_comes_back_is_used_at_once_if_no_other_has_the_model() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        servers[1].models = []
        await pool.list()
        servers[0].fault = "silent"
        for _ in range(3):
            with pytest.raises(ModelServerUnreachable):
                await said(pool)
        assert pool.hosts[0].is_cooling
        servers[0].over.set()
        servers[0].fault = ""
        assert await said(pool) == "I am 0."


async def test_when_no_host_answers_the_error_names_all_of_them() -> None:
    addresses = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    pool = HostPool([_host(each, Clock()) for each in addresses], pauses_s=())
    with pytest.raises(ModelServerUnreachable) as raised:
        await said(pool)
    assert all(address in str(raised.value) for address in addresses)


async def test_when_every_host_fails_the_error_gives_each_reason() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        for server in servers:
            server.fault = "memory"
        with pytest.raises(ModelServerFailed, match=r"more system memory.*more system memory"):
            await said(pool)


async def test_a_host_that_comes_back_is_used_again() -> None:
    async with served(Machine()) as (pool, servers):
        servers[0].fault = "silent"
        with pytest.raises(ModelServerUnreachable):
            await said(pool)
        servers[0].over.set()
        servers[0].fault = ""
        assert await said(pool) == "I am 0."


async def test_all_embeddings_come_from_one_host() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        for _ in range(3):
            await pool.embed(MODEL, ["one", "two"])
        assert [server.embedded for server in servers] == [3, 0]


async def test_another_host_embeds_when_that_one_fails_if_its_weights_are_the_same() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        await pool.embed(MODEL, ["one"])
        servers[0].fault = "silent"
        await pool.embed(MODEL, ["one"])
        assert servers[1].embedded == 1


async def test_other_weights_never_embed_for_a_host_that_fails() -> None:
    other = Machine(digests=((MODEL, "1" * 64),))
    async with served(Machine(), other) as (pool, servers):
        await pool.embed(MODEL, ["one"])
        servers[0].fault = "silent"
        with pytest.raises(ModelServerUnreachable):
            await pool.embed(MODEL, ["one"])
        assert servers[1].embedded == 0


async def test_other_weights_never_embed_for_a_host_that_has_left() -> None:
    async with served(Machine(), Machine(digests=((MODEL, "1" * 64),))) as (pool, servers):
        await pool.embed(MODEL, ["one"])
        await pool.hosts.pop(0).server.aclose()
        with pytest.raises(ModelMissing, match="no host has the weights of 'm:1b' any more"):
            await pool.embed(MODEL, ["one"])
        assert servers[1].embedded == 0


async def test_a_model_is_loaded_once_for_calls_that_follow_each_other() -> None:
    async with served(Machine(), Machine()) as (pool, servers):
        hosts = [await ask(pool, MODEL) for _ in range(4)]
        assert len(set(hosts)) == 1
        assert [server.loads for server in servers] == [[MODEL], []]
