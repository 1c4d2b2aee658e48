"""Replies that are sent while the question is answered, and stop when the client leaves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Protocol, TypeVar

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from metier.errors import MetierError
from metier.events import Event
from metier.serving.failures import Failure, failure_of, refused
from metier.serving.forms import Form, dumped
from metier.serving.limits import ServingLimits
from metier.serving.pieces import Piece
from metier.serving.runs import Asked, Runs

JSON = "application/json"
T = TypeVar("T")


class Telling(Protocol):
    """Turns the events of a run into pieces."""

    @property
    def ended(self) -> bool:
        """Whether the last piece was returned."""
        ...

    def take(self, event: Event) -> Iterator[Piece]:
        """The pieces of an event."""
        ...


class LiveReply:
    """An ASGI response: the events of a run in a protocol's form.

    If the client leaves, the run ends at once, even while nothing is being sent. An error before
    anything was sent sets the status of the response; a later one is the last object of the stream.

    Args:
        events: the run, not yet begun.
        stream: whether the pieces are sent as they come.
    """

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        form: Form,
        telling: Telling,
        *,
        stream: bool,
        runs: Runs,
        limits: ServingLimits,
    ) -> None:
        self._events = events
        self._form = form
        self._telling = telling
        self._stream = stream
        self._runs = runs
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; returns when the reply is complete or the client has left."""
        async with aclosing(self._events), anyio.create_task_group() as group:
            out = _Out(send, self._form, group)
            group.start_soon(_until_gone, receive, group.cancel_scope)
            await self._guarded(out)
            group.cancel_scope.cancel()

    async def _guarded(self, out: _Out) -> None:
        """Send the reply, or the error."""
        try:
            with self._runs.one() as asked:
                await (self._streamed(out, asked) if self._stream else self._whole(out, asked))
            if asked.scope.cancelled_caught:
                await out.fail(asked.end)
        except MetierError as exc:
            await out.fail(failure_of(exc))

    async def _streamed(self, out: _Out, asked: Asked) -> None:
        out.keep_alive(self._limits.ping_s)
        async with aclosing(self._pieces(asked)) as pieces:
            async for piece in pieces:
                await out.open()
                await out.write(piece)
        await out.end()

    async def _whole(self, out: _Out, asked: Asked) -> None:
        async with aclosing(self._pieces(asked)) as pieces:
            found = [piece async for piece in pieces]
        await out.whole(found)

    async def _pieces(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        async for event in self._events:
            asked.run_id = event.run_id
            for piece in self._telling.take(event):
                yield piece
            if self._telling.ended:
                return


class _Out:
    """The sending side of a reply."""

    def __init__(self, send: Send, form: Form, group: anyio.abc.TaskGroup) -> None:
        self._send = send
        self._form = form
        self._group = group
        self._lock = anyio.Lock()
        self._sent_at = 0.0
        self._begun = False
        self._opened = False
        self._complete = False

    def keep_alive(self, every_s: float) -> None:
        """Send a comment after each silence from now on, if the protocol has comments."""
        self._sent_at = anyio.current_time()
        if ping := self._form.framing.ping:
            self._group.start_soon(self._ping, every_s, ping)

    async def open(self) -> None:
        """Send the opening, on the first call only."""
        if self._opened:
            return
        self._opened = True
        for wire in self._form.opening():
            await self._body(self._form.framing.line(wire))

    async def write(self, piece: Piece) -> None:
        """Send a piece."""
        lines = map(self._form.framing.line, self._form.chunks(piece))
        if data := b"".join(lines):
            await self._body(data)

    async def end(self) -> None:
        """Send the end of the stream."""
        await self._body(self._form.closing(), more=False)

    async def whole(self, pieces: list[Piece]) -> None:
        """Send the reply as one object."""
        await self._alone(dumped(self._form.whole(pieces)))

    async def fail(self, failure: Failure) -> None:
        """Send an error: with its own status if nothing was sent yet, else as the last object."""
        if self._complete:
            return
        if not self._begun:
            error = dumped(self._form.error(failure))
            await self._alone(error, failure.status, failure.headers)
            return
        # An error within a stream may refer to its opening.
        await self.open()
        await self._body(self._form.framing.line(self._form.error(failure)), more=False)

    async def _alone(
        self, data: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Send one object and nothing else."""
        self._begun = self._complete = True
        await self._start(status, JSON, headers)
        await self._send({"type": "http.response.body", "body": data})

    async def _start(
        self, status: int, media_type: str, headers: dict[str, str] | None = None
    ) -> None:
        # A response without a body: its headers alone are used.
        head = Response(status_code=status, media_type=media_type, headers=headers)
        raw = [(name, value) for name, value in head.raw_headers if name != b"content-length"]
        raw.append((b"cache-control", b"no-store"))
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _body(self, data: bytes, *, more: bool = True) -> None:
        async with self._lock:
            if self._complete:
                return
            self._complete = not more
            self._sent_at = anyio.current_time()
            if not self._begun:
                self._begun = True
                await self._start(200, self._form.framing.media_type)
            await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _ping(self, every_s: float, ping: bytes) -> None:
        """Send a comment after each silence, since proxies and clients close silent streams.

        It may be the first thing that is sent: planning takes long if the embedder must be loaded.
        """
        while not self._complete:
            await anyio.sleep(max(0.01, self._sent_at + every_s - anyio.current_time()))
            if anyio.current_time() - self._sent_at >= every_s:
                await self._body(ping)


async def unless_gone(receive: Receive, ask: Callable[[], Awaitable[T]]) -> T:
    """The result of a function, which is cancelled when the client leaves.

    Raises:
        Refused: it has left.
    """
    found: list[T] = []
    error: MetierError = refused("the client is gone")
    async with anyio.create_task_group() as group:
        group.start_soon(_until_gone, receive, group.cancel_scope)
        try:
            found.append(await ask())
        # A task group would wrap it.
        except MetierError as exc:
            error = exc
        group.cancel_scope.cancel()
    if not found:
        raise error
    return found[0]


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel the reply when its client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
