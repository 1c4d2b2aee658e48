"""Plain functions of other people, in threads that nothing has to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def started(function: Callable[[], T]) -> Future[T]:
    """Run a function in a daemon thread of its own: one that never ends keeps no program open.

    A thread of a pool, anyio's among them, is waited for when the interpreter ends.
    """
    outcome: Future[T] = Future()
    context = copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(function))
        # Whatever it is, whoever waits gets it.
        except BaseException as exc:  # noqa: BLE001
            outcome.set_exception(exc)

    threading.Thread(target=run, name="metier plugin", daemon=True).start()
    return outcome


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a thread and wait for it; where the wait is cancelled, it is left behind.

    So a deadline is kept although Python cannot end a thread.
    """
    # Here: the registry needs `started` alone, and listing experts must be fast.
    import asyncio

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def run() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            # The loop may be gone when one that was left behind ends at last. It is not waited for:
            # a loop that is closed just now would never answer, and the thread never end.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.set)

    outcome = started(run)
    await ended.wait()
    return outcome.result()
