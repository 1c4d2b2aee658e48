"""The matrix: every call that leaves the process, and what each fault in it comes to."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

from metier.errors import MetierError

FAULTS = (
    *("refused", "mute", "slow", "cut", "garbage", "wrong JSON", "4xx", "5xx"),
    *("disk full", "read-only", "permission", "interrupted", "killed", "clock jumps"),
    "out of memory",
)
# What no attempt may outlast, whatever fails.
LIMIT_S = 60.0
Attempt = Callable[[Path], Awaitable[None] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One call, with what each fault comes to.

    Attributes:
        kind: of the call, such as "Ollama" or "files".
        attempts: for a fault the expected outcome in words, and what checks it in a new folder.
        reasons: why the other faults cannot happen to it, or where they are tested instead.
    """

    kind: str
    call: str
    attempts: Mapping[str, tuple[str, Attempt]]
    reasons: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def jumping_clock() -> Iterator[None]:
    """The clock of the wall is set to another day whenever somebody looks."""
    real, looks = time.time, iter(range(1_000_000))

    def jumped() -> float:
        return real() + 86_400 * (-1) ** next(looks)

    with mock.patch("time.time", jumped):
        yield


async def expect(error: type[MetierError], made: Awaitable[object]) -> None:
    """Wait for something that fails with exactly this error."""
    with pytest.raises(MetierError) as caught:
        await made
    assert type(caught.value) is error, caught.value
    assert caught.value.message
