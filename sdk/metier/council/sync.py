"""Event loops: the twins of async methods for code that is not async, and one loop at a time."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property, partial, wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

import anyio
from anyio.from_thread import BlockingPortal
from anyio.lowlevel import EventLoopToken, current_token

from metier.errors import CouncilInUse

T = TypeVar("T")
P = ParamSpec("P")


class HasTwins:
    """A class with sync twins, which run in an event loop of its own.

    It is closed with `await aclose()`, `close()`, or by a `with` or `async with`.
    """

    @cached_property
    def portal(self) -> Portal:
        """Its own event loop, for the sync methods."""
        return Portal()

    async def aclose(self) -> None:
        """Let go what it holds."""
        raise NotImplementedError

    def close(self) -> None:
        """End what the sync methods started."""
        self.portal.close(self.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


S = TypeVar("S", bound=HasTwins)


class Twin(Generic[S, P, T]):
    """A method made by `twin`: a type checker binds what a class holds only if it is told so."""

    def __init__(self, call: Callable[Concatenate[S, P], T]) -> None:
        self._call = call

    @overload
    def __get__(self, instance: None, owner: type[S]) -> Callable[Concatenate[S, P], T]: ...
    @overload
    def __get__(self, instance: S, owner: type[S]) -> Callable[P, T]: ...
    def __get__(self, instance: S | None, owner: type[S]) -> Callable[..., T]:
        """The function, or the method of an instance."""
        return self._call if instance is None else MethodType(self._call, instance)


def twin(method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> Twin[S, P, T]:
    """The sync twin of an async method: same arguments, same result, same errors.

    It also works in a thread in which an event loop runs.
    """

    @wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.portal.call(partial(method, self, *args, **kwargs))

    return Twin(call)


def streaming_twin(
    method: Callable[Concatenate[S, P], AsyncGenerator[T, None]],
) -> Twin[S, P, Generator[T, None, None]]:
    """The sync twin of an async generator; closing it closes the other."""

    @wraps(method)
    def stream(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        items = method(self, *args, **kwargs)

        async def following() -> T | None:
            return await anext(items, None)

        async def closing() -> None:
            await items.aclose()

        try:
            while (item := self.portal.call(following)) is not None:
                yield item
        finally:
            self.portal.call(closing)

    return Twin(stream)


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
        """Run a coroutine and wait for its result; also if a loop runs in this thread."""
        with self._lock:
            if self._running is None:
                self._running = _started()
            running = self._running
        return running.call(make)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a last coroutine and end the loop; nothing if none was started."""
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


class OneLoop:
    """Lets one event loop in, any number of times at once, and refuses others meanwhile."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: EventLoopToken | None = None
        self._uses = 0

    @contextmanager
    def use(self) -> Iterator[None]:
        """Use it from the running event loop.

        Raises:
            CouncilInUse: another event loop is using it.
        """
        loop = current_token()
        with self._guard:
            if self._uses and loop != self._loop:
                raise CouncilInUse
            self._loop = loop
            self._uses += 1
        try:
            yield
        finally:
            with self._guard:
                self._uses -= 1
