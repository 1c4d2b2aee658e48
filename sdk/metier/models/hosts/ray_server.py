"""The hosts of a Ray cluster as one `ModelServer`.

On each node that takes part, `metier cluster start-host` runs an actor beside the Ollama there. Ray
finds these actors, carries calls to them and notices when a node is gone; which host a call goes to
is decided here, as in any other pool.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread

from metier.errors import (
    ClusterUnavailable,
    MetierError,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.hosts.host import Host, Patience
from metier.models.hosts.pool import HostPool
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    ModelDetails,
    Progress,
    RawRequest,
    ResidentModel,
)

NAMESPACE = "metier"
# An actor with this version of the calls below; another is another name, and is not found.
PREFIX = "host-1:"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node says of itself once.

    Attributes:
        num_ctx: the window that it runs models with.
    """

    labels: tuple[str, ...]
    slots: int
    memory_bytes: int | None
    num_ctx: int


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
    """

    def __init__(self, address: str, *, num_ctx: int, patience: Patience = Patience()) -> None:
        super().__init__([])
        self._address = address
        self._num_ctx = num_ctx
        self._patience = patience
        self._listed_at = -float("inf")

    @property
    def address(self) -> str:
        """Of the cluster."""
        return f"ray://{self._address}" if "://" not in self._address else self._address

    async def _look(self, hosts: Sequence[Host] = ()) -> None:
        """Bring the list of hosts up to date, then what is known of each."""
        if time.monotonic() - self._listed_at >= self._patience.fresh_s:
            self._listed_at = time.monotonic()
            await self._list_hosts()
        if not self.hosts:
            raise ModelServerUnreachable(
                self.address, reason="no node runs `metier cluster start-host`"
            )
        await super()._look(hosts)

    async def _list_hosts(self) -> None:
        names = await anyio.to_thread.run_sync(self._names)
        self.hosts[:] = [host for host in self.hosts if host.name in names]
        for name in sorted(names):
            if not self._has(name):
                host = await self._joined(name)
                # Another call may have found it meanwhile.
                if host is not None and not self._has(name):
                    self.hosts.append(host)

    def _has(self, name: str) -> bool:
        return any(host.name == name for host in self.hosts)

    def _names(self) -> Collection[str]:
        import ray
        import ray.util

        connect(self._address)
        # Whoever connected before may be in another namespace.
        listed: Any = ray.util.list_named_actors(all_namespaces=True)
        names = {each["name"] for each in listed if each["namespace"] == NAMESPACE}
        return {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}

    async def _joined(self, name: str) -> Host | None:
        """A host that is new; None if it does not answer, or does not fit."""
        server = await anyio.to_thread.run_sync(RayNode, name)
        facts: NodeFacts | None = None
        with anyio.move_on_after(self._patience.look_s), suppress(MetierError):
            facts = await server.facts()
        if facts is None or facts.num_ctx != self._num_ctx:
            return None
        return Host(
            server=server,
            name=name,
            labels=frozenset(facts.labels),
            slots=facts.slots,
            memory_bytes=facts.memory_bytes,
            num_ctx=facts.num_ctx,
            patience=self._patience,
        )


def connect(address: str) -> None:
    """Connect this process to a running cluster, once.

    Raises:
        ClusterUnavailable: Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as exc:
        raise ClusterUnavailable("the package 'ray' is not installed") from exc
    if address in ("", "local"):  # with these, Ray would start a cluster
        raise ClusterUnavailable(f"{address!r} names no cluster")
    if ray.is_initialized():
        return
    try:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as exc:
        raise ClusterUnavailable(f"no Ray cluster answers at {address!r}: {exc}") from exc


class RayNode:
    """The `ModelServer` of one node: each method is a call of the actor there."""

    def __init__(self, name: str) -> None:
        import ray

        self._name = name
        # Its methods are only known at run time.
        self._actor: Any = None
        with suppress(ValueError):  # gone again
            self._actor = ray.get_actor(f"{PREFIX}{name}", namespace=NAMESPACE)

    @property
    def address(self) -> str:
        """The node's name."""
        return self._name

    def slots(self, model: str) -> int:
        """The pool knows."""
        return 1

    async def facts(self) -> NodeFacts:
        """What it says of itself."""
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

    async def resident(self) -> Sequence[ResidentModel]:
        """The models in memory."""
        return await self._call("resident")

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

    async def aclose(self) -> None:
        """Nothing to let go: the actor is the node's."""

    async def _call(self, method: str, *arguments: object) -> Any:  # noqa: ANN401  # by method
        try:
            reply = await self._handle.call.remote(method, *arguments)
        except Exception as exc:
            raise self._explained(exc) from exc
        return _value(reply)

    async def _stream(self, method: str, argument: object) -> AsyncGenerator[Any, None]:
        import ray

        items = self._handle.stream.remote(method, argument)
        began, ended = False, False
        try:
            async for item in items:
                value = _value(await item)
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


def _value(reply: object) -> Any:  # noqa: ANN401  # as the method returns it
    if isinstance(reply, Failed):
        raise reply.error
    return reply
