"""Requests and replies at the seams to models and embedder, converted to bytes and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter

from metier.errors import DeadlineExceeded, MetierError
from metier.models.embedder import Role, Vectors
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    RawRequest,
)


class Failure(BaseModel):
    """How a call broke off.

    Attributes:
        code: of the error; `closed` if the reader stopped, `cancelled` if the run was cancelled.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    message: str = ""
    hint: str = ""

    @classmethod
    def of(cls, exc: BaseException) -> Failure:
        """The recorded form of an error."""
        if isinstance(exc, MetierError):
            return cls(code=exc.code, message=exc.message, hint=exc.hint)
        return cls(code="closed" if isinstance(exc, GeneratorExit) else "cancelled")

    def error(self) -> MetierError:
        """The error to raise again."""
        if self.code == "cancelled":
            return DeadlineExceeded("the kept run was cancelled during this call")
        kind = _errors().get(self.code, MetierError)
        error = kind.__new__(kind, self.message)
        MetierError.__init__(error, self.message, hint=self.hint)
        return error


class Reply(BaseModel):
    """A reply, piece by piece, and how it broke off if it did."""

    model_config = ConfigDict(frozen=True)

    pieces: tuple[Chunk, ...] = ()
    failure: Failure | None = None


@cache
def _errors() -> dict[str, type[MetierError]]:
    found: dict[str, type[MetierError]] = {}
    left = [MetierError]
    while left:
        kind = left.pop()
        found.setdefault(kind.code, kind)
        left += kind.__subclasses__()
    return found


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401  # a type, such as tuple[Chunk, ...]
    """A converter between values of a type and JSON."""
    return TypeAdapter(kind)


Models = tuple[InstalledModel, ...]
LoadedModels = tuple[LoadedModel, ...]


def key_of(kind: str, request: bytes) -> str:
    """A key that is the same for equal requests."""
    return hashlib.sha256(kind.encode() + b"\0" + request).hexdigest()


def packed_chat(request: ChatRequest) -> tuple[bytes, list[bytes]]:
    """Split a request into itself with hashes for its texts, and the texts.

    Prompts repeat most of their texts, so each is stored once.
    """
    texts = [message.content.encode(errors="surrogatepass") for message in request.messages]
    messages = tuple(
        message.model_copy(update={"content": hashlib.sha256(text).hexdigest()})
        for message, text in zip(request.messages, texts, strict=True)
    )
    named = replace(request, messages=messages)
    return adapter(ChatRequest).dump_json(named), texts


def unpacked_chat(data: bytes, text_of: Callable[[str], str]) -> ChatRequest:
    """Put the texts back into a request."""
    named: ChatRequest = adapter(ChatRequest).validate_json(data)
    messages = tuple(
        message.model_copy(update={"content": text_of(message.content)})
        for message in named.messages
    )
    return replace(named, messages=messages)


def packed_raw(request: RawRequest) -> bytes:
    """A raw request as JSON."""
    return adapter(RawRequest).dump_json(request)


def packed_texts(embedder_id: str, texts: Sequence[str], role: Role) -> bytes:
    """A request to an embedder as JSON."""
    asked = {"embedder": embedder_id, "role": role, "texts": list(texts)}
    return json.dumps(asked, ensure_ascii=True).encode()


def packed_vectors(vectors: Vectors) -> bytes:
    """Vectors, bit for bit."""
    return np.ascontiguousarray(vectors, dtype="<f4").tobytes()


def unpacked_vectors(data: bytes, count: int) -> Vectors:
    """The vectors of `count` texts."""
    return np.frombuffer(data, dtype="<f4").reshape(count, -1).astype(np.float32)


def packed_reply(pieces: Sequence[Chunk], failure: Failure | None) -> bytes:
    """A reply as JSON, without fields that have their default."""
    reply = Reply(pieces=tuple(pieces), failure=failure)
    return reply.model_dump_json(exclude_defaults=True).encode()
