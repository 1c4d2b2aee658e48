"""Which nodes of a cluster must not run which steps, because they would answer otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from metier.experts.registry import Registry
from metier.experts.versions import difference, expert_versions
from metier.models.embedder import Embedder
from metier.models.hosts.facts import ExpertVersions
from metier.models.hosts.host import Host
from metier.models.hosts.ray_server import RayServer
from metier.models.server import full_name
from metier.settings import Settings


class Refusals:
    """Compares what nodes have installed with what this process has.

    Only whole steps are refused: a model call takes its prompt along, so it may go anywhere.
    """

    def __init__(self, registry: Registry, embedder: Embedder, settings: Settings) -> None:
        self._registry = registry
        self._embedder = embedder
        self._settings = settings

    def of(self, expert: str, server: RayServer) -> Mapping[Host, str]:
        """The nodes that must not run an expert's steps, and why."""
        here = expert_versions(self._registry, self._embedder, only=expert)
        reasons = {host: self._reason(expert, host, server, here) for host in server.hosts}
        return {host: reason for host, reason in reasons.items() if reason}

    def _reason(self, expert: str, host: Host, server: RayServer, here: ExpertVersions) -> str:
        there = server.facts[host.name].versions
        if there is None:
            return "it runs no steps"
        return difference(expert, here, there) or self._embedder_differs(host, server)

    def _embedder_differs(self, host: Host, server: RayServer) -> str:
        model = self._settings.embed_model
        if self._settings.embedder != "ollama" or host in server.hosts_with(model):
            return ""
        if host.error is None and full_name(model) not in host.installed:
            return f"the embedder {model!r} is not installed there"
        return f"the embedder {model!r} there has other weights" if host.error is None else ""
