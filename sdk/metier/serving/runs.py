"""The questions that are being answered now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from metier.serving.failures import Failure, Refused

BUSY = Failure(
    status=503,
    message="server busy, please try again: too many questions are being answered",
    code="server_busy",
    retry=True,
)
STOPPING = Failure(status=503, message="the server is stopping", code="server_stopping", retry=True)


class Runs:
    """Counts the questions in progress, refuses those over the limit, and cancels them all.

    Args:
        most: maximum number of questions at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._scopes: set[anyio.CancelScope] = set()
        self._stopping = False

    @property
    def count(self) -> int:
        """The number of questions in progress."""
        return len(self._scopes)

    @contextmanager
    def one(self) -> Iterator[anyio.CancelScope]:
        """A question: its scope is cancelled when the server stops.

        Raises:
            Refused: too many questions are in progress, or the server is stopping.
        """
        if self._stopping:
            raise Refused(STOPPING)
        if len(self._scopes) >= self._most:
            raise Refused(BUSY)
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def refuse_more(self) -> None:
        """Refuse new questions; those in progress continue."""
        self._stopping = True

    def cancel(self) -> int:
        """Cancel the questions in progress, and return how many there were."""
        for scope in self._scopes:
            scope.cancel()
        return len(self._scopes)
