"""One question to the council, as every protocol asks it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AfterValidator, Field

from metier.bridges.asking import Asked
from metier.council import Council
from metier.events import Event
from metier.plan import Document, Message
from metier.serving.failures import refused
from metier.serving.formatted import Schema, council_with
from metier.serving.names import Served

# There is no tokenizer here: a token of English text has about four characters.
CHARS_PER_TOKEN = 4


def _short(seed: int) -> int:
    """Clients send 64 bits. A server takes fewer, and the samples of a vote count up from here."""
    return seed % (1 << 31)


Seed = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63), AfterValidator(_short)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A conversation that ends with the question, and how its answer is wanted.

    Attributes:
        stop: strings that end the answer.
        max_tokens: length of the answer; a token counts as `CHARS_PER_TOKEN` characters.
        schema: a JSON schema that one expert's model follows.
        keep: whether the run is kept, if runs are.
        seed: of every sampled answer; the one of the settings if None.
    """

    model: Served
    messages: tuple[Message, ...]
    documents: tuple[Document, ...] = ()
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    schema: Schema | None = None
    keep: bool = True
    seed: int | None = None

    @property
    def max_chars(self) -> int | None:
        """Maximum length of the answer, in characters."""
        return None if self.max_tokens is None else self.max_tokens * CHARS_PER_TOKEN


def conversation(turns: Sequence[Message]) -> tuple[Message, ...]:
    """Check a conversation, and drop its empty turns.

    Raises:
        Refused: there is no turn left, or the last one is not the user's.
    """
    said = tuple(turn for turn in turns if turn.content.strip())
    if not said or said[-1].role != "user":
        raise refused(
            "the last message must be the user's question, with some text", param="messages"
        )
    return said


async def events_of(council: Council, question: Question) -> AsyncGenerator[Event, None]:
    """The events of a run; the last is `Answered`.

    Raises:
        MetierError: nothing could be answered.
    """
    model = question.model
    if question.schema is not None and model.expert is not None:
        council = council_with(council, model.expert, question.schema)
    limits = replace(council.limits, stop=question.stop, max_chars=question.max_chars)
    who = Asked(council=council, expert=model.expert, strategy=model.strategy, limits=limits)
    stream = who.stream(
        question.messages, documents=question.documents, keep=question.keep, seed=question.seed
    )
    async with aclosing(stream) as events:
        async for event in events:
            yield event
