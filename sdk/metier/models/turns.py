"""Turns: the calls of many questions share one server, and wait for it in one queue.

Loading a model costs seconds, so calls to the model that ran last go first. A call to another model
is not kept waiting for longer than half of the longest wait: then that model's calls have their
turn. Calls to two models never run at the same time, which on a CPU makes both many times slower.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import anyio

from metier.errors import ModelServerBusy

# The share of the longest wait after which another model's calls are served first.
_PATIENCE = 0.5
# What the last call weighs in the mean time of a call.
_LAST = 0.2


@dataclass(slots=True, eq=False)
class _Question:
    """A question, and how long its calls have waited so far, in seconds; None before the first."""

    waited_s: float | None = None


_question: ContextVar[_Question | None] = ContextVar("metier_question", default=None)


@contextmanager
def one_question() -> Iterator[None]:
    """All calls in this block belong to one question, unless they already belong to one."""
    token = _question.set(_question.get() or _Question())
    try:
        yield
    finally:
        _question.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Call:
    """A call that waits.

    Attributes:
        since: when it began to wait, less what its question has waited before.
    """

    model: str
    question: _Question
    since: float
    started: anyio.Event = field(default_factory=anyio.Event)


class Turns:
    """The queue of one server.

    A question that has a turn never waits for itself: its further calls start at once. Otherwise
    its calls start in the order in which they were made. One that had a turn is not refused any
    more, and what it has waited counts for its next calls.

    Args:
        address: of the server, for errors.
        concurrency: calls that run at once.
        max_waiting: calls that wait; one more is refused.
        max_wait_s: the longest that a question waits for its first turn, in seconds. It is refused
            at once if that would be longer by the time that calls took of late.
    """

    def __init__(
        self,
        address: str,
        *,
        concurrency: int = 1,
        max_waiting: int = 64,
        max_wait_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._concurrency = concurrency
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._running: Counter[_Question] = Counter()
        self._call_s: float | None = None
        self._waiting: list[_Call] = []
        self._model: str | None = None
        self._make_way: Callable[[], None] | None = None

    @contextmanager
    def making_way(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call `stop` when a call has to wait while the block runs, or waits already."""
        if self._waiting:
            stop()
        self._make_way = stop
        try:
            yield
        finally:
            self._make_way = None

    @property
    def running(self) -> int:
        """How many calls run."""
        return self._running.total()

    @property
    def is_idle(self) -> bool:
        """Whether no call runs and none waits."""
        return not self._waiting and not self.running

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the block runs.

        Raises:
            ModelServerBusy: too many calls wait already, or this one has waited too long.
        """
        question = _question.get() or _Question()
        if self._running[question]:
            self._start(model, question)
        else:
            await self._wait(model, question)
        since = self._clock()
        try:
            yield
        finally:
            took_s = self._clock() - since
            before_s = took_s if self._call_s is None else self._call_s
            self._call_s = before_s + _LAST * (took_s - before_s)
            self._end(question)

    def _refuse(self) -> None:
        """Refuse a question if too many calls wait for it to have its turn in time."""
        waiting = len(self._waiting)
        told = f"{waiting} calls already wait for {self._address}"
        if waiting >= self._max_waiting:
            raise ModelServerBusy(told, hint="Ask again later, or raise the setting max_waiting")
        if waiting * (self._call_s or 0.0) > self._max_wait_s * self._concurrency:
            raise ModelServerBusy(told, hint="Ask again later, or raise the setting max_wait_s")

    async def _wait(self, model: str, question: _Question) -> None:
        is_new = question.waited_s is None
        if is_new:
            self._refuse()
        since = self._clock() - (question.waited_s or 0.0)
        call = _Call(model=model, question=question, since=since)
        self._waiting.append(call)
        self._start_next()
        if self._make_way is not None and not call.started.is_set():
            self._make_way()
        try:
            with anyio.move_on_after(self._max_wait_s if is_new else None):
                await call.started.wait()
        except BaseException:
            self._withdraw(call)
            raise
        if not call.started.is_set():
            self._withdraw(call)
            raise ModelServerBusy(
                f"{self._address} had no time for this call within {self._max_wait_s:g} s",
                hint="Ask again later, or raise the setting max_wait_s",
            )

    def _withdraw(self, call: _Call) -> None:
        """Take back a call, whether it still waits or has just been started."""
        if call.started.is_set():
            self._end(call.question)
        else:
            self._waiting.remove(call)
            self._start_next()

    def _start(self, model: str, question: _Question) -> None:
        self._running[question] += 1
        self._model = model

    def _end(self, question: _Question) -> None:
        self._running[question] -= 1
        if not self._running[question]:
            del self._running[question]
        self._start_next()

    def _start_next(self) -> None:
        while (call := self._next()) is not None:
            self._waiting.remove(call)
            call.question.waited_s = self._clock() - call.since
            self._start(call.model, call.question)
            call.started.set()

    def _next(self) -> _Call | None:
        """The call that starts now, if one may."""
        running = self._running.total()
        if not self._waiting or running >= self._concurrency:
            return None
        first = {call.question: call for call in reversed(self._waiting)}
        ready = sorted(first.values(), key=lambda call: call.since)
        same = next((call for call in ready if call.model == self._model), None)
        other = next((call for call in ready if call.model != self._model), None)
        if other is None or (same is not None and not self._is_overdue(other)):
            return same
        return None if running else other

    def _is_overdue(self, call: _Call) -> bool:
        return self._clock() - call.since >= self._max_wait_s * _PATIENCE
