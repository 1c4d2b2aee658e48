"""`ModelServer` on a real Ollama.

What the server does by itself and metier does not want: it cuts long prompts silently, reloads a
model for another `num_ctx`, waits without end, and ends a stream of repetitions without saying
that it is done. Each is met here once, for everybody.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
from pydantic import BaseModel

from metier.answer import Usage
from metier.errors import (
    DeadlineExceeded,
    MetierError,
    ModelServerBusy,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.control import without_surrogates
from metier.models.ollama_client import MOST_REPLY_BYTES, Client, errors_of
from metier.models.replies import (
    ChatPart,
    ChosenToken,
    Embedded,
    GeneratedPart,
    ModelList,
    Part,
    ProcessList,
    Shown,
    Step,
    Version,
)
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    ModelDetails,
    Progress,
    RawRequest,
    ResidentModel,
    Sampling,
    TokenProbability,
)
from metier.models.thinking import ThinkingFilter
from metier.settings import Settings

T = TypeVar("T")
P = TypeVar("P", bound=Part)
R = TypeVar("R", bound=BaseModel)

_NANO = 1e-9
# Ollama cuts a prompt that is too long, and shifts a context that fills up, without a word,
# unless these are sent.
_UNCUT = {"truncate": False, "shift": False}
# Several times what a token, one of its alternatives, or a vector of 4,096 numbers takes.
_TOKEN_BYTES = 1 << 10
_ALTERNATIVE_BYTES = 1 << 8
_VECTOR_BYTES = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that each wait may last.

    Attributes:
        reply_s: for a reply that is no stream.
        pauses_s: before each further attempt at a call that was refused or met a full queue.
    """

    connect_s: float = 5.0
    reply_s: float = 30.0
    first_token_s: float = 300.0
    token_s: float = 60.0
    call_s: float = 900.0
    pauses_s: tuple[float, ...] = (0.1, 0.3, 0.9)


@dataclass(slots=True, kw_only=True)
class _Wait:
    """The waits of one call: for its first piece, between two, and all together."""

    deadlines: Deadlines
    model: str
    ends_at: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.ends_at = anyio.current_time() + self.deadlines.call_s

    async def for_next(self, stream: AsyncIterator[R], *, first: bool) -> R | None:
        limit_s = self.deadlines.first_token_s if first else self.deadlines.token_s
        left_s = self.ends_at - anyio.current_time()
        with anyio.move_on_after(min(limit_s, left_s)):
            return await anext(stream, None)
        what = "its first token" if first else "its next token"
        raise DeadlineExceeded(
            f"{self.model!r} did not give {what} within {min(limit_s, left_s):.0f} s",
            hint="Another program may keep the machine busy, or the model is too large for it",
        )


class OllamaServer:
    """One Ollama server.

    Args:
        host: its address, with scheme and port.
        num_ctx: the context window that every model is run with, in tokens. One value for all
            calls: another one makes the server load the model anew.
        keep_alive: how long the server keeps a model in memory after a call.
        parallel: the server's own OLLAMA_NUM_PARALLEL, which it tells nobody.
    """

    def __init__(
        self,
        host: str,
        *,
        num_ctx: int = 4096,
        keep_alive: str = "10m",
        parallel: int = 1,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        self._host = host
        self._num_ctx = num_ctx
        self._keep_alive = keep_alive
        self._parallel = parallel
        self._deadlines = deadlines
        self._clients: dict[anyio.lowlevel.EventLoopToken, Client] = {}

    @classmethod
    def from_settings(
        cls, settings: Settings, *, pauses_s: tuple[float, ...] = Deadlines().pauses_s
    ) -> OllamaServer:
        """The server that the settings name."""
        return cls(
            settings.host,
            num_ctx=settings.num_ctx,
            keep_alive=settings.keep_alive,
            parallel=settings.parallel,
            deadlines=Deadlines(
                pauses_s=pauses_s,
                connect_s=settings.connect_timeout_s,
                first_token_s=settings.first_token_timeout_s,
                token_s=settings.token_timeout_s,
                call_s=settings.timeout_s,
            ),
        )

    @property
    def address(self) -> str:
        """The server's URL."""
        return self._host

    def slots(self, model: str) -> int:  # the same for every model of a server
        """How many requests this server runs at once."""
        return self._parallel

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The reply, piece by piece, thinking kept apart."""
        call = {
            "messages": [message.model_dump() for message in request.messages],
            "think": request.think,
        }
        thinking = ThinkingFilter()
        parts = self._pieces("/api/chat", ChatPart, request.model, request.sampling, call)
        async with aclosing(parts):
            async for part in parts:
                yield thinking.passed(
                    _chunk(
                        part, text=part.message.content or "", thinking=part.message.thinking or ""
                    )
                )

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The continuation of a raw text, piece by piece."""
        call = {"prompt": request.prompt, "raw": True}
        parts = self._pieces("/api/generate", GeneratedPart, request.model, request.sampling, call)
        async with aclosing(parts):
            async for part in parts:
                yield _chunk(part, text=part.response, thinking="")

    async def _pieces(
        self, path: str, kind: type[P], model: str, sampling: Sampling, call: Mapping[str, Any]
    ) -> AsyncGenerator[P, None]:
        """The reply's parts, with deadlines, retries before the first, and a true end."""
        body: dict[str, Any] = {
            "model": model,
            "stream": True,
            "options": self._options(sampling),
            "keep_alive": self._keep_alive,
            **_UNCUT,
            **call,
        }
        if sampling.schema is not None:
            body["format"] = dict(sampling.schema)
        if sampling.logprobs or sampling.top_logprobs > 0:
            body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
        most = self._most_bytes(sampling)
        wait = _Wait(deadlines=self._deadlines, model=model)
        with errors_of(self._host, model=model, num_ctx=self._num_ctx):
            stream, part = await self._opened(
                lambda: self._client.parts(path, kind, body, most_bytes=most), wait
            )
            async with aclosing(stream):
                while part is not None:
                    yield part
                    if part.done:
                        return
                    part = await wait.for_next(stream, first=False)
        raise StreamInterrupted(
            f"{model!r} stopped without saying that it is done",
            hint="Small models that repeat themselves do this; ask again, or use another model",
        )

    def _most_bytes(self, sampling: Sampling) -> int:
        """More than a reply has: no model writes more tokens than were asked for, or fit."""
        tokens = min(sampling.max_tokens or self._num_ctx, self._num_ctx)
        each = _TOKEN_BYTES + sampling.top_logprobs * _ALTERNATIVE_BYTES
        return MOST_REPLY_BYTES + tokens * each

    async def _opened(
        self, request: Callable[[], AsyncGenerator[P, None]], wait: _Wait
    ) -> tuple[AsyncGenerator[P, None], P | None]:
        """The stream and its first piece. Only until here may a call be made again."""

        async def attempt() -> tuple[AsyncGenerator[P, None], P | None]:
            with errors_of(self._host, model=wait.model, num_ctx=self._num_ctx):
                stream = request()
                try:
                    return stream, await wait.for_next(stream, first=True)
                except BaseException:
                    with anyio.CancelScope(shield=True):
                        await stream.aclose()
                    raise

        return await self._retried(attempt)

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The attempt's result, tried again after a pause where what stopped it passes."""
        for pause_s in self._deadlines.pauses_s:
            try:
                return await attempt()
            except MetierError as exc:
                if not _passing(exc):
                    raise
            await anyio.sleep(pause_s * random.uniform(1, 1.5))  # noqa: S311  # not for secrets
        return await attempt()

    def _options(self, sampling: Sampling) -> dict[str, Any]:
        options: dict[str, Any] = {
            "num_ctx": self._num_ctx,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
        }
        if sampling.max_tokens is not None:
            options["num_predict"] = sampling.max_tokens
        if sampling.stop:
            options["stop"] = list(sampling.stop)
        return options

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text. The server reads as much of each text as the embedder's window holds.

        Raises:
            StreamInterrupted: the server returned another number of vectors.
            ModelServerFailed: the vectors are empty, or not of one length.
        """
        body = {
            "model": model,
            "input": [*texts],
            "truncate": True,
            "keep_alive": self._keep_alive,
        }
        reply = await self._short(
            "POST",
            "/api/embed",
            Embedded,
            body,
            limit_s=self._deadlines.first_token_s,
            most_bytes=MOST_REPLY_BYTES + len(texts) * _VECTOR_BYTES,
        )
        vectors = reply.embeddings
        if len(vectors) != len(texts):
            raise StreamInterrupted(f"{len(texts)} texts went in, {len(vectors)} vectors came out")
        if texts and (len({len(vector) for vector in vectors}) > 1 or not vectors[0]):
            raise ModelServerFailed(f"the vectors of {model!r} are empty or differ in length")
        return vectors

    async def list(self) -> Sequence[InstalledModel]:
        """The installed models, by name."""
        reply = await self._short("GET", "/api/tags", ModelList)
        found = [
            InstalledModel(
                name=model.model or "",
                size_bytes=model.size or 0,
                digest=model.digest or "",
                family=model.details.family or "",
                quantization=model.details.quantization_level or "",
            )
            for model in reply.models
        ]
        return sorted(found, key=lambda model: model.name)

    async def show(self, model: str) -> ModelDetails:
        """What the server knows about a model."""
        reply = await self._short("POST", "/api/show", Shown, {"model": model})
        return ModelDetails(
            name=model,
            capabilities=frozenset(reply.capabilities or ()),
            template=reply.template or "",
            parameters=reply.parameters or "",
            license=reply.license or "",
            info=reply.model_info or {},
        )

    async def resident(self) -> Sequence[ResidentModel]:
        """The models in memory."""
        reply = await self._short("GET", "/api/ps", ProcessList)
        return [
            ResidentModel(
                name=model.model or "",
                size_bytes=model.size or 0,
                context_length=model.context_length or 0,
                expires_at=model.expires_at.isoformat() if model.expires_at else "",
            )
            for model in reply.models
        ]

    async def load(self, model: str) -> None:
        """Bring a model into memory, with the window that later calls use."""
        details = await self.show(model)
        if "completion" not in details.capabilities and "embedding" in details.capabilities:
            await self.embed(model, ["warm"])
            return
        body = {
            "model": model,
            "stream": False,
            "options": {"num_ctx": self._num_ctx},
            "keep_alive": self._keep_alive,
        }
        limit_s = self._deadlines.first_token_s
        await self._short("POST", "/api/generate", GeneratedPart, body, limit_s=limit_s)

    async def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Get a model from Ollama's library."""
        wait = _Wait(deadlines=self._deadlines, model=model)
        with errors_of(self._host, model=model):
            stream = self._client.parts("/api/pull", Step, {"model": model, "stream": True})
            async with aclosing(stream):
                while (part := await wait.for_next(stream, first=True)) is not None:
                    wait.ends_at = anyio.current_time() + self._deadlines.call_s
                    yield Progress(
                        status=part.status or "",
                        done_bytes=part.completed or 0,
                        total_bytes=part.total or 0,
                    )

    async def create(
        self,
        model: str,
        *,
        files: Mapping[str, Path],
        template: str = "",
        parameters: Mapping[str, Any] | None = None,
        license_name: str = "",
    ) -> None:
        """Make a model of weight files (their relative names and where they lie)."""
        with errors_of(self._host, model=model):
            digests = {name: await self._uploaded(path) for name, path in files.items()}
            body = {
                "model": model,
                "files": digests,
                "template": template or None,
                "parameters": dict(parameters) if parameters else None,
                "license": license_name or None,
                "stream": False,
            }
            await self._client.reply("POST", "/api/create", Step, body)

    async def _uploaded(self, path: Path) -> str:
        digest = f"sha256:{await anyio.to_thread.run_sync(_sha256, path)}"
        if not await self._client.has_blob(digest):
            await self._client.upload(digest, path)
        return digest

    async def version(self) -> str:
        """The server's version."""
        return (await self._short("GET", "/api/version", Version)).version

    async def aclose(self) -> None:
        """Let this event loop's connections go."""
        if client := self._clients.pop(anyio.lowlevel.current_token(), None):
            await client.close()

    async def _short(
        self,
        method: str,
        path: str,
        kind: type[R],
        body: Mapping[str, Any] | None = None,
        *,
        limit_s: float | None = None,
        most_bytes: int = MOST_REPLY_BYTES,
    ) -> R:
        """One call without a stream."""
        limit_s = limit_s or self._deadlines.reply_s
        model = str((body or {}).get("model", ""))

        async def attempt() -> R:
            with errors_of(self._host, model=model, num_ctx=self._num_ctx):
                with anyio.move_on_after(limit_s):
                    return await self._client.reply(method, path, kind, body, most_bytes=most_bytes)
                raise DeadlineExceeded(
                    f"{self._host} did not answer within {limit_s:.0f} s",
                    hint="See: metier doctor",
                )

        return await self._retried(attempt)

    @property
    def _client(self) -> Client:
        """The client of the running event loop: connections cannot change loops."""
        token = anyio.lowlevel.current_token()
        if token not in self._clients:
            connect_s = self._deadlines.connect_s
            self._clients[token] = Client(self._host, connect_timeout_s=connect_s)
        return self._clients[token]


def _passing(exc: MetierError) -> bool:
    """Connection refused and 503 pass; a host that does not exist, or never answers, does not."""
    if isinstance(exc, ModelServerUnreachable):
        return "refused" in str(exc).lower() or "attempts failed" in str(exc).lower()
    return isinstance(exc, ModelServerBusy)


def _chunk(part: Part, *, text: str, thinking: str) -> Chunk:
    text, thinking = without_surrogates(text), without_surrogates(thinking)
    if not part.done:
        return Chunk(text=text, thinking=thinking, logprobs=_logprobs(part.logprobs))
    usage = Usage(
        calls=1,
        prompt_tokens=part.prompt_eval_count or 0,
        completion_tokens=part.eval_count or 0,
        load_s=(part.load_duration or 0) * _NANO,
        prompt_s=(part.prompt_eval_duration or 0) * _NANO,
        decode_s=(part.eval_duration or 0) * _NANO,
        total_s=(part.total_duration or 0) * _NANO,
    )
    return Chunk(
        text=text,
        thinking=thinking,
        logprobs=_logprobs(part.logprobs),
        done=True,
        done_reason=part.done_reason or "",
        usage=usage,
    )


def _logprobs(found: Sequence[ChosenToken] | None) -> tuple[TokenProbability, ...]:
    return tuple(
        TokenProbability(
            token=entry.token,
            logprob=entry.logprob,
            top=tuple((other.token, other.logprob) for other in entry.top_logprobs or ()),
        )
        for entry in found or ()
    )


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
