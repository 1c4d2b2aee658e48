"""What was said in a conversation, and how to ask the next question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from metier.answer import Answer
from metier.events import Event, Folding, PlanReady
from metier.plan import Combining, Document, Message, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question with its answer.

    Attributes:
        stopped: whether the user stopped the answer; its text is what had been written by then.
    """

    question: str
    answer: Answer
    plan: Plan
    stopped: bool = False


@dataclass(slots=True, kw_only=True)
class Conversation:
    """The turns so far, and the choices for the next ones.

    Attributes:
        experts: the only experts that may be chosen; all of them if empty.
        documents: texts that every question is about, by name.
        before: what was said before the turns, if the conversation began elsewhere.
        last: the last question that was asked, answered or not.
        retries: how often it was asked again.
    """

    experts: tuple[str, ...] = ()
    how: Combining = field(default_factory=Combining)
    documents: dict[str, Document] = field(default_factory=dict)
    before: tuple[Message, ...] = ()
    turns: list[Turn] = field(default_factory=list)
    last: str = ""
    retries: int = 0

    def with_question(self, question: str) -> tuple[Message, ...]:
        """Return the conversation as messages, with a new question at its end."""
        said = (*self.before, *messages_of(self.turns))
        return (*said, Message(role="user", content=question))

    def without_last(self) -> None:
        """Drop the turn of the last question, if it was answered."""
        if self.turns and self.turns[-1].question == self.last:
            self.turns.pop()


class Recorder:
    """Folds the events of one turn as they come, so that a stopped answer can be kept too."""

    def __init__(self, question: str) -> None:
        self._question = question
        self._folding = Folding()
        self._plan: Plan | None = None

    def add(self, event: Event) -> None:
        """Add one event."""
        if isinstance(event, PlanReady):
            self._plan = event.plan
        self._folding.add(event)

    def turn(self, *, stopped: bool) -> Turn | None:
        """Return the turn so far; None if nothing was answered."""
        answer = self._folding.answer()
        begun = stopped or answer.parts
        if self._plan is None or not begun or not answer.text.strip():
            return None
        return Turn(question=self._question, answer=answer, plan=self._plan, stopped=stopped)


def messages_of(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """Return the turns as pairs of messages."""
    return tuple(
        message
        for turn in turns
        for message in (
            Message(role="user", content=turn.question),
            Message(role="assistant", content=turn.answer.text.strip()),
        )
    )
