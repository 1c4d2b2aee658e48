"""`/api/tags`, `/api/show` and `/api/version`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version

from metier.serving.forms import Wire
from metier.serving.names import Served
from metier.serving.reading import Body, NullableText

FAMILY = "metier"
CAPABILITIES = ("completion", "thinking")
_NUMBER = re.compile(r"\d+(?:\.\d+)*")


class ShowBody(Body):
    """The name of a model; old clients send it as `name`."""

    model: NullableText = ""
    name: NullableText = ""


def tags(offered: Sequence[Served], *, modified: str) -> Wire:
    """The list of models.

    Args:
        modified: when they changed, in RFC 3339's format.
    """
    return {"models": [model(each, modified=modified) for each in offered]}


def model(served: Served, *, modified: str) -> Wire:
    """One model. Its size is 0, since several models of another server may be behind it."""
    return {
        "name": served.tagged,
        "model": served.tagged,
        "modified_at": modified,
        "size": 0,
        "digest": served.digest,
        "details": details(),
        "capabilities": list(CAPABILITIES),
    }


def shown(served: Served, *, modified: str, num_ctx: int) -> Wire:
    """Details of one model.

    Args:
        num_ctx: the context window of the models behind it, in tokens.
    """
    return {
        "modelfile": f"# {served.description}",
        "parameters": f"num_ctx {num_ctx}",
        "template": "{{ .Prompt }}",
        "details": details(),
        "model_info": {
            "general.architecture": FAMILY,
            "general.basename": served.name,
            f"{FAMILY}.context_length": num_ctx,
        },
        "capabilities": list(CAPABILITIES),
        "modified_at": modified,
    }


def details() -> Wire:
    """The fields that every model has."""
    return {
        "parent_model": "",
        "format": FAMILY,
        "family": FAMILY,
        "families": [FAMILY],
        "parameter_size": "",
        "quantization_level": "",
    }


def own_version() -> Wire:
    """The version, digits and dots only: clients compare its parts as numbers."""
    found = _NUMBER.match(version("metier"))
    return {"version": found[0] if found else "0.0.0"}
