"""The models that the installed experts run on, and better ones for this machine."""

from __future__ import annotations

from dataclasses import replace

from metier.council.council import Council
from metier.errors import ModelMissing
from metier.experts.suggesting import Suggestion, suggested
from metier.models.opening import left_for_models, memory_for_models

GIB = 1 << 30


async def suggestions(council: Council, *, memory_gib: float | None = None) -> list[Suggestion]:
    """Suggest a model for each expert.

    Args:
        memory_gib: the memory of another machine; by default this one's.

    Raises:
        ModelServerError: the server cannot list its models.
    """
    memory = memory_of(council, memory_gib)
    installed = [model.name for model in await council.server.list()]
    found = []
    for card in council.registry.cards.values():
        runs_on, problem = None, ""
        try:
            runs_on = await council.model_of(card)
        except ModelMissing as exc:
            problem = exc.message
        suggestion = suggested(card, runs_on=runs_on, installed=installed, memory_bytes=memory)
        found.append(replace(suggestion, problem=problem))
    return found


def memory_of(council: Council, memory_gib: float | None) -> int | None:
    """Return the memory for models, in bytes; None if it is not known."""
    if memory_gib is None:
        return memory_for_models(council.settings)
    return left_for_models(int(memory_gib * GIB))
