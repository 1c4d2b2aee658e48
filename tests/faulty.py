"""A real server on a real socket that answers as a test wants it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Behaviour = Callable[[Reader, Writer], Awaitable[None]]


class Faulty:
    """What a faulty server saw.

    Attributes:
        host: its address.
        requests: the path and body of each request.
        hung_up: set when a client closed a connection before the reply was complete.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.requests: list[tuple[str, Any]] = []
        self.hung_up = asyncio.Event()


@asynccontextmanager
async def faulty(*behaviours: Behaviour) -> AsyncIterator[Faulty]:
    """Serve the first request with the first behaviour, and so on; the last one stays."""
    left = list(behaviours)
    seen = Faulty("")

    async def serve(reader: Reader, writer: Writer) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            seen.requests.append(await _request(reader))
            behaviour = left.pop(0) if len(left) > 1 else left[0]
            await behaviour(reader, writer)
            if await _closed(reader, writer):
                seen.hung_up.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    seen.host = f"http://127.0.0.1:{port}"
    try:
        yield seen
    finally:
        server.close()


async def _request(reader: Reader) -> tuple[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(
        (int(line.split(":")[1]) for line in head.splitlines() if "content-length" in line.lower()),
        0,
    )
    body = await reader.readexactly(length)
    return head.split()[1], json.loads(body) if body else None


async def _closed(reader: Reader, writer: Writer) -> bool:
    if writer.is_closing():
        return False
    return not await reader.read(1)


def silence() -> Behaviour:
    """Accept, and never answer."""

    async def behave(_reader: Reader, _writer: Writer) -> None:
        return

    return behave


def replies(status: int, body: object) -> Behaviour:
    """One whole reply."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + data)
        await writer.drain()
        writer.close()

    return behave


def streams(lines: Sequence[object], *, then: str = "end") -> Behaviour:
    """NDJSON lines, and `then` the proper end, a `cut` connection, or `silence`."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        for line in lines:
            data = (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n"
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
        if then == "end":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        if then != "silence":
            writer.close()

    return behave


def piece(text: str) -> dict[str, Any]:
    """A piece of a chat reply."""
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": False}


def end(reason: str = "stop") -> dict[str, Any]:
    """The last piece of a chat reply."""
    return {**piece(""), "done": True, "done_reason": reason, "eval_count": 2}
