"""Work on all cores at once: numpy computes without the interpreter's lock, so threads will do."""

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
# Computes an array for every span of a tensor, and returns the sum of all.
Total = Callable[[Callable[[Span], Sums]], Sums]

# Spans that one thread takes at a time: a million numbers, so that threads seldom wait.
_RUN = 16
# Pieces of work that are given out ahead for each thread; more would only hold memory.
_AHEAD = 2


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Cores:
    """A number of threads, as a context manager."""

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
        """The results, in order; only a few more parts than there are threads are begun."""
        waiting: deque[Future[Result]] = deque()
        left = iter(parts)
        for part in islice(left, self._threads * _AHEAD):
            waiting.append(self._pool.submit(work, part))
        while waiting:
            yield waiting.popleft().result()
            for part in islice(left, 1):
                waiting.append(self._pool.submit(work, part))

    def total(self, count: int) -> Total:
        """What sums over a tensor of so many numbers."""

        def sums(work: Callable[[Span], Sums]) -> Sums:
            def of_run(run: Span) -> Sums:
                first, *others = (work(span) for span in spans(run))
                return sum(others, start=first)

            first, *others = self.each(of_run, runs(count))
            return sum(others, start=first)

        return sums


def runs(count: int) -> Iterator[Span]:
    """So many numbers, cut into what one thread takes at a time."""
    step = _RUN * SPAN
    return (Span(start, min(start + step, count)) for start in range(0, count, step))
