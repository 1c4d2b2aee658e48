"""How a protocol writes a reply: one `Form` for each, of pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from metier.serving.failures import Failure
from metier.serving.pieces import Piece

# A JSON object to send.
Wire = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How the objects of a stream are separated.

    Attributes:
        ping: a comment that readers skip; empty where the protocol has none.
        named: whether each object has its type as the name of the event.
    """

    media_type: str
    before: bytes = b""
    after: bytes = b"\n"
    ping: bytes = b""
    named: bool = False

    def line(self, wire: Wire) -> bytes:
        """One object."""
        name = f"event: {wire['type']}\n".encode() if self.named else b""
        return name + self.before + dumped(wire) + self.after


SSE = Framing(
    media_type="text/event-stream", before=b"data: ", after=b"\n\n", ping=b": waiting\n\n"
)
# JSON may hold them as they are, but Python's clients split a stream there.
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
# Without comments: clients read every line as JSON.
NDJSON = Framing(media_type="application/x-ndjson")


class Form(Protocol):
    """How a protocol writes the pieces of a reply."""

    @property
    def framing(self) -> Framing:
        """How the objects are separated."""
        ...

    def opening(self) -> Sequence[Wire]:
        """The objects to send once the plan is ready."""
        ...

    def chunks(self, piece: Piece) -> Sequence[Wire]:
        """The objects to send for a piece."""
        ...

    def closing(self) -> bytes:
        """The bytes to send after the last chunk."""
        ...

    def whole(self, pieces: Sequence[Piece]) -> Wire:
        """The reply as one object."""
        ...

    def error(self, failure: Failure) -> Wire:
        """The error object, by itself or within a stream."""
        ...


def dumped(wire: Wire) -> bytes:
    """JSON on one line, also for readers to whom Unicode's ends of lines are such."""
    text = json.dumps(wire, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_LINE_ENDS).encode("utf-8", "replace")
