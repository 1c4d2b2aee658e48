"""What happened, in order. The Answer is folded from these and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from metier.answer import Answer, Missing, Part, StepResult, Usage, Vote
from metier.plan import Plan

Purpose = Literal["step", "compose", "split"]


class _Event(BaseModel):
    """The envelope.

    Attributes:
        v: version of this format.
        run_id: one run of one plan.
        seq: counts from 0 without gaps within a run.
        at: seconds since the epoch.
        step_id: the step that it belongs to; None for the whole.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    v: Literal[1] = 1
    run_id: str = ""
    seq: int = 0
    at: float = 0.0
    step_id: str | None = None
    attempt: int = 1


class PlanReady(_Event):
    """The plan that will now be run."""

    type: Literal["plan_ready"] = "plan_ready"
    plan: Plan


class StepStarted(_Event):
    """An expert begins."""

    type: Literal["step_started"] = "step_started"
    expert: str
    task: str


class CallStarted(_Event):
    """A model is asked.

    Attributes:
        digest: of the model's weights, as the server names it.
        prompt_hash: SHA-256 over messages and options, so that a replay can be recognised.
    """

    type: Literal["call_started"] = "call_started"
    call_id: str
    model: str
    purpose: Purpose
    prompt_hash: str
    digest: str = ""
    seed: int | None = None


class CallDone(_Event):
    """A model has answered, or its answer broke off (`error` holds the code).

    Attributes:
        host: which of several hosts answered; empty if there is only one, or none answered.
        first_token_s: seconds until the first piece of the reply; None if none came.
    """

    type: Literal["call_done"] = "call_done"
    call_id: str
    model: str
    usage: Usage
    done_reason: str = ""
    error: str | None = None
    host: str = ""
    first_token_s: float | None = None


class Token(_Event):
    """A piece of text.

    Attributes:
        answer: whether it is part of the answer's text. The texts of all such tokens, joined,
            are `Answer.text`; the others show progress.
        composed: whether a model wrote it from the results of several steps.
    """

    type: Literal["token"] = "token"  # the name of an event
    text: str
    answer: bool
    composed: bool = False


class Notice(_Event):
    """A sentence for the reader.

    Attributes:
        answer: whether it belongs to the answer, as a card's disclaimer does.
    """

    type: Literal["notice"] = "notice"
    text: str
    answer: bool = False


class Voted(_Event):
    """One of several answers to a step has come, or could not be had (`vote.error`)."""

    type: Literal["voted"] = "voted"
    vote: Vote


class StepDone(StepResult, _Event):
    """An expert's result.

    Attributes:
        strategy: how several answers became this one.
    """

    type: Literal["step_done"] = "step_done"
    task: str
    strategy: str = "single"


class StepFailed(_Event):
    """A step without a result."""

    type: Literal["step_failed"] = "step_failed"
    expert: str
    task: str
    code: str
    reason: str


class Answered(_Event):
    """The end of a run.

    Attributes:
        cut: why the answer is only its beginning, as the caller wanted: a stop string, or its
            length; None if it is whole.
    """

    type: Literal["answered"] = "answered"
    answer: Answer
    cut: Literal["stop", "length"] | None = None


Event = Annotated[
    PlanReady
    | StepStarted
    | CallStarted
    | CallDone
    | Token
    | Notice
    | Voted
    | StepDone
    | StepFailed
    | Answered,
    Field(discriminator="type"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event, config=ConfigDict(defer_build=True))


def parse_event(line: str | bytes) -> Event:
    """One event from its JSON line.

    Raises:
        pydantic.ValidationError: the line is not an event of this version.
    """
    return _ADAPTER.validate_json(line)


def fold(events: Iterable[Event]) -> Answer:
    """The answer that these events tell, whether or not they hold an `Answered`."""
    state = Folding()
    for event in events:
        state.add(event)
    return state.answer()


class Folding:
    """`fold`, one event at a time."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._text: list[str] = []
        self._parts: dict[str | None, Part] = {}
        self._missing: dict[str | None, Missing] = {}
        self._notices: dict[str, None] = {}
        self._usage = Usage()
        self._composed = False

    def add(self, event: Event) -> None:  # one arm an event
        """Take one event in."""
        match event:
            case PlanReady():
                self._plan = event.plan
            case Token():
                if event.answer:
                    self._text.append(event.text)
                    self._composed = self._composed or event.composed
            case Notice():
                if event.answer:
                    self._notices[event.text] = None
            case CallDone():
                self._usage += event.usage
            case StepDone():
                self._parts[event.step_id] = Part(
                    step_id=event.step_id or "",
                    task=event.task,
                    strategy=event.strategy,
                    **event.shared(),
                )
            case StepFailed():
                self._missing[event.step_id] = _missing(event)
            case StepStarted() | CallStarted() | Voted() | Answered():
                pass
            case _:
                assert_never(event)

    def answer(self) -> Answer:
        """The answer so far."""
        order = [step.id for step in self._plan.steps] if self._plan else []
        return Answer(
            question=self._plan.question if self._plan else "",
            text="".join(self._text),
            parts=tuple(self._parts[i] for i in order if i in self._parts),
            missing=tuple(self._missing[i] for i in order if i in self._missing),
            notices=tuple(self._notices),
            usage=self._usage,
            composed=self._composed,
        )


def _missing(event: StepFailed) -> Missing:
    return Missing(
        step_id=event.step_id or "",
        task=event.task,
        expert=event.expert,
        code=event.code,
        reason=event.reason,
    )
