"""Recognise the conversation that a question continues, by what was said and not by an id.

A client sends the whole conversation with each question, so its hash finds the run that gave the
last answer. A client that has edited it starts another conversation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from metier.plan import Message


def conversation_hash(messages: Sequence[Message], question: str | None = None) -> str:
    """The hash of a conversation and, if given, the question after it."""
    tip = ""
    for message in messages:
        tip = _next(tip, message.role, message.content)
    return tip if question is None else _next(tip, "user", question)


def goes_on(tip: str, answer: str) -> str:
    """The hash of a conversation with its answer."""
    return _next(tip, "assistant", answer)


def _next(tip: str, role: str, content: str) -> str:
    # Clients trim what they keep.
    said = "\0".join((tip, role, content.strip()))
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()
