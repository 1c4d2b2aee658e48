"""The seam to models. It names no host: one server, or a pool of them, can stand behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from metier.answer import Usage
from metier.models.control import without_control_tokens
from metier.plan import Message
from metier.settings.renamed import warn_renamed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a model writes.

    Attributes:
        max_tokens: where it is cut off; None leaves it to the server.
        stop: strings that end it.
        schema: a JSON schema that the text must follow, enforced while it writes.
        top_logprobs: how many alternatives to report for each token (0 to 20). Each number
            above 0 costs tens of milliseconds a token: only for one-token probes.
    """

    temperature: float = 0.0
    seed: int = 0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    logprobs: bool = False
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A function that a model may call.

    Attributes:
        schema: the JSON schema of its arguments, an object.
    """

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that a model wants made, of a tool that it was offered."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A conversation to go on with.

    No message of it holds a control token, whoever wrote it: a server reads the whole as tokens.

    Attributes:
        label: of the hosts that may answer; a single server ignores it.
        think: whether a model that can think does so before it answers.
        tools: functions that the model may call instead of answering.
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    think: bool = False
    label: str = ""
    tools: tuple[ToolSpec, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", tuple(map(_inert, self.messages)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """A text to go on with, as it stands: no template, no system prompt."""

    model: str
    prompt: str
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenProbability:
    """A token, its log-probability, and the alternatives that the model had."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a reply.

    Attributes:
        text: what the reader sees.
        thinking: what a thinking model wrote for itself; never part of the answer.
        calls: functions that it wants called, each one that was offered.
        done: the last piece; it carries `usage` and `done_reason`.
        host: which of several hosts wrote it; empty if there is only one.
    """

    text: str = ""
    thinking: str = ""
    logprobs: tuple[TokenProbability, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    done: bool = False
    done_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """A model that the server has.

    Attributes:
        hosts: which of several hosts have it; empty if there is only one.
        parameters: how many it has; 0 if the server does not say.
        remote: whether the server only forwards requests to another machine.
    """

    name: str
    size_bytes: int
    digest: str = ""
    family: str = ""
    quantization: str = ""
    hosts: tuple[str, ...] = ()
    parameters: int = 0
    remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDetails:
    """What the server knows about one model."""

    name: str
    capabilities: frozenset[str]
    template: str = ""
    parameters: str = ""
    license: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is in memory now.

    Attributes:
        host: which of several hosts has it in memory; empty if there is only one.
    """

    name: str
    size_bytes: int
    context_length: int
    expires_at: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a download is."""

    status: str
    done_bytes: int = 0
    total_bytes: int = 0


class ModelServer(Protocol):
    """The seam to whatever runs the models.

    Every method raises only `metier.errors`: `ModelServerUnreachable`, `ModelServerBusy`,
    `ModelServerFailed`, `ModelMissing`, `ModelRefused`, `ContextOverflow`, `StreamInterrupted`,
    `DeadlineExceeded`.
    """

    @property
    def address(self) -> str:
        """Its address, for people."""
        ...

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The reply, piece by piece; the last piece has `done`."""
        ...

    def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The continuation of a raw text, piece by piece; the last piece has `done`."""
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, in one request."""
        ...

    async def list(self) -> Sequence[InstalledModel]:
        """The models that are installed."""
        ...

    async def show(self, model: str) -> ModelDetails:
        """What the server knows about a model."""
        ...

    async def loaded(self) -> Sequence[LoadedModel]:
        """The models that are in memory."""
        ...

    def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Download a model from the server's library."""
        ...

    async def load(self, model: str) -> None:
        """Load a model into memory."""
        ...

    def concurrency(self, model: str) -> int:
        """How many requests to this model run at once without slowing each other down."""
        ...

    async def version(self) -> str:
        """The server's version."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


@runtime_checkable
class SeveralHosts(Protocol):
    """A model server with several hosts, which can run different models side by side."""

    def run_together(self, models: Sequence[str]) -> bool:
        """Whether one request to each of these models can run now, no host running two models."""
        ...


def run_together(server: ModelServer, models: Sequence[str]) -> bool:
    """Whether one request to each of these models can run side by side without slowing down."""
    if isinstance(server, SeveralHosts):
        return server.run_together(models)
    return len(set(models)) <= 1 and len(models) <= max(map(server.concurrency, models), default=1)


@runtime_checkable
class CountsHosts(Protocol):
    """A model server that knows on how many hosts a model runs."""

    def host_count(self, model: str) -> int:
        """How many hosts have the model and work."""
        ...


def host_count(server: ModelServer, model: str) -> int:
    """On how many hosts a model runs; one if the server does not count them."""
    return server.host_count(model) if isinstance(server, CountsHosts) else 1


def full_name(model: str) -> str:
    """The name with its tag, as the server lists it."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _inert(message: Message) -> Message:
    """A message that cannot end its own turn."""
    return message.model_copy(update={"content": without_control_tokens(message.content)})


def __getattr__(name: str) -> object:
    if name == "ResidentModel":
        warn_renamed("metier.models.server.ResidentModel", "metier.models.server.LoadedModel")
        return LoadedModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
