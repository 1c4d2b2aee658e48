"""Calls to one Ollama server: deadlines for every wait, retries, and streams that truly end."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
from pydantic import BaseModel

from metier.errors import (
    DeadlineExceeded,
    MetierError,
    ModelServerBusy,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.ollama_client import MOST_REPLY_BYTES, Client, errors_of
from metier.models.replies import Part

T = TypeVar("T")
P = TypeVar("P", bound=Part)
R = TypeVar("R", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that each wait may last.

    Attributes:
        reply_s: for a reply that is no stream.
        pauses_s: before each further attempt at a call that was refused or met a full queue.
    """

    connect_s: float = 5.0
    reply_s: float = 30.0
    first_token_s: float = 300.0
    token_s: float = 60.0
    call_s: float = 900.0
    pauses_s: tuple[float, ...] = (0.1, 0.3, 0.9)


@dataclass(slots=True, kw_only=True)
class Wait:
    """The waits of one call: for its first piece, between two, and all together."""

    deadlines: Deadlines
    model: str
    ends_at: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Restart the deadline of the call."""
        self.ends_at = anyio.current_time() + self.deadlines.call_s

    async def for_next(self, stream: AsyncIterator[R], *, first: bool) -> R | None:
        """The next piece; None at the end.

        Raises:
            DeadlineExceeded: it did not come in time.
        """
        limit_s = self.deadlines.first_token_s if first else self.deadlines.token_s
        left_s = self.ends_at - anyio.current_time()
        with anyio.move_on_after(min(limit_s, left_s)):
            return await anext(stream, None)
        what = "its first token" if first else "its next token"
        raise DeadlineExceeded(
            f"{self.model!r} did not give {what} within {min(limit_s, left_s):.0f} s",
            hint="Another program may keep the machine busy, or the model is too large for it",
        )


class Transport:
    """The calls to one server.

    Args:
        host: its address, with scheme and port.
        num_ctx: the context window of its models, named if a prompt does not fit.
    """

    def __init__(self, host: str, *, deadlines: Deadlines, num_ctx: int) -> None:
        self.host = host
        self.deadlines = deadlines
        self._num_ctx = num_ctx
        self._clients: dict[anyio.lowlevel.EventLoopToken, Client] = {}

    @property
    def client(self) -> Client:
        """The client of the running event loop: connections cannot change loops."""
        token = anyio.lowlevel.current_token()
        if token not in self._clients:
            connect_s = self.deadlines.connect_s
            self._clients[token] = Client(self.host, connect_timeout_s=connect_s)
        return self._clients[token]

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        if client := self._clients.pop(anyio.lowlevel.current_token(), None):
            await client.close()

    async def pieces(
        self, path: str, kind: type[P], body: Mapping[str, Any], *, most_bytes: int
    ) -> AsyncGenerator[P, None]:
        """The reply's parts, with deadlines, retries before the first, and a true end."""
        model = str(body["model"])
        wait = Wait(deadlines=self.deadlines, model=model)
        with errors_of(self.host, model=model, num_ctx=self._num_ctx):
            stream, part = await self._opened(
                lambda: self.client.parts(path, kind, body, most_bytes=most_bytes), wait
            )
            async with aclosing(stream):
                while part is not None:
                    yield part
                    if part.done:
                        return
                    part = await wait.for_next(stream, first=False)
        raise StreamInterrupted(
            f"{model!r} stopped without saying that it is done",
            hint="Small models that repeat themselves do this; ask again, or use another model",
        )

    async def whole(
        self,
        method: str,
        path: str,
        kind: type[R],
        body: Mapping[str, Any] | None = None,
        *,
        limit_s: float | None = None,
        most_bytes: int = MOST_REPLY_BYTES,
    ) -> R:
        """A reply that is no stream."""
        limit_s = limit_s or self.deadlines.reply_s
        model = str((body or {}).get("model", ""))

        async def attempt() -> R:
            with errors_of(self.host, model=model, num_ctx=self._num_ctx):
                with anyio.move_on_after(limit_s):
                    return await self.client.reply(method, path, kind, body, most_bytes=most_bytes)
                raise DeadlineExceeded(
                    f"{self.host} did not answer within {limit_s:.0f} s",
                    hint="See: metier doctor",
                )

        return await self._retried(attempt)

    async def _opened(
        self, request: Callable[[], AsyncGenerator[P, None]], wait: Wait
    ) -> tuple[AsyncGenerator[P, None], P | None]:
        """The stream and its first piece. Only until here may a call be made again."""

        async def attempt() -> tuple[AsyncGenerator[P, None], P | None]:
            with errors_of(self.host, model=wait.model, num_ctx=self._num_ctx):
                stream = request()
                try:
                    return stream, await wait.for_next(stream, first=True)
                except BaseException:
                    with anyio.CancelScope(shield=True):
                        await stream.aclose()
                    raise

        return await self._retried(attempt)

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The attempt's result, tried again after a pause if what stopped it passes."""
        for pause_s in self.deadlines.pauses_s:
            try:
                return await attempt()
            except MetierError as exc:
                if not _passing(exc):
                    raise
            await anyio.sleep(pause_s * random.uniform(1, 1.5))  # noqa: S311  # not for secrets
        return await attempt()


def _passing(exc: MetierError) -> bool:
    """Connection refused and 503 pass; a host that does not exist, or never answers, does not."""
    if isinstance(exc, ModelServerUnreachable):
        return "refused" in str(exc).lower() or "attempts failed" in str(exc).lower()
    return isinstance(exc, ModelServerBusy)
