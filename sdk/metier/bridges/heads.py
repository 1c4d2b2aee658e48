"""Servers that do not wait for ever for the head of a request."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Protocol

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


class _Cycle(Protocol):
    response_complete: bool


class _Transport(Protocol):
    def close(self) -> None: ...


class Connection(Protocol):
    """What is needed of a connection of uvicorn's."""

    @property
    def cycle(self) -> _Cycle | None:
        """The request in progress, or the last one."""
        ...

    @property
    def transport(self) -> _Transport:
        """What it is closed by."""
        ...


class Heads:
    """Closes connections on which no request begins for too long.

    uvicorn waits for the head of a request without an end, so clients that send a byte now and
    then could hold all connections.

    Args:
        limit_s: how long a connection may be without a request, in seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._waiting: dict[Connection, tuple[_Cycle | None, float]] = {}

    def close_late(self, connections: Collection[Connection]) -> None:
        """Close those that have waited for longer; called again and again."""
        now = time.monotonic()
        waiting: dict[Connection, tuple[_Cycle | None, float]] = {}
        for each in connections:
            if each.cycle is not None and not each.cycle.response_complete:
                continue
            cycle, since = self._waiting.get(each, (each.cycle, now))
            waiting[each] = (each.cycle, since if cycle is each.cycle else now)
            if now - waiting[each][1] > self._limit_s:
                each.transport.close()
        self._waiting = waiting


class HeadsServer(uvicorn.Server):
    """A server that closes connections on which no request begins within `head_s` seconds.

    Its configuration must name the protocol `h11`.
    """

    def __init__(self, config: uvicorn.Config, *, head_s: float) -> None:
        super().__init__(config)
        self.servers = []
        self._heads = Heads(head_s)

    async def on_tick(self, counter: int) -> bool:
        """What happens ten times a second, and here once a second, too."""
        if counter % 10 == 0:
            opened = self.server_state.connections
            self._heads.close_late([each for each in opened if isinstance(each, H11Protocol)])
        return await super().on_tick(counter)
