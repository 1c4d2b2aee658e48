"""Events of a run as the pieces of a reply, which each protocol writes in its own form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from metier.answer import Answer
from metier.bridges.cutting import Cut
from metier.events import Answered, Event, Folding, Token
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
    """

    answer: Answer
    reason: Literal["stop", "length"] = "stop"
    run_id: str = ""


Piece = Words | Thought | End


class Telling:
    """Turns events into pieces, one event at a time; the last piece is an `End`.

    Args:
        stop: strings that end the answer; they are not part of it.
        max_chars: length of the answer.
    """

    def __init__(self, *, stop: Sequence[str] = (), max_chars: int | None = None) -> None:
        self._folding = Folding()
        self._cut = Cut(stop, max_chars=max_chars)
        self._mid_line = False
        self._run_id = ""
        self.ended = False

    def take(self, event: Event) -> Iterator[Piece]:
        """The pieces of an event; none after the end."""
        if self.ended:
            return
        self._folding.add(event)
        self._run_id = event.run_id
        match event:
            case Token(answer=True):
                yield from self._words(self._cut.take(event.text))
                if self._cut.reason is not None:
                    yield self._end(self._folding.answer())
            case Token():
                self._mid_line = not event.text.endswith("\n")
                yield Thought(event.text)
            case Answered():
                yield from self._words(self._cut.rest())
                yield self._end(event.answer)
            case _:
                if (line := progress_of(event)) is not None:
                    yield self._line(line, event)

    def _words(self, text: str) -> Iterator[Words]:
        if text:
            yield Words(text)

    def _line(self, text: str, event: Event) -> Thought:
        before = "\n" if self._mid_line else ""
        self._mid_line = False
        return Thought(f"{before}{text}\n", event)

    def _end(self, answer: Answer) -> End:
        self.ended = True
        return End(answer, self._cut.reason or "stop", self._run_id)
