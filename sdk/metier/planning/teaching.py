"""What the cards' own examples teach: the experts that have any, and each example held out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metier.experts.card import GENERAL, Card
from metier.planning.calibrating import Placed
from metier.planning.scoring import LEARN_AT_LEAST, Field

_FIT_AT_MOST = 2000


def all_held_out(field: Field) -> Placed | None:
    """An even selection of examples, each scored as if it were not on its card."""
    numbers = np.arange(len(field.rows.owners))
    if len(numbers) < LEARN_AT_LEAST:
        return None
    numbers = numbers[:: max(1, len(numbers) // _FIT_AT_MOST)]
    owners = field.expert_of[field.rows.owners[numbers]]
    scores, contrasts = field.by_expert(field.held_out(numbers))
    return Placed(names=field.experts, owners=owners, scores=scores, contrasts=contrasts)


def has_examples(card: Card) -> bool:
    """Whether any capability of a card has an example."""
    return any(capability.examples for capability in card.capabilities)


def teachers(cards: Mapping[str, Card]) -> list[str]:
    """Return the experts with examples, if they are at least half of those that are not general."""
    others = [name for name in cards if name != GENERAL]
    found = [name for name in others if has_examples(cards[name])]
    return found if len(found) >= max(1, len(others) / 2) else []
