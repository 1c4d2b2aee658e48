"""Requests to the app without a socket."""

from __future__ import annotations

import httpx
from bridges.kitchen import council, models
from starlette.types import ASGIApp

from metier.serving import Access, ServingLimits, http_app
from metier.testing.models import ScriptedModels


def app(
    server: ScriptedModels | None = None,
    *,
    access: Access | None = None,
    limits: ServingLimits | None = None,
) -> ASGIApp:
    """The server's app over scripted models."""
    return http_app(
        council(server or models()),
        access=access or Access(),
        limits=limits or ServingLimits(),
    )


def caller(made: ASGIApp, *, base: str = "http://127.0.0.1:8413") -> httpx.AsyncClient:
    """A client of it, under the name of this machine."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(made, raise_app_exceptions=False), base_url=base
    )
