"""The thread that writes runs down, so that no event loop waits for the file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import anyio

# An answer waits so long until its run is kept; then it is given, and the run is written later.
_LONGEST_S = 1.0


class Writer:
    """Writes in the order of the calls, in one thread that begins with the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None
        self._thread: int | None = None

    def later(self, write: Callable[[], None]) -> Future[None]:
        """Write after everything that was handed over before."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "metier runs", initializer=self._begin)
            self._last = self._pool.submit(write)
            return self._last

    def wait(self) -> None:
        """Wait until everything that was handed over is written."""
        last = self._last
        if last is not None and threading.get_ident() != self._thread:
            wait([last])

    def close(self) -> None:
        """Write what was handed over, and end the thread."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    def _begin(self) -> None:
        self._thread = threading.get_ident()


async def written(write: Future[None]) -> None:
    """Wait until this is written, but not for long.

    A task that is cancelled again and again does not wait; the write goes on.
    """
    with anyio.move_on_after(_LONGEST_S, shield=True):
        # The shield of asyncio: else the end of the wait would take the write back.
        await asyncio.shield(asyncio.wrap_future(write))
