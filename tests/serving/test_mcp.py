"""The Model Context Protocol on the same port."""

from __future__ import annotations

import pytest
from bridges.kitchen import council, models
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from serving.asgi import app, caller
from serving.running_server import served

pytestmark = pytest.mark.anyio


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_client_of_mcp_asks_on_the_same_port() -> None:
    with models(cooking=["Forty minutes."]) as server, served(council(server)) as url:
        async with (
            streamable_http_client(f"{url}/mcp") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool("ask", {"question": "How long does bread bake?"})
    assert "Forty minutes." in str(result.content)


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
async def test_a_page_in_a_browser_cannot_reach_it(headers: dict[str, str]) -> None:
    async with caller(app()) as client:
        reply = await client.post("/mcp", json={}, headers=headers)
    assert reply.status_code == 403
