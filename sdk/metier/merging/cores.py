"""Parallel work in threads, which suffice because numpy releases the interpreter's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy.typing as npt

from metier.merging.weights import SPAN, Span, spans

Part = TypeVar("Part")
Result = TypeVar("Result")

Sums = npt.NDArray[Any]
# Computes an array for every span of a tensor and returns their sum.
Total = Callable[[Callable[[Span], Sums]], Sums]

# Spans that one thread takes at a time: a million numbers, so that threads seldom wait.
_RUN = 16
# Parts queued ahead for each thread; more would only take memory.
_AHEAD = 2


def available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Cores:
    """A pool of threads, as a context manager."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="metier-merge")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
        """Yield the results in order; at most two parts per thread are started ahead."""
        waiting: deque[Future[Result]] = deque()
        left = iter(parts)
        for part in islice(left, self._threads * _AHEAD):
            waiting.append(self._pool.submit(work, part))
        while waiting:
            yield waiting.popleft().result()
            for part in islice(left, 1):
                waiting.append(self._pool.submit(work, part))

    def total(self, count: int) -> Total:
        """Return a function that sums over a tensor of `count` numbers."""

        def sums(work: Callable[[Span], Sums]) -> Sums:
            def of_run(run: Span) -> Sums:
                first, *others = (work(span) for span in spans(run))
                return sum(others, start=first)

            first, *others = self.each(of_run, runs(count))
            return sum(others, start=first)

        return sums


def runs(count: int) -> Iterator[Span]:
    """Cut `count` numbers into the runs that a thread takes at a time."""
    step = _RUN * SPAN
    return (Span(start, min(start + step, count)) for start in range(0, count, step))
