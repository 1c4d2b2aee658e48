"""One call to one host: its reply, signs of life before the first token, what a failure means."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio

from metier.errors import (
    DeadlineExceeded,
    MetierError,
    ModelMissing,
    ModelServerBusy,
    ModelServerError,
    ModelServerFailed,
    ModelServerUnreachable,
)
from metier.models.hosts.catalogue import name_there
from metier.models.hosts.host import Host
from metier.models.server import Chunk, ModelServer

T = TypeVar("T")


def _no_stream(_server: ModelServer) -> AsyncGenerator[Chunk, None]:
    raise NotImplementedError("this call only chooses a host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a host must be able to do, and how it is asked.

    Attributes:
        label: of the hosts that may take it; empty if all may.
        prompt: what its prompt begins with; a host that read it last has it in its cache.
    """

    model: str
    open: Callable[[ModelServer], AsyncGenerator[Chunk, None]] = _no_stream
    label: str = ""
    prompt: str = ""

    @property
    def model_there(self) -> str:
        """The model's name on the host itself."""
        return name_there(self.model)


async def reply_from(host: Host, call: Call) -> AsyncGenerator[Chunk, None]:
    """The reply of one host, from which it is learnt how fast the host is."""
    with host.working(call.model_there, call.prompt) as learn:
        async with aclosing(call.open(host.server)) as stream:
            chunk = await first_of(host, stream)
            while chunk is not None:
                if chunk.done:
                    learn(chunk.usage)
                yield replace(chunk, host=host.name)
                chunk = await anext(stream, None)


async def first_of(host: Host, stream: AsyncGenerator[T, None]) -> T | None:
    """The first piece of a reply; a host that stops answering is not waited for."""
    failed: list[Exception] = []
    chunk: T | None = None

    async def watch() -> None:
        try:
            await host.watch()
        except MetierError as exc:
            failed.append(exc)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            chunk = await anext(stream, None)
        except Exception as exc:  # noqa: BLE001  # raised below; here it would become a group
            failed.append(exc)
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]
    return chunk


def note_failure(host: Host, model: str, exc: MetierError) -> None:
    """Remember a failure for later choices."""
    match exc:
        case ModelMissing():
            host.forget()
        case ModelServerFailed():
            host.failed(model=name_there(model))
        case ModelServerUnreachable():
            host.failed()
            host.error = exc
            host.forget()
        case ModelServerBusy():
            pass
        case ModelServerError() | DeadlineExceeded():
            host.failed()
        case _:
            pass


def may_work_elsewhere(exc: MetierError) -> bool:
    """Whether another host may do what this one could not."""
    return isinstance(exc, ModelServerError | DeadlineExceeded | ModelMissing)


def will_pass(failed: Collection[MetierError]) -> bool:
    """Whether the same hosts may answer in a moment."""
    passing = (ModelServerUnreachable, ModelServerBusy)
    return bool(failed) and all(isinstance(exc, passing) for exc in failed)
