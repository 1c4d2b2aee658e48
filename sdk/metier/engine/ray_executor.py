"""Runs whole steps on the nodes of a Ray cluster, the expert's own code included."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

import anyio
from pydantic import BaseModel, ConfigDict, ValidationError

from metier.answer import Usage
from metier.engine.calling import Caller
from metier.engine.executor import Executor, Job
from metier.engine.recorder import Emit
from metier.engine.refusals import Refusals
from metier.errors import MetierError, ModelServerFailed, StreamInterrupted
from metier.events import (
    CallDone,
    CallStarted,
    Event,
    Notice,
    StepDone,
    StepStarted,
    Token,
)
from metier.experts.card import GENERAL
from metier.experts.expert import Task
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.models.hosts.calls import first_of, may_work_elsewhere, note_failure
from metier.models.hosts.host import Host
from metier.models.hosts.ray_server import RayServer
from metier.plan import Step
from metier.settings import Settings


class RemoteJob(BaseModel):
    """A step as a node gets it, in JSON.

    Attributes:
        calls: how many model calls it may cost.
        timeout_s: until its deadline; the clocks of two machines cannot be compared.
        model: of the general expert, over its card's.
        recorded: whether the node reports what it exchanges with its models.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    step: Step
    task: Task
    solo: bool
    calls: int
    timeout_s: float | None
    seed: int
    model: str | None
    recorded: bool

    @property
    def job(self) -> Job:
        """The step as an executor takes it."""
        return Job(step=self.step, task=self.task, solo=self.solo)


class RemoteExchange(BaseModel):
    """A request to the models beside a node, and its reply, as they are kept in a run.

    One of the kind `node` says on which node a step ran.
    """

    model_config = ConfigDict(
        frozen=True, defer_build=True, ser_json_bytes="base64", val_json_bytes="base64"
    )

    kind: Literal["chat", "generate", "embed", "show", "slots", "hosts", "node"]
    request: bytes
    reply: bytes
    texts: tuple[bytes, ...] = ()


class NodeReport(BaseModel):
    """What a node reports of a step, in JSON: an event, or an exchange to be kept."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    event: Event | None = None
    exchange: RemoteExchange | None = None


class RayExecutor:
    """Runs the steps of `remote_steps` on nodes, all others in this process.

    A node that has the step's model is chosen as for a model call. A step is run again on another
    node only if none of its words have been shown.

    Args:
        here: runs the other steps, and those that every node refuses.
        keep: takes the exchanges of a step that has ended on a node; None if runs are not kept.
    """

    def __init__(
        self,
        here: Executor,
        server: RayServer,
        registry: Registry,
        chooser: ModelChooser,
        *,
        refusals: Refusals,
        settings: Settings,
        keep: Callable[[RemoteExchange], None] | None,
    ) -> None:
        self._here = here
        self._keep = keep
        self._server = server
        self._registry = registry
        self._chooser = chooser
        self._refusals = refusals
        self._settings = settings
        self._told: set[tuple[str, str, str]] = set()

    async def run(self, job: Job, *, caller: Caller, emit: Emit) -> StepDone:
        """Run the step where its expert is to run.

        Raises:
            MetierError: the step has no result, or no node could run it.
        """
        expert = job.step.expert
        if expert not in self._settings.remote_steps:
            return await self._here.run(job, caller=caller, emit=emit)
        await self._server.look()
        refused = self._refused(job.step, emit)
        if len(refused) == len(self._server.hosts):
            return await self._here.run(job, caller=caller, emit=emit)
        emit(StepStarted(step_id=job.step.id, expert=expert, task=job.step.task))
        return await self._somewhere(job, refused, caller.leaving(job.reserve), emit)

    def _refused(self, step: Step, emit: Emit) -> dict[Host, MetierError]:
        """The nodes that must not run the step; each reason is reported once."""
        found = self._refusals.of(step.expert, self._server)
        for host, reason in found.items():
            if (told := (step.expert, host.name, reason)) not in self._told:
                self._told.add(told)
                text = f"no steps of {step.expert} run on {host.name}: {reason}"
                emit(Notice(step_id=step.id, text=text))
        return {
            host: ModelServerFailed(f"{host.name} was refused: {reason}")
            for host, reason in found.items()
        }

    async def _somewhere(
        self, job: Job, failed: dict[Host, MetierError], caller: Caller, emit: Emit
    ) -> StepDone:
        card = self._registry.cards[job.step.expert]
        label = self._settings.runs_on.get(card.id) or card.runs_on
        general = self._registry.cards.get(GENERAL)
        model = (await self._chooser.model_for(card, general, chances=job.step.chances)).name
        for attempt in itertools.count(1):
            host = await self._server.host_for(model, label=label, besides=failed)
            relay = _Relay(caller, emit, host=host.name, attempt=attempt)
            try:
                with host.working(model):
                    done = await self._on(host, job, relay, caller)
            except MetierError as exc:
                note_failure(host, model, exc)
                if relay.spoke or not may_work_elsewhere(exc):
                    self._kept(job.step, host, relay)
                    raise
                failed[host] = exc
            else:
                host.worked()
                self._kept(job.step, host, relay)
                return done
        raise AssertionError("the loop ends by returning or raising")

    def _kept(self, step: Step, host: Host, relay: _Relay) -> None:
        """Keep what the last attempt exchanged; a replay makes no other."""
        if self._keep is None:
            return
        name = json.dumps(host.name).encode()
        there = RemoteExchange(kind="node", request=step.id.encode(), reply=name)
        for exchange in (there, *relay.exchanges):
            self._keep(exchange)

    async def _on(self, host: Host, job: Job, relay: _Relay, caller: Caller) -> StepDone:
        remote = RemoteJob(
            step=job.step,
            task=job.task,
            solo=job.solo,
            calls=max(1, caller.calls_left),
            timeout_s=_seconds_left(),
            seed=caller.seed,
            model=self._settings.model,
            recorded=self._keep is not None,
        )
        stream = self._server.run(host, "step", remote.model_dump_json())
        try:
            async with aclosing(stream):
                return await _relayed(job.step, host, stream, relay)
        except BaseException as exc:
            relay.break_off(exc.code if isinstance(exc, MetierError) else "cancelled")
            raise


async def _relayed(
    step: Step, host: Host, stream: AsyncGenerator[str, None], relay: _Relay
) -> StepDone:
    """Hand on a node's events; the result is one of them, unless no more words are wanted."""
    done: StepDone | None = None
    line = await first_of(host, stream)
    while line is not None:
        try:
            report = NodeReport.model_validate_json(line)
        except ValidationError as exc:
            raise ModelServerFailed(f"{host.name} sent what is not an event") from exc
        if report.exchange is not None:
            relay.exchanges.append(report.exchange)
        if report.event is not None:
            relay(report.event)
        done = report.event if isinstance(report.event, StepDone) else done
        if relay.enough and done is None:
            return relay.ended_early(step)
        line = await anext(stream, None)
    if done is None:
        raise StreamInterrupted(f"the step on {host.name} ended without a result")
    return done


class _Relay:
    """Hands on the events of a node as those of this run, and counts its calls here.

    Attributes:
        spoke: whether words of the step were shown.
        exchanges: what the step exchanged with the models there.
    """

    def __init__(self, caller: Caller, emit: Emit, *, host: str, attempt: int) -> None:
        self._caller = caller
        self._emit = emit
        self._host = host
        self._attempt = attempt
        self._open: dict[str, CallStarted] = {}
        self._said: list[str] = []
        self.spoke = False
        self.exchanges: list[RemoteExchange] = []

    @property
    def enough(self) -> bool:
        """Whether the answer has its last word."""
        return self._caller.cut.ended

    def __call__(self, event: Event) -> None:
        changed: dict[str, object] = {"attempt": self._attempt}
        match event:
            case StepStarted():
                return  # told before the first attempt
            case CallStarted():
                changed["call_id"] = self._caller.take_call()
                self._open[event.call_id] = event.model_copy(update=changed)
            case CallDone():
                changed["call_id"] = self._open.pop(event.call_id).call_id
                changed["host"] = self._host
            case Token():
                self.spoke = True
                self._said.append(event.text)
            case _:
                pass
        self._emit(event.model_copy(update=changed))

    def ended_early(self, step: Step) -> StepDone:
        """The result of a step whose other words nobody wants."""
        models = tuple(dict.fromkeys(call.model for call in self._open.values()))
        self.break_off("closed")
        done = StepDone(
            step_id=step.id,
            attempt=self._attempt,
            task=step.task,
            expert=step.expert,
            strategy=step.strategy,
            models=models,
            text="".join(self._said),
        )
        self._emit(done)
        return done

    def break_off(self, error: str) -> None:
        """End the calls whose end the node can no longer report."""
        for call in self._open.values():
            done = CallDone(
                step_id=call.step_id,
                attempt=self._attempt,
                call_id=call.call_id,
                model=call.model,
                usage=Usage(calls=1),
                error=error,
                host=self._host,
            )
            self._emit(done)
        self._open.clear()


def _seconds_left() -> float | None:
    left = anyio.current_effective_deadline() - anyio.current_time()
    return None if math.isinf(left) else left
