"""A run as operations: folded from its events, and from the work that rooms report."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from metier.answer import Usage
from metier.errors import MetierError
from metier.events import (
    Answered,
    CallDone,
    CallStarted,
    Event,
    PlanReady,
    StepDone,
    StepFailed,
    StepStarted,
    Token,
    Voted,
)
from metier.telemetry.operation import Backend, Moment, Operation, OperationName, Value
from metier.telemetry.tracing import Work, observer, trace_headers

T = TypeVar("T")
Emit = Callable[[Event], None]

WORKFLOW = "metier"
PROVIDER = "ollama"
_SUBJECTS: dict[OperationName, str] = {
    "invoke_workflow": "gen_ai.workflow.name",
    "plan": "gen_ai.workflow.name",
    "invoke_agent": "gen_ai.agent.name",
    "chat": "gen_ai.request.model",
    "embeddings": "gen_ai.request.model",
    "retrieval": "gen_ai.data_source.id",
    "execute_tool": "gen_ai.tool.name",
}
# What goes on in this task; the tasks and threads that it starts inherit it.
_current: ContextVar[Operation | None] = ContextVar("metier_operation", default=None)


def followed(
    backends: Sequence[Backend], question: str, answer: Callable[[Emit], Awaitable[T]]
) -> Callable[[Emit], Awaitable[T]]:
    """A run that reports to backends what happens in it."""

    async def followed(emit: Emit) -> T:
        following = Following(backends, question)

        def both(event: Event) -> None:
            following.take(event)
            emit(event)

        with following.observing():
            return await answer(both)

    return followed


class Following:
    """Turns one run into operations, and reports them."""

    def __init__(self, backends: Sequence[Backend], question: str) -> None:
        self._backends = backends
        self._question = question
        self._open: dict[Operation, None] = {}
        self._steps: dict[str | None, Operation] = {}
        self._calls: dict[str, Operation] = {}
        self._early: dict[str, CallStarted] = {}
        self._run: Operation | None = None

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Follow the run that is this block."""
        tokens = observer.set(self), _current.set(None), trace_headers.set(trace_headers.get())
        now = time.time()
        self._run = self._begin("invoke_workflow", WORKFLOW, at=now)
        self._run.content["gen_ai.input.messages"] = _messages("user", self._question)
        self._begin("plan", WORKFLOW, at=now, parent=self._run)
        error = ""
        try:
            yield
        except BaseException as exc:
            error = _code(exc)
            raise
        finally:
            for operation in reversed(list(self._open)):
                self._end(operation, error=error)
            for variable, token in zip((observer, _current, trace_headers), tokens, strict=True):
                variable.reset(token)  # pyrefly: ignore[bad-argument-type]

    @contextmanager
    def work(self, kind: Work, name: str) -> Iterator[None]:
        """Follow work that is not a chat."""
        tokens = _current.set(_current.get()), trace_headers.set(trace_headers.get())
        operation = self._begin(kind, name, at=time.time(), parent=_current.get())
        error = ""
        try:
            yield
        except BaseException as exc:
            error = _code(exc)
            raise
        finally:
            self._end(operation, error=error)
            _current.reset(tokens[0])
            trace_headers.reset(tokens[1])

    def take(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case PlanReady():
                self._planned(event)
            case StepStarted():
                self._steps[event.step_id] = self._step(event)
            case CallStarted():
                self._call_started(event)
            case CallDone():
                self._call_done(event)
            case Token():
                self._token(event)
            case Voted():
                self._voted(event)
            case StepDone():
                self._step_done(event)
            case StepFailed():
                self._end(self._steps.get(event.step_id) or self._step(event), event)
            case Answered():
                self._answered(event)
            case _:
                pass

    def _planned(self, event: PlanReady) -> None:
        run = self._run
        assert run is not None
        run.attributes |= {"metier.run_id": event.run_id, "metier.steps": len(event.plan.steps)}
        for planning in [each for each in self._open if each.name == "plan"]:
            experts = tuple(step.expert for step in event.plan.steps)
            planning.attributes["metier.experts"] = experts
            self._end(planning, event)

    def _step(self, event: StepStarted | StepFailed) -> Operation:
        step = self._begin("invoke_agent", event.expert, at=event.at, parent=self._run)
        step.attributes["metier.step_id"] = event.step_id or ""
        step.content["gen_ai.input.messages"] = _messages("user", event.task)
        return step

    def _step_done(self, event: StepDone) -> None:
        step = self._steps.get(event.step_id)
        if step is None:
            return
        step.content["gen_ai.output.messages"] = _messages("assistant", event.text)
        step.attributes |= {
            "metier.strategy": event.strategy,
            "metier.abstained": event.abstained,
            **_known(checked=event.checked, confidence=event.confidence),
        }
        self._end(step, event)

    def _voted(self, event: Voted) -> None:
        vote = event.vote
        said: dict[str, Value] = {"gen_ai.agent.name": vote.expert}
        said |= {"gen_ai.request.model": vote.model} if vote.model else {}
        said |= {"error.type": vote.error} if vote.error else {}
        if step := self._steps.get(event.step_id):
            step.moments.append(Moment(name="metier.vote", at=event.at, attributes=said))

    def _call_started(self, event: CallStarted) -> None:
        # What planning asked is reported once the plan is ready, when it is long over.
        if event.purpose == "split":
            self._early[event.call_id] = event
        else:
            self._calls[event.call_id] = self._call(event, at=event.at)

    def _call(self, event: CallStarted, *, at: float) -> Operation:
        parent = self._steps.get(event.step_id) or self._run
        call = self._begin("chat", event.model, at=at, parent=parent)
        call.attributes |= {
            "gen_ai.response.model": event.model,
            "gen_ai.request.stream": True,
            "metier.purpose": event.purpose,
            "metier.prompt_hash": event.prompt_hash,
        }
        if event.seed is not None:
            call.attributes["gen_ai.request.seed"] = event.seed
        return call

    def _call_done(self, event: CallDone) -> None:
        if early := self._early.pop(event.call_id, None):
            call = self._call(early, at=event.at - event.usage.total_s)
        elif (found := self._calls.pop(event.call_id, None)) is not None:
            call = found
        else:
            return
        call.first_token_s = event.first_token_s
        call.tokens = {
            "input": event.usage.prompt_tokens,
            "output": event.usage.completion_tokens,
        }
        call.attributes |= _cost(event.usage)
        if event.first_token_s is not None:
            call.attributes["gen_ai.response.time_to_first_chunk"] = event.first_token_s
        if event.done_reason:
            call.attributes["gen_ai.response.finish_reasons"] = (event.done_reason,)
        if event.host:
            call.attributes["metier.host"] = event.host
        self._end(call, event, error=event.error or "")

    def _token(self, event: Token) -> None:
        run = self._run
        if event.answer and run is not None and run.first_token_s is None:
            run.first_token_s = max(0.0, event.at - run.began)

    def _answered(self, event: Answered) -> None:
        run, answer = self._run, event.answer
        assert run is not None
        run.content["gen_ai.output.messages"] = _messages("assistant", answer.text)
        run.attributes |= {
            "metier.calls": answer.usage.calls,
            "metier.missing": len(answer.missing),
        }
        nothing = answer.missing[0].code if answer.missing and not answer.parts else ""
        self._end(run, event, error=nothing)

    def _begin(
        self, name: OperationName, subject: str, *, at: float, parent: Operation | None = None
    ) -> Operation:
        operation = Operation(name=name, subject=subject, began=at, parent=parent)
        operation.attributes |= {"gen_ai.operation.name": name, _SUBJECTS[name]: subject}
        if name in ("chat", "embeddings"):
            operation.attributes["gen_ai.provider.name"] = PROVIDER
        headers: dict[str, str] = {}
        for backend in self._backends:
            headers |= backend.begin(operation)
        operation.headers = headers or trace_headers.get()
        self._open[operation] = None
        self._go_on_with(operation)
        return operation

    def _end(self, operation: Operation, event: Event | None = None, *, error: str = "") -> None:
        """End an operation, once."""
        if operation not in self._open:
            return
        del self._open[operation]
        operation.ended = event.at if event is not None else time.time()
        operation.error = event.code if isinstance(event, StepFailed) else error
        for backend in self._backends:
            backend.end(operation)
        if operation.parent is not None:
            self._go_on_with(operation.parent)

    @staticmethod
    def _go_on_with(operation: Operation) -> None:
        _current.set(operation)
        trace_headers.set(operation.headers)


def _cost(usage: Usage) -> dict[str, Value]:
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "metier.load_s": usage.load_s,
        "metier.prompt_s": usage.prompt_s,
        "metier.decode_s": usage.decode_s,
    }


def _known(**values: Value | None) -> dict[str, Value]:
    return {f"metier.{name}": value for name, value in values.items() if value is not None}


def _messages(role: str, text: str) -> str:
    """A message in the form of the conventions."""
    message = {"role": role, "parts": [{"type": "text", "content": text}]}
    return json.dumps([message], ensure_ascii=False)


def _code(exc: BaseException) -> str:
    if isinstance(exc, MetierError):
        return exc.code
    return type(exc).__name__ if isinstance(exc, Exception) else "cancelled"
