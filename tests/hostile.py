"""Texts that are made to keep a program busy, and a limit that a busy machine does not change."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

MEGABYTE = 1_000_000


def repeated(piece: str, size: int = MEGABYTE) -> str:
    """A piece of text, again and again."""
    return piece * (size // len(piece))


@contextmanager
def processor_time(limit_s: float) -> Iterator[None]:
    """Fail once this process has computed for so long; waiting does not count."""
    before = signal.signal(signal.SIGPROF, _overdue)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _overdue(number: int, frame: FrameType | None) -> None:
    pytest.fail("it takes too much processor time")
