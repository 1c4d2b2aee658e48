"""A run that pushes events, as a stream that is pulled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def event_stream(
    run: Callable[[Callable[[T], None]], Awaitable[object]],
) -> AsyncGenerator[T, None]:
    """The events that `run` emits, as they come.

    The run is a task of its own, because an async generator must not yield inside a task group or
    a cancel scope. Closing the stream cancels the run and waits for its end.

    Raises:
        MetierError: what `run` raises, after the events that it emitted before.
    """
    events: asyncio.Queue[T | None] = asyncio.Queue()

    async def drive() -> None:
        try:
            await run(events.put_nowait)
        finally:
            events.put_nowait(None)

    task = asyncio.create_task(drive())
    try:
        while (event := await events.get()) is not None:
            yield event
        await task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
