"""Replaying a kept run from its own replies, without a server."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from metier.answer import Answer
from metier.engine.engine import Limits
from metier.errors import MetierError, ReplayDiffers
from metier.events import Answered, Event, StepDone
from metier.models.embedder import Embedder, Role, Vectors
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    ModelServer,
    Progress,
    RawRequest,
)
from metier.plan import Plan
from metier.runs import exchanges
from metier.runs.differing import first_difference, versions_differ
from metier.runs.exchanges import key_of
from metier.runs.run import ExchangeKind, Run, Versions
from metier.settings import Settings


class Replays(Protocol):
    """The part of a council that a replay uses."""

    @property
    def limits(self) -> Limits:
        """What a question may cost."""
        ...

    def stream(
        self, question: Plan, *, results: Sequence[StepDone], limits: Limits | None, strict: bool
    ) -> AsyncGenerator[Event, None]:
        """Run a plan, but not the steps that have a result."""
        ...


class CouncilOf(Protocol):
    """Makes a council of the same experts on another server."""

    def __call__(self, *, server: ModelServer, embedder: Embedder, settings: Settings) -> Replays:
        """A council."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The result of a replay.

    Attributes:
        answer: the answer now; None if there is none.
        same: whether its text is the kept one, byte for byte; without an answer, whether the run
            failed with the same error.
        differences: what has changed, the most important first: requests that the kept run did not
            make, an error, versions.
    """

    answer: Answer | None
    same: bool
    differences: tuple[str, ...] = ()


async def replay(run: Run, council_of: CouncilOf, *, now: Versions, settings: Settings) -> Replay:
    """Run the plan of a kept run again, with the replies that it got.

    Args:
        council_of: makes the council that runs it.
        now: today's versions.

    Raises:
        ReplayDiffers: the run has no plan, or did not end by itself.
    """
    if run.plan is None:
        raise ReplayDiffers("this run has no plan to run again", hint="Ask the question again")
    if run.status not in ("answered", "failed"):
        raise ReplayDiffers(
            f"this run was {run.status}", hint="Run it on with: metier runs replay --from STEP"
        )
    kept = Kept(run)
    then = settings.model_copy(update=_settings_of(run.versions))
    embedder = ReplayEmbedder(kept, run.versions.embedder)
    council = council_of(server=ReplayServer(kept), embedder=embedder, settings=then)
    answer, error = None, ""
    given = [run.results[step] for step in run.given if step in run.results]
    try:
        # Whatever ended it there, the same words end there again.
        wanted = replace(council.limits, max_chars=len(run.answer)) if run.cut else None
        events = council.stream(run.plan, results=given, limits=wanted, strict=True)
        answer = await _answer(events)
    except MetierError as exc:
        error = str(exc)
    same = error == run.error if answer is None else answer.text == run.answer
    changed = [*versions_differ(run.versions, now), *_documents_elsewhere(run)]
    found = list(kept.differences)
    if not same:
        found += [f"there is no answer now: {error}"] if error and not found else []
        found += changed
    return Replay(answer=answer, same=same, differences=tuple(found or _unexplained(same=same)))


async def _answer(events: AsyncGenerator[Event, None]) -> Answer:
    """The answer of a run.

    Raises:
        MetierError: nothing could be answered.
    """
    async with aclosing(events) as stream:
        answers = [event.answer async for event in stream if isinstance(event, Answered)]
    return answers[0]


def _unexplained(*, same: bool) -> list[str]:
    return [] if same else ["nothing that was recorded: an expert's code may have changed"]


def _documents_elsewhere(run: Run) -> Iterator[str]:
    """The steps that used documents of another machine."""
    cited = {part.step_id for part in run.folded.parts if part.sources}
    for each in run.exchanges:
        if each.kind == "node" and (step := each.request.decode()) in cited:
            yield f"step {step} used documents that were added on {json.loads(each.reply)}"


def _settings_of(versions: Versions) -> dict[str, object]:
    known = Settings.model_fields
    return {name: value for name, value in versions.settings.items() if name in known}


class Kept:
    """The exchanges of a run, each to be used as often as it was made.

    Attributes:
        differences: requests that the kept run did not make.
    """

    def __init__(self, run: Run) -> None:
        self._waiting: dict[str, deque[bytes]] = defaultdict(deque)
        self._requests: dict[ExchangeKind, list[bytes]] = defaultdict(list)
        self._last: dict[str, bytes] = {}
        self.differences: list[str] = []
        for each in run.exchanges:
            self._waiting[each.key].append(each.reply)
            self._requests[each.kind].append(each.request)

    def reply(self, kind: ExchangeKind, request: bytes) -> bytes:
        """The next reply to this request.

        Raises:
            ReplayDiffers: the run did not make this request, or less often.
        """
        waiting = self._waiting[key_of(kind, request)]
        if not waiting:
            difference = first_difference(kind, request, self._requests[kind])
            self.differences.append(difference)
            raise ReplayDiffers(difference)
        return waiting.popleft()

    def state(self, kind: ExchangeKind, request: bytes = b"") -> bytes | None:
        """The next recorded state of the server; after the last, the last again."""
        key = key_of(kind, request)
        if waiting := self._waiting[key]:
            self._last[key] = waiting.popleft()
        return self._last.get(key)


class ReplayServer:
    """A model server that replies as it did in a kept run."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    @property
    def address(self) -> str:
        """A name for messages; there is no server."""
        return "a kept run"

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The kept reply."""
        packed, _ = exchanges.packed_chat(request)
        for piece in self._reply("chat", packed):
            yield piece

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The kept reply."""
        for piece in self._reply("generate", exchanges.packed_raw(request)):
            yield piece

    def _reply(self, kind: ExchangeKind, request: bytes) -> Iterator[Chunk]:
        reply = exchanges.Reply.model_validate_json(self._kept.reply(kind, request))
        yield from reply.pieces
        if reply.failure is not None and reply.failure.code != "closed":
            raise reply.failure.error()

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Refuse: vectors come from the replayed embedder."""
        raise ReplayDiffers(f"{model!r} is asked to embed, and the kept run did not ask it")

    async def list(self) -> Sequence[InstalledModel]:
        """The models as they were listed."""
        data = self._kept.state("list")
        return exchanges.adapter(exchanges.Models).validate_json(data) if data else ()

    async def show(self, model: str) -> ModelDetails:
        """The recorded details of a model."""
        data = self._kept.reply("show", model.encode())
        details: ModelDetails = exchanges.adapter(ModelDetails).validate_json(data)
        return details

    async def loaded(self) -> Sequence[LoadedModel]:
        """The models that were in memory."""
        data = self._kept.state("resident")
        return exchanges.adapter(exchanges.LoadedModels).validate_json(data) if data else ()

    def concurrency(self, model: str) -> int:
        """The recorded concurrency."""
        return int(self._kept.state("slots", model.encode()) or 1)

    def host_count(self, model: str) -> int:
        """The recorded number of hosts."""
        return int(self._kept.state("hosts", model.encode()) or 1)

    def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Refuse: a replay cannot download a model."""
        raise ReplayDiffers(f"{model!r} is to be downloaded, and a replay has no server")

    async def load(self, model: str) -> None:
        """Do nothing: there is no server."""

    async def version(self) -> str:
        """The word `replay`."""
        return "replay"

    async def aclose(self) -> None:
        """Do nothing: there is no connection to close."""


class ReplayEmbedder:
    """An embedder that returns the vectors of a kept run."""

    def __init__(self, kept: Kept, name: str) -> None:
        self._kept = kept
        self.id = name

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """The kept vectors."""
        request = exchanges.packed_texts(self.id, texts, role)
        return exchanges.unpacked_vectors(self._kept.reply("embed", request), len(texts))
