"""A server of the Model Context Protocol that means harm: what it sends has limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import SocketStream
from bridges.kitchen import council, models, told
from bridges.test_mcp import client, served
from mcp import types as mcp
from mcp.server.lowlevel import Server
from ports import free_port

from metier.bridges.mcp import from_session
from metier.bridges.mcp.serving import MOST_SESSIONS, serve_http
from metier.errors import DeadlineExceeded, ExpertFailed, InvalidInput, MetierError
from metier.experts.expert import Expert

pytestmark = pytest.mark.anyio

PLAIN = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def serving(
    *schemas: Any, name: str = "tool", result: mcp.CallToolResult | None = None, **more: Any
) -> Server[Any, Any]:
    """A server with a tool for each schema, all of which return the same."""
    server: Server[Any, Any] = Server("shop")
    tools = [
        mcp.Tool(name=f"{name}{number}", inputSchema=schema, **more)
        for number, schema in enumerate(schemas)
    ]

    async def list_tools(_: mcp.ListToolsRequest) -> mcp.ListToolsResult:
        return mcp.ListToolsResult(tools=tools)

    async def call_tool(_: mcp.CallToolRequest) -> mcp.ServerResult:
        return mcp.ServerResult(result or mcp.CallToolResult(content=[]))

    server.list_tools()(list_tools)
    server.request_handlers[mcp.CallToolRequest] = call_tool
    return server


async def refusal(server: Server[Any, Any], **given: Any) -> MetierError:
    """Why a server's tools do not become experts."""
    async with client(server) as session:
        with pytest.raises(MetierError) as caught, anyio.fail_after(60):
            await from_session(session, source="shop", **given)
    return caught.value


def chained(length: int, *, branches: int) -> dict[str, Any]:
    """Definitions of which each refers to the next one, as often as there are branches."""
    return {
        "$defs": {
            f"D{n}": {
                "properties": {f"p{b}": {"$ref": f"#/$defs/D{n + 1}"} for b in range(branches)}
            }
            for n in range(length)
        },
        "properties": {"start": {"$ref": "#/$defs/D0"}},
    }


def woven(size: int) -> dict[str, Any]:
    """Definitions of which each refers to all."""
    references = {f"p{n}": {"$ref": f"#/$defs/D{n}"} for n in range(size)}
    return {
        "$defs": {f"D{n}": {"properties": references} for n in range(size)},
        "properties": {"start": {"$ref": "#/$defs/D0"}},
    }


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"items": schema}
    return {"properties": {"a": schema}}


@pytest.mark.parametrize(
    "schema",
    [
        PLAIN,
        {},
        {"properties": None, "required": None},
        {"properties": {"a": True, "b": False}},
        {"properties": {"a": {"type": ["string", "null"], "enum": [None, "x", 1, 1.5, [1], {}]}}},
        {"properties": {"a": {"anyOf": [{"type": "string"}, True, 5]}}},
        {"properties": {"a": {"type": [{}, "string"]}}},
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": 5}, "$ref": {"type": "string"}}},
        {"$defs": {"T": {"properties": {"t": {"$ref": "#/$defs/T"}}}}, **PLAIN},
        chained(6, branches=2),
        woven(3),
        nested(20),
    ],
)
async def test_what_a_schema_may_be_makes_an_expert(schema: dict[str, Any]) -> None:
    async with client(serving(schema)) as session:
        (expert,) = await from_session(session, source="shop")
    assert expert.tools["tool0"].arguments.model_json_schema()


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": []},
        {"properties": {"a": 5}},
        {"properties": {"a": {}}, "required": 5},
        {"properties": {"a": {}}, "required": [[]]},
        {"properties": {"a": {}}, "$defs": []},
        {"properties": {"a": {}}, "definitions": {"x": 5}},
    ],
)
async def test_what_is_no_schema_is_refused(schema: dict[str, Any]) -> None:
    error = await refusal(serving(schema))
    assert isinstance(error, InvalidInput)
    assert error.message.startswith("the tool 'tool0' of 'shop': its schema is not valid: ")


@pytest.mark.parametrize(
    "schema",
    [
        chained(60, branches=2),
        chained(1000, branches=1),
        woven(12),
        nested(80),
        {"properties": {f"p{n}": {} for n in range(100_000)}},
        {"properties": {"a": {"enum": [f"word {n}" for n in range(100_000)]}}},
        {"properties": {"a": {"description": "x" * 1_000_000}}},
    ],
    ids=["doubling", "chain", "woven", "nested", "wide", "enum", "long"],
)
async def test_a_schema_that_grows_without_end_is_refused(schema: dict[str, Any]) -> None:
    error = await refusal(serving(schema))
    assert isinstance(error, InvalidInput)
    assert error.message.startswith("the tool 'tool0' of 'shop': its schema is too ")


@pytest.mark.parametrize("names", ["new", "repeated", "empty"])
async def test_a_list_of_tools_that_does_not_end_is_refused(names: str) -> None:
    server: Server[Any, Any] = Server("shop")
    cursors = count()

    async def list_tools(_: mcp.ListToolsRequest) -> mcp.ListToolsResult:
        number = next(cursors)
        tools = [mcp.Tool(name=f"tool{number}", inputSchema=PLAIN)]
        cursor = "same" if names == "repeated" else str(number)
        return mcp.ListToolsResult(tools=[] if names == "empty" else tools, nextCursor=cursor)

    server.list_tools()(list_tools)
    error = await refusal(server)
    assert isinstance(error, ExpertFailed)
    assert error.message == "the list of tools of 'shop' does not end"


async def test_more_tools_than_anybody_offers_are_refused() -> None:
    error = await refusal(serving(*[PLAIN] * 1001))
    assert isinstance(error, ExpertFailed)
    assert error.message == "the server 'shop' lists more than 1000 tools"


async def test_a_name_longer_than_names_are_is_refused() -> None:
    error = await refusal(serving(PLAIN, name="n" * 5000))
    assert isinstance(error, InvalidInput)
    assert error.message == "a tool of 'shop' has a name of 5001 characters"


async def test_a_server_that_never_lists_its_tools_meets_a_deadline() -> None:
    server: Server[Any, Any] = Server("shop")

    async def list_tools(_: mcp.ListToolsRequest) -> mcp.ListToolsResult:
        await anyio.sleep_forever()
        raise AssertionError

    server.list_tools()(list_tools)
    error = await refusal(server, timeout_s=0.1)
    assert isinstance(error, DeadlineExceeded)
    assert error.message == "the server 'shop' did not list its tools in 0.1 s"


def text(*texts: str, error: bool = False) -> mcp.CallToolResult:
    content = [mcp.TextContent(type="text", text=each) for each in texts]
    return mcp.CallToolResult(content=list(content), isError=error)


@asynccontextmanager
async def connected(result: mcp.CallToolResult, **more: Any) -> AsyncIterator[Expert]:
    async with client(serving(PLAIN, result=result, **more)) as session:
        (expert,) = await from_session(session, source="shop")
        yield expert


async def test_a_long_result_arrives_whole() -> None:
    async with connected(text("x" * 500_000, "y")) as expert:
        assert (await told(expert, "Say it")).text == "x" * 500_000 + "\ny"


@pytest.mark.parametrize(
    "result",
    [
        text("x" * 2_000_000),
        text(*["x" * 100] * 20_000),
        mcp.CallToolResult(content=[], structuredContent={"a": "x" * 2_000_000}),
    ],
)
async def test_a_result_longer_than_any_answer_is_refused(result: mcp.CallToolResult) -> None:
    async with connected(result) as expert:
        with pytest.raises(ExpertFailed, match=r"shop\.tool0 returned more than 1048576 char"):
            await told(expert, "Say it")


async def test_what_a_tool_says_of_its_failure_is_kept_short() -> None:
    async with connected(text("because " * 100_000, error=True)) as expert:
        with pytest.raises(ExpertFailed, match="because") as caught:
            await told(expert, "Say it")
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"type": "object", "required": ["missing"]}])
async def test_the_schema_of_a_result_is_not_followed(schema: dict[str, Any]) -> None:
    result = mcp.CallToolResult(content=[], structuredContent={"a": 1})
    async with connected(result, outputSchema=schema) as expert:
        assert (await told(expert, "Say it")).text == '{"a":1}'


HEADERS = {"accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    },
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_sessions_over_http_are_no_more_than_a_few() -> None:
    async with served(council(models()), free_port()) as url, httpx.AsyncClient() as caller:
        codes = [
            (await caller.post(url, json=HELLO, headers=HEADERS)).status_code
            for _ in range(MOST_SESSIONS + 1)
        ]
    assert codes == [200] * MOST_SESSIONS + [503]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_session_over_http_that_nobody_uses_ends() -> None:
    made = served(council(models()), free_port(), idle_s=0.01)
    async with made as url, httpx.AsyncClient() as caller:
        opened = await caller.post(url, json=HELLO, headers=HEADERS)
        headers = HEADERS | {"mcp-session-id": opened.headers["mcp-session-id"]}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        with anyio.fail_after(20):
            while True:
                if (await caller.post(url, json=ping, headers=headers)).status_code == 404:
                    break
                await anyio.sleep(0.1)  # each question begins the time without one anew


@pytest.mark.parametrize("sent", [b"", b"POST /mcp HTTP/1.1\r\nHost: 127"])
async def test_a_client_that_does_not_finish_its_head_is_given_up(sent: bytes) -> None:
    port = free_port()
    serve = partial(serve_http, council(models()), port=port, head_s=0.5)
    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        with anyio.fail_after(20):
            async with await dialled(port) as stream:
                await stream.send(sent)
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
        group.cancel_scope.cancel()


async def dialled(port: int) -> SocketStream:
    """A connection to a server that may only be starting."""
    while True:
        try:
            return await anyio.connect_tcp("127.0.0.1", port)
        except OSError:
            await anyio.lowlevel.checkpoint()
