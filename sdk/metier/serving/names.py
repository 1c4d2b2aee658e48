"""The models that the server offers: the council, the council with a strategy, each expert."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from metier.council import Council
from metier.errors import nearest
from metier.experts.card import Card
from metier.serving.failures import Refused, refused

COUNCIL = "metier"
LATEST = ":latest"
_PLAIN = "single"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model of the server.

    Attributes:
        name: without a tag.
        expert: the expert that answers alone, without planning; None for the council.
        strategy: how several answers to a step become one.
        digest: SHA-256 that changes with the cards and with metier's version. Clients take two
            names with one digest for one model.
    """

    name: str
    description: str
    expert: str | None = None
    strategy: str = _PLAIN
    digest: str = ""

    @property
    def tagged(self) -> str:
        """The name as Ollama writes it."""
        return self.name if ":" in self.name else f"{self.name}{LATEST}"

    @property
    def fingerprint(self) -> str:
        """Changes when answers may change."""
        return f"fp_{self.digest[:12]}"


def served(council: Council) -> list[Served]:
    """List all models, the council first. This imports and embeds nothing, and asks no server."""
    cards = tuple(council.registry.cards.values())
    whole = "Plans, asks the experts that fit, and joins what they answer"
    found = [Served(name=COUNCIL, description=whole, digest=_digest(COUNCIL, cards))]
    found += [
        Served(
            name=card.id,
            description=card.description,
            expert=card.id,
            digest=_digest(card.id, (card,)),
        )
        for card in cards
        if card.id != COUNCIL
    ]
    found += [
        Served(
            name=f"{COUNCIL}:{name}",
            description=f"{whole}; each step by the strategy {name!r}",
            strategy=name,
            digest=_digest(name, cards),
        )
        for name in council.strategies.names
        if name != _PLAIN
    ]
    return found


def model_named(council: Council, name: str) -> Served:
    """The model of this name, with or without Ollama's tag `latest`.

    Raises:
        Refused: 404; no model has this name.
    """
    models = {each.name: each for each in served(council)}
    if (found := models.get(name.removesuffix(LATEST))) is not None:
        return found
    raise _unknown(name[:_LONGEST_NAME], models)


def _unknown(name: str, models: dict[str, Served]) -> Refused:
    return refused(
        f"model {name!r} not found{nearest(name, models)}",
        status=404,
        code="model_not_found",
        param="model",
    )


@cache
def _digest(name: str, cards: tuple[Card, ...]) -> str:
    digest = hashlib.sha256(f"{name} {version('metier')}".encode())
    for card in cards:
        digest.update(card.model_dump_json().encode())
    return digest.hexdigest()
