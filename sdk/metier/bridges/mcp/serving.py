"""Running the server: over stdin and stdout, or over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import uvicorn
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from metier.bridges.heads import HeadsServer
from metier.bridges.mcp.server import Asking, council_server, plainly, server_of
from metier.council import Council

PATH = "/mcp"
# A client that goes away without a word leaves its session behind.
MOST_SESSIONS = 100
IDLE_S = 600.0
HEAD_S = 30.0
_LOOPBACK = "127.0.0.1"


async def serve_stdio(council: Council, *, experts: Sequence[str] | None = None) -> None:
    """Serve one client over stdin and stdout, until stdin ends. Nothing else may write there."""
    server = council_server(council, experts=experts)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def serve_http(
    council: Council,
    *,
    port: int,
    experts: Sequence[str] | None = None,
    head_s: float = HEAD_S,
) -> None:
    """Serve over streamable HTTP on this machine alone, at `http://127.0.0.1:PORT/mcp`.

    There is no authentication; so it listens on the loopback interface, and answers only those who
    call it by that name: a page in a browser cannot reach it under a name of its own. A connection
    on which no request begins for `head_s` seconds is closed.
    """
    app = http_app(council, port=port, experts=experts)
    config = uvicorn.Config(
        app, host=_LOOPBACK, port=port, log_level="warning", use_colors=False, http="h11", ws="none"
    )
    server = HeadsServer(config, head_s=head_s)
    try:
        await server.serve()
    finally:
        # If it is cancelled, uvicorn leaves its port open.
        for each in server.servers:
            each.close()


def http_app(
    council: Council,
    *,
    port: int,
    experts: Sequence[str] | None = None,
    idle_s: float = IDLE_S,
) -> Starlette:
    """The server as an app. A session that has not been used for `idle_s` seconds ends."""
    hosts = [f"{name}:{port}" for name in (_LOOPBACK, "localhost")]
    security = TransportSecuritySettings(
        allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts]
    )
    route, manager = http_route(council, security=security, experts=experts, idle_s=idle_s)
    return Starlette(routes=[route], lifespan=lambda _: manager.run())


def http_route(
    council: Council,
    *,
    security: TransportSecuritySettings | None = None,
    experts: Sequence[str] | None = None,
    idle_s: float = IDLE_S,
    asking: Asking = plainly,
) -> tuple[Route, StreamableHTTPSessionManager]:
    """The server as a route of a larger app, and what must run while the app does.

    Args:
        security: who may call; the larger app sees to that itself if it is not given.
        asking: awaits each answer; the larger app may have limits of its own.
    """
    manager = StreamableHTTPSessionManager(
        server_of(council, experts=experts, asking=asking),
        security_settings=security,
        session_idle_timeout=idle_s,
        max_sessions=MOST_SESSIONS,
    )
    return Route(PATH, endpoint=_Endpoint(manager)), manager


class _Endpoint:
    """Handed the raw request: a function would be taken for a handler of Starlette's."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)
