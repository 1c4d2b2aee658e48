"""Stamps events and hands them out; keeps the answer that they tell."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from metier.answer import Answer
from metier.errors import BudgetExceeded
from metier.events import Event, Folding

Emit = Callable[[Event], None]


class Recorder:
    """The events of one run.

    Args:
        emit: who gets each event, stamped.
    """

    def __init__(self, emit: Emit) -> None:
        self.run_id = uuid.uuid4().hex
        self._emit = emit
        self._folding = Folding()
        self._seq = 0

    def __call__(self, event: Event) -> None:
        """Stamp an event, take it into the answer, hand it out."""
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
