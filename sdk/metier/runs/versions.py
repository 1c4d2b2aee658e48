"""What an answer depends on besides the question, read from a council's parts."""

from __future__ import annotations

import hashlib
import importlib.metadata

from metier.experts.registry import Entry, Registry
from metier.models.embedder import Embedder
from metier.runs.run import Versions
from metier.settings import Settings

# They change what a model is asked, or which one is.
_SETTINGS = ("model", "seed", "num_ctx", "max_calls", "timeout_s", "ask_to_split")


def versions_of(registry: Registry, embedder: Embedder, settings: Settings) -> Versions:
    """The versions in force."""
    return Versions(
        metier=importlib.metadata.version("metier"),
        embedder=embedder.id,
        cards={name: _card_hash(entry) for name, entry in registry.entries.items()},
        code={name: _code(entry) for name, entry in registry.entries.items()},
        settings=settings.model_dump(mode="json", include=set(_SETTINGS)),
    )


def _card_hash(entry: Entry) -> str:
    return hashlib.sha256(entry.card.model_dump_json().encode()).hexdigest()


def _code(entry: Entry) -> str:
    if entry.code is None:
        return "" if entry.origin.endswith(".toml") else entry.origin
    dist = entry.code.dist
    return f"{dist.name} {dist.version}" if dist else entry.code.value
