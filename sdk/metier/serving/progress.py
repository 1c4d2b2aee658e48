"""Events as lines of text, for people who follow a run."""

from __future__ import annotations

from metier.events import (
    Event,
    Notice,
    PlanReady,
    StepDone,
    StepFailed,
    StepStarted,
    Voted,
)
from metier.plan import Plan, Step
from metier.serving.failures import public, public_reason
from metier.telemetry.words import outcome_in_words, vote_in_words

_LONGEST_CHARS = 160
_OUTCOMES = {True: "done, checked", False: "done, not checked", None: "done"}


def progress_of(event: Event) -> str | None:
    """A line, or several for a plan; None for an event that is not shown."""
    match event:
        case PlanReady():
            return _plan(event.plan)
        case StepStarted():
            return f"[{event.step_id}] {event.expert} begins"
        case Voted():
            return f"[{event.step_id}] {vote_in_words(event.vote, _answer)}"
        case StepDone():
            return f"[{event.step_id}] {event.expert}: {outcome_in_words(event, _OUTCOMES)}"
        case StepFailed():
            reason = one_line(public_reason(event.code, event.reason))
            return f"[{event.step_id}] {event.expert} failed: {reason}"
        case Notice():
            return one_line(public(event.text))
        case _:
            return None


def one_line(text: str) -> str:
    """The text on one line, cut if it is long."""
    line = " ".join(text[: 4 * _LONGEST_CHARS].split())
    return line if len(line) <= _LONGEST_CHARS else f"{line[: _LONGEST_CHARS - 1]}…"


def _plan(plan: Plan) -> str:
    return "\n".join(_step(step) for step in plan.steps)


def _step(step: Step) -> str:
    needs = f" (after {', '.join(step.needs)})" if step.needs else ""
    how = f" by {step.strategy}" if step.strategy != "single" else ""
    return f"[{step.id}] {step.expert}{how}: {one_line(step.task)}{needs}"


def _answer(text: str) -> str:
    return one_line(text) or "no answer"
