"""The `ollama` package, made fit for a library: nothing is cut off, no foreign error gets out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

# httpx's command line pulls in rich and pygments (a quarter of the import) for nothing here;
# httpx itself does without it where the import fails, which None in sys.modules makes it do.
if "httpx" not in sys.modules:
    cast("dict[str, object]", sys.modules).setdefault("httpx._main", None)

import httpx
import ollama

from metier.errors import (
    ContextOverflow,
    DeadlineExceeded,
    MetierError,
    ModelMissing,
    ModelRefused,
    ModelServerBusy,
    ModelServerError,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)

# Ollama cuts a prompt that is too long, and shifts a context that fills up, without a word,
# unless these are sent; the package has no arguments for them.
_UNCUT = {"truncate": False, "shift": False}
_GENERATING = ("/api/chat", "/api/generate")
_TOO_LONG = ("exceeds the context length", "exceed_context_size", "context size has been exceeded")


class Uncut(httpx.AsyncHTTPTransport):
    """Adds `truncate: false, shift: false` to every request that generates."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, completed where it generates."""
        if request.url.path.endswith(_GENERATING):
            body = json.dumps(json.loads(request.content) | _UNCUT).encode()
            headers = request.headers.copy()
            headers["Content-Length"] = str(len(body))
            request = httpx.Request(
                request.method,
                request.url,
                headers=headers,
                content=body,
                extensions=request.extensions,
            )
        return await super().handle_async_request(request)


class Client(ollama.AsyncClient):
    """`ollama.AsyncClient` with a connect deadline, uncut prompts, and a look for blobs.

    Proxies of the environment are not used for an address on this machine, and certificates
    are loaded only for https.
    """

    def __init__(self, host: str, *, connect_timeout_s: float) -> None:
        secure = host.startswith("https")
        super().__init__(
            host,
            timeout=httpx.Timeout(None, connect=connect_timeout_s),
            transport=Uncut(verify=secure),
            verify=secure,
            trust_env=secure,
        )

    async def has_blob(self, digest: str) -> bool:
        """Whether the server holds this blob (`sha256:…`); posting it again breaks the line."""
        try:
            await self._request_raw("HEAD", f"/api/blobs/{digest}")
        except ollama.ResponseError as exc:
            if exc.status_code == 404:
                return False
            raise
        return True

    async def version(self) -> str:
        """The server's version; the package has no call for it."""
        reply = await self._request_raw("GET", "/api/version")
        return str(reply.json()["version"])


@contextmanager
def errors_of(host: str, *, model: str = "", num_ctx: int = 0) -> Iterator[None]:
    """Turn what the package, httpx and the JSON reader raise into an error of ours."""
    try:
        yield
    except MetierError:
        raise
    except ollama.ResponseError as exc:
        raise _of_response(exc, model=model, num_ctx=num_ctx) from exc
    except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as exc:
        raise ModelServerUnreachable(host, reason=_reason(exc)) from exc
    except httpx.TimeoutException as exc:
        raise DeadlineExceeded(f"{host} did not answer in time") from exc
    except (httpx.NetworkError, httpx.ProtocolError) as exc:
        raise StreamInterrupted(
            f"the connection to {host} broke off ({_reason(exc)})",
            hint="The server may have stopped. See: metier doctor",
        ) from exc
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
        raise ModelServerFailed(f"{host}: {_reason(exc)}") from exc
    except (ValueError, AttributeError, TypeError) as exc:
        raise ModelServerFailed(
            f"{host} does not answer as Ollama does: {_reason(exc)}",
            hint="Check the address in OLLAMA_HOST",
        ) from exc


def _reason(exc: BaseException) -> str:
    cause = exc.__context__ if isinstance(exc, ConnectionError) and exc.__context__ else exc
    text = str(cause).strip().splitlines()
    return text[0][:200] if text else type(cause).__name__


def _of_response(exc: ollama.ResponseError, *, model: str, num_ctx: int) -> MetierError:
    text = str(exc.error)
    if any(sign in text for sign in _TOO_LONG):
        return ContextOverflow(model, num_ctx=num_ctx)
    match exc.status_code:
        case 404 if "not found" in text and model:
            return ModelMissing(model)
        case 503:
            return ModelServerBusy("the server's queue is full", hint="Try again in a moment")
        case status if 400 <= status < 500:
            return ModelRefused(f"the server refused the request: {text}")
        case -1:
            return _mid_stream(text)
        case status:
            return ModelServerFailed(f"the server failed with {status}: {text[:300]}")


def _mid_stream(text: str) -> ModelServerError:
    return StreamInterrupted(f"the server broke off its reply: {text[:300]}")
