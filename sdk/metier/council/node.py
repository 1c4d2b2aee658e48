"""The actor of one node: the calls of a pool, made to the model server next to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import anyio

from metier.council.parts import Parts
from metier.engine.calling import Caller
from metier.engine.ray_executor import NodeReport, RemoteJob
from metier.engine.recorder import Budget, Emit
from metier.engine.streaming import event_stream
from metier.engine.window import Window
from metier.errors import ClusterUnavailable, DeadlineExceeded, MetierError
from metier.events import Event
from metier.experts.registry import Registry
from metier.experts.versions import expert_versions
from metier.models.hosts.facts import NodeFacts
from metier.models.hosts.ray_connection import NAMESPACE, PREFIX, connect, host_names
from metier.models.hosts.ray_server import Failed
from metier.models.opening import embedder_of
from metier.models.server import ModelServer
from metier.runs.current import recorded_as
from metier.runs.recording import RecordingEmbedder, RecordingServer
from metier.runs.remote import Sending
from metier.settings import Settings
from metier.telemetry.tracing import trace_headers

_CALLS = frozenset(("embed", "list", "show", "loaded", "load", "version"))
_STREAMS = frozenset(("chat", "generate", "pull", "step", "merge"))
# Concurrent calls: those to the model server, and looks at its state.
_CONCURRENCY = 1000
_CHECK_EVERY_S = 5.0
_END = object()

# Makes a merge with a node's settings: a job as JSON, what it reports as JSON.
Merge = Callable[[Settings, str], AsyncGenerator[str, None]]


class Node:
    """Makes the calls, and runs the steps, that a council sends to this node.

    Args:
        server: the model server next to it.
        settings: of this node; a job brings those that change an answer.
        experts: finds the experts that are installed here.
        merge: makes a merge here.
    """

    def __init__(
        self,
        server: ModelServer,
        facts: NodeFacts,
        settings: Settings,
        experts: Callable[[Settings], Registry],
        merge: Merge,
    ) -> None:
        # Recorded if the job asks for it.
        self._server = RecordingServer(server)
        self._merge = partial(merge, settings)
        self._parts = self._parts_of(experts(settings), settings)
        versions = expert_versions(self._parts.registry, self._parts.embedder)
        self._facts = replace(facts, versions=versions)

    async def call(self, method: str, *arguments: object, trace: Mapping[str, str]) -> object:
        """The result of a call, or the error that it raised, as a value."""
        trace_headers.set(trace)
        if method == "facts":
            return self._facts
        if method not in _CALLS:
            raise ValueError(f"no call is named {method!r}")
        try:
            return await getattr(self._server, method)(*arguments)
        except MetierError as exc:
            return Failed(error=exc)

    async def stream(
        self,
        method: str,
        argument: Any,  # noqa: ANN401
        *,
        trace: Mapping[str, str],
    ) -> AsyncGenerator[list[object], None]:
        """The pieces of a reply; an error is the last of them.

        Pieces that are there at the same time come as one item: each costs Ray a millisecond.
        """
        trace_headers.set(trace)
        if method not in _STREAMS:
            raise ValueError(f"no stream is named {method!r}")
        own = {"step": self.step, "merge": self._merge}
        opened = own.get(method) or getattr(self._server, method)
        pieces: asyncio.Queue[object] = asyncio.Queue()
        reading = asyncio.create_task(_read(opened(argument), pieces))
        try:
            while True:
                item = [await pieces.get()]
                while not pieces.empty():
                    item.append(pieces.get_nowait())
                if ended := item[-1] is _END:
                    item.pop()
                if item:
                    yield item
                if ended:
                    await reading
                    return
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    def _parts_of(self, registry: Registry, settings: Settings) -> Parts:
        return Parts(
            registry,
            settings,
            server=self._server,
            embedder=RecordingEmbedder(embedder_of(settings, self._server)),
            strategies=None,
            runs=None,
        )

    async def step(self, job: str) -> AsyncGenerator[str, None]:
        """What a step reports, which runs here whole."""
        run = partial(self._run, RemoteJob.model_validate_json(job))
        async with aclosing(event_stream(run)) as reports:
            async for report in reports:
                yield report.model_dump_json(exclude_none=True)

    async def _run(self, remote: RemoteJob, tell: Callable[[NodeReport], None]) -> None:
        def emit(event: Event) -> None:
            tell(NodeReport(event=event))

        sending = Sending(lambda made: tell(NodeReport(exchange=made)))
        with recorded_as(sending if remote.recorded else None):
            await self._step(remote, emit)

    async def _step(self, remote: RemoteJob, emit: Emit) -> None:
        settings = self._parts.settings.model_copy(update={"model": remote.model})
        parts = self._parts_of(self._parts.registry, settings)
        caller = Caller(
            parts.server,
            emit=emit,
            budget=Budget(remote.calls),
            window=Window(remote.task.messages, tokens=settings.num_ctx, tell=emit),
            seed=remote.seed,
        )
        with anyio.move_on_after(remote.timeout_s) as scope:
            await parts.executor.run(remote.job, caller=caller, emit=emit)
        if scope.cancelled_caught:
            raise DeadlineExceeded(f"not done within {remote.timeout_s:g} s")


async def _read(stream: AsyncGenerator[object, None], pieces: asyncio.Queue[object]) -> None:
    """Put the pieces of a stream into a queue, then its error if it has one, then `_END`."""
    try:
        async with aclosing(stream):
            async for piece in stream:
                pieces.put_nowait(piece)
    except MetierError as exc:
        pieces.put_nowait(Failed(error=exc))
    finally:
        pieces.put_nowait(_END)


def start_host(
    address: str,
    name: str,
    server: ModelServer,
    facts: NodeFacts,
    *,
    settings: Settings,
    merge: Merge,
    experts: Callable[[Settings], Registry] = Registry.from_installed,
    node_id: str | None = None,
) -> Any:  # noqa: ANN401  # a handle of Ray, which has no type
    """Start the actor of a node; it ends with this process.

    Args:
        settings: of the node.
        merge: makes the merges that may run there.
        experts: finds the experts whose steps may run there.
        node_id: Ray's id of the node that it runs on; the one of this process if not given.

    Raises:
        ClusterUnavailable: there is no cluster at the address, or the name is taken.
    """
    connect(address)
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = node_id or ray.get_runtime_context().get_node_id()
    actor = ray.remote(Node).options(
        name=f"{PREFIX}{name}",
        namespace=NAMESPACE,
        num_cpus=0,
        max_concurrency=_CONCURRENCY,
        max_restarts=-1,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=here, soft=False),
    )
    try:
        return actor.remote(server, facts, settings, experts, merge)
    except ValueError as exc:
        raise ClusterUnavailable(f"a host named {name!r} is in the cluster already") from exc


async def answering(actor: Any) -> str:  # noqa: ANN401  # as above
    """The version of the model server beside an actor, once both answer.

    Raises:
        MetierError: the model server does not answer.
    """
    reply = await actor.call.remote("version", trace={})
    if isinstance(reply, Failed):
        raise reply.error
    return str(reply)


async def until_gone(address: str, name: str) -> None:
    """Wait until a host is no longer in its cluster.

    Raises:
        ClusterUnavailable: always, in the end: the cluster or the host's actor is gone.
    """
    names: Collection[str] = (name,)
    while name in names:
        await anyio.sleep(_CHECK_EVERY_S)
        names = await host_names(address, timeout_s=_CHECK_EVERY_S)
    raise ClusterUnavailable(f"{name!r} is no longer in the cluster at {address!r}")
