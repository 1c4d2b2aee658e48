"""Replies that follow a JSON schema: one expert's model can write them, a council cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from metier.council import Council
from metier.experts.card import GENERAL, Card
from metier.experts.expert import Context, Expert, Task, messages_for
from metier.serving.failures import refused
from metier.serving.names import Served

Schema = Mapping[str, object]
ANY_OBJECT: Schema = {"type": "object"}


class Formatted(Expert):
    """An expert's model with the expert's prompt, and a grammar while it writes.

    The expert's own code and functions are not used, since they write text.
    """

    def __init__(self, card: Card, schema: Schema) -> None:
        super().__init__(card.model_copy(update={"stream": "direct"}))
        self._schema = schema

    def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        """The model's reply, piece by piece."""
        sampling = replace(context.sampling, schema=self._schema)
        return context.stream(messages_for(self.card, task), sampling=sampling)


def council_with(council: Council, expert: str, schema: Schema) -> Council:
    """A council in which an expert keeps to a schema. Do not close it: its parts are shared."""
    cards = council.registry.cards
    experts: list[Expert] = [Expert(cards[GENERAL])] if GENERAL in cards else []
    return Council.of(
        [*experts, Formatted(cards[expert], schema)],
        settings=council.settings,
        server=council.server,
        embedder=council.embedder,
        runs=council.runs,
        telemetry=council.telemetry,
    )


def checked_schema(model: Served, schema: Schema | None, *, param: str) -> Schema | None:
    """The schema, if the model can keep one.

    Raises:
        Refused: the model is a council.
    """
    if schema is not None and model.expert is None:
        raise refused(
            f"{model.name!r} cannot keep to a JSON schema: ask one expert, such as 'general'",
            param=param,
        )
    return schema
