"""`ModelServer` on a real Ollama.

What the server does by itself and metier does not want: it cuts long prompts silently, reloads a
model for another `num_ctx`, waits without end, and ends a stream of repetitions without saying
that it is done. Each is handled once, here or in `ollama_transport`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import anyio

from metier.errors import DeadlineExceeded, ModelServerFailed, StreamInterrupted
from metier.models.ollama_client import MOST_REPLY_BYTES, errors_of
from metier.models.ollama_transport import Deadlines, Transport, Wait
from metier.models.ollama_values import (
    chunk_of,
    details_of,
    installed_of,
    loaded_model_of,
    options_of,
    tools_of,
)
from metier.models.replies import (
    ChatPart,
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
    LoadedModel,
    ModelDetails,
    Progress,
    RawRequest,
    Sampling,
    ToolCall,
)
from metier.models.thinking import ThinkingFilter
from metier.models.tool_calls import CallReader, prompted
from metier.settings import Settings

P = TypeVar("P", bound=Part)
T = TypeVar("T")

# Ollama cuts a prompt that is too long, and shifts a context that fills up, without a word,
# unless these are sent.
_UNCUT = {"truncate": False, "shift": False}
# Several times what a token, one of its alternatives, or a vector of 4,096 numbers takes.
_TOKEN_BYTES = 1 << 10
_ALTERNATIVE_BYTES = 1 << 8
_VECTOR_BYTES = 1 << 17
# What a model may think before the tokens of its answer are counted.
_THINKING_TOKENS = 2048


class OllamaServer:
    """One Ollama server.

    Args:
        host: its address, with scheme and port.
        num_ctx: the context window that every model is run with, in tokens. One value for all
            calls: another one makes the server load the model again.
        keep_alive: how long the server keeps a model in memory after a call.
        concurrency: the server's own OLLAMA_NUM_PARALLEL, which it does not report.
    """

    def __init__(
        self,
        host: str,
        *,
        num_ctx: int = 4096,
        keep_alive: str = "10m",
        concurrency: int = 1,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        self._host = host
        self._num_ctx = num_ctx
        self._keep_alive = keep_alive
        self._concurrency = concurrency
        self._deadlines = deadlines
        self._transport = Transport(host, deadlines=deadlines, num_ctx=num_ctx)
        self._shown: dict[str, ModelDetails] = {}

    @classmethod
    def from_settings(
        cls, settings: Settings, *, pauses_s: tuple[float, ...] = Deadlines().pauses_s
    ) -> OllamaServer:
        """The server that the settings name."""
        return cls(
            settings.host,
            num_ctx=settings.num_ctx,
            keep_alive=settings.keep_alive,
            concurrency=settings.concurrency,
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

    def concurrency(self, model: str) -> int:  # the same for every model of a server
        """How many requests this server runs at once."""
        return self._concurrency

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The reply, piece by piece, thinking and calls of tools kept apart."""
        reader = CallReader(request, await self._details(request))
        if reader.needs_prompt:
            request = prompted(request)
        call: dict[str, Any] = {
            "messages": [message.model_dump() for message in request.messages],
            "think": request.think and reader.can_think,
        }
        if request.tools and not reader.needs_prompt:
            call["tools"] = tools_of(request.tools)
        thinking = ThinkingFilter()
        parts = self._pieces("/api/chat", ChatPart, request.model, _roomy(request), call)
        async with aclosing(parts):
            async for part in parts:
                chunk = reader.passed(thinking.passed(_spoken(part)))
                if chunk.done and reader.misfit is not None:
                    chunk = await self._called_again(request, call, reader, chunk)
                yield chunk

    async def _called_again(
        self, request: ChatRequest, call: Mapping[str, Any], reader: CallReader, first: Chunk
    ) -> Chunk:
        """The end of a reply whose arguments did not fit, asked for again under their grammar.

        The prompt is the same, so the server does not read it again.
        """
        sampling = replace(request.sampling, schema=reader.grammar())
        parts = self._pieces("/api/chat", ChatPart, request.model, sampling, call)
        async with aclosing(parts):
            chunks = [_spoken(part) async for part in parts]
        return reader.mended(first, chunks)

    async def _details(self, request: ChatRequest) -> ModelDetails | None:
        """What a call of tools or thinking depends on; None if the request wants neither."""
        if not request.tools and not request.think:
            return None
        if request.model not in self._shown:
            self._shown[request.model] = await self.show(request.model)
        return self._shown[request.model]

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The continuation of a raw text, piece by piece."""
        call = {"prompt": request.prompt, "raw": True}
        parts = self._pieces("/api/generate", GeneratedPart, request.model, request.sampling, call)
        async with aclosing(parts):
            async for part in parts:
                yield chunk_of(part, text=part.response, thinking="")

    def _pieces(
        self, path: str, kind: type[P], model: str, sampling: Sampling, call: Mapping[str, Any]
    ) -> AsyncGenerator[P, None]:
        body: dict[str, Any] = {
            "model": model,
            "stream": True,
            "options": options_of(sampling, num_ctx=self._num_ctx),
            "keep_alive": self._keep_alive,
            **_UNCUT,
            **call,
        }
        if sampling.schema is not None:
            body["format"] = dict(sampling.schema)
        if sampling.logprobs or sampling.top_logprobs > 0:
            body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
        return self._transport.pieces(path, kind, body, most_bytes=self._most_bytes(sampling))

    def _most_bytes(self, sampling: Sampling) -> int:
        """More than a reply has: no model writes more tokens than were asked for, or fit."""
        tokens = min(sampling.max_tokens or self._num_ctx, self._num_ctx)
        each = _TOKEN_BYTES + sampling.top_logprobs * _ALTERNATIVE_BYTES
        return MOST_REPLY_BYTES + tokens * each

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
        reply = await self._transport.whole(
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
        reply = await self._transport.whole("GET", "/api/tags", ModelList)
        found = map(installed_of, reply.models)
        return sorted(found, key=lambda model: model.name)

    async def show(self, model: str) -> ModelDetails:
        """What the server knows about a model."""
        reply = await self._transport.whole("POST", "/api/show", Shown, {"model": model})
        return details_of(model, reply)

    async def loaded(self) -> Sequence[LoadedModel]:
        """The models in memory."""
        reply = await self._transport.whole("GET", "/api/ps", ProcessList)
        return [loaded_model_of(model) for model in reply.models]

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
        await self._transport.whole("POST", "/api/generate", GeneratedPart, body, limit_s=limit_s)

    async def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Get a model from Ollama's library."""
        wait = Wait(deadlines=self._deadlines, model=model)
        with errors_of(self._host, model=model):
            stream = self._transport.client.parts(
                "/api/pull", Step, {"model": model, "stream": True}
            )
            async with aclosing(stream):
                while (part := await wait.for_next(stream, first=True)) is not None:
                    wait.restart()
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
        """Make a model of weight files (their relative names and where they lie).

        Raises:
            DeadlineExceeded: an upload, or making the model of the files, takes too long.
        """
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
            made = self._transport.client.reply("POST", "/api/create", Step, body)
            await self._in_time(made, self._deadlines.call_s)

    async def _uploaded(self, path: Path) -> str:
        digest = f"sha256:{await anyio.to_thread.run_sync(_sha256, path)}"
        client = self._transport.client
        if not await self._in_time(client.has_blob(digest), self._deadlines.reply_s):
            await self._in_time(client.upload(digest, path), self._deadlines.call_s)
        return digest

    async def _in_time(self, made: Awaitable[T], limit_s: float) -> T:
        with anyio.move_on_after(limit_s):
            return await made
        raise DeadlineExceeded(f"{self._host} did not answer within {limit_s:.0f} s")

    async def version(self) -> str:
        """The server's version."""
        return (await self._transport.whole("GET", "/api/version", Version)).version

    async def aclose(self) -> None:
        """Let this event loop's connections go."""
        await self._transport.aclose()


def _spoken(part: ChatPart) -> Chunk:
    """A piece of a message, with the calls that the server itself has read."""
    message = part.message
    calls = [
        ToolCall(name=each.function.name, arguments=each.function.arguments)
        for each in message.tool_calls or ()
    ]
    return chunk_of(part, text=message.content or "", thinking=message.thinking or "", calls=calls)


def _roomy(request: ChatRequest) -> Sampling:
    """How to write, with room for thoughts, which the server counts as part of the answer."""
    sampling = request.sampling
    if not request.think or sampling.max_tokens is None:
        return sampling
    return replace(sampling, max_tokens=sampling.max_tokens + _THINKING_TOKENS)


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
