"""How a run is observed: the work that other rooms report, and the trace that a request belongs to.

If nobody observes the run, reporting does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import Literal, Protocol

Work = Literal["embeddings", "retrieval", "execute_tool"]


class Observer(Protocol):
    """Whoever watches the run that is going on."""

    def work(self, kind: Work, name: str) -> AbstractContextManager[object]:
        """Follow a piece of work, which takes as long as the block."""
        ...


observer: ContextVar[Observer | None] = ContextVar("metier_observer", default=None)

# `traceparent` and `tracestate` (W3C Trace Context), as they go to the model server.
trace_headers: ContextVar[Mapping[str, str]] = ContextVar(
    "metier_trace_headers", default=MappingProxyType({})
)


def work(kind: Work, name: str) -> AbstractContextManager[object]:
    """Report work that is not a chat with a model.

    Args:
        name: the embedder's id, the domain that is searched, or the tool.
    """
    watching = observer.get()
    return nullcontext() if watching is None else watching.work(kind, name)
