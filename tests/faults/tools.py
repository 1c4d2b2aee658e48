"""Tools of MCP servers: whatever a server does in a call, it is an error of metier or a result."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from bridges.kitchen import told
from faults.matrix import Attempt, Row, expect, jumping_clock
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from metier.bridges.mcp import from_session
from metier.errors import ExpertFailed
from metier.serving.running import listening

VERSION = {"protocolVersion": "2025-06-18", "serverInfo": {"name": "shop", "version": "1"}}
TEXT = {"type": "string"}
SCHEMA = {"type": "object", "properties": {"text": TEXT}, "required": ["text"]}
REPLIES: dict[str, Any] = {
    "initialize": {**VERSION, "capabilities": {"tools": {}}},
    "tools/list": {"tools": [{"name": "echo", "inputSchema": SCHEMA}]},
    "tools/call": {"content": [{"type": "text", "text": "Four."}]},
}
LONG = {"content": [{"type": "text", "text": "x" * (1 << 21)}]}
FAILED = {"isError": True, "content": [{"type": "text", "text": "no"}]}
HOSTILE = "tests/bridges/test_mcp_hostile.py"
Call = Callable[[], Coroutine[Any, Any, str]]
REASONS = {
    "disk full": "metier writes nothing in this call; the server's own is an error of the tool",
    "read-only": "metier writes nothing in this call; the server's own is an error of the tool",
    "permission": "metier touches no file in this call",
}
# A server that answers each line of stdin, and calls by what it is told.
SERVER = """
import json, os, signal, sys, time
replies = json.loads(sys.argv[1])
def say(text): print(text, flush=True)
def reply(result): say(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
def fail(error): say(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}))
for line in sys.stdin:
    asked = json.loads(line)
    result = replies.get(asked["method"])
    if asked["method"] == "tools/call":
        exec(sys.argv[2])
    elif result:
        reply(result)
"""


@asynccontextmanager
async def session_with(program: str, replies: object = REPLIES) -> AsyncIterator[ClientSession]:
    """A server in a process that answers a call so."""
    arguments = ["-c", SERVER, json.dumps(replies), program]
    started = StdioServerParameters(command=sys.executable, args=arguments)
    async with stdio_client(started) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


@asynccontextmanager
async def over_stdio(program: str) -> AsyncIterator[Call]:
    """Calls a tool of a server that answers a call so."""
    async with session_with(program) as session:
        yield await tool_of(session)


async def tool_of(session: ClientSession) -> Call:
    (expert,) = await from_session(session, source="shop")

    async def call() -> str:
        return (await told(expert, "Say it")).text

    return call


# What a server answers to the request with a number.
Behave = Callable[[int], Awaitable[Response]]


@asynccontextmanager
async def over_http(behave: Behave) -> AsyncIterator[Call]:
    """Calls a tool of a server that answers the first call so, and the others well."""
    left = [behave]

    async def post(request: Request) -> Response:
        asked = json.loads(await request.body())
        if "id" not in asked:
            return Response(status_code=202)
        if asked["method"] == "tools/call":
            return await (left.pop() if left else well)(asked["id"])
        return replied(asked["id"], REPLIES[asked["method"]])

    app = Starlette(routes=[Route("/mcp", post, methods=["POST"])])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical")
    running = uvicorn.Server(config)
    with listening(config) as socket:
        async with anyio.create_task_group() as group:
            group.start_soon(running.serve, [socket])
            url = f"http://127.0.0.1:{socket.getsockname()[1]}/mcp"
            try:
                async with (
                    streamable_http_client(url) as (read, write, _),
                    ClientSession(read, write) as session,
                ):
                    await session.initialize()
                    yield await tool_of(session)
            finally:
                running.should_exit = running.force_exit = True


def replied(number: int, result: object) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": number, "result": result})


async def well(number: int) -> Response:
    return replied(number, REPLIES["tools/call"])


async def slowly(number: int) -> Response:
    await anyio.sleep(0.2)
    return await well(number)


async def never(_: int) -> Response:
    await anyio.sleep(600)
    raise AssertionError


async def cut_off(_: int) -> Response:
    async def half() -> AsyncIterator[bytes]:
        yield b'{"jsonrpc"'

    head = {"Content-Type": "application/json", "Content-Length": "100"}
    return StreamingResponse(half(), headers=head)


def says(response: Response) -> Behave:
    async def behave(_: int) -> Response:
        return response

    return behave


def results(result: object) -> Behave:
    async def behave(number: int) -> Response:
        return replied(number, result)

    return behave


Opened = Callable[[], AbstractAsyncContextManager[Call]]


async def fails(opened: Opened, _: Path) -> None:
    async with opened() as call:
        await expect(ExpertFailed, call())


async def answers(opened: Opened, _: Path) -> None:
    async with opened() as call:
        assert await call() == "Four."


async def answers_by_another_clock(opened: Opened, folder: Path) -> None:
    with jumping_clock():
        await answers(opened, folder)


async def is_gone(opened: Opened, _: Path) -> None:
    async with opened() as call:
        pass
    await expect(ExpertFailed, call())


async def is_left(opened: Opened, _: Path) -> None:
    """A step's deadline ends such a call."""
    async with opened() as call:
        with anyio.move_on_after(0.5) as deadline:
            await call()
        assert deadline.cancelled_caught


async def is_left_and_called_again(opened: Opened, _: Path) -> None:
    async with opened() as call:
        with anyio.move_on_after(0.5) as deadline:
            await call()
        assert deadline.cancelled_caught
        assert await call() == "Four."


async def lists_nonsense(_: Path) -> None:
    async with session_with("", REPLIES | {"tools/list": {"tools": 5}}) as session:
        await expect(ExpertFailed, from_session(session, source="shop"))


def stdio_attempts() -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def failing(program: str) -> tuple[str, Attempt]:
        return ExpertFailed.code, partial(fails, partial(over_stdio, program))

    def answered(program: str) -> tuple[str, Attempt]:
        return "its result", partial(answers, partial(over_stdio, program))

    left = "the step's deadline ends it"
    yield "refused", (ExpertFailed.code, partial(is_gone, partial(over_stdio, "")))
    yield "mute", (left, partial(is_left, partial(over_stdio, "time.sleep(600)")))
    yield "slow", answered("time.sleep(0.2); reply(result)")
    yield "cut", failing("sys.stdout.write('{'); sys.stdout.flush(); os._exit(0)")
    yield "garbage", answered("say('<html>'); say(''); say('[1, 2]'); reply(result)")
    yield "wrong JSON", failing("reply({'content': 5})")
    yield "4xx", failing(f"reply({FAILED})")
    yield "5xx", failing("fail({'code': -32000, 'message': 'no'})")
    yield "interrupted", (left, partial(is_left, partial(over_stdio, "time.sleep(600)")))
    yield "killed", failing("os.kill(os.getpid(), signal.SIGKILL)")
    clock = partial(answers_by_another_clock, partial(over_stdio, "reply(result)"))
    yield "clock jumps", ("its result", clock)
    yield "out of memory", failing("result['content'][0]['text'] *= 1 << 20; reply(result)")


def http_attempts() -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def failing(behave: Behave) -> tuple[str, Attempt]:
        return ExpertFailed.code, partial(fails, partial(over_http, behave))

    def left(behave: Behave) -> tuple[str, Attempt]:
        again = partial(is_left_and_called_again, partial(over_http, behave))
        return "the step's deadline ends it, and the next call is answered", again

    yield "refused", (ExpertFailed.code, partial(is_gone, partial(over_http, well)))
    yield "mute", left(never)
    yield "slow", ("its result", partial(answers, partial(over_http, slowly)))
    yield "cut", left(cut_off)
    yield "garbage", left(says(Response(b"\xff\x00{", media_type="application/json")))
    yield "wrong JSON", failing(results({"content": 5}))
    yield "4xx", failing(says(Response("no", status_code=404)))
    yield "interrupted", left(never)
    clock = partial(answers_by_another_clock, partial(over_http, well))
    yield "clock jumps", ("its result", clock)
    yield "out of memory", failing(results(LONG))


ROWS = [
    Row(
        kind="MCP",
        call="the list of tools",
        attempts={"wrong JSON": (ExpertFailed.code, lists_nonsense)},
        reasons=REASONS
        | dict.fromkeys(("refused", "cut", "killed", "4xx", "5xx"), f"as a call; {HOSTILE}")
        | {
            "mute": f"{HOSTILE}::test_a_server_that_never_lists_its_tools_meets_a_deadline",
            "slow": "as a call",
            "interrupted": "as a call",
            "clock jumps": "as a call",
            "garbage": "as a call",
            "out of memory": f"{HOSTILE}::test_a_list_of_tools_that_does_not_end_is_refused",
        },
    ),
    Row(kind="MCP", call="a tool over stdio", attempts=dict(stdio_attempts()), reasons=REASONS),
    Row(
        kind="MCP",
        call="a tool over HTTP",
        attempts=dict(http_attempts()),
        reasons=REASONS
        | {
            "5xx": "mcp's client ends the session of whoever opened it; then it is as refused",
            "killed": "it is as cut",
        },
    ),
]
