"""Limits on requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLimits:
    """Limits on one request, and on all requests together.

    Attributes:
        head_s: how long a connection may be without a request, in seconds.
        body_bytes: size of a request's body.
        body_s: how long a client may take to send it, in seconds.
        messages: messages of a conversation.
        requests: questions that are answered or wait for a model at once.
        ping_s: silence after which an event stream gets a comment, in seconds.
        stop_s: how long running answers may take to finish when the server stops, in seconds.
    """

    head_s: float = 30.0
    body_bytes: int = 16 << 20
    body_s: float = 60.0
    messages: int = 1000
    requests: int = 64
    ping_s: float = 10.0
    stop_s: float = 10.0
