"""The model server and the embedder that the settings name. Nothing is connected yet."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from metier.models.embedder import Embedder
from metier.models.server import ModelServer
from metier.settings import HostSettings, Settings

if TYPE_CHECKING:
    from metier.models.hosts import Host, HostPool

_SYSTEM_BYTES = 2 << 30
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def server_of(settings: Settings) -> ModelServer:
    """The Ollama of the settings, or all of them as one if they name several."""
    if settings.cluster or settings.hosts:
        return pool_of(settings)
    from metier.models import local
    from metier.models.ollama import OllamaServer
    from metier.models.shared import SharedServer

    inner = OllamaServer.from_settings(settings)
    return SharedServer.of(inner, settings, keeps=local.slots_of(settings))


def pool_of(settings: Settings) -> HostPool:
    """The hosts of the settings, be it one, several, or those of a cluster."""
    if settings.cluster:
        from metier.models.hosts.ray_server import RayServer

        return RayServer(settings.cluster, num_ctx=settings.num_ctx)
    from metier.models.hosts import HostPool

    return HostPool([_host(each, settings) for each in settings.servers])


def _host(one: HostSettings, settings: Settings) -> Host:
    from metier.models.hosts import Host, Patience
    from metier.models.ollama import OllamaServer
    from metier.models.shared import SharedServer

    concurrency = one.concurrency or settings.concurrency
    own = settings.model_copy(update={"host": one.address, "concurrency": concurrency})
    return Host(
        # The pool itself tries again, at once on another host.
        server=SharedServer.of(OllamaServer.from_settings(own, pauses_s=()), own),
        name=one.name,
        labels=frozenset(one.labels),
        concurrency=concurrency,
        memory_bytes=memory_bytes_of(one),
        num_ctx=settings.num_ctx,
        patience=Patience(look_s=settings.connect_timeout_s),
    )


def embedder_of(settings: Settings, server: ModelServer) -> Embedder:
    """The embedder of the settings, on the model server or in this process."""
    if settings.embedder == "sentence-transformers":
        from metier.models.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(settings.embed_model)
    from metier.models.ollama_embedder import OllamaEmbedder

    return OllamaEmbedder(server, model=settings.embed_model)


def labels_of(server: ModelServer) -> Collection[str]:
    """The labels of its hosts, as far as they are known by now."""
    from metier.models.hosts import HostPool

    hosts = server.hosts if isinstance(server, HostPool) else ()
    return {label for host in hosts for label in host.labels}


def memory_for_models(settings: Settings) -> int | None:
    """The memory that a model may take, in bytes, on the largest host; None if it is not known."""
    if settings.cluster:
        return None
    sizes = [memory_bytes_of(host) for host in settings.servers]
    known = [size for size in sizes if size is not None]
    return max(known) if len(known) == len(sizes) else None


def memory_bytes_of(host: HostSettings) -> int | None:
    """The memory for models on a host, if it is given or the host is this machine."""
    from metier.models.local import is_local

    if host.memory_gb is not None:
        return int(host.memory_gb * 1e9)
    physical = physical_memory_bytes() if is_local(host.address) else None
    return None if physical is None else left_for_models(physical)


def left_for_models(physical_bytes: int) -> int:
    """What a machine's memory leaves to models: the system takes a quarter, or 2 GiB."""
    return physical_bytes - min(physical_bytes // 4, _SYSTEM_BYTES)


def physical_memory_bytes() -> int | None:
    """The memory of this machine, or of the container that this is, if the system says."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    with suppress(OSError, ValueError):  # a ValueError is "max": no limit
        return min(physical, int(_CONTAINER.read_text()))
    return physical
