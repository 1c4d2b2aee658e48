"""Running the server until a signal stops it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from starlette.types import ASGIApp

from metier.bridges.heads import HeadsServer
from metier.council import Council
from metier.errors import InvalidSettings
from metier.serving.access import Access
from metier.serving.app import http_app
from metier.serving.limits import ServingLimits
from metier.serving.runs import Runs

PORT = 8413
# Added to the time that answers get, for connections that do not close.
_SPARE_S = 5


async def serve(
    council: Council,
    *,
    port: int = PORT,
    access: Access = Access(),
    limits: ServingLimits = ServingLimits(),
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until a signal; then wait for running answers, and cancel those that take too long.

    Args:
        say: called with each line that the operator should read.

    Raises:
        InvalidSettings: the address is in use, or not one of this machine's.
    """
    runs = Runs(limits.requests)
    app = http_app(council, access=access, limits=limits, runs=runs)
    server = Server(app, host=access.host, port=port, runs=runs, limits=limits, say=say)
    with listening(server.config) as bound:
        say(f"serving at http://{_shown(access.host)}:{bound.getsockname()[1]}")
        await server.serve(sockets=[bound])


class Server(HeadsServer):
    """Ends questions in progress before it closes their connections.

    Args:
        runs: the questions in progress of the app.
        say: called with each line that the operator should read.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        runs: Runs,
        limits: ServingLimits,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            use_colors=False,
            timeout_graceful_shutdown=int(limits.stop_s) + _SPARE_S,
            # It refuses what two readers could read in two ways, and large heads; the other parser
            # that uvicorn would take if it is installed does not.
            http="h11",
            ws="none",
        )
        super().__init__(config, head_s=limits.head_s)
        self._runs = runs
        self._limits = limits
        self._say = say

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal, without raising it again: the council must still be closed."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close; answers have `stop_s` seconds to finish."""
        self._runs.refuse_more()
        if running := self._runs.count:
            self._say(f"stopping: waiting up to {self._limits.stop_s:g} s for {_answers(running)}")
        async with anyio.create_task_group() as group:
            group.start_soon(self._cancel_late)
            await super().shutdown(sockets)
            group.cancel_scope.cancel()

    async def _cancel_late(self) -> None:
        await anyio.sleep(self._limits.stop_s)
        if ended := self._runs.cancel():
            self._say(f"stopped before the end of {_answers(ended)}")


def listening(config: uvicorn.Config) -> socket.socket:
    """Bind the address. uvicorn itself would end the process if that fails."""
    try:
        bound = socket.create_server(
            (config.host, config.port),
            family=socket.AF_INET6 if ":" in config.host else socket.AF_INET,
            backlog=config.backlog,
        )
        # Its connections inherit it. Without it a small reply waits 40 ms until the client's system
        # acknowledges the headers; asyncio sets it only for sockets that name their protocol.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return bound
    except OSError as exc:
        raise InvalidSettings(
            f"cannot listen on {config.host}:{config.port}: {(exc.strerror or str(exc)).lower()}",
            hint="Choose another address or port: metier serve --port 8414",
        ) from exc


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
