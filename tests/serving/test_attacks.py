"""Attacks on the server's socket: each is refused or given up, and the next client is answered."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import FrameType, SimpleNamespace
from typing import Any

import anyio
import httpx
import pytest
from bridges.kitchen import council, models
from serving.running_server import served

from metier.bridges.heads import Heads
from metier.serving import Access, ServingLimits
from metier.serving.access import hashed
from metier.serving.running import serve

KEY = "a key of more than sixteen letters"
OPEN = b"GET /metier/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEALTH = OPEN[:-2] + b"Connection: close\r\n\r\n"
# Heads that two programs in a row could read in two ways. Behind each comes a second request.
AMBIGUOUS = {
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": b"Content-Length: 5, 0\r\n\r\n",
    "a length with a sign": b"Content-Length: +0\r\n\r\n",
    "a length below nothing": b"Content-Length: -1\r\n\r\n",
    "a length in another base": b"Content-Length: 0x0\r\n\r\n",
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no number": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk beyond all numbers": b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "a zero in a name": b"Content\x00-Length: 5\r\n\r\n",
    "a carriage return in a value": b"X: a\rContent-Length: 5\r\n\r\n",
    "a head without an end": b"X: " + b"x" * 200_000,
    "a hundred thousand lines": b"X: x\r\n" * 100_000 + b"\r\n",
}
TRICKS = [
    *("/page/../../running.py", "/page/..%2f..%2frunning.py", "/page/%2e%2e/%2e%2e/running.py"),
    *("/page/..\\..\\running.py", "/page//etc/passwd", "//etc/passwd", "/page/%00", "/page/."),
    *("/page/....//running.py", "/page/%252e%252e/running.py", "/page/\u2025/running.py"),
]
BESIDE_THE_KEY = [
    *("/page/../metier/runs", "/page/%2e%2e/metier/runs", "//metier/runs", "/metier//runs"),
    *("/page/..;/metier/runs", "/PAGE/../metier/runs", "/metier/runs/", "/metier/runs%00/page/"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(council(models())) as url:
        yield url


@pytest.fixture(scope="module")
def keyed() -> Iterator[str]:
    with served(council(models()), access=Access(key_sha256=hashed(KEY))) as url:
        yield url


def said(url: str, data: bytes) -> bytes:
    """Everything that the server says to these bytes until it closes or is silent for a second."""
    host, _, port = url.removeprefix("http://").partition(":")
    reply = b""
    with socket.create_connection((host, int(port)), timeout=1) as connection:
        try:
            connection.sendall(data)
            while piece := connection.recv(1 << 16):
                reply += piece
        except (TimeoutError, ConnectionError):
            pass
    return reply


@pytest.mark.parametrize("how", AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused_and_what_follows_is_not_read(
    how: str, address: str
) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    reply = said(address, head + AMBIGUOUS[how] + HEALTH)
    assert b" 200 " not in reply
    assert b" 200 " in said(address, HEALTH)


def test_two_requests_in_a_row_are_both_answered(address: str) -> None:
    assert said(address, OPEN + HEALTH).count(b" 200 ") == 2


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_leads_out_of_the_pages_folder(path: str, address: str) -> None:
    line = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    reply = said(address, line.encode("utf-8"))
    assert reply.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert b"import" not in reply
    assert b"root:" not in reply


@pytest.mark.parametrize("path", BESIDE_THE_KEY)
def test_no_path_leads_around_the_key(path: str, keyed: str) -> None:
    line = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    reply = said(keyed, line.encode())
    assert reply.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 404 "))
    assert b'"runs"' not in reply


def test_a_wrong_key_takes_as_many_steps_however_much_of_it_is_right() -> None:
    access = Access(key_sha256=hashed(KEY))

    def steps(key: str) -> int:
        count = 0

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal count
            count += 1
            frame.f_trace_opcodes = True
            return step

        headers = {"host": "127.0.0.1", "authorization": f"Bearer {key}"}
        before = sys.gettrace()
        sys.settrace(step)
        try:
            refused = access.refusal("/v1/models", headers) is not None
        finally:
            sys.settrace(before)
        assert refused is (key != KEY)
        return count

    half = KEY[: len(KEY) // 2].ljust(len(KEY), "x")
    assert steps("x" * len(KEY)) == steps(half) == steps(f"{KEY[:-1]}x")


@asynccontextmanager
async def running(limits: ServingLimits) -> AsyncIterator[str]:
    """The address of a server as `metier serve` runs it."""
    send, receive = anyio.create_memory_object_stream[str](10)
    async with anyio.create_task_group() as group, send, receive:
        say = send.send_nowait
        group.start_soon(lambda: serve(council(models()), port=0, limits=limits, say=say))
        yield (await receive.receive()).rpartition(" ")[2]
        group.cancel_scope.cancel()


@pytest.mark.anyio
@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: 127", OPEN + b"GET /"])
async def test_a_client_that_does_not_finish_its_head_is_given_up(first: bytes) -> None:
    async with running(ServingLimits(head_s=0.5)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(first) if first else None
            with anyio.fail_after(20):
                while True:
                    try:
                        await stream.receive()
                    except (anyio.EndOfStream, anyio.BrokenResourceError):
                        break


@dataclass(eq=False)
class Connection:
    """What uvicorn's have."""

    cycle: SimpleNamespace | None = None
    closed: bool = False

    @property
    def transport(self) -> Connection:
        return self

    def close(self) -> None:
        self.closed = True


def test_a_connection_on_which_requests_come_or_are_worked_on_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    idle, asking, working = Connection(), Connection(), Connection()
    working.cycle = SimpleNamespace(response_complete=False)
    heads = Heads(30.0)
    for second in range(0, 100, 20):
        monkeypatch.setattr(time, "monotonic", lambda now=second: float(now))
        asking.cycle = SimpleNamespace(response_complete=True)
        heads.close_late([idle, asking, working])
    assert [each.closed for each in (idle, asking, working)] == [True, False, False]


@pytest.mark.anyio
async def test_while_two_hundred_clients_send_nothing_another_is_answered() -> None:
    async with running(ServingLimits()) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        idle = [await anyio.connect_tcp(host, int(port)) for _ in range(200)]
        for each in idle:
            await each.send(b"GET / HTTP/1.1\r\nX-Slow: ")
        async with httpx.AsyncClient(base_url=url, timeout=20) as client:
            assert (await client.get("/metier/health")).status_code == 200
        for each in idle:
            await each.aclose()
