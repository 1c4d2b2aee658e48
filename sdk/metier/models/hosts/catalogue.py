"""One view of the models of several hosts: weights that differ are two models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metier.models.hosts.host import Host
from metier.models.server import InstalledModel, full_name


class Catalogue:
    """Which hosts have which model.

    A name means the weights (digest) that the first host with this name has, for as long as any
    host has them, or always, if the name is kept. Hosts with other weights of the same name list
    them as `name@host`.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._digests: dict[str, str] = {}
        self._kept: set[str] = set()

    def models(self) -> list[InstalledModel]:
        """The models of all hosts that answer, each once, by name."""
        merged: dict[str, InstalledModel] = {}
        for host in (host for host in self._hosts if host.error is None):
            for model in host.installed.values():
                name = self._shown_name(model, host)
                before = merged.get(name, replace(model, name=name))
                merged[name] = replace(before, hosts=(*before.hosts, host.name))
        return sorted(merged.values(), key=lambda model: model.name)

    def hosts_with(self, model: str) -> list[Host]:
        """The hosts that have exactly this model, in their order."""
        base, _, place = model.partition("@")
        name = full_name(base)
        having = [host for host in self._hosts if name in host.installed]
        if place:
            return [host for host in having if host.name == place]
        digest = self._digest(name)
        return [host for host in having if host.installed[name].digest == digest]

    def keep(self, model: str) -> None:
        """Let a name mean the weights that it means now, even if no host has them any more."""
        self._kept.add(full_name(model))

    def has_other_weights(self, model: str) -> bool:
        """Whether hosts have this name, but none the weights that are kept."""
        name = full_name(model)
        having = any(name in host.installed for host in self._hosts)
        return name in self._kept and having and not self.hosts_with(model)

    def _shown_name(self, model: InstalledModel, host: Host) -> str:
        same = model.digest == self._digest(full_name(model.name))
        return model.name if same else f"{model.name}@{host.name}"

    def _digest(self, name: str) -> str:
        there = [host.installed[name].digest for host in self._hosts if name in host.installed]
        if there and name not in self._kept and self._digests.get(name) not in there:
            self._digests[name] = there[0]
        return self._digests.get(name, "")


def name_there(model: str) -> str:
    """The name by which the host itself knows a model."""
    return model.partition("@")[0]
