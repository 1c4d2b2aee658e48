"""`/v1/models`."""

from __future__ import annotations

from collections.abc import Sequence

from metier.serving.forms import Wire
from metier.serving.names import Served


def model(served: Served, *, created: int) -> Wire:
    """One model; `name` and `description` are for clients that show them."""
    return {
        "id": served.name,
        "object": "model",
        "created": created,
        "owned_by": "metier",
        "name": served.name,
        "description": served.description,
    }


def models(offered: Sequence[Served], *, created: int) -> Wire:
    """The list of models."""
    return {"object": "list", "data": [model(each, created=created) for each in offered]}
