"""A council as a server of the Model Context Protocol, and servers' tools as experts."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from bridges.kitchen import Expert, card, council, models, told
from mcp import ClientSession, McpError, StdioServerParameters
from mcp import types as mcp
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.shared.memory import create_connected_server_and_client_session
from ports import free_port

from metier import Council
from metier.answer import Answer
from metier.bridges.mcp import council_server, from_session
from metier.bridges.mcp.server import ANSWER, CARD
from metier.bridges.mcp.serving import http_app
from metier.errors import (
    ExpertFailed,
    InvalidCard,
    InvalidInput,
    InvalidOutput,
    ModelServerBusy,
    UnknownExpert,
)
from metier.experts.card import Card

pytestmark = pytest.mark.anyio

out = pytest.mark.bridge(package="mcp", direction="out")
into = pytest.mark.bridge(package="mcp", direction="in")

BREAD = "How long does bread bake?"


@asynccontextmanager
async def client(server: Server[Any, Any]) -> AsyncIterator[ClientSession]:
    async with create_connected_server_and_client_session(server) as session:
        yield session


def text_of(result: mcp.CallToolResult) -> str:
    return "".join(each.text for each in result.content if isinstance(each, mcp.TextContent))


@out
@pytest.mark.shows("`ask`, which plans, and a tool for each expert")
async def test_ask_plans_and_an_experts_tool_does_not() -> None:
    with models(cooking=["Forty minutes."], wine=["Riesling."]) as server:
        async with client(council_server(council(server))) as session:
            names = [tool.name for tool in (await session.list_tools()).tools]
            planned = await session.call_tool("ask", {"question": BREAD})
            direct = await session.call_tool("wine", {"question": BREAD})
    assert names == ["ask", "cooking", "wine", "general"]
    assert (text_of(planned), text_of(direct)) == ("Forty minutes.", "Riesling.")


@out
async def test_a_cards_notice_comes_with_the_words() -> None:
    baking = Expert(card("baking", disclaimer="Ask a baker."))
    with models(baking=["Forty minutes."]) as server:
        async with client(council_server(council(server, baking))) as session:
            result = await session.call_tool("baking", {"question": BREAD})
    assert text_of(result) == "Forty minutes.\n\nAsk a baker."


@out
@pytest.mark.shows("cards and answers travel in `_meta`")
async def test_cards_and_answers_travel() -> None:
    with models(cooking=["Forty minutes."]) as server:
        made = council(server)
        async with client(council_server(made)) as session:
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            result = await session.call_tool("ask", {"question": BREAD})
    meta = tools["cooking"].meta
    assert meta is not None
    assert Card.model_validate(meta[CARD]) == made.registry.cards["cooking"]
    assert "For example: How long does bread bake?" in str(tools["cooking"].description)
    assert result.meta is not None
    assert Answer.model_validate(result.meta[ANSWER]).parts[0].expert == "cooking"


@out
async def test_only_what_is_offered_can_be_called_and_chosen() -> None:
    with models(wine=["Riesling."] * 2) as server:
        made = council_server(council(server), experts=["wine"])
        async with client(made) as session:
            names = [tool.name for tool in (await session.list_tools()).tools]
            chosen = await session.call_tool("ask", {"question": BREAD})
            named = await session.call_tool("ask", {"question": BREAD, "experts": ["wine"]})
            refused = await session.call_tool("cooking", {"question": BREAD})
            other = await session.call_tool("ask", {"question": BREAD, "experts": ["cooking"]})
    assert names == ["ask", "wine"]
    assert (text_of(chosen), text_of(named)) == ("Riesling.", "Riesling.")
    assert refused.isError
    assert "no expert is called 'cooking'" in text_of(refused)
    assert other.isError


@out
@pytest.mark.shows("progress of every step")
async def test_a_call_is_told_of_every_step() -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    with models(cooking=["Forty."], wine=["Riesling."]) as server:
        async with client(council_server(council(server))) as session:
            question = "How long does bread bake? Which wine goes with fish?"
            await session.call_tool("ask", {"question": question}, progress_callback=on_progress)
    assert [(progress, total) for progress, total, _ in heard] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(str(message) for *_, message in heard) == [
        "cooking answers: How long does bread bake?",
        "cooking is done: How long does bread bake?",
        "wine answers: Which wine goes with fish?",
        "wine is done: Which wine goes with fish?",
    ]


@out
@pytest.mark.shows("errors as a tool's errors, with what to do")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"question": BREAD}, "its queue is full"),
        ({"question": " "}, "the question is empty. Try:"),
        ({"question": ""}, "should be non-empty"),
        ({}, "'question' is a required property"),
        ({"question": BREAD, "temperature": 1}, "temperature"),
    ],
)
async def test_errors_say_what_to_do(arguments: dict[str, Any], words: str) -> None:
    server = models(cooking=[ModelServerBusy("its queue is full")])
    async with client(council_server(council(server))) as session:
        result = await session.call_tool("cooking", arguments)
    assert result.isError
    assert words in text_of(result)


@out
@pytest.mark.shows("cancelling ends the run")
async def test_a_client_that_goes_away_ends_the_run() -> None:
    begun = anyio.Event()

    async def cancelled(session: ClientSession) -> None:
        with pytest.raises(McpError, match="Request cancelled"):
            await session.call_tool("slow", {"question": BREAD})

    class Slow(Expert):
        async def answer(self, task: Any, context: Any) -> AsyncIterator[str]:  # pyrefly: ignore[bad-override]
            async for piece in context.stream(()):
                yield piece
                begun.set()
                await anyio.sleep_forever()

    server = models(slow=["One two three."])
    made = council_server(council(server, Slow(card("slow"))))
    with anyio.fail_after(20):
        async with client(made) as session, anyio.create_task_group() as group:
            group.start_soon(cancelled, session)
            await begun.wait()
            params = mcp.CancelledNotificationParams(requestId=1)
            request = mcp.CancelledNotification(params=params)
            await session.send_notification(mcp.ClientNotification(request))
    with anyio.fail_after(20):
        while not server.closed_early:
            await anyio.lowlevel.checkpoint()
    assert server.closed_early == ["slow"]


@out
async def test_experts_that_cannot_be_served_are_named() -> None:
    with pytest.raises(UnknownExpert, match="nearest: 'wine'"):
        council_server(council(models()), experts=["wines"])
    with pytest.raises(InvalidInput, match="an expert is called 'ask'"):
        council_server(council(models(), Expert(card("ask"))))


@out
@pytest.mark.shows("`metier mcp` over stdin and stdout")
async def test_the_command_serves_over_stdio() -> None:
    # A client passes a small part of the environment on; the test's own world is in the rest.
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "metier", "mcp"], env=dict(os.environ)
    )
    async with (
        stdio_client(command) as (read, write),
        ClientSession(read, write) as session,
    ):
        started = await session.initialize()
        names = [tool.name for tool in (await session.list_tools()).tools]
        result = await session.call_tool("general", {"question": "Who painted Guernica?"})
    assert started.serverInfo.name == "metier"
    assert names[0] == "ask"
    assert {"general", "math", "code", "medical"} <= set(names)
    assert result.isError
    assert "no Ollama answers" in text_of(result)


@asynccontextmanager
async def served(made: Council, port: int, *, idle_s: float = 600) -> AsyncIterator[str]:
    app = http_app(made, port=port, idle_s=idle_s)
    config = uvicorn.Config(app, port=port, log_level="warning")
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        with anyio.fail_after(20):
            while not server.started:
                await anyio.lowlevel.checkpoint()
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            server.should_exit = True


@out
@pytest.mark.shows("`metier mcp --http`: streamable HTTP, on this machine alone")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_council_is_served_over_http() -> None:
    with models(cooking=["Forty minutes."]) as server:
        async with (
            served(council(server), free_port()) as url,
            streamable_http_client(url) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool("cooking", {"question": BREAD})
    assert text_of(result) == "Forty minutes."


@out
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403)],
)
async def test_a_page_in_a_browser_cannot_reach_it(headers: dict[str, str], status: int) -> None:
    async with served(council(models()), free_port()) as url, httpx.AsyncClient() as caller:
        accepts = {"accept": "application/json, text/event-stream"}
        reply = await caller.post(url, json={}, headers=accepts | headers)
    assert reply.status_code == status


def shop() -> Server[Any, Any]:
    """A server with tools of all kinds."""
    server: Server[Any, Any] = Server("shop")
    amount = {"$ref": "#/$defs/Amount"}
    amounts = {"Amount": {"type": "integer", "description": "how many"}}
    price = {
        "type": "object",
        "properties": {"product-id": {"type": "string"}, "count": amount},
        "required": ["product-id", "count"],
        "$defs": amounts,
    }
    text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    nothing = {"type": "object", "properties": {}}
    tools = [
        mcp.Tool(name="getPrice", description="The price of some of a product", inputSchema=price),
        mcp.Tool(name="echo", description="Say it again", inputSchema=text),
        mcp.Tool(name="data", inputSchema=nothing, title="All the data"),
        mcp.Tool(name="picture", description="A picture", inputSchema=nothing),
        mcp.Tool(name="broken", description="It fails", inputSchema=nothing),
    ]

    async def list_tools(request: mcp.ListToolsRequest) -> mcp.ListToolsResult:
        cursor = request.params.cursor if request.params else None
        if cursor is None:
            return mcp.ListToolsResult(tools=tools[:2], nextCursor="2")
        return mcp.ListToolsResult(tools=tools[2:])

    async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
        match name:
            case "getPrice":
                text = f"{arguments['count']} {arguments['product-id']}"
                return [mcp.TextContent(type="text", text=text)]
            case "echo":
                return [mcp.TextContent(type="text", text=arguments["text"])]
            case "data":
                return mcp.CallToolResult(content=[], structuredContent={"answer": 0})
            case "picture":
                return [mcp.ImageContent(type="image", data="AAAA", mimeType="image/png")]
            case _:
                raise ValueError("it is broken")

    server.list_tools()(list_tools)
    server.call_tool()(call_tool)
    return server


@into
@pytest.mark.shows("the tools of a server as experts, all pages of them, arguments checked")
@pytest.mark.parametrize(
    ("name", "text", "replies", "expected"),
    [
        ("shop_echo", "Say it", [], "Say it"),
        ("shop_get_price", "3 of bread", ['{"product-id": "bread", "count": "3"}'], "3 bread"),
        ("shop_data", "All", [], '{"answer":0}'),
        ("shop_picture", "Show", [], "(image/png, 4 characters of base64)"),
    ],
)
async def test_tools_of_a_server_are_experts(
    name: str, text: str, replies: list[str], expected: str
) -> None:
    async with client(shop()) as session:
        experts = {each.id: each for each in await from_session(session, source="shop")}
        assert (await told(experts[name], text, *replies)).text == expected
    assert len(experts) == 5
    assert experts["shop_data"].card.description == "All the data"


@into
@pytest.mark.shows("a server as one expert with tools")
async def test_a_server_is_one_expert() -> None:
    async with client(shop()) as session:
        (expert,) = await from_session(session, source="shop", granularity="plugin")
        choice = '{"tool": "getPrice", "arguments": {"product-id": "bread", "count": 3}}'
        assert (await told(expert, "What do 3 of bread cost?", choice, "Six.")).text == "Six."


@into
@pytest.mark.shows("errors of a tool, and of a server that has gone")
async def test_what_fails_is_an_error_of_ours() -> None:
    async with client(shop()) as session:
        experts = {each.id: each for each in await from_session(session, source="shop")}
        with pytest.raises(ExpertFailed, match=r"shop\.broken failed: it is broken"):
            await told(experts["shop_broken"], "Do it")
        reply = '{"product-id": "bread", "count": "many"}'
        with pytest.raises(InvalidOutput, match="argument 'count'"):
            await told(experts["shop_get_price"], "bread", reply)
        with pytest.raises(InvalidCard, match="nearest: 'echo'"):
            await from_session(session, source="shop", cards={"ecco": card("echo")})
    with pytest.raises(ExpertFailed):
        await told(experts["shop_echo"], "Say it")


@into
async def test_a_server_without_tools_is_refused() -> None:
    server: Server[Any, Any] = Server("empty")

    async def list_tools() -> list[mcp.Tool]:
        return []

    server.list_tools()(list_tools)  # pyrefly: ignore[no-matching-overload]
    async with client(server) as session:
        with pytest.raises(InvalidInput, match="the server 'empty' has no tool"):
            await from_session(session, source="empty")


@into
async def test_a_server_that_lists_no_tools_at_all_is_an_error() -> None:
    async with client(Server("empty")) as session:
        with pytest.raises(ExpertFailed, match="did not list its tools"):
            await from_session(session, source="empty")
