"""This process's connection to a Ray cluster: made when needed, given up if the head is gone."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar

import anyio

from metier.errors import ClusterUnavailable

T = TypeVar("T")

NAMESPACE = "metier"
# An actor with this version of the calls; another is another name, and is not found.
PREFIX = "host-4:"

_ENVIRONMENT = {
    # Ray ends a process whose head is gone for a minute, and with it the program that embeds
    # metier. The connection is given up instead, at the next call; this is a year.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "31536000",
    # A call after that would make Ray start a cluster on this machine.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    # What Ray keeps back of repeated messages it prints on stdout, after the answers.
    "RAY_DEDUP_LOGS": "0",
}
# Connecting takes two seconds and answering a millisecond; a busy machine may take much longer.
_CONNECTING_S = 20.0
_ANSWERING_S = 10.0
_HEAD = re.compile(r"\[?([^\[\]/]+)\]?:(\d+)")


class _Lost(Exception):
    """The connection is of no use any more."""


def connect(address: str) -> None:
    """Connect this process to a running cluster, once.

    Raises:
        ClusterUnavailable: Ray is not installed, there is no cluster at the address, or the process
            is connected to another one.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as exc:
        raise ClusterUnavailable("the package 'ray' is not installed") from exc
    if address in ("", "local"):  # with these, Ray would start a cluster
        raise ClusterUnavailable(f"{address!r} names no cluster")
    if ray.is_initialized():
        if not _is_connected_to(address):
            there = ray.get_runtime_context().gcs_address
            other = ClusterUnavailable(
                f"this process is connected to the Ray cluster at {there!r}, so not to {address!r}"
            )
            other.hint = "Name the same cluster, or end that connection with ray.shutdown()"
            raise other
        return
    try:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as exc:
        raise ClusterUnavailable(f"no Ray cluster answers at {address!r}: {exc}") from exc


async def host_names(address: str, *, timeout_s: float) -> Collection[str]:
    """The names of the hosts that are in a cluster now.

    Raises:
        ClusterUnavailable: as `connect` does, or the cluster's head does not answer.
    """
    if await _listens(address, timeout_s=timeout_s):
        with anyio.move_on_after(_CONNECTING_S), suppress(_Lost):
            await in_thread(partial(connect, address))
            with anyio.move_on_after(_ANSWERING_S):
                return await in_thread(_names)
    with anyio.move_on_after(timeout_s):
        await in_thread(partial(_disconnect, address))
    raise ClusterUnavailable(f"the head of a Ray cluster does not answer at {address!r}")


async def _listens(address: str, *, timeout_s: float) -> bool:
    """Whether something listens where the head is; true if the address does not say where."""
    if (found := _HEAD.fullmatch(address)) is None:
        return True
    with suppress(OSError), anyio.move_on_after(timeout_s):
        async with await anyio.connect_tcp(found[1], int(found[2])):
            return True
    return False


def _names() -> Collection[str]:
    import ray.exceptions
    import ray.util

    try:
        # Whoever connected before may be in another namespace.
        listed: Any = ray.util.list_named_actors(all_namespaces=True)
    except ray.exceptions.RayError as exc:
        raise _Lost from exc
    names = {each["name"] for each in listed if each["namespace"] == NAMESPACE}
    return {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}


def _disconnect(address: str) -> None:
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized() and _is_connected_to(address):
        ray.shutdown()


def _is_connected_to(address: str) -> bool:
    """Whether this process is in the cluster at an address; true if it does not say where."""
    import ray

    here = _HEAD.fullmatch(ray.get_runtime_context().gcs_address)
    asked = _HEAD.fullmatch(address)
    if here is None or asked is None:
        return True
    return here[2] == asked[2] and not _ips_of(here[1]).isdisjoint(_ips_of(asked[1]))


def _ips_of(host: str) -> set[str]:
    """The IP addresses of a host; of this machine, its own in a cluster, too."""
    import ray.util

    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    except OSError:
        return {host}
    is_here = any(ip_address(each).is_loopback for each in found)
    return found | {ray.util.get_node_ip_address()} if is_here else found


async def in_thread(function: Callable[[], T]) -> T:
    """Call a function that may never return: its thread keeps neither a deadline nor the program.

    Ray waits without an end for a head that accepts connections and never answers.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        with suppress(InvalidStateError):  # no longer awaited
            try:
                outcome.set_result(function())
            except BaseException as exc:  # noqa: BLE001  # whatever it is, the waiting task gets it
                outcome.set_exception(exc)

    threading.Thread(target=run, name="metier cluster", daemon=True).start()
    return await asyncio.wrap_future(outcome)
