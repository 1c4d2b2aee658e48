"""Councils that keep their runs, on models whose words depend on all that they are asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from metier import Card, Council, Expert, Plan, Settings
from metier.experts.card import Capability
from metier.models.server import ChatRequest
from metier.plan import Step
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels

WORDS = "amber basil cedar delta ember fjord gamma hazel iris juniper".split()

PLAN = Plan(
    question="What is 2 + 2, and code for it?",
    steps=(
        Step(id="1", task="What is 2 + 2?", expert="math"),
        Step(id="2", task="Write code for it.", expert="code", needs=("1",)),
    ),
)


def card(name: str, *, models: tuple[str, ...] = ("small",), disclaimer: str = "") -> Card:
    capability = Capability(name="all", description=f"everything about {name}")
    return Card(
        id=name, description=name, models=models, disclaimer=disclaimer, capabilities=(capability,)
    )


def words_for(request: ChatRequest) -> str:
    """Other words for every other request, the same for the same."""
    asked = f"{request.model} {request.messages} {request.sampling}"
    digest = hashlib.sha256(asked.encode()).digest()
    return " ".join(WORDS[byte % len(WORDS)] for byte in digest[: 3 + digest[0] % 9])


def settings_in(folder: Path) -> Settings:
    return Settings(cache_dir=folder / "cache", state_dir=folder)


def council(
    folder: Path,
    *experts: Expert,
    says: Callable[[ChatRequest], str] = words_for,
    models: ScriptedModels | None = None,
    store: RunStore | None = None,
) -> Council:
    """A council that keeps its runs in a folder."""
    settings = settings_in(folder)
    listed = experts or [Expert(card(name)) for name in ("general", "math", "code")]
    return Council.of(
        listed,
        settings=settings,
        server=models or ScriptedModels({"small": says, "other": says}),
        embedder=FixedEmbedder(),
        runs=store or RunStore.of(settings),
    )
