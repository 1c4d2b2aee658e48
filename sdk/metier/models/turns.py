"""Turns: the calls of many questions share one server, and wait for it in one queue.

Loading a model costs seconds, so calls to the model that ran last go first. A call to another model
is not kept waiting for longer than half of the longest wait: then that model's calls have their
turn. Calls to two models never run at the same time, which on a CPU makes both many times slower.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import anyio

from metier.errors import ModelServerBusy

# The share of the longest wait after which another model's calls are served first.
_PATIENCE = 0.5
# How long a call takes is the median of the last ones, if they are enough to tell.
_LAST, _ENOUGH = 9, 3


@dataclass(slots=True, eq=False)
class _Question:
    """A question.

    Attributes:
        is_admitted: whether one of its calls waits or has waited.
        waited_s: how long its calls have waited so far; None before its first turn.
    """

    is_admitted: bool = False
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
        made: when it began to wait.
        since: as `made`, less what its question has waited before.
    """

    model: str
    question: _Question
    made: float
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
        max_waiting: calls that wait; a question that comes then is refused.
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
        self._took_s: deque[float] = deque(maxlen=_LAST)
        self._waiting: list[_Call] = []
        self._model: str | None = None
        self._make_way: Callable[[], None] | None = None

    @contextmanager
    def making_way(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call `stop` when another call comes while the block runs, or is there already."""
        if self._waiting or self.running > 1:
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
    async def turn(self, model: str, *, is_typical: bool = True) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the block runs.

        Args:
            is_typical: how long it takes, if it does not fail, tells how long calls take.

        Raises:
            ModelServerBusy: too many calls wait already, or this one has waited too long.
        """
        question = _question.get() or _Question()
        if self._make_way is not None:
            self._make_way()
        if self._running[question]:
            self._start(model, question)
        else:
            await self._wait(model, question)
        since = self._clock()
        try:
            yield
            if is_typical:
                self._took_s.append(self._clock() - since)
        finally:
            self._end(question)

    def _refuse(self) -> None:
        """Refuse a question if too many calls wait for it to have its turn in time."""
        waiting = len(self._waiting)
        told = f"{waiting} calls already wait for {self._address}"
        if waiting >= self._max_waiting:
            raise ModelServerBusy(told, hint="Ask again later, or raise the setting max_waiting")
        took_s = sorted(self._took_s)
        call_s = took_s[len(took_s) // 2] if len(took_s) >= _ENOUGH else 0.0
        if waiting * call_s > self._max_wait_s * self._concurrency:
            raise ModelServerBusy(told, hint="Ask again later, or raise the setting max_wait_s")

    async def _wait(self, model: str, question: _Question) -> None:
        if not question.is_admitted:
            self._refuse()
        question.is_admitted = True
        made = self._clock()
        since = made - (question.waited_s or 0.0)
        call = _Call(model=model, question=question, made=made, since=since)
        self._waiting.append(call)
        self._start_next()
        try:
            with anyio.move_on_after(self._max_wait_s):
                await call.started.wait()
            if question.waited_s is not None:
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
        others = [call for call in ready if call.model != self._model]
        overdue = [call for call in others if self._is_overdue(call)]
        if same is not None and not overdue:
            return same
        return None if running else (overdue or others)[0]

    def _is_overdue(self, call: _Call) -> bool:
        return self._clock() - call.made >= self._max_wait_s * _PATIENCE
