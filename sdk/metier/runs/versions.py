"""What an answer depends on besides the question, as a council has it now."""

from __future__ import annotations

from dataclasses import asdict

from metier.experts.registry import Registry
from metier.experts.versions import expert_versions
from metier.models.embedder import Embedder
from metier.runs.run import Versions
from metier.settings import Settings

# They change what a model is asked, or which one is.
_SETTINGS = ("model", "seed", "num_ctx", "max_calls", "timeout_s", "ask_to_split")


def versions_of(registry: Registry, embedder: Embedder, settings: Settings) -> Versions:
    """The versions in force."""
    return Versions(
        **asdict(expert_versions(registry, embedder)),
        settings=settings.model_dump(mode="json", include=set(_SETTINGS)),
    )
