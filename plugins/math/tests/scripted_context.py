"""Programs and words that a model writes, as tests give them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any

from metier import Card
from metier.testing import ScriptedContext

CARD = Card(id="math", description="Mathematics", prompt="You solve problems.")


def writing(program: Mapping[str, Any] | Exception, words: str = "About 7.") -> ScriptedContext:
    """A context whose model writes one program, and then words whenever it is asked."""
    return ScriptedContext(chain([program], repeat(words)))


def saying(*words: str) -> ScriptedContext:
    """A context whose model says these words, the last of them again and again."""
    return ScriptedContext(chain(words, repeat(words[-1])))


def kinds(context: ScriptedContext) -> list[str]:
    """What the model was asked for."""
    return [call.kind for call in context.calls]


def written(operation: str, *steps: str, **fields: str) -> dict[str, Any]:
    named = [dict(zip(("name", "expression"), step.split(": "), strict=True)) for step in steps]
    return {"operation": operation, "steps": named, **fields}
