"""Calls over HTTP: one Ollama server, on real sockets."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
from faults.matrix import Attempt, Row, expect, jumping_clock
from faulty import Behaviour, Flood, aborts, cuts, end, faulty, piece, replies, silence, trickles
from ports import free_port

from metier import Message
from metier.errors import (
    DeadlineExceeded,
    MetierError,
    ModelRefused,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.ollama import Deadlines, OllamaServer
from metier.models.server import ChatRequest, RawRequest

ROOMY = Deadlines(pauses_s=())
SHORT = Deadlines(reply_s=0.1, first_token_s=0.1, token_s=0.1, call_s=0.1, pauses_s=())
MODEL = replies(200, {"models": [], "capabilities": ["completion"]})
WRITTEN = {"model": "m", "response": "a", "done": True, "done_reason": "stop"}
NO_MEMORY = {"error": "model requires more system memory (9.1 GiB) than is available (2.0 GiB)"}
REASONS = {
    "read-only": "metier touches no file in this call; the server's own are a 5xx",
    "permission": "metier touches no file in this call; the server's own are a 5xx",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call with what a server replies that is well.

    Attributes:
        lines: of the reply; JSON objects.
        before: how the requests that this call makes first are answered.
    """

    name: str
    make: Callable[[OllamaServer], Awaitable[object]]
    lines: Sequence[object]
    before: tuple[Behaviour, ...] = ()

    @property
    def body(self) -> bytes:
        return b"".join(json.dumps(line).encode() + b"\n" for line in self.lines)

    async def meets(self, behaviour: Behaviour) -> object:
        """What comes of it at a server that behaves so."""
        async with faulty(*self.before, behaviour) as seen:
            return await self.at(seen.host)

    async def at(self, host: str, deadlines: Deadlines = ROOMY) -> object:
        server = OllamaServer(host, deadlines=deadlines)
        try:
            return await self.make(server)
        finally:
            await server.aclose()


async def chatted(server: OllamaServer) -> str:
    request = ChatRequest(model="m", messages=(Message(role="user", content="Hello"),))
    return "".join([chunk.text async for chunk in server.chat(request)])


async def generated(server: OllamaServer) -> str:
    request = RawRequest(model="m", prompt="Hello")
    return "".join([chunk.text async for chunk in server.generate(request)])


async def pulled(server: OllamaServer) -> list[str]:
    return [step.status async for step in server.pull("m")]


async def created(server: OllamaServer) -> None:
    await server.create("m", files={"m.gguf": Path(__file__)})


CALLS = (
    Call(name="chat", make=chatted, lines=[piece("a"), end()]),
    Call(name="generate", make=generated, lines=[WRITTEN]),
    Call(name="embed", make=lambda s: s.embed("m", ["a"]), lines=[{"embeddings": [[1.0]]}]),
    Call(name="list", make=lambda s: s.list(), lines=[{"models": []}]),
    Call(name="show", make=lambda s: s.show("m"), lines=[{"capabilities": []}]),
    Call(name="loaded", make=lambda s: s.loaded(), lines=[{"models": []}]),
    Call(name="load", make=lambda s: s.load("m"), lines=[WRITTEN], before=(MODEL,)),
    Call(name="version", make=lambda s: s.version(), lines=[{"version": "0.24.0"}]),
    Call(name="pull", make=pulled, lines=[{"status": "pulling"}, {"status": "success"}]),
    Call(name="create", make=created, lines=[{"status": "success"}], before=(MODEL,)),
)


async def refused(call: Call, _: Path) -> None:
    await expect(ModelServerUnreachable, call.at(f"http://127.0.0.1:{free_port()}"))


async def fails(call: Call, behaviour: Behaviour, error: type[MetierError], _: Path) -> None:
    await expect(error, call.meets(behaviour))


async def succeeds(call: Call, behaviour: Behaviour, _: Path) -> None:
    assert await call.meets(behaviour) == await call.meets(replies(200, call.body))


async def is_too_late(call: Call, _: Path) -> None:
    async with faulty(silence()) as seen:
        await expect(DeadlineExceeded, call.at(seen.host, SHORT))


async def is_cancelled(call: Call, _: Path) -> None:
    asked = anyio.Event()

    async def is_silent(_reader: object, _writer: object) -> None:
        asked.set()

    async with faulty(*call.before, is_silent) as seen, anyio.create_task_group() as group:
        group.start_soon(call.at, seen.host)
        await asked.wait()
        group.cancel_scope.cancel()
        with anyio.fail_after(20, shield=True):
            await seen.hung_up.wait()


async def jumps(call: Call, _: Path) -> None:
    with jumping_clock():
        await call.meets(trickles(call.body, pause_s=0.01))


async def floods(call: Call, folder: Path) -> None:
    flood = Flood(b" " * 1024)  # a reply that never begins, as JSON may
    await fails(call, flood, ModelServerFailed, folder)
    assert not flood.complete


def attempts(call: Call) -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def error(kind: type[MetierError], behaviour: Behaviour) -> tuple[str, Attempt]:
        return kind.code, partial(fails, call, behaviour, kind)

    full = {"error": "write /models/blobs: no space left on device"}
    yield "refused", ("model_server_unreachable", partial(refused, call))
    yield "mute", ("deadline_exceeded", partial(is_too_late, call))
    slow = trickles(call.body, pause_s=0.02)
    yield "slow", ("the reply, if every piece is in time", partial(succeeds, call, slow))
    yield "cut", error(StreamInterrupted, cuts(call.body))
    yield "killed", error(StreamInterrupted, aborts(call.body))
    yield "garbage", error(ModelServerFailed, replies(200, b"\xff\x00<html>a login page</html>"))
    yield "wrong JSON", error(ModelServerFailed, replies(200, [[1, 2]]))
    yield "4xx", error(ModelRefused, replies(400, {"error": "no"}))
    yield "5xx", error(ModelServerFailed, replies(500, {"error": "boom"}))
    yield "disk full", error(ModelServerFailed, replies(500, full))
    yield "interrupted", ("the connection is closed", partial(is_cancelled, call))
    yield "clock jumps", ("the reply", partial(jumps, call))
    if call.name in ("chat", "generate", "embed", "load"):
        yield "out of memory", error(ModelServerFailed, replies(500, NO_MEMORY))
    else:
        yield "out of memory", ("a reply without end is cut off", partial(floods, call))


ROWS = [
    Row(kind="Ollama", call=call.name, attempts=dict(attempts(call)), reasons=REASONS)
    for call in CALLS
]
