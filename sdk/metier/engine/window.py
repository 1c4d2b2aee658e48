"""How much of a conversation a prompt holds: the oldest turns are left out, with a notice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

from metier.events import Notice
from metier.models.server import Sampling
from metier.plan import Message

Messages = tuple[Message, ...]
# Tokenizers make a token of about four bytes of prose, and of fewer of code and numbers.
_BYTES_A_TOKEN = 3
# What a chat template puts around a message, in bytes.
_AROUND_BYTES = 24
# The share of the window that is kept free for the answer.
_ANSWER_SHARE = 4


class Window:
    """Fits the prompts of one run into the context window of the models.

    Turns are left out as a whole, from the oldest on. How many is an estimate; where the server
    refuses the prompt all the same, half of the turns that are left follow. Several are left out
    at once, so that the next questions of the conversation begin with the same words, which the
    server then need not read again.

    Args:
        conversation: the messages before the question.
        tokens: the context window; None leaves it to the server to refuse.
        tell: called with each notice.
    """

    def __init__(
        self, conversation: Sequence[Message], *, tokens: int | None, tell: Callable[[Notice], None]
    ) -> None:
        self._conversation = tuple(conversation)
        self._preface, self._turns = _turns(self._conversation)
        self._tokens = tokens
        self._tell = tell
        self._left_out = 0

    def fitted(self, messages: Messages, sampling: Sampling) -> Messages:
        """The messages without the turns for which there is no room."""
        start = self._start(messages)
        if start is None:
            return messages
        end = start + len(self._conversation)
        around = messages[:start] + self._preface + messages[end:]
        self._leave_out(self._too_many(around, sampling))
        kept = [message for turn in self._turns[self._left_out :] for message in turn]
        return (*messages[:start], *self._preface, *kept, *messages[end:])

    def shrink(self, messages: Messages) -> bool:
        """Leave out half of the turns that are left; False if there is nothing to leave out.

        Args:
            messages: the prompt that the server refused, as it was before it was fitted.
        """
        left = len(self._turns) - self._left_out
        if not left or self._start(messages) is None:
            return False
        self._leave_out(self._left_out + math.ceil(left / 2))
        return True

    def _start(self, messages: Messages) -> int | None:
        """Where the conversation begins in a prompt; None if it is not part of it."""
        length = len(self._conversation)
        starts = range(len(messages) - length + 1) if self._turns else ()
        found = (n for n in starts if messages[n : n + length] == self._conversation)
        return next(found, None)

    def _too_many(self, around: Messages, sampling: Sampling) -> int:
        """How many of the oldest turns do not fit into a prompt with the rest of it."""
        if self._tokens is None:
            return 0
        answer = min(sampling.max_tokens or self._tokens, self._tokens // _ANSWER_SHARE)
        room = (self._tokens - answer) * _BYTES_A_TOKEN - _size(around)
        ends = list(accumulate(map(_size, self._turns)))
        if ends[-1] <= room:
            return 0
        step = max(1, room // 2)
        cut = math.ceil((ends[-1] - room) / step) * step
        return sum(end < cut for end in ends) + (cut <= ends[-1])

    def _leave_out(self, count: int) -> None:
        if count <= self._left_out:
            return
        self._left_out = count
        turns = "turn" if count == 1 else f"{count} turns"
        self._tell(
            Notice(
                text=f"the first {turns} of the conversation ({len(self._turns)} in all) did not "
                "fit into the context window and were left out"
            )
        )


def _turns(conversation: Messages) -> tuple[Messages, list[Messages]]:
    """The messages before the first question, then each question with those that follow it."""
    turns: list[list[Message]] = [[]]
    for message in conversation:
        if message.role == "user":
            turns.append([])
        turns[-1].append(message)
    preface, *rest = map(tuple, turns)
    return preface, rest


def _size(messages: Sequence[Message]) -> int:
    """In bytes, with what a template adds."""
    return sum(
        len(message.content.encode(errors="replace")) + _AROUND_BYTES for message in messages
    )
