"""The hosts of a Ray cluster as one `ModelServer`.

On each node that takes part, `metier cluster start-host` runs an actor next to the Ollama there.
Ray finds these actors, carries calls to them and notices when a node is gone; which host a call
goes to is decided here, as in any other pool.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import anyio

from metier.errors import (
    MetierError,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.hosts.facts import NodeFacts
from metier.models.hosts.host import Host, Patience
from metier.models.hosts.pool import HostPool
from metier.models.hosts.ray_connection import NAMESPACE, PREFIX, host_names, in_thread
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    Progress,
    RawRequest,
)
from metier.telemetry.tracing import trace_headers

# What a node runs that is more than a call of its model server.
Work = Literal["step", "merge"]
# Before a host that did not answer when it was found is asked again.
_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An error as a node sends it: as a value, which no framework wraps."""

    error: MetierError


class RayServer(HostPool):
    """The hosts of a cluster; they may come and go at any time.

    Args:
        address: of the cluster's head, such as `10.0.0.5:6379`. Nothing is started, and no cluster
            is joined that was not named.
        num_ctx: hosts that run models with another context window are left out.

    Attributes:
        facts: what each host in use reported about itself, by its name.
        left_out: why a host is not used, by its name.
    """

    def __init__(self, address: str, *, num_ctx: int, patience: Patience = Patience()) -> None:
        super().__init__([])
        self._address = address
        self._num_ctx = num_ctx
        self._patience = patience
        self._listed_at = -float("inf")
        self.facts: dict[str, NodeFacts] = {}
        self.left_out: dict[str, str] = {}
        self._listing = anyio.Lock()
        self._again_at: dict[str, float] = {}

    @property
    def address(self) -> str:
        """Of the cluster."""
        return f"ray://{self._address}" if "://" not in self._address else self._address

    async def _look(self, hosts: Sequence[Host] = ()) -> None:
        """Bring the list of hosts up to date, then what is known of each."""
        await self._list_hosts(older_s=self._patience.fresh_s)
        working = [host for host in self.hosts if host.error is None]
        await super()._look(hosts)
        if any(host.error is not None for host in working):
            await self._list_hosts(older_s=0.0)  # it may have been started again
            await super()._look()

    def run(self, host: Host, work: Work, job: str) -> AsyncGenerator[str, None]:
        """Run a whole step or a merge on a host: a job as JSON, what it reports as JSON."""
        assert isinstance(host.server, RayNode)  # no other hosts are in this pool
        return host.server.run(work, job)

    async def _list_hosts(self, *, older_s: float) -> None:
        """List the cluster's hosts, unless the list is younger than this.

        Raises:
            ClusterUnavailable: the cluster cannot be asked.
            ModelServerUnreachable: it has no host that is used.
        """
        async with self._listing:
            if time.monotonic() - self._listed_at >= older_s:
                await self._bring_up_to_date()
                self._listed_at = time.monotonic()
        if not self.hosts:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.left_out.items())
            reason = reasons or "no node runs `metier cluster start-host`"
            raise ModelServerUnreachable(self.address, reason=reason)

    async def _bring_up_to_date(self) -> None:
        try:
            names = await host_names(self._address, timeout_s=self._patience.look_s)
        except MetierError:
            self.hosts.clear()  # what was known of them belongs to that connection
            raise
        known = {host.name for host in self.hosts if host.name in names}
        with anyio.move_on_after(self._patience.look_s):
            known -= await in_thread(partial(_started_again, list(self.hosts)))
        self.hosts[:] = [host for host in self.hosts if host.name in known]
        self.left_out = {name: why for name, why in self.left_out.items() if name in names}
        now = time.monotonic()
        new = sorted(name for name in set(names) - known if self._again_at.get(name, now) <= now)
        async with anyio.create_task_group() as group:
            for name in new:
                group.start_soon(self._join, name)
        self.hosts.sort(key=lambda host: host.name)

    async def _join(self, name: str) -> None:
        """Take a host that is new, if it answers and fits."""
        server: RayNode | None = None
        facts: NodeFacts | None = None
        with anyio.move_on_after(self._patience.look_s), suppress(MetierError):
            server = await in_thread(partial(RayNode, name))
            facts = await server.facts()
        if server is None or facts is None:
            self.left_out[name] = f"silent for {self._patience.look_s:g} s"
            self._again_at[name] = time.monotonic() + _AGAIN_S
            return
        if facts.num_ctx != self._num_ctx:
            self.left_out[name] = f"num_ctx there is {facts.num_ctx}, here {self._num_ctx}"
            return
        self.left_out.pop(name, None)
        self.facts[name] = facts
        host = Host(
            server=server,
            name=name,
            labels=frozenset(facts.labels),
            concurrency=facts.concurrency,
            memory_bytes=facts.memory_bytes,
            num_ctx=facts.num_ctx,
            patience=self._patience,
        )
        self.hosts.append(host)


class RayNode:
    """The `ModelServer` of one node: each method is a call of the actor there."""

    def __init__(self, name: str) -> None:
        self._name = name
        # Its methods are only known at run time. None: it is gone again.
        self._actor: Any = _actor_of(name)

    @property
    def address(self) -> str:
        """The node's name."""
        return self._name

    def concurrency(self, model: str) -> int:
        """One; the pool knows how many there are."""
        return 1

    @property
    def was_started_again(self) -> bool:
        """Whether its name means another actor by now."""
        return self._actor != _actor_of(self._name)

    async def facts(self) -> NodeFacts:
        """What the node reports about itself."""
        return await self._call("facts")

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The reply, piece by piece."""
        async for chunk in self._stream("chat", request):
            yield chunk

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The continuation of a raw text, piece by piece."""
        async for chunk in self._stream("generate", request):
            yield chunk

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text."""
        return await self._call("embed", model, list(texts))

    async def list(self) -> Sequence[InstalledModel]:
        """The installed models."""
        return await self._call("list")

    async def show(self, model: str) -> ModelDetails:
        """What the node's server knows about a model."""
        return await self._call("show", model)

    async def loaded(self) -> Sequence[LoadedModel]:
        """The models in memory."""
        return await self._call("loaded")

    async def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Get a model onto the node."""
        async for step in self._stream("pull", model):
            yield step

    async def load(self, model: str) -> None:
        """Bring a model into memory."""
        await self._call("load", model)

    async def version(self) -> str:
        """Of the node's server."""
        return await self._call("version")

    async def run(self, work: Work, job: str) -> AsyncGenerator[str, None]:
        """Run a whole step or a merge there: a job as JSON, what it reports as JSON."""
        async with aclosing(self._stream(work, job)) as reports:
            async for report in reports:
                yield report

    async def aclose(self) -> None:
        """Do nothing: the actor belongs to the node."""

    async def _call(self, method: str, *arguments: object) -> Any:  # noqa: ANN401  # by method
        try:
            reply = await self._handle.call.remote(method, *arguments, trace=_trace())
        except Exception as exc:
            raise self._explained(exc) from exc
        return _value(reply)

    async def _stream(self, method: str, argument: object) -> AsyncGenerator[Any, None]:
        import ray

        items = self._handle.stream.remote(method, argument, trace=_trace())
        began, ended = False, False
        try:
            async for item in items:
                for piece in await item:
                    value = _value(piece)
                    began = True
                    yield value
            ended = True
        except MetierError:
            ended = True
            raise
        except Exception as exc:
            ended = True
            raise self._explained(exc, began=began) from exc
        finally:
            if not ended:
                ray.cancel(items)

    @property
    def _handle(self) -> Any:  # noqa: ANN401  # as above
        if self._actor is None:
            raise ModelServerUnreachable(self._name, reason="its actor is gone")
        return self._actor

    def _explained(self, exc: Exception, *, began: bool = False) -> MetierError:
        """An error of Ray as one of ours, with the node's name."""
        import ray.exceptions as errors

        gone = (
            errors.RayActorError,
            errors.NodeDiedError,
            errors.WorkerCrashedError,
            errors.OutOfMemoryError,
        )
        if began and isinstance(exc, errors.RayError):
            return StreamInterrupted(f"the reply of the node {self._name!r} broke off")
        if isinstance(exc, gone):
            return ModelServerUnreachable(self._name, reason=type(exc).__name__)
        if isinstance(exc, errors.RayError):
            return ModelServerFailed(f"the node {self._name!r} failed ({type(exc).__name__})")
        raise exc


def _actor_of(name: str) -> Any:  # noqa: ANN401  # a handle of Ray, which has no type
    import ray
    import ray.exceptions

    with suppress(ValueError, ray.exceptions.RayError):
        return ray.get_actor(f"{PREFIX}{name}", namespace=NAMESPACE)
    return None


def _started_again(hosts: Sequence[Host]) -> set[str]:
    """The names of hosts that failed, and have another actor than before."""
    failed = [host for host in hosts if host.error is not None]
    return {
        host.name
        for host in failed
        if isinstance(host.server, RayNode) and host.server.was_started_again
    }


def _value(reply: object) -> Any:  # noqa: ANN401  # as the method returns it
    if isinstance(reply, Failed):
        raise reply.error
    return reply


def _trace() -> dict[str, str]:
    """The trace that a call belongs to, as its node passes it on to the model server."""
    return dict(trace_headers.get())
