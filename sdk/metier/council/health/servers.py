"""Whether the model servers answer, and which hosts are left out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from anyio import to_thread

from metier.council.council import Council
from metier.council.health.check import Check
from metier.errors import MetierError
from metier.models import local
from metier.models.ollama import OllamaServer
from metier.models.opening import labels_of
from metier.models.server import ModelServer
from metier.settings import Settings


async def server_checks(council: Council) -> list[Check]:
    """The cluster with its nodes, each of several hosts, or the one server."""
    settings = council.settings
    if settings.cluster:
        return [await _cluster(council), *_nodes(council)]
    if not settings.hosts:
        return [await _server(council.server, settings)]
    return [await _host(host.address, settings, *host.labels) for host in settings.hosts]


async def _host(address: str, settings: Settings, *labels: str) -> Check:
    server = OllamaServer.from_settings(settings.model_copy(update={"host": address}))
    try:
        return await _server(server, settings, *labels)
    finally:
        await server.aclose()


async def _server(server: ModelServer, settings: Settings, *labels: str) -> Check:
    address = server.address
    asked = isinstance(server, OllamaServer)
    try:
        listens = partial(local.is_listening, address, timeout_s=settings.connect_timeout_s)
        if asked and not await to_thread.run_sync(listens):
            raise ConnectionError
        version = await server.version()
    except (MetierError, ConnectionError) as exc:
        have = local.ollama_program(settings) is not None
        fix = f"OLLAMA_HOST={address} ollama serve" if have else "scripts/get-ollama"
        reason = exc.message if isinstance(exc, MetierError) else "nothing listens"
        return Check(name="Ollama", ok=False, detail=f"{address}: {reason}", fix=fix)
    labelled = f" ({', '.join(labels)})" if labels else ""
    return Check(name="Ollama", ok=True, detail=f"version {version} at {address}{labelled}")


async def _cluster(council: Council) -> Check:
    address = council.settings.cluster
    try:
        listed = await council.server.list()
    except MetierError as exc:
        fix = f"metier cluster start-host {address}"
        return Check(name="cluster", ok=False, detail=exc.message, fix=fix)
    hosts = sorted({host for model in listed for host in model.hosts})
    return Check(name="cluster", ok=True, detail=f"{', '.join(hosts)} at {address}")


def _nodes(council: Council) -> Iterator[Check]:
    """Nodes of the cluster that are not used, or not for the steps of an expert."""
    from metier.engine.refusals import Refusals
    from metier.models.hosts.ray_server import RayServer

    server, settings = council.server, council.settings
    if not isinstance(server, RayServer):
        return
    for name, reason in server.left_out.items():
        yield Check(name=f"host {name}", ok=False, detail=f"not used: {reason}")
    refusals = Refusals(council.registry, council.embedder, settings)
    fix = f"install the same there, then: metier cluster start-host {settings.cluster}"
    for expert in settings.remote_steps:
        if expert not in council.registry.cards:
            detail = "remote_steps names it, but no such expert is installed"
            yield Check(name=f"steps of {expert}", ok=False, detail=detail)
            continue
        for host, reason in refusals.of(expert, server).items():
            detail = f"not run on {host.name}: {reason}"
            yield Check(name=f"steps of {expert}", ok=False, detail=detail, fix=fix)


def label_checks(council: Council) -> Iterator[Check]:
    """Experts whose cards name a label that no host has: they run anywhere."""
    known = labels_of(council.server)
    for name, card in council.registry.cards.items():
        label = council.settings.runs_on.get(name) or card.runs_on
        if label and label not in known:
            detail = f"no host is labelled {label!r}, so it runs on any host"
            yield Check(name=f"host of {name}", ok=True, detail=detail)


async def prompt_checks(council: Council) -> list[Check]:
    """Whether the server keeps the experts' prompts, measured with a loaded model.

    What was found is remembered, so that a server which somebody else started is used accordingly.
    """
    settings = council.settings
    if settings.hosts or settings.cluster or not settings.resident_prompts:
        return []
    started_with = local.started_slots(settings)
    kept_before = started_with is None and local.slots_of(settings) > settings.concurrency
    try:
        slots = await council.warming.slots_wanted()
        found = await council.warming.slots_found(slots) if slots > 1 else 1
        if found == 1 < slots and kept_before:  # something else may keep it busy
            found = await council.warming.slots_found(slots)
    except MetierError as exc:
        return [Check(name="prompts", ok=True, detail=f"not measured: {exc.message}")]
    if found is None:
        detail = "not measured: none of the experts' models is in memory"
        return [Check(name="prompts", ok=True, detail=detail, fix="metier models warm")]
    if slots <= 1:
        return []
    if started_with is None:
        await to_thread.run_sync(local.remember_slots, settings, found)
    if found > 1:
        return [Check(name="prompts", ok=True, detail="the server keeps the experts' prompts")]
    detail = "the server reads an expert's prompt again after another expert's"
    if started_with is not None and started_with >= slots:
        detail += ", though it has enough slots: Ollama gives some models only one"
        return [Check(name="prompts", ok=True, detail=detail)]
    fix = f"OLLAMA_NUM_PARALLEL={slots} ollama serve"
    return [Check(name="prompts", ok=True, detail=detail, fix=fix)]
