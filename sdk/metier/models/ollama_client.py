"""Ollama's HTTP API: JSON out, JSON in, and nothing that the server sends is without a limit.

The server may be someone else's, or another program that listens on the port. So a request goes to
the address of the settings and nowhere else (no redirects, no proxies, no credentials from
`.netrc`), and a reply is read only as far as an honest one can go.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import anyio
import httpcore
from pydantic import BaseModel
from pydantic_core import from_json

from metier.errors import (
    ContextOverflow,
    DeadlineExceeded,
    MetierError,
    ModelMissing,
    ModelRefused,
    ModelServerBusy,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.control import without_surrogates
from metier.telemetry.tracing import trace_headers

T = TypeVar("T", bound=BaseModel)

# The largest that an honest server sends: a line holds a token or a step of a download, a reply
# the models of a large collection or what is known of one model, licences included.
MOST_LINE_BYTES = 1 << 20
MOST_REPLY_BYTES = 8 << 20
_MOST_ERROR_BYTES = 1 << 16
_UPLOAD_BYTES = 1 << 20
_TOO_LONG = ("exceeds the context length", "exceed_context_size", "context size has been exceeded")


class _Refused(Exception):
    """The server reported an error, with a status or in the middle of a stream."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class Client:
    """The connections to one server; they belong to the event loop in which they are used.

    Methods raise what `errors_of` turns into errors of ours.

    Args:
        host: with scheme and port.
    """

    def __init__(self, host: str, *, connect_timeout_s: float) -> None:
        self._host = host
        self._timeouts = {"connect": connect_timeout_s}
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=100, max_keepalive_connections=20, keepalive_expiry=5
        )

    async def reply(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: Mapping[str, Any] | None = None,
        *,
        most_bytes: int = MOST_REPLY_BYTES,
    ) -> T:
        """A whole reply."""
        async with self._sent(method, path, body) as response:
            read = _Read(self._host, most_bytes)
            async for part in _body(response):
                read.add(part)
        return _parsed(kind, bytes(read.rest))

    async def parts(
        self,
        path: str,
        kind: type[T],
        body: Mapping[str, Any],
        *,
        most_bytes: int | None = None,
    ) -> AsyncGenerator[T, None]:
        """A reply line by line; a line that reports an error raises it.

        Args:
            most_bytes: of all lines together; None for progress, which is not kept.
        """
        async with self._sent("POST", path, body) as response:
            read = _Read(self._host, most_bytes)
            async for part in _body(response):
                read.add(part)
                for line in read.lines():
                    yield _part(kind, line)
            if read.rest:
                yield _part(kind, bytes(read.rest))

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """A request whose reply says nothing more."""
        async with self._sent(method, path, body):
            pass

    async def has_blob(self, digest: str) -> bool:
        """Whether the server holds this blob (`sha256:…`); posting it again breaks the line."""
        try:
            await self.send("HEAD", f"/api/blobs/{digest}")
        except _Refused as exc:
            if exc.status == 404:
                return False
            raise
        return True

    async def upload(self, digest: str, path: Path) -> None:
        """Give the server a file."""
        size = (await anyio.Path(path).stat()).st_size
        async with self._sent("POST", f"/api/blobs/{digest}", _blocks(path), size_bytes=size):
            pass

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    @asynccontextmanager
    async def _sent(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | AsyncIterator[bytes] | None,
        *,
        size_bytes: int | None = None,
    ) -> AsyncIterator[httpcore.Response]:
        """The response to a request, if it is a success and its body is what it looks like."""
        content = json.dumps(body).encode() if isinstance(body, Mapping) else body
        async with self._pool.stream(
            method,
            _url(self._host, path),
            headers=self._headers(size_bytes),
            content=content,
            extensions={"timeout": self._timeouts},
        ) as response:
            await self._check(response)
            yield response

    def _headers(self, size_bytes: int | None) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"Host", urlsplit(self._host).netloc.rpartition("@")[2].encode("idna")),
            (b"Accept", b"application/json"),
            (b"Accept-Encoding", b"identity"),
            (b"Content-Type", b"application/json"),
            (b"User-Agent", b"metier"),
        ]
        headers += [(name.encode(), text.encode()) for name, text in trace_headers.get().items()]
        if size_bytes is not None:
            headers.append((b"Content-Length", b"%d" % size_bytes))
        # Ollama's own variable, for servers that ask for a key; never over a line in the clear.
        if self._host.startswith("https://") and (key := os.environ.get("OLLAMA_API_KEY")):
            headers.append((b"Authorization", f"Bearer {key}".encode()))
        return headers

    async def _check(self, response: httpcore.Response) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        if 300 <= response.status < 400:
            raise self._redirected(headers.get(b"location", ""))
        if response.status >= 400:
            raise _Refused(await _error_text(response), response.status)
        if (encoding := headers.get(b"content-encoding", "identity")) != "identity":
            raise ModelServerFailed(
                f"{self._host} sent a compressed reply ({encoding!r}), which was not asked for",
                hint="Check the address in OLLAMA_HOST",
            )

    def _redirected(self, location: str) -> ModelServerFailed:
        to = urlsplit(location)
        origin = f"{to.scheme}://{to.netloc.rpartition('@')[2]}" if to.netloc else location
        return ModelServerFailed(
            f"{self._host} redirects to {origin!r}, and metier follows no redirects",
            hint=f"If that is your server, set OLLAMA_HOST={origin}",
        )


class _Read:
    """What was read of a reply, within its limits.

    Attributes:
        rest: what is not yet given out as lines.
    """

    def __init__(self, host: str, most_bytes: int | None) -> None:
        self.rest = bytearray()
        self._host = host
        self._most_bytes = most_bytes
        self._size_bytes = 0
        self._searched = 0

    def add(self, part: bytes) -> None:
        """Take the next part."""
        self._size_bytes += len(part)
        if self._most_bytes is not None and self._size_bytes > self._most_bytes:
            raise self._cut_off(f"more than {self._most_bytes} bytes in one reply")
        self.rest += part

    def lines(self) -> list[bytes]:
        """The lines that are complete by now."""
        end = self.rest.rfind(b"\n", self._searched)
        if end < 0:
            lines = []
        else:
            lines = bytes(self.rest[:end]).split(b"\n")
            del self.rest[: end + 1]
        self._searched = len(self.rest)
        if len(self.rest) > MOST_LINE_BYTES:
            raise self._cut_off(f"more than {MOST_LINE_BYTES} bytes in one line")
        return lines

    def _cut_off(self, what: str) -> ModelServerFailed:
        return ModelServerFailed(
            f"{self._host} sent {what}, and was cut off", hint="Check the address in OLLAMA_HOST"
        )


@contextmanager
def errors_of(host: str, *, model: str = "", num_ctx: int = 0) -> Iterator[None]:
    """Turn what httpcore and the JSON reader raise into an error of ours."""
    try:
        yield
    except MetierError:
        raise
    except _Refused as exc:
        raise _of_refusal(exc, model=model, num_ctx=num_ctx) from exc
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
        raise ModelServerUnreachable(host, reason=_reason(exc)) from exc
    except httpcore.TimeoutException as exc:
        raise DeadlineExceeded(f"{host} did not answer in time") from exc
    except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
        raise StreamInterrupted(
            f"the connection to {host} broke off ({_reason(exc)})",
            hint="The server may have stopped. See: metier doctor",
        ) from exc
    except (ValueError, httpcore.UnsupportedProtocol) as exc:
        raise ModelServerFailed(
            f"{host} does not answer as Ollama does: {_reason(exc)}",
            hint="Check the address in OLLAMA_HOST",
        ) from exc


def _url(host: str, path: str) -> httpcore.URL:
    parts = urlsplit(host)
    return httpcore.URL(
        scheme=parts.scheme,
        host=(parts.hostname or "").encode("idna"),
        port=parts.port,
        target=quote(f"{parts.path}{path}", safe="/:%").encode(),
    )


def _body(response: httpcore.Response) -> AsyncIterator[bytes]:
    # httpcore's type is that of a synchronous response, too.
    stream: Any = response.stream
    return aiter(stream)


def _part(kind: type[T], line: bytes) -> T:
    if b'"error"' in line and (text := _error_in(line)):
        raise _Refused(text)
    return _parsed(kind, line)


def _parsed(kind: type[T], reply: bytes) -> T:
    """A reply; half of a surrogate pair, of which pydantic would have none, becomes U+FFFD."""
    if b"\\ud" in reply.lower():
        with suppress(ValueError, RecursionError):
            told = json.dumps(json.loads(reply), ensure_ascii=False)
            reply = without_surrogates(told).encode()
    return kind.model_validate_json(reply)


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while block := await file.read(_UPLOAD_BYTES):
            yield block


async def _error_text(response: httpcore.Response) -> str:
    """What a failed request says, its beginning at least."""
    data = bytearray()
    async for part in _body(response):
        data += part
        if len(data) > _MOST_ERROR_BYTES:
            break
    return _error_in(bytes(data)) or data[:_MOST_ERROR_BYTES].decode(errors="replace")


def _error_in(data: bytes) -> str:
    """The error that a JSON object reports; empty if it reports none."""
    try:
        found = from_json(data)
    except ValueError:
        return ""
    return str(found.get("error") or "") if isinstance(found, dict) else ""


def _reason(exc: BaseException) -> str:
    text = str(exc).strip().splitlines()
    return text[0][:200] if text else type(exc).__name__


def _of_refusal(exc: _Refused, *, model: str, num_ctx: int) -> MetierError:
    if any(sign in exc.text for sign in _TOO_LONG):
        return ContextOverflow(model, num_ctx=num_ctx)
    match exc.status:
        case None:
            return StreamInterrupted(f"the server broke off its reply: {exc.text[:300]}")
        case 404 if "not found" in exc.text and model:
            return ModelMissing(model)
        case 503:
            return ModelServerBusy("the server's queue is full", hint="Try again in a moment")
        case status if 400 <= status < 500:
            return ModelRefused(f"the server refused the request: {exc.text[:300]}")
        case status:
            return ModelServerFailed(f"the server failed with {status}: {exc.text[:300]}")
