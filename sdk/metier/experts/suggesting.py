"""Which model an expert would run better on, in the memory of a machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from metier.experts.card import Card
from metier.experts.model_choice import full_name
from metier.experts.stand_in import fits
from metier.models.library import library_size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A model for an expert.

    Attributes:
        runs_on: the model that it runs on now; None if it has none.
        better: the first of its card that fits in memory; None if it runs on that already.
        size_bytes: of the better one's download; None if it is not known.
        installed: whether the better one is on the server.
        problem: why it has none.
    """

    expert: str
    runs_on: str | None
    better: str | None = None
    size_bytes: int | None = None
    installed: bool = False
    problem: str = ""


def suggested(
    card: Card,
    *,
    runs_on: str | None,
    installed: Collection[str] = (),
    memory_bytes: int | None = None,
) -> Suggestion:
    """The model that would serve an expert better than the one it runs on.

    Args:
        installed: names of the server's models.
        memory_bytes: what a model may take; None if that is not known.
    """
    named = _better(card.models, runs_on, memory_bytes)
    return Suggestion(
        expert=card.id,
        runs_on=runs_on,
        better=named,
        size_bytes=None if named is None else library_size_bytes(named),
        installed=named is not None and full_name(named) in set(map(full_name, installed)),
    )


def _better(models: Sequence[str], runs_on: str | None, memory_bytes: int | None) -> str | None:
    """The first model that fits, unless the expert runs on it or on one named before it."""
    for model in models:
        if runs_on is not None and full_name(model) == full_name(runs_on):
            return None
        size = library_size_bytes(model)
        # Promise nothing for a model of unknown size.
        if size is not None and fits(size, memory_bytes):
            return model
    return None
