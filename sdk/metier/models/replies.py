"""The replies of Ollama's API, as far as they are used; other fields are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class TokenChance(_Reply):
    """A token and its log-probability."""

    token: str
    logprob: float


class ChosenToken(TokenChance):
    """A token of the reply, with its alternatives."""

    top_logprobs: list[TokenChance] | None = None


class Part(_Reply):
    """A piece of a generated text; the counts and durations (ns) come with the last one."""

    done: bool | None = None
    done_reason: str | None = None
    logprobs: list[ChosenToken] | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


class _Function(_Reply):
    name: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)


class CalledTool(_Reply):
    """A call of a function."""

    function: _Function = Field(default_factory=_Function)


class _ChatMessage(_Reply):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[CalledTool] | None = None


class ChatPart(Part):
    """A piece of a conversation's next message."""

    message: _ChatMessage


class GeneratedPart(Part):
    """A piece of the continuation of a raw text."""

    response: str


class Embedded(_Reply):
    """Vectors."""

    embeddings: list[list[FiniteFloat]]


class _Details(_Reply):
    family: str | None = None
    parameter_size: str | None = None
    quantization_level: str | None = None


class Installed(_Reply):
    """A model that is installed."""

    model: str | None = None
    size: int | None = None
    digest: str | None = None
    remote_host: str | None = None
    details: _Details = Field(default_factory=_Details)


class ModelList(_Reply):
    """The models of the server."""

    models: list[Installed]


class Running(_Reply):
    """A model in memory."""

    model: str | None = None
    size: int | None = None
    context_length: int | None = None
    expires_at: datetime | None = None


class ProcessList(_Reply):
    """The models in memory."""

    models: list[Running]


class Shown(_Reply):
    """What the server knows about a model."""

    capabilities: list[str] | None = None
    template: str | None = None
    parameters: str | None = None
    license: str | None = None
    model_info: dict[str, Any] | None = None


class Step(_Reply):
    """A step of a download, or of making a model."""

    status: str | None = None
    completed: int | None = None
    total: int | None = None


class Version(_Reply):
    """The server's version."""

    version: str
