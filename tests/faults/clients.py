"""Sockets of clients: whatever one of them does to the server, the next one is answered."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import uvicorn
from faults.matrix import Attempt, Row, jumping_clock
from kept_runs import council

from metier.serving import ServingLimits, http_app
from metier.serving.running import listening
from metier.testing import Fault, FaultyModels, ScriptedModels
from metier.testing.models import Stall

LIMITS = ServingLimits(body_s=0.5, body_bytes=1 << 16)
ASKED = [{"role": "user", "content": "What is 2 + 2?"}]
PATHS = {"OpenAI": "/v1/chat/completions", "Ollama": "/api/chat"}
REASONS = {
    "refused": "a client that does not connect asks nothing",
    "disk full": "the run is not kept, the answer is given: the SQLite rows",
    "read-only": "the run is not kept, the answer is given: the SQLite rows",
    "permission": "the run is not kept, the answer is given: the SQLite rows",
}


@asynccontextmanager
async def served(models: ScriptedModels | FaultyModels, folder: Path) -> AsyncIterator[int]:
    """The port of a server in this event loop."""
    made = council(folder, models=models)  # pyrefly: ignore[bad-argument-type]
    config = uvicorn.Config(
        http_app(made, limits=LIMITS), host="127.0.0.1", port=0, log_level="critical"
    )
    running = uvicorn.Server(config)
    with listening(config) as socket_:
        async with anyio.create_task_group() as group:
            group.start_soon(running.serve, [socket_])
            yield socket_.getsockname()[1]
            running.should_exit = True
            running.force_exit = True


async def asked(port: int, path: str) -> httpx.Response:
    body = {"model": "metier", "messages": ASKED, "stream": False}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        return await client.post(path, json=body)


def request(path: str, body: bytes, *, size_bytes: int | None = None) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {size_bytes or len(body)}\r\n\r\n".encode() + body


BODY = json.dumps({"model": "metier", "messages": ASKED, "stream": True}).encode()
Client = Callable[[anyio.abc.SocketStream, str], Awaitable[None]]


async def says_nothing(stream: anyio.abc.SocketStream, path: str) -> None:
    await anyio.sleep(0.1)


async def is_slow(stream: anyio.abc.SocketStream, path: str) -> None:
    await stream.send(request(path, b"", size_bytes=len(BODY)))
    for byte in BODY:
        try:
            await stream.send(bytes([byte]))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return
        with anyio.move_on_after(0.05):
            said = await stream.receive()
            assert b" 408 " in said or b" 400 " in said
            return


async def breaks_off(stream: anyio.abc.SocketStream, path: str) -> None:
    await stream.send(request(path, BODY[:20], size_bytes=len(BODY)))


async def leaves(stream: anyio.abc.SocketStream, path: str) -> None:
    await stream.send(request(path, BODY))


async def resets(stream: anyio.abc.SocketStream, path: str) -> None:
    await stream.send(request(path, BODY))
    raw: socket.socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def is_refused(data: bytes, stream: anyio.abc.SocketStream, path: str) -> None:
    await stream.send(data.replace(b"PATH", path.encode()))
    assert b"HTTP/1.1 4" in await stream.receive()


async def next_is_answered(path: str, client: Client, folder: Path) -> None:
    models = ScriptedModels({"small": lambda _: "It is 4."})
    async with served(models, folder) as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await client(stream, path)
        assert "It is 4." in (await asked(port, path)).text


async def frees_the_model(path: str, client: Client, folder: Path) -> None:
    models = ScriptedModels({"small": lambda _: Stall("Four")})
    models.requested = anyio.Event()
    async with served(models, folder) as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(request(path, BODY))
            await models.requested.wait()
            await client(stream, path)
        with anyio.fail_after(20):
            while not models.closed_early:
                await anyio.lowlevel.checkpoint()


async def tells_the_failure(fault: Fault, path: str, folder: Path) -> None:
    scripted = ScriptedModels({"small": lambda _: "It is 4."})
    async with served(FaultyModels(scripted, {"chat": [fault]}), folder) as port:
        failed = await asked(port, path)
        assert failed.status_code >= 400 or "error" in failed.json()
        assert "It is 4." in (await asked(port, path)).text


async def jumps(path: str, folder: Path) -> None:
    with jumping_clock():
        await next_is_answered(path, says_nothing, folder)


async def nothing(stream: anyio.abc.SocketStream, path: str) -> None:
    """Only go away."""


def attempts(path: str) -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def then_answered(expected: str, client: Client) -> tuple[str, Attempt]:
        said = f"{expected}; the next client is answered"
        return said, partial(next_is_answered, path, client)

    def refused(expected: str, data: bytes) -> tuple[str, Attempt]:
        return then_answered(expected, partial(is_refused, data))

    large = b"PATH".join((b"POST ", b" HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n"))
    yield "mute", then_answered("it is waited for beside", says_nothing)
    yield "slow", then_answered("it is given up", is_slow)
    yield "cut", then_answered("it is forgotten", breaks_off)
    yield "garbage", refused("a status of 4xx", b"\x16\x03\x01\x00\xff\r\n\r\n")
    yield "wrong JSON", refused("a status of 4xx", request("PATH", b'{"model": [1]}'))
    yield "out of memory", refused("a status of 4xx", large)
    yield "4xx", ("the error is told", partial(tells_the_failure, Fault.REJECTED, path))
    yield "5xx", ("the error is told", partial(tells_the_failure, Fault.FAILED, path))
    yield "interrupted", ("the model is free", partial(frees_the_model, path, nothing))
    yield "killed", ("the model is free", partial(frees_the_model, path, resets))
    yield "clock jumps", ("the next client is answered", partial(jumps, path))


ROWS = [
    Row(kind="clients", call=f"{name}'s API", attempts=dict(attempts(path)), reasons=REASONS)
    for name, path in PATHS.items()
]
