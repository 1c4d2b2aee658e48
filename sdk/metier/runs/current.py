"""The run that is being recorded here: a context variable, which tasks and threads inherit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metier.runs.recording import Recording

current: ContextVar[Recording | None] = ContextVar("metier_recording", default=None)


@contextmanager
def recorded_as(recording: Recording | None) -> Iterator[None]:
    """Whatever this block asks belongs to this run; to none, such as building an index, if None."""
    token = current.set(recording)
    try:
        yield
    finally:
        current.reset(token)
