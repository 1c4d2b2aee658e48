"""A text that ends where a caller wants it to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal


class Cut:
    """A text that comes in pieces, up to a length, or up to what ends it.

    That is the string that is complete first, however the text is divided into pieces.

    Attributes:
        reason: why it has ended; None while it goes on.
    """

    def __init__(self, stops: Sequence[str], *, max_chars: int | None = None) -> None:
        self._stops = [stop for stop in stops if stop]
        self._longest = max((len(stop) for stop in self._stops), default=1)
        self._left = max_chars
        self._held = ""
        self.reason: Literal["stop", "length"] | None = None

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.reason is not None

    def take(self, piece: str) -> str:
        """What of the text so far is safe to give."""
        if self.reason is not None:
            return ""
        self._held += piece
        found = [(at + len(stop), at) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.reason = "stop"
        # The end of what is held may be the beginning of one of them.
        safe = min(found)[1] if found else max(0, len(self._held) - self._longest + 1)
        given, self._held = self._held[:safe], self._held[safe:]
        return self._within(given)

    def rest(self) -> str:
        """What was held back, if none of them came."""
        held, self._held = self._held, ""
        return "" if self.reason is not None else self._within(held)

    def _within(self, text: str) -> str:
        if self._left is None:
            return text
        if len(text) > self._left:
            self.reason = "length"
        given = text[: self._left]
        self._left -= len(given)
        return given
