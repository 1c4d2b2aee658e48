"""Domain experts as plugins, a planner that picks and chains them, one answer. All local.

Importing this package imports nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metier.answer import Answer
    from metier.council import Council
    from metier.engine.engine import Limits
    from metier.errors import MetierError
    from metier.events import Event
    from metier.experts.card import Card, read_card
    from metier.experts.expert import Context, Expert, Task
    from metier.experts.registry import Registry
    from metier.experts.tools import tool
    from metier.plan import Combining, Document, Message, Plan
    from metier.settings import Settings

_HOMES = {
    "Answer": "metier.answer",
    "Card": "metier.experts.card",
    "Context": "metier.experts.expert",
    "Council": "metier.council",
    "Document": "metier.plan",
    "Event": "metier.events",
    "Expert": "metier.experts.expert",
    "Limits": "metier.engine.engine",
    "Message": "metier.plan",
    "MetierError": "metier.errors",
    "Combining": "metier.plan",
    "Plan": "metier.plan",
    "Registry": "metier.experts.registry",
    "Settings": "metier.settings",
    "Task": "metier.experts.expert",
    "read_card": "metier.experts.card",
    "tool": "metier.experts.tools",
}

__all__ = [
    "Answer",
    "Card",
    "Combining",
    "Context",
    "Council",
    "Document",
    "Event",
    "Expert",
    "Limits",
    "Message",
    "MetierError",
    "Plan",
    "Registry",
    "Settings",
    "Task",
    "read_card",
    "tool",
]


def __getattr__(name: str) -> object:
    if name == "skill":
        message = "metier.skill is called metier.tool since version 0.2"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        name = "tool"
    if name not in _HOMES:
        raise AttributeError(f"module 'metier' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
