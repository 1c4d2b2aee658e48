"""The server as an ASGI app."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from metier.council import Council
from metier.errors import MetierError
from metier.serving.access import Access
from metier.serving.admission import Admission, error_response
from metier.serving.failures import Failure, failure_of
from metier.serving.limits import ServingLimits
from metier.serving.mcp import mcp_routes
from metier.serving.metrics import metrics_route
from metier.serving.ollama.routes import ollama_routes
from metier.serving.openai.routes import openai_routes
from metier.serving.page.routes import page_routes
from metier.serving.runs import Runs
from metier.serving.service import Service
from metier.serving.tracing import Traced

_MESSAGES = {404: "there is nothing at this path", 405: "this path does not take this method"}


def http_app(
    council: Council,
    *,
    access: Access = Access(),
    limits: ServingLimits = ServingLimits(),
    runs: Runs | None = None,
) -> Starlette:
    """Serve the council as a page and over the protocols of OpenAI, Ollama and, if installed, MCP.

    The app does not close the council: do that yourself when the app has ended.

    Args:
        access: who may call; programs of this machine by default.
        runs: the questions in progress; pass your own to cancel them when the server stops.
    """
    service = Service(council=council, limits=limits, runs=runs or Runs(limits.requests))
    mcp, lifespan = mcp_routes(service)
    return Starlette(
        routes=[
            *page_routes(service),
            *openai_routes(service),
            *ollama_routes(service),
            metrics_route(service),
            *mcp,
        ],
        lifespan=lifespan,
        middleware=[Middleware(Admission, access=access), Middleware(Traced)],
        exception_handlers={
            MetierError: _on_error,
            HTTPException: _on_http,
            Exception: _on_bug,
        },
    )


async def _on_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, MetierError)
    return error_response(request.url.path, failure_of(exc))


async def _on_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    message = _MESSAGES.get(exc.status_code, "the request cannot be answered")
    failure = Failure(status=exc.status_code, message=message)
    response = error_response(request.url.path, failure)
    response.headers.update(exc.headers or {})
    return response


async def _on_bug(request: Request, _: Exception) -> Response:
    """The traceback goes to the server's log, not to the client."""
    failure = Failure(status=500, message="the server failed; see its log", code="internal_error")
    return error_response(request.url.path, failure)
