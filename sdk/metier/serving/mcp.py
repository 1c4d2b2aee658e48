"""The Model Context Protocol on the server's port, within the server's limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from metier.answer import Answer
from metier.errors import MetierError
from metier.serving.failures import Refused, failure_of, public_answer
from metier.serving.reading import body_of
from metier.serving.runs import STOPPING
from metier.serving.service import Service


def mcp_routes(service: Service) -> tuple[list[BaseRoute], Lifespan[Starlette] | None]:
    """The route of the protocol, and what must run for it; none if the extra is not installed."""
    try:
        from metier.bridges.mcp.serving import http_route
    except ModuleNotFoundError:
        return [], None

    async def asking(ask: Callable[[], Awaitable[Answer]]) -> Answer:
        return await _asked(service, ask)

    route, manager = http_route(service.council, asking=asking)
    limited = Route(route.path, endpoint=_Limited(route.endpoint, service))
    return [limited], lambda _: manager.run()


async def _asked(service: Service, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask as a question in progress.

    Raises:
        Refused: too many are in progress, the server stops before the end, or there is no answer.
    """
    try:
        with service.runs.one():
            return public_answer(await ask())
    except MetierError as exc:
        raise Refused(failure_of(exc)) from exc
    raise Refused(STOPPING)


@dataclass(frozen=True, slots=True)
class _Limited:
    """Reads a request's body within the limits, and hands it on."""

    app: ASGIApp
    service: Service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method == "POST":
            receive = _again(await body_of(request, self.service.limits), receive)
        await self.app(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read before; then what else comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
