"""The Model Context Protocol on the same port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from bridges.kitchen import council, models
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from serving.asgi import app, caller
from serving.running_server import served

from metier.errors import ModelServerFailed
from metier.serving import ServingLimits, http_app
from metier.serving.running import Server, listening
from metier.serving.runs import Runs
from metier.testing import ScriptedModels
from metier.testing.models import Stall

pytestmark = pytest.mark.anyio
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning")


QUESTION = {"question": "How long does bread bake?"}


@asynccontextmanager
async def session_at(url: str) -> AsyncIterator[ClientSession]:
    async with (
        streamable_http_client(f"{url}/mcp") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def asked(server: ScriptedModels, limits: ServingLimits | None = None) -> CallToolResult:
    with served(council(server), limits=limits) as url:
        async with session_at(url) as session:
            return await session.call_tool("cooking", QUESTION)


@quiet
async def test_a_client_of_mcp_asks_on_the_same_port() -> None:
    result = await asked(models(cooking=["Forty minutes."]))
    assert "Forty minutes." in str(result.content)


@quiet
async def test_its_questions_count_among_those_that_are_answered_at_once() -> None:
    result = await asked(models(), ServingLimits(requests=0))
    assert (result.isError, "server busy" in str(result.content)) == (True, True)


@quiet
async def test_its_errors_show_no_paths() -> None:
    result = await asked(models(cooking=[ModelServerFailed("cannot read /home/ann/model.gguf")]))
    assert (result.isError, "/home" in str(result)) == (True, False)


@quiet
async def test_its_questions_end_when_the_server_stops() -> None:
    runs, server = Runs(8), models(cooking=[Stall()])
    server.requested = anyio.Event()
    found: list[CallToolResult] = []

    async def ask(session: ClientSession) -> None:
        found.append(await session.call_tool("cooking", QUESTION))

    made = http_app(council(server), runs=runs)
    running = Server(made, host="127.0.0.1", port=0, runs=runs, limits=ServingLimits())
    with listening(running.config) as socket:
        async with anyio.create_task_group() as serving:
            serving.start_soon(running.serve, [socket])
            url = f"http://127.0.0.1:{socket.getsockname()[1]}"
            async with session_at(url) as session, anyio.create_task_group() as asking:
                asking.start_soon(ask, session)
                await server.requested.wait()
                assert runs.cancel() == 1
            running.should_exit = True
    assert "the server is stopping" in str(found[0].content)


async def test_a_body_over_the_limit_is_refused() -> None:
    async with caller(app(limits=ServingLimits(body_bytes=100))) as client:
        reply = await client.post("/mcp", content=b" " * 101)
    assert reply.status_code == 413


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
async def test_a_page_in_a_browser_cannot_reach_it(headers: dict[str, str]) -> None:
    async with caller(app()) as client:
        reply = await client.post("/mcp", json={}, headers=headers)
    assert reply.status_code == 403
