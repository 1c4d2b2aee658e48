"""An event loop in a thread of its own, for the sync face."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

T = TypeVar("T")


class Portal:
    """Runs coroutines in one event loop, which starts with the first of them.

    `anyio.from_thread.start_blocking_portal` does the same as a context manager; one that is
    never left makes the interpreter wait for ever when it ends. The thread here is a daemon, and
    nothing is waited for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: BlockingPortal | None = None

    def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine and wait for its result; also where a loop runs in this thread."""
        with self._lock:
            if self._running is None:
                self._running = _started()
            running = self._running
        return running.call(make)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a last coroutine and end the loop; nothing where none was started."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.call(last)
            running.call(running.stop)


def _started() -> BlockingPortal:
    ready: Future[BlockingPortal] = Future()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    threading.Thread(target=anyio.run, args=(serve,), name="metier", daemon=True).start()
    return ready.result()
