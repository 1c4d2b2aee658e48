"""A real server on a real socket that answers as a test wants it to."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Behaviour = Callable[[Reader, Writer], Awaitable[None]]


class Faulty:
    """What a faulty server saw.

    Attributes:
        host: its address.
        requests: the path and body of each request; JSON is read.
        headers: the headers of each request, with names in lower case.
        hung_up: set when a client closed a connection before the reply was complete.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.requests: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.hung_up = asyncio.Event()


@asynccontextmanager
async def faulty(
    *behaviours: Behaviour,
    tls: ssl.SSLContext | None = None,
    paths: Mapping[str, Behaviour] = {},
) -> AsyncIterator[Faulty]:
    """Serve the first request with the first behaviour, and so on; the last one stays.

    Requests for `paths` are served by theirs, whenever they come.
    """
    left = list(behaviours)
    seen = Faulty("")

    async def serve(reader: Reader, writer: Writer) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            headers, request = await _request(reader)
            seen.headers.append(headers)
            seen.requests.append(request)
            if (behaviour := paths.get(request[0])) is None:
                behaviour = left.pop(0) if len(left) > 1 else left[0]
            await behaviour(reader, writer)
            if await _closed(reader, writer):
                seen.hung_up.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    seen.host = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield seen
    finally:
        server.close()


async def _request(reader: Reader) -> tuple[dict[str, str], tuple[str, Any]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return headers, (first.split()[1], json.loads(body) if body[:1] == b"{" else body)


async def _closed(reader: Reader, writer: Writer) -> bool:
    if writer.is_closing():
        return False
    return not await reader.read(1)


def silence() -> Behaviour:
    """Accept, and never answer."""

    async def behave(_reader: Reader, _writer: Writer) -> None:
        return

    return behave


def replies(status: int, body: object, *, headers: str = "") -> Behaviour:
    """One whole reply; each of the further `headers` ends with CRLF."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\nConnection: close\r\n"
        head += f"{headers}\r\n"
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


def trickles(body: bytes, *, pause_s: float) -> Behaviour:
    """A whole reply in pieces, with a pause before each."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        writer.write(_head(len(body)))
        third = 1 + len(body) // 3
        for start in range(0, len(body), third):
            await asyncio.sleep(pause_s)
            writer.write(body[start : start + third])
            await writer.drain()
        writer.close()

    return behave


def cuts(body: bytes) -> Behaviour:
    """A connection that is closed one byte before the end of the reply."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        writer.write(_head(len(body)) + body[:-1])
        await writer.drain()
        writer.close()

    return behave


def aborts(body: bytes) -> Behaviour:
    """A connection that is reset in the middle of the reply, as by a process that is killed."""

    async def behave(_reader: Reader, writer: Writer) -> None:
        writer.write(_head(len(body)) + body[: len(body) // 2])
        await writer.drain()
        connected: socket.socket = writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return behave


def _head(size_bytes: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {size_bytes}\r\n\r\n".encode()


class Flood:
    """A reply that repeats `block` after `start`, until the client hangs up or `TOTAL` is sent.

    Attributes:
        complete: whether the client read all of it.
    """

    TOTAL = 64 << 20

    def __init__(self, block: bytes, *, start: bytes = b"") -> None:
        self._start = start
        self._blocks = block * (1 + (1 << 16) // len(block))
        self.complete = False

    async def __call__(self, _reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + self._start)
        for _ in range(self.TOTAL // len(self._blocks)):
            writer.write(self._blocks)
            await writer.drain()
        self.complete = True
        writer.close()


def piece(text: str) -> dict[str, Any]:
    """A piece of a chat reply."""
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": False}


def end(reason: str = "stop") -> dict[str, Any]:
    """The last piece of a chat reply."""
    return {**piece(""), "done": True, "done_reason": reason, "eval_count": 2}
