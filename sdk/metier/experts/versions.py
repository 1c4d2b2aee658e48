"""Which card and which code each expert has."""

from __future__ import annotations

import hashlib
import importlib.metadata

from metier.experts.registry import Entry, Registry
from metier.models.embedder import Embedder
from metier.models.hosts.facts import ExpertVersions


def expert_versions(
    registry: Registry, embedder: Embedder, *, only: str | None = None
) -> ExpertVersions:
    """The versions in force in this process. No plugin's code is imported.

    Args:
        only: the expert that is asked for; all if not given.
    """
    entries = {name: entry for name, entry in registry.entries.items() if only in (None, name)}
    return ExpertVersions(
        metier=importlib.metadata.version("metier"),
        embedder=embedder.id,
        cards={name: _card_hash(entry) for name, entry in entries.items()},
        code={name: code_version(entry) for name, entry in entries.items()},
    )


def difference(expert: str, here: ExpertVersions, there: ExpertVersions) -> str:
    """Why an expert answers differently elsewhere; empty if it does not."""
    if there.metier != here.metier:
        return f"metier there is {there.metier}, here {here.metier}"
    if there.embedder != here.embedder:
        return f"the embedder there is {there.embedder!r}, here {here.embedder!r}"
    if expert not in there.cards:
        return "it is not installed there"
    if there.cards[expert] != here.cards[expert]:
        return "its card there is another"
    if there.code[expert] != here.code[expert]:
        return f"its code there is {_shown(there.code[expert])}, here {_shown(here.code[expert])}"
    return ""


def _shown(code: str) -> str:
    return repr(code) if code else "its card alone"


def _card_hash(entry: Entry) -> str:
    return hashlib.sha256(entry.card.model_dump_json().encode()).hexdigest()


def code_version(entry: Entry) -> str:
    """The distribution or class that an expert's code is from; empty if its card is all."""
    if entry.code is None:
        return "" if entry.origin.endswith(".toml") else entry.origin
    dist = entry.code.dist
    return f"{dist.name} {dist.version}" if dist else entry.code.value
