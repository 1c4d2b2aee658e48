"""The run that is being recorded: a context variable, which tasks and threads inherit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from metier.runs.run import ExchangeKind


class Records(Protocol):
    """Takes what passes the seams: a `Recording`, or a sender to the machine that records."""

    def exchange(
        self, kind: ExchangeKind, request: bytes, reply: bytes, texts: Sequence[bytes] = ()
    ) -> None:
        """Take a request and its reply."""
        ...

    def models(self, listed: bytes, *, server: str) -> None:
        """Take the models that the server has, and its version."""
        ...

    def concurrency(self, model: str, concurrency: int) -> None:
        """Take how many requests a model takes at once."""
        ...


current: ContextVar[Records | None] = ContextVar("metier_recording", default=None)


@contextmanager
def recorded_as(recording: Records | None) -> Iterator[None]:
    """Record what this block asks in a run, or in none, as when an index is built."""
    token = current.set(recording)
    try:
        yield
    finally:
        current.reset(token)
