"""The root of all errors, and what their messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class MetierError(Exception):
    """The root of all errors here.

    Attributes:
        code: a stable name for programs.
        hint: what to do next, one sentence; empty where nothing is known.
        retryable: whether the same call may succeed later.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Copied and pickled as it is, whatever its constructor takes."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[MetierError], args: tuple[object, ...], state: dict[str, object]
) -> MetierError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def nearest(name: str, known: Iterable[str]) -> str:
    """` (nearest: 'a', 'b')` for the known names that look like `name`, else ``""``."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (nearest: {', '.join(map(repr, close))})" if close else ""
