"""Something that takes time in a run, and the backends that are told when it begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

# Those of the conventions: `gen_ai.operation.name`.
OperationName = Literal[
    "invoke_workflow",
    "plan",
    "invoke_agent",
    "chat",
    "embeddings",
    "retrieval",
    "execute_tool",
]
Value = str | bool | int | float | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happens during an operation and takes no time."""

    name: str
    at: float
    attributes: Mapping[str, Value]


@dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class Operation:
    """Something that takes time: a run, its planning, a step, a call, a search.

    Attributes:
        subject: the expert, the model, the tool or the domain.
        began: seconds since the epoch, as `ended`.
        attributes: by their names in the conventions; they are complete when it ends.
        content: what people and models wrote, as JSON, by the attribute that holds it. Backends
            leave it out unless they are told otherwise.
        error: a code; empty if it succeeded.
        first_token_s: seconds until the first token; None if there was none.
        tokens: number of tokens, by `input` and `output`.
        headers: trace headers of requests that belong to it.
    """

    name: OperationName
    subject: str
    began: float
    parent: Operation | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    ended: float | None = None
    error: str = ""
    first_token_s: float | None = None
    tokens: dict[str, int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name of its span."""
        return f"{self.name} {self.subject}"

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it goes on."""
        return max(0.0, (self.ended or self.began) - self.began)


class Backend(Protocol):
    """Where operations are reported. The methods must not raise, nor wait."""

    def begin(self, operation: Operation) -> Mapping[str, str]:
        """Take an operation that begins; returns trace headers for its requests, if it has any."""
        ...

    def end(self, operation: Operation) -> None:
        """Take an operation that has ended."""
        ...
