"""The plan: a DAG of steps, JSON both ways. Show it, edit it, run it, replay it."""

from __future__ import annotations

import re
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from metier.errors import InvalidPlan, UnknownExpert, nearest

StepId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,32}$")]
OptionValue = bool | int | float | str
MOST_STEPS = 256
# As much of a wrong value as a message shows, and how pydantic's messages call it.
_SHOWN_CHARS = 80
_VALUE = re.compile(r"^(?:Input|String|Tuple)(?= should)")


def _each_once(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


class Message(_Frozen):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Document(_Frozen):
    """A text that the question is about; data, never instructions."""

    name: str
    text: str


class Candidate(_Frozen):
    """An expert that was considered for a step.

    Attributes:
        score: how near it is, for comparing candidates of one step; it has no fixed scale.
        probability: that this expert is the right one for the step, between 0 and 1.
        fit: the probability that it fits at all, whoever may fit better.
        capability: which of its capabilities matched.
        example: the example question that matched best.
        words: the words of the step that its card holds, too.
    """

    expert: str
    score: float
    probability: float = Field(ge=0, le=1)
    fit: float = Field(1.0, ge=0, le=1)
    capability: str | None = None
    example: str | None = None
    words: tuple[str, ...] = ()


class Member(_Frozen):
    """Who answers a step that several answer: an expert on a model.

    Attributes:
        model: the expert's own choice where it is None.
    """

    expert: str
    model: str | None = None


class Combining(_Frozen):
    """How the steps of a plan are answered by several.

    Attributes:
        strategy: a built-in strategy, or one that a package registers.
        models: each step's expert answers on each of these; the strategy decides if empty.
        options: the strategy's own options, such as `{"samples": 8}`.
    """

    strategy: str = "single"
    models: tuple[str, ...] = ()
    options: dict[str, OptionValue] = Field(default_factory=dict)


class Step(_Frozen):
    """One subtask with its expert.

    Attributes:
        needs: ids of the steps whose results it is given, each once.
        candidates: who was considered, best first.
        strategy: how several answers to this step become one.
        members: who gives them, the first of equals first; empty leaves it to the strategy.
        options: the strategy's own options; what is not given has the strategy's default.
        reason: why this expert, where it was not the best candidate.
        chances: probability that each model gets this step right, where outcomes have taught it;
            empty otherwise.
    """

    id: StepId
    task: str = Field(min_length=1)
    expert: str
    needs: Annotated[tuple[StepId, ...], AfterValidator(_each_once)] = ()
    candidates: tuple[Candidate, ...] = ()
    strategy: str = "single"
    members: tuple[Member, ...] = ()
    options: dict[str, OptionValue] = Field(default_factory=dict)
    reason: str | None = None
    chances: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)


class Plan(_Frozen):
    """Who does what, in which order.

    Attributes:
        question: what was asked last.
        messages: the conversation before it.
        documents: texts that every step may use, also those that were pasted into the question.
        orders: what the planner left out of the question, because it gives orders to the program.
    """

    version: Literal[1] = 1
    question: str = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    messages: tuple[Message, ...] = ()
    documents: tuple[Document, ...] = ()
    orders: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str | bytes, *, source: str = "the plan") -> Self:
        """A plan from its JSON.

        Raises:
            InvalidPlan: not JSON, a field that is wrong, a cycle, a missing or doubled step.
        """
        try:
            plan = cls.model_validate_json(text)
        except ValidationError as exc:
            raise _explained(source, exc) from exc
        plan.order()
        return plan

    def order(self) -> tuple[tuple[Step, ...], ...]:
        """The steps in layers: each needs only steps of earlier layers.

        Raises:
            InvalidPlan: more than `MOST_STEPS` steps, a cycle, a step that needs one that is not
                there, or two with one id.
        """
        if len(self.steps) > MOST_STEPS:
            raise InvalidPlan(
                f"the plan has {len(self.steps)} steps, and at most {MOST_STEPS} are allowed",
                hint="Run it as several plans",
            )
        number: dict[str, int] = {}
        for n, step in enumerate(self.steps):
            if number.setdefault(step.id, n) != n:
                raise InvalidPlan(f"two steps have the id {step.id!r}")
        for step in self.steps:
            for need in step.needs:
                if need not in number:
                    raise InvalidPlan(f"step {step.id!r} needs step {need!r}, which is not there")
        sorter = TopologicalSorter({step.id: step.needs for step in self.steps})
        try:
            sorter.prepare()
        except CycleError as exc:
            path = " → ".join(exc.args[1])
            raise InvalidPlan(f"the steps need each other in a circle: {path}") from exc
        layers: list[tuple[Step, ...]] = []
        while sorter.is_active():
            ready = sorter.get_ready()
            layers.append(tuple(self.steps[n] for n in sorted(number[step] for step in ready)))
            sorter.done(*ready)
        return tuple(layers)

    def check(self, experts: Collection[str]) -> None:
        """Raise unless this plan can run with these experts.

        Raises:
            InvalidPlan: it is not a DAG.
            UnknownExpert: a step names an expert that is not there.
        """
        self.order()
        for step in self.steps:
            for expert in (step.expert, *(member.expert for member in step.members)):
                if expert not in experts:
                    raise UnknownExpert(expert, experts)

    def combined(self, how: Combining) -> Self:
        """The same plan with this strategy in every step."""
        steps = tuple(
            step.model_copy(
                update={
                    "strategy": how.strategy,
                    "members": tuple(Member(expert=step.expert, model=name) for name in how.models),
                    "options": how.options,
                }
            )
            for step in self.steps
        )
        return self.model_copy(update={"steps": steps})


# The objects of a plan by the field that lists them.
_LISTED: dict[str, type[BaseModel]] = {
    "steps": Step,
    "candidates": Candidate,
    "members": Member,
    "messages": Message,
    "documents": Document,
}


def _explained(source: str, exc: ValidationError) -> InvalidPlan:
    """The first problem: where it is, which value is wrong, and what would be right."""
    errors = exc.errors(include_url=False)
    # A misspelt field that is required is missing, too; the spelling is what helps.
    error = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    place = ".".join(map(str, error["loc"]))
    where = f"{source}: {place}" if place else source
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        kind = next((_LISTED[str(p)] for p in error["loc"][-2::-1] if p in _LISTED), Plan)
        name, known = f"a {kind.__name__.lower()}", list(kind.model_fields)
        return InvalidPlan(
            f"{where}: {name} has no field {key!r}{nearest(key, known)}",
            hint=f"The fields of {name} are {', '.join(known)}. See docs/plan-format.md",
        )
    says = _VALUE.sub(lambda _: _shown(error["input"]), error["msg"]) if place else error["msg"]
    says = "this field is missing" if error["type"] == "missing" else says
    return InvalidPlan(f"{where}: {says}", hint="See docs/plan-format.md")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
