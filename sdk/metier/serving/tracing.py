"""The trace that a request belongs to, passed on to the model server."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from metier.telemetry.tracing import trace_headers

_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_STATE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,511}")


class Traced:
    """Takes the trace headers of a request (W3C Trace Context); malformed ones are ignored."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        token = trace_headers.set(traced(Headers(scope=scope)) if scope["type"] == "http" else {})
        try:
            await self._app(scope, receive, send)
        finally:
            trace_headers.reset(token)


def traced(headers: Headers) -> dict[str, str]:
    """The trace headers of a request, if they are well-formed."""
    parent = headers.get("traceparent", "")
    if not _PARENT.fullmatch(parent):
        return {}
    state = headers.get("tracestate", "")
    return {"traceparent": parent} | ({"tracestate": state} if _STATE.fullmatch(state) else {})
