"""The questions that are being answered now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from metier.serving.failures import Failure, Refused

BUSY = Failure(
    status=503,
    message="server busy, please try again: too many questions are being answered",
    code="server_busy",
    retry=True,
)
STOPPED = Failure(status=409, message="the run was stopped", code="run_stopped")
STOPPING = Failure(status=503, message="the server is stopping", code="server_stopping", retry=True)


@dataclass(eq=False, slots=True)
class Asked:
    """A question in progress.

    Attributes:
        run_id: of its run, once that is known.
        end: what its client is told if it is cancelled.
    """

    scope: anyio.CancelScope
    run_id: str = ""
    end: Failure = STOPPING


class Runs:
    """Counts the questions in progress, refuses those over the limit, and cancels one or all.

    Args:
        most: maximum number of questions at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._asked: set[Asked] = set()
        self._stopping = False

    @property
    def count(self) -> int:
        """The number of questions in progress."""
        return len(self._asked)

    @contextmanager
    def one(self) -> Iterator[Asked]:
        """A question: its scope is cancelled when the server stops.

        Raises:
            Refused: too many questions are in progress, or the server is stopping.
        """
        if self._stopping:
            raise Refused(STOPPING)
        if len(self._asked) >= self._most:
            raise Refused(BUSY)
        with anyio.CancelScope() as scope:
            asked = Asked(scope)
            self._asked.add(asked)
            try:
                yield asked
            finally:
                self._asked.discard(asked)

    def refuse_more(self) -> None:
        """Refuse new questions; those in progress continue."""
        self._stopping = True

    def cancel(self) -> int:
        """Cancel the questions in progress, and return how many there were."""
        for asked in self._asked:
            asked.scope.cancel()
        return len(self._asked)

    def stop(self, run_id: str) -> bool:
        """Cancel the question with this run; return whether there was one."""
        found = [asked for asked in self._asked if asked.run_id == run_id != ""]
        for asked in found:
            asked.end = STOPPED
            asked.scope.cancel()
        return bool(found)
