"""Stamps events and hands them out; keeps the answer that they tell."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from metier.answer import Answer
from metier.engine.cutting import Cut
from metier.errors import BudgetExceeded
from metier.events import Event, Folding, Token

Emit = Callable[[Event], None]


class Recorder:
    """The events of one run.

    Args:
        emit: who gets each event, stamped.
        cut: where the answer ends, if the caller wants only its beginning.

    Attributes:
        on_cut: called when the answer has its last word.
    """

    def __init__(self, emit: Emit, *, cut: Cut | None = None) -> None:
        self.run_id = uuid.uuid4().hex
        self.cut = cut or Cut(())
        self.on_cut: Callable[[], None] = lambda: None
        self._emit = emit
        self._folding = Folding()
        self._seq = 0

    def __call__(self, event: Event) -> None:
        """Stamp an event, take it into the answer, hand it out; no words after the cut."""
        if isinstance(event, Token) and event.answer:
            self._words(event)
        else:
            self._record(event)

    def rest(self) -> None:
        """Hand out the words that were held back, since they might have begun a stop string."""
        if text := self.cut.rest():
            self._record(Token(text=text, answer=True))

    def _words(self, event: Token) -> None:
        going_on = not self.cut.ended
        if text := self.cut.take(event.text):
            self._record(event.model_copy(update={"text": text}))
        if going_on and self.cut.ended:
            self.on_cut()

    def _record(self, event: Event) -> None:
        stamp = {"run_id": self.run_id, "seq": self._seq, "at": time.time()}
        stamped = event.model_copy(update=stamp)
        self._seq += 1
        self._folding.add(stamped)
        self._emit(stamped)

    def answer(self) -> Answer:
        """The answer so far."""
        return self._folding.answer()


class Budget:
    """The model calls that a question may still cost."""

    def __init__(self, max_calls: int, *, spent: int = 0) -> None:
        self.max_calls = max_calls
        self.spent = spent

    @property
    def left(self) -> int:
        """How many calls are left."""
        return self.max_calls - self.spent

    def spend(self, *, keep: int = 0) -> None:
        """Take one call.

        Args:
            keep: calls that are for others.

        Raises:
            BudgetExceeded: there is none left, or only those.
        """
        if self.left <= keep:
            raise BudgetExceeded(self.max_calls, kept=self.left)
        self.spent += 1
