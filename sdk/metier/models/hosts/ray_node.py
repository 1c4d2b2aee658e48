"""The actor of one node: the calls of a pool, made to the model server beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from metier.errors import ClusterUnavailable, MetierError
from metier.models.hosts.ray_server import NAMESPACE, PREFIX, Failed, NodeFacts, connect
from metier.models.server import ModelServer

_CALLS = frozenset(("embed", "list", "show", "resident", "load", "version"))
_STREAMS = frozenset(("chat", "generate", "pull"))
# Calls that wait beside each other: those to the model server, and looks at its state.
_CONCURRENCY = 1000


class Node:
    """Makes the calls that a `RayServer` sends to this node.

    Args:
        server: the model server beside it.
    """

    def __init__(self, server: ModelServer, facts: NodeFacts) -> None:
        self._server = server
        self._facts = facts

    async def call(self, method: str, *arguments: object) -> object:
        """The result of a call, or the error that it raised, as a value."""
        if method == "facts":
            return self._facts
        if method not in _CALLS:
            raise ValueError(f"no call is named {method!r}")
        try:
            return await getattr(self._server, method)(*arguments)
        except MetierError as exc:
            return Failed(error=exc)

    async def stream(self, method: str, argument: object) -> AsyncGenerator[object, None]:
        """The pieces of a reply; an error is the last of them."""
        if method not in _STREAMS:
            raise ValueError(f"no stream is named {method!r}")
        try:
            async with aclosing(getattr(self._server, method)(argument)) as pieces:
                async for piece in pieces:
                    yield piece
        except MetierError as exc:
            yield Failed(error=exc)


def start_host(
    address: str, name: str, server: ModelServer, facts: NodeFacts, *, node_id: str | None = None
) -> Any:  # noqa: ANN401  # a handle of Ray, which has no type
    """Start the actor of a node; it ends with this process.

    Args:
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
        return actor.remote(server, facts)
    except ValueError as exc:
        raise ClusterUnavailable(f"a host named {name!r} is in the cluster already") from exc


async def answering(actor: Any) -> str:  # noqa: ANN401  # as above
    """The version of the model server beside an actor, once both answer.

    Raises:
        MetierError: the model server does not answer.
    """
    reply = await actor.call.remote("version")
    if isinstance(reply, Failed):
        raise reply.error
    return str(reply)
