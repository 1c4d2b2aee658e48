"""What a council is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.errors import EmptyQuestion
from metier.models.control import without_surrogates
from metier.plan import Combining, Document, Message, Plan

# The engine is imported when the first plan is run: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.engine.engine import Limits
    from metier.events import StepDone

Question = str | Sequence[Message]
How = str | Combining


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A question, or its plan, and how it is to be answered.

    Attributes:
        experts: the only experts that may be chosen.
        results: of steps of a plan that are not to be run again.
        keep: whether the run is kept, if runs are.
        seed: of every sampled answer; the one of the settings if None.
    """

    asked: Question | Plan
    documents: Sequence[Document] = ()
    experts: Collection[str] | None = None
    strategy: How = "single"
    limits: Limits | None = None
    results: Sequence[StepDone] = ()
    keep: bool = True
    seed: int | None = None

    @property
    def combining(self) -> Combining:
        """How several answers to a step become one."""
        how = self.strategy
        return how if isinstance(how, Combining) else Combining(strategy=how)

    def conversation(self) -> tuple[str, Sequence[Message]]:
        """The question, and the messages before it.

        Raises:
            EmptyQuestion: the conversation does not end with a question.
        """
        asked = self.asked
        if isinstance(asked, Plan):
            return asked.question, asked.messages
        if isinstance(asked, str):
            return without_surrogates(asked), ()
        messages = tuple(asked)
        if not messages or messages[-1].role != "user":
            raise EmptyQuestion
        return without_surrogates(messages[-1].content), messages[:-1]
