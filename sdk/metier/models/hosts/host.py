"""One host of a pool: what it has, what it is doing, how long that takes, and whether it works."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from metier.answer import Usage
from metier.errors import DeadlineExceeded, MetierError, ModelServerUnreachable
from metier.models.hosts.slots import SlotPrompts
from metier.models.server import InstalledModel, LoadedModel, ModelServer, full_name

# Until a host has shown how fast it is: seconds to load a gigabyte, and for a whole reply.
_LOAD_S_PER_GB = 2.0
_LOAD_S = 1.0
_REPLY_S = 5.0
# Memory that a model needs, relative to its weights.
_OVERHEAD = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a host.

    Attributes:
        fresh_s: how long what a host reported counts as its present state.
        look_s: deadline for that report.
        check_every_s: while a first token is awaited, how often the host is asked for a sign
            of life, and how long that may take; two that fail in a row end the call.
        failures: in a row, after which a host is only a last resort for `cooldown_s`.
    """

    fresh_s: float = 1.0
    look_s: float = 2.0
    check_every_s: float = 5.0
    failures: int = 3
    cooldown_s: float = 30.0


@dataclass(slots=True)
class Speed:
    """Seconds of one model on one host, as last seen; None until then."""

    load_s: float | None = None
    prompt_s: float | None = None
    reply_s: float | None = None


@dataclass(eq=False, kw_only=True)
class Host:
    """A model server that is one of several.

    Attributes:
        name: unique in its pool; for people.
        labels: groups that it belongs to.
        concurrency: requests that it runs at once.
        memory_bytes: memory for models; None if it is not known.
        num_ctx: the window that it runs models with; a model loaded with another is loaded again.
        installed: its models, by full name.
        loaded: those in memory.
        error: why its state is not known; None if it is.
    """

    server: ModelServer
    name: str
    labels: frozenset[str] = frozenset()
    concurrency: int = 1
    memory_bytes: int | None = None
    num_ctx: int = 0
    patience: Patience = Patience()
    clock: Callable[[], float] = time.monotonic
    installed: dict[str, InstalledModel] = field(default_factory=dict)
    loaded: dict[str, LoadedModel] = field(default_factory=dict)
    error: MetierError | None = None

    def __post_init__(self) -> None:
        self._running: Counter[str] = Counter()
        self._speeds: dict[str, Speed] = {}
        self._prompts: dict[str, SlotPrompts] = {}
        self._unable: dict[str, float] = {}
        self._looked_at = -float("inf")
        self._looking: anyio.Event | None = None
        self._failures = 0
        self._cooling_until = -float("inf")

    @property
    def is_cooling(self) -> bool:
        """Whether it failed so often that others are preferred for a while."""
        return self.clock() < self._cooling_until

    @property
    def running(self) -> int:
        """Requests of this process that it is working on."""
        return self._running.total()

    def runs(self, model: str) -> int:
        """How many of these are to this model."""
        return self._running[full_name(model)]

    def is_named(self, where: str) -> bool:
        """Whether a name, an address or a label means this host."""
        return where in (self.name, self.server.address, *self.labels)

    def can_run(self, model: str) -> bool:
        """Whether it has the model, and did not just fail to run it."""
        name = full_name(model)
        return name in self.installed and self._unable.get(name, 0.0) <= self.clock()

    def has_loaded(self, model: str) -> bool:
        """Whether the model is in memory, with the window that calls use."""
        found = self.loaded.get(full_name(model))
        return found is not None and (found.context_length or self.num_ctx) == self.num_ctx

    def has_room(self, model: str) -> bool:
        """Whether the model fits in memory at all."""
        size = self.installed[full_name(model)].size_bytes
        return self.memory_bytes is None or size * _OVERHEAD <= self.memory_bytes

    def seconds_until_reply(self, model: str, prompt: str = "") -> float:
        """The expected wait for the first token: queue, loading, and reading the prompt."""
        name = full_name(model)
        return self._queue_s() + self._load_s(name) + self._prompt_s(name, prompt)

    def _queue_s(self) -> float:
        """Until it is free for another request."""
        waiting = self.running - self.concurrency + 1
        if waiting <= 0:
            return 0.0
        seconds = [self._seen(model).reply_s or _REPLY_S for model in self._running.elements()]
        return waiting / self.concurrency * sum(seconds) / len(seconds)

    def _load_s(self, name: str) -> float:
        """To load it, and later to load again what has to make room for it."""
        if self.has_loaded(name) or self._running[name]:
            return 0.0
        return self._loading_s(name) + sum(map(self._loading_s, self._evicted_by(name)))

    def _loading_s(self, name: str) -> float:
        if (seen := self._seen(name).load_s) is not None:
            return seen
        found = self.installed.get(name) or self.loaded.get(name)
        return _LOAD_S + _LOAD_S_PER_GB * (found.size_bytes / 1e9 if found else 0.0)

    def _evicted_by(self, name: str) -> Collection[str]:
        if self.memory_bytes is None:
            return ()
        needed = self.installed[name].size_bytes * _OVERHEAD
        others = {key: model.size_bytes for key, model in self.loaded.items() if key != name}
        return others if needed + sum(others.values()) > self.memory_bytes else ()

    def _prompt_s(self, name: str, prompt: str) -> float:
        """To read a prompt; those that were read last are still in the model's slots."""
        is_full = self.running >= self.concurrency
        if self._slots_of(name).has(prompt, after_one_ends=is_full):
            return 0.0
        return self._seen(name).prompt_s or 0.0

    def _slots_of(self, name: str) -> SlotPrompts:
        return self._prompts.setdefault(name, SlotPrompts(self.concurrency))

    def _seen(self, name: str) -> Speed:
        return self._speeds.setdefault(name, Speed())

    @contextmanager
    def working(self, model: str, prompt: str = "") -> Iterator[Callable[[Usage], None]]:
        """Count a request while it runs; what is yielded takes what its reply cost."""
        name = full_name(model)
        cold = not (self.has_loaded(name) or self._running[name])
        self._running[name] += 1
        self._slots_of(name).take(prompt)
        try:
            yield lambda usage: self._succeeded(name, usage, cold=cold)
        finally:
            self._running[name] -= 1
            self._slots_of(name).give_back(prompt)

    def _succeeded(self, name: str, usage: Usage, *, cold: bool) -> None:
        """Learn from a reply how fast the host is."""
        self.worked()
        speed = self._seen(name)
        if cold:
            speed.load_s = usage.load_s
        # A prompt that was in the cache takes next to nothing, and says nothing of the next one.
        speed.prompt_s = max(usage.prompt_s, (speed.prompt_s or 0.0) * 0.9)
        reply_s = max(0.0, usage.total_s - usage.load_s)
        speed.reply_s = reply_s if speed.reply_s is None else 0.7 * speed.reply_s + 0.3 * reply_s

    def worked(self) -> None:
        """Forget earlier failures: it has done what it was asked."""
        self._failures = 0
        self._cooling_until = -float("inf")

    def failed(self, *, model: str = "") -> None:
        """Count a failure: of one model, or of the host."""
        if model:
            self._unable[full_name(model)] = self.clock() + self._cooldown_s()
            return
        self._failures += 1
        if self._failures >= self.patience.failures:
            self._cooling_until = self.clock() + self._cooldown_s()

    def _cooldown_s(self) -> float:
        return self.patience.cooldown_s * random.uniform(1, 1.3)  # noqa: S311  # not for secrets

    def forget(self) -> None:
        """Ask again what it has before the next choice."""
        self._looked_at = -float("inf")

    async def look(self) -> None:
        """Bring its state up to date; calls that come meanwhile wait for the same report."""
        while self._looking is not None:
            await self._looking.wait()
        if self.clock() - self._looked_at < self.patience.fresh_s:
            return
        self._looking = anyio.Event()
        try:
            await self._report()
            self._looked_at = self.clock()
        finally:
            self._looking.set()
            self._looking = None

    async def _report(self) -> None:
        try:
            with anyio.move_on_after(self.patience.look_s) as scope:
                installed = await self.server.list()
                loaded = await self.server.loaded()
            if scope.cancelled_caught:
                reason = f"silent for {self.patience.look_s:g} s"
                raise ModelServerUnreachable(self.server.address, reason=reason)
        except MetierError as exc:
            self.error = exc
            self.failed()
            return
        if self.error is not None:
            self._failures = 0
        self.installed = {full_name(model.name): model for model in installed}
        self.loaded = {full_name(model.name): model for model in loaded}
        self.error = None

    async def watch(self) -> None:
        """Look for signs of life until it gives none.

        Raises:
            DeadlineExceeded: it was silent twice in a row.
        """
        silent = 0
        while silent < 2:
            await anyio.sleep(self.patience.check_every_s)
            silent = 0 if await self._answers() else silent + 1
        raise DeadlineExceeded(f"{self.server.address} stopped answering before the first token")

    async def _answers(self) -> bool:
        with anyio.move_on_after(self.patience.check_every_s):
            try:
                await self.server.version()
            except MetierError:
                return False
            return True
        return False
