"""A kept run, as plain values."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from metier.answer import Answer
from metier.errors import ReplayDiffers
from metier.events import Answered, CallStarted, Event, PlanReady, StepDone, fold
from metier.plan import Message, Plan

Status = Literal["running", "answered", "failed", "cancelled", "interrupted"]
Verdict = Literal["good", "bad"]
# The words in the file: "resident" for the loaded models, "slots" for the concurrency of one,
# "given" for a step whose result is that of another run, "version" for the server's.
ExchangeKind = Literal[
    "chat",
    "generate",
    "embed",
    "list",
    "show",
    "resident",
    "slots",
    "hosts",
    "node",
    "given",
    "version",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Versions(_Frozen):
    """What an answer depends on besides the question.

    Attributes:
        metier: version of this package.
        embedder: id of the embedder.
        cards: SHA-256 of each expert's card.
        code: where each expert's class comes from, and the version of that distribution.
        settings: those that change prompts or the choice of models.
    """

    metier: str
    embedder: str
    cards: dict[str, str] = Field(default_factory=dict)
    code: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)


class Rating(_Frozen):
    """What a person said about a run or one of its steps.

    Attributes:
        step_id: the step; empty for the whole run.
        expert: who should have answered; empty if that was not said.
        at: seconds since the epoch.
    """

    step_id: str = ""
    verdict: Verdict
    expert: str = ""
    note: str = ""
    at: float = 0.0


class Exchange(_Frozen):
    """A request to the model server or the embedder, and its reply.

    Attributes:
        key: the same for equal requests.
    """

    kind: ExchangeKind
    key: str
    request: bytes
    reply: bytes


class RunSummary(_Frozen):
    """One line of a list of runs.

    Attributes:
        answer: its text; empty if there is none.
        error: why there is no answer.
        started: seconds since the epoch.
        follows: the previous run of the same conversation.
        replay_of: the run that it repeats from the step `from_step` on.
        ratings: the newest of each step.
        title: the name that a person gave the conversation; empty if none.
    """

    id: str
    question: str
    answer: str = ""
    status: Status
    error: str = ""
    started: float
    ended: float | None = None
    experts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    follows: str = ""
    replay_of: str = ""
    from_step: str = ""
    ratings: tuple[Rating, ...] = ()
    title: str = ""


class Run(RunSummary):
    """Everything that is kept of one question.

    Attributes:
        events: as far as the run went.
        exchanges: raw requests and replies, in the order in which they ended.
    """

    versions: Versions
    events: tuple[Event, ...] = ()
    exchanges: tuple[Exchange, ...] = Field((), exclude=True)

    @cached_property
    def plan(self) -> Plan | None:
        """The plan; None if planning did not end."""
        return next((event.plan for event in self.events if isinstance(event, PlanReady)), None)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation up to and including this answer, if there is one."""
        before = self.plan.messages if self.plan else ()
        asked = Message(role="user", content=self.question)
        said = Message(role="assistant", content=self.answer)
        return (*before, asked, said) if self.answer.strip() else (*before, asked)

    @property
    def cut(self) -> Literal["stop", "length"] | None:
        """Why the answer is only its beginning, as the caller wanted; None if it is whole."""
        last = self.events[-1] if self.events else None
        return last.cut if isinstance(last, Answered) else None

    @cached_property
    def folded(self) -> Answer:
        """The answer folded from the events, as far as they go."""
        last = self.events[-1] if self.events else None
        return last.answer if isinstance(last, Answered) else fold(self.events)

    @cached_property
    def results(self) -> dict[str, StepDone]:
        """The finished steps."""
        return {
            event.step_id: event
            for event in self.events
            if isinstance(event, StepDone) and event.step_id is not None
        }

    @property
    def given(self) -> tuple[str, ...]:
        """The steps that were not run, since they had a result of an earlier run."""
        return tuple(each.request.decode() for each in self.exchanges if each.kind == "given")

    @property
    def server_version(self) -> str:
        """The version of the model server; empty if it was not asked."""
        kept = [json.loads(each.reply) for each in self.exchanges if each.kind == "version"]
        return str(kept[-1]) if kept else ""

    @property
    def weights(self) -> dict[str, str]:
        """The digest of each model that was asked, as the server names it."""
        calls = (event for event in self.events if isinstance(event, CallStarted))
        return {call.model: call.digest for call in calls}

    def results_before(self, step_id: str) -> tuple[StepDone, ...]:
        """The results that remain valid if a step is run again: those of steps that do not need it.

        Raises:
            ReplayDiffers: the run has no such step.
        """
        steps = self.plan.steps if self.plan else ()
        if step_id not in {step.id for step in steps}:
            raise ReplayDiffers(
                f"run {self.id[:8]} has no step {step_id!r}",
                hint=f"Its steps: metier runs show {self.id[:8]}",
            )
        again = {step_id}
        for layer in self.plan.order() if self.plan else ():
            again |= {step.id for step in layer if again.intersection(step.needs)}
        return tuple(done for name, done in self.results.items() if name not in again)
