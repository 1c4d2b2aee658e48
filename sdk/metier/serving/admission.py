"""Access control, which every request passes first."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.access import Access
from metier.serving.failures import Failure, ollama_error, openai_error, page_error
from metier.serving.forms import dumped

_METHODS = "GET, POST, PATCH, DELETE, HEAD, OPTIONS"
_MAX_AGE_S = "600"
_SHAPES = (("/v1", openai_error), ("/metier/", page_error))


class Admission:
    """Middleware that refuses callers without access, and answers the preflights of browsers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            await _ambiguous(scope["path"])(scope, receive, send)
            return
        if _is_preflight(scope, headers):
            await self._preflight(scope["path"], headers)(scope, receive, send)
            return
        if (failure := self._access.refusal(scope["path"], headers)) is not None:
            await error_response(scope["path"], failure)(scope, receive, send)
            return
        await self._app(scope, receive, _allowing(send, headers.get("origin")))

    def _preflight(self, path: str, headers: Headers) -> Response:
        origin = headers["origin"]
        if not self._access.allows_origin(origin, headers.get("host", ""), path=path):
            return Response(status_code=403)
        allowed = {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": headers.get("access-control-request-headers", ""),
            "access-control-max-age": _MAX_AGE_S,
            "vary": "Origin",
        }
        return Response(status_code=204, headers=allowed)


def error_response(path: str, failure: Failure) -> Response:
    """An error in the form of the protocol that the path belongs to."""
    shape = next((shape for start, shape in _SHAPES if path.startswith(start)), ollama_error)
    return Response(
        dumped(shape(failure)),
        status_code=failure.status,
        headers=failure.headers,
        media_type="application/json",
    )


def _ambiguous(path: str) -> Response:
    """Refuse a body that a proxy could delimit differently: its rest would be read as a request."""
    failure = Failure(
        status=400, message="a request has Content-Length or Transfer-Encoding, never both"
    )
    response = error_response(path, failure)
    response.headers["connection"] = "close"
    return response


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return (
        scope["method"] == "OPTIONS"
        and "origin" in headers
        and "access-control-request-method" in headers
    )


def _allowing(send: Send, origin: str | None) -> Send:
    """Wrap `send` to add the headers that let a page of an allowed origin read the reply."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["x-content-type-options"] = "nosniff"
            if origin is not None:
                headers["access-control-allow-origin"] = origin
                headers.add_vary_header("Origin")
        await send(message)

    return sending
