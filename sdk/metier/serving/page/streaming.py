"""A question, or a plan that a person changed, and its run as a stream of metier's own events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from pydantic import Field

from metier.council import Council
from metier.events import Answered, Event, StepDone, StepFailed
from metier.plan import Combining, Document, Message, Plan, Step
from metier.runs.run import Run
from metier.serving.failures import Failure, page_error, public_answer, public_reason, refused
from metier.serving.forms import SSE, Framing, Wire
from metier.serving.limits import ServingLimits
from metier.serving.pieces import End, Piece, Thought
from metier.serving.questions import conversation
from metier.serving.reading import Body

_MOST_NAMES = 64


class AskBody(Body):
    """The body of a request for a plan.

    Attributes:
        experts: the only experts that may be chosen; all if null.
        models: each step's expert answers on each of these; the strategy decides if empty.
    """

    messages: tuple[Message, ...] = ()
    documents: tuple[Document, ...] = ()
    experts: tuple[str, ...] | None = Field(None, max_length=_MOST_NAMES)
    strategy: str = "single"
    models: tuple[str, ...] = Field((), max_length=_MOST_NAMES)

    @property
    def combining(self) -> Combining:
        """How several answers to a step become one."""
        return Combining(strategy=self.strategy, models=self.models)


class RunBody(AskBody):
    """The body of a request for a run.

    Attributes:
        plan: run this instead of planning.
        reuse: id of an earlier run; its results stand for the steps that are still the same.
    """

    plan: Plan | None = None
    reuse: str = ""


def asked(body: AskBody, limits: ServingLimits) -> tuple[Message, ...]:
    """The conversation of a request, which ends with the question.

    Raises:
        Refused: there is no question, or the conversation is too long.
    """
    if len(body.messages) > limits.messages:
        raise refused(
            f"the conversation has more than {limits.messages} messages", param="messages"
        )
    return conversation(body.messages)


async def events_of(
    council: Council, body: RunBody, messages: Sequence[Message], results: Sequence[StepDone]
) -> AsyncGenerator[Event, None]:
    """The events of a run; the last is `Answered`.

    Raises:
        MetierError: it cannot be planned, or the plan cannot run.
    """
    stream = council.stream(
        body.plan or messages,
        documents=body.documents,
        experts=body.experts,
        strategy=body.combining,
        results=results,
    )
    async with aclosing(stream) as events:
        async for event in events:
            yield event


def results_that_stand(run: Run, plan: Plan) -> tuple[StepDone, ...]:
    """The results of a run that a changed plan need not ask for again.

    A step stands if it and all steps that it needs are as they were.
    """
    was = run.plan
    if was is None or run.cut or _context(was) != _context(plan):
        return ()
    before = {step.id: step for step in was.steps}
    standing: set[str] = set()
    for layer in plan.order():
        standing |= {
            step.id
            for step in layer
            if step.id in run.results
            and _asks_the_same(step, before.get(step.id))
            and standing.issuperset(step.needs)
        }
    return tuple(done for name, done in run.results.items() if name in standing)


def _context(plan: Plan) -> tuple[object, ...]:
    return plan.question, plan.messages, plan.documents


def _asks_the_same(now: Step, was: Step | None) -> bool:
    fields = ("task", "expert", "needs", "strategy", "members", "options")
    return was is not None and all(getattr(now, name) == getattr(was, name) for name in fields)


class EventPieces:
    """Every event of a run as a piece of its own, and an `End` after the last."""

    def __init__(self) -> None:
        self.ended = False

    def take(self, event: Event) -> Iterator[Piece]:
        """The event, without what only the server's log may say."""
        shown = without_paths(event)
        yield Thought("", shown)
        if isinstance(shown, Answered):
            self.ended = True
            yield End(shown.answer)


def without_paths(event: Event) -> Event:
    """An event whose reasons are those that a client may see."""
    match event:
        case StepFailed():
            return event.model_copy(update={"reason": public_reason(event.code, event.reason)})
        case Answered():
            return event.model_copy(update={"answer": public_answer(event.answer)})
        case _:
            return event


class EventForm:
    """Metier's own events as an event stream: docs/events.md describes each."""

    framing: Framing = Framing(
        media_type=SSE.media_type, before=SSE.before, after=SSE.after, ping=SSE.ping, named=True
    )

    def opening(self) -> Sequence[Wire]:
        """Send nothing: the plan is the first event."""
        return ()

    def chunks(self, piece: Piece) -> Sequence[Wire]:
        """The event of a piece."""
        if isinstance(piece, Thought) and piece.event is not None:
            return (wire_of(piece.event),)
        return ()

    def closing(self) -> bytes:
        """Send nothing: `answered` is the last event."""
        return b""

    def whole(self, pieces: Sequence[Piece]) -> Wire:
        """All events at once."""
        return {"events": [wire for piece in pieces for wire in self.chunks(piece)]}

    def error(self, failure: Failure) -> Wire:
        """What went wrong, named as an event."""
        return {"type": "error"} | page_error(failure)


def wire_of(event: Event) -> Wire:
    """An event as a JSON object."""
    return json.loads(event.model_dump_json())
