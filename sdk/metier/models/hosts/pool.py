"""A `ModelServer` over several hosts: each call goes where its first token comes soonest.

That is mostly the host that has the model in memory. A call is made again on another host only
before its first token, so no part of an answer is written twice.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

import anyio

from metier.errors import (
    InvalidSettings,
    MetierError,
    ModelMissing,
    ModelServerFailed,
    ModelServerUnreachable,
    nearest,
)
from metier.models.hosts.calls import Call, may_work_elsewhere, note_failure, reply_from, will_pass
from metier.models.hosts.catalogue import Catalogue, name_there
from metier.models.hosts.host import Host
from metier.models.hosts.placing import placed, soonest
from metier.models.old_names import OldNames
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    Progress,
    RawRequest,
)

# Before the hosts are tried again, when none could answer.
_PAUSES_S = (0.1, 0.3, 0.9)


class HostPool(OldNames):
    """Several model servers that answer as one.

    Args:
        hosts: in order of preference, if nothing else decides. Embeddings come from the
            first that has the embedder.
        pauses_s: before each further attempt, when every host refused or had a full queue.
    """

    def __init__(self, hosts: Sequence[Host], *, pauses_s: Sequence[float] = _PAUSES_S) -> None:
        self.hosts = list(hosts)
        self._pauses_s = pauses_s
        self._catalogue = Catalogue(self.hosts)
        self._embedders: dict[str, str] = {}

    @property
    def address(self) -> str:
        """The addresses of all hosts."""
        return ", ".join(host.server.address for host in self.hosts)

    def at(self, where: str) -> HostPool:
        """The hosts with this name, address or label; `all` means every host.

        Raises:
            InvalidSettings: there is no such host.
        """
        if found := [host for host in self.hosts if where == "all" or host.is_named(where)]:
            return HostPool(found, pauses_s=self._pauses_s)
        known = sorted({name for host in self.hosts for name in (host.name, *host.labels)})
        raise InvalidSettings(
            f"no host is called or labelled {where!r}{nearest(where, known)}",
            hint=f"Hosts and labels: {', '.join(known)}",
        )

    def concurrency(self, model: str) -> int:
        """How many requests to a model run at once on the hosts that have it."""
        return sum(host.concurrency for host in self._working(model)) or 1

    def host_count(self, model: str) -> int:
        """How many hosts have a model and work; at least one."""
        return len(self._working(model)) or 1

    def _working(self, model: str) -> Sequence[Host]:
        """The hosts that have a model and work; one that does not if there is no other."""
        having = self._catalogue.hosts_with(model) or self.hosts
        working = [host for host in having if host.error is None and not host.is_cooling]
        return working or having[:1]

    def run_together(self, models: Sequence[str]) -> bool:
        """Whether requests to these models can run side by side, no host running two models."""
        able = {model: self._catalogue.hosts_with(model) or self.hosts for model in models}
        return placed(models, able) is not None

    def hosts_with(self, model: str) -> Sequence[Host]:
        """The hosts that were seen to have exactly this model, in their order."""
        return self._catalogue.hosts_with(model)

    async def look(self) -> None:
        """Bring what is known of the hosts up to date."""
        await self._look()

    async def host_for(
        self, model: str, *, label: str = "", besides: Mapping[Host, MetierError]
    ) -> Host:
        """The host whose first token comes soonest.

        Args:
            label: of the hosts that may take the call; empty if all may.
            besides: hosts that cannot, and why.

        Raises:
            ModelMissing: no host has the model.
            ModelServerError: no host is left.
        """
        return await self._choose(Call(model=model, label=label), dict(besides), iter(()))

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The reply, piece by piece, from the host where it comes soonest."""
        there = replace(request, model=name_there(request.model))
        first = request.messages[0] if request.messages else None
        call = Call(
            model=request.model,
            open=lambda server: server.chat(there),
            label=request.label,
            prompt=first.content if first is not None and first.role == "system" else "",
        )
        async with aclosing(self._streamed(call)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The continuation of a raw text, from the host where it comes soonest."""
        there = replace(request, model=name_there(request.model))
        call = Call(model=request.model, open=lambda server: server.generate(there))
        async with aclosing(self._streamed(call)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _streamed(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """The reply of the best host; of the next best, if that one fails before it begins."""
        failed: dict[Host, MetierError] = {}
        pauses = iter(self._pauses_s)
        while True:
            host = await self._choose(call, failed, pauses)
            began = False
            try:
                async with aclosing(reply_from(host, call)) as chunks:
                    async for chunk in chunks:
                        began = True
                        yield chunk
                return
            except MetierError as exc:
                note_failure(host, call.model, exc)
                if began or not may_work_elsewhere(exc):
                    raise
                failed[host] = exc

    async def _choose(
        self, call: Call, failed: dict[Host, MetierError], pauses: Iterator[float]
    ) -> Host:
        """The host whose first token comes soonest.

        Raises:
            ModelMissing: no host has the model.
            ModelServerError: no host that has it answers.
        """
        while True:
            await self._look()
            if not self._able(call):
                await self._look(self._having(call))  # those that failed lately, too
            able = [host for host in self._able(call) if host not in failed]
            if able:
                return soonest(able, call.model_there, call.prompt)
            pause_s = next(pauses, None) if will_pass(failed.values()) else None
            if pause_s is None:
                raise self._nobody(call, failed)
            failed.clear()
            await anyio.sleep(pause_s * random.uniform(1, 1.5))  # noqa: S311  # not for secrets

    async def _look(self, hosts: Sequence[Host] = ()) -> None:
        """Bring what is known of these hosts up to date; if not given, of all that work."""
        working = [host for host in self.hosts if not host.is_cooling]
        async with anyio.create_task_group() as group:
            for host in hosts or working or self.hosts:
                group.start_soon(host.look)

    def _able(self, call: Call) -> list[Host]:
        """The hosts that can take a call; those that failed lately only if there is no other."""
        name = call.model_there
        having = self._having(call)
        there = [host for host in having if host.error is None]
        well = [host for host in there if not host.is_cooling and host.can_run(name)]
        return [host for host in well if host.has_room(name)] or well or there

    def _having(self, call: Call) -> list[Host]:
        """The hosts that may take a call. A label that no host has is ignored, as on one server."""
        having = self._catalogue.hosts_with(call.model)
        if not any(call.label in host.labels for host in self.hosts):
            return having
        return [host for host in having if call.label in host.labels]

    def _nobody(self, call: Call, failed: Mapping[Host, MetierError]) -> MetierError:
        """Why no host can take a call."""
        having = self._having(call)
        silent = {host: host.error for host in having or self.hosts if host.error is not None}
        reasons = {**silent, **failed}
        if not reasons:
            return self._missing(call)
        if len(reasons) == 1:
            return next(iter(reasons.values()))
        told = "; ".join(f"{host.name}: {exc.message}" for host, exc in reasons.items())
        if all(isinstance(exc, ModelServerUnreachable) for exc in reasons.values()):
            addresses = ", ".join(host.server.address for host in reasons)
            return ModelServerUnreachable(addresses)
        return ModelServerFailed(f"no host could answer ({told})", hint="See: metier doctor")

    def _missing(self, call: Call) -> ModelMissing:
        missing = ModelMissing(
            call.model, installed=[model.name for model in self._catalogue.models()]
        )
        if self._catalogue.has_other_weights(call.model):
            missing.message = f"no host has the weights of {call.model!r} any more that were used"
            missing.hint = "Start that host, or start again: what was made with them is made anew"
        if call.label and self._catalogue.hosts_with(call.model):
            missing.message = f"model {call.model!r} is on no host labelled {call.label!r}"
            missing.hint = f"Get it with: metier models pull {call.model} --host {call.label}"
        return missing

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, always from the same host and the same weights.

        Another host with the same weights takes over only if that one fails.
        """
        await self._look()
        having = self._catalogue.hosts_with(model)
        usual = self._embedders.get(model)
        failed: dict[Host, MetierError] = {}
        for host in sorted(having, key=lambda host: host.name != usual):
            if host.error is None:
                try:
                    vectors = await host.server.embed(name_there(model), texts)
                except MetierError as exc:
                    note_failure(host, model, exc)
                    if not may_work_elsewhere(exc):
                        raise
                    failed[host] = exc
                else:
                    self._embedders[model] = host.name
                    self._catalogue.keep(model)
                    return vectors
        raise self._nobody(Call(model=model), failed)

    async def list(self) -> Sequence[InstalledModel]:
        """The models of all hosts, each with the hosts that have it."""
        for host in self.hosts:
            host.forget()
        await self._look()
        self._require_one()
        return self._catalogue.models()

    async def loaded(self) -> Sequence[LoadedModel]:
        """The models in memory, host by host."""
        await self._look()
        self._require_one()
        return [
            replace(model, host=host.name)
            for host in self.hosts
            if host.error is None
            for model in host.loaded.values()
        ]

    def _require_one(self) -> None:
        """Raise if no host answers."""
        if all(host.error is not None for host in self.hosts):
            raise self._nobody(Call(model=""), {})

    async def show(self, model: str) -> ModelDetails:
        """What the best host for a model knows about it."""
        host = await self._choose(Call(model=model), {}, iter(()))
        return replace(await host.server.show(name_there(model)), name=model)

    async def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Get a model onto the first host; `at` chooses others."""
        async with aclosing(self.hosts[0].server.pull(model)) as progress:
            async for step in progress:
                yield step
        self.hosts[0].forget()

    async def load(self, model: str) -> None:
        """Bring a model into memory on the host that is best for it."""
        host = await self._choose(Call(model=model), {}, iter(()))
        await host.server.load(name_there(model))
        host.forget()

    async def version(self) -> str:
        """The version of the first host that answers."""
        await self._look()
        self._require_one()
        return await next(host for host in self.hosts if host.error is None).server.version()

    async def aclose(self) -> None:
        """Close the connections to all hosts."""
        for host in self.hosts:
            await host.server.aclose()
