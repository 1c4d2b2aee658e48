"""Events of a run as the pieces of a reply, which each protocol writes in its own form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from metier.answer import Answer
from metier.events import Answered, Event, Token
from metier.serving.progress import progress_of


@dataclass(frozen=True, slots=True)
class Words:
    """Words of the answer. All of them, joined, are `Answer.text`, up to where it is cut."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """Progress: the plan, steps, checks, drafts. Never part of the answer.

    Attributes:
        event: what happened; None for a draft's words.
    """

    text: str
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The end of the reply.

    Attributes:
        answer: the answer; only its beginning if the reply was cut.
        run_id: of the run, under which it is kept if runs are.
        reason: `length` if the reply is longer than the client wanted.
        at: seconds since the epoch; 0 if no run was needed.
    """

    answer: Answer
    reason: Literal["stop", "length"] = "stop"
    run_id: str = ""
    at: float = 0.0


Piece = Words | Thought | End


class Telling:
    """Turns events into pieces, one event at a time; the last piece is an `End`."""

    def __init__(self) -> None:
        self._mid_line = False
        self.ended = False

    def take(self, event: Event) -> Iterator[Piece]:
        """The pieces of an event; none after the end."""
        if self.ended:
            return
        match event:
            case Token(answer=True):
                if event.text:
                    yield Words(event.text)
            case Token():
                self._mid_line = not event.text.endswith("\n")
                yield Thought(event.text)
            case Answered():
                self.ended = True
                yield End(event.answer, event.cut or "stop", event.run_id, event.at)
            case _:
                if (line := progress_of(event)) is not None:
                    yield self._line(line, event)

    def _line(self, text: str, event: Event) -> Thought:
        before = "\n" if self._mid_line else ""
        self._mid_line = False
        return Thought(f"{before}{text}\n", event)
