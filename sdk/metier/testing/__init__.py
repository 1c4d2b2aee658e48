"""For tests of experts and of apps: no server, no network, nothing random.

Stand-ins, the checks that every expert has to pass, and plans kept in files. The fixtures for
pytest are in `metier.testing.fixtures`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metier.testing.conformance import ExpertConformance, Nonconforming
    from metier.testing.context import ScriptedCall, ScriptedContext
    from metier.testing.embedder import FixedEmbedder
    from metier.testing.file_faults import FileFault, faulty_files, full_disk, moments
    from metier.testing.model_faults import Fault, FaultyModels, sprinkled
    from metier.testing.models import ScriptedModels, Stall, UnexpectedCall, UnusedReplies
    from metier.testing.sampler import ScriptedSampler
    from metier.testing.snapshots import PlanChanged, check_plan, outline
    from metier.testing.strategies import StrategyConformance

_HOMES = {
    "ExpertConformance": "conformance",
    "Fault": "model_faults",
    "FaultyModels": "model_faults",
    "FileFault": "file_faults",
    "FixedEmbedder": "embedder",
    "Nonconforming": "conformance",
    "PlanChanged": "snapshots",
    "ScriptedCall": "context",
    "ScriptedContext": "context",
    "ScriptedModels": "models",
    "ScriptedSampler": "sampler",
    "Stall": "models",
    "StrategyConformance": "strategies",
    "UnexpectedCall": "models",
    "UnusedReplies": "models",
    "check_plan": "snapshots",
    "faulty_files": "file_faults",
    "full_disk": "file_faults",
    "moments": "file_faults",
    "outline": "snapshots",
    "sprinkled": "model_faults",
}

__all__ = [
    "ExpertConformance",
    "Fault",
    "FaultyModels",
    "FileFault",
    "FixedEmbedder",
    "Nonconforming",
    "PlanChanged",
    "ScriptedCall",
    "ScriptedContext",
    "ScriptedModels",
    "ScriptedSampler",
    "Stall",
    "StrategyConformance",
    "UnexpectedCall",
    "UnusedReplies",
    "check_plan",
    "faulty_files",
    "full_disk",
    "moments",
    "outline",
    "sprinkled",
]


# pytest loads the fixtures in every project that has metier: only what is used is imported.
def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'metier.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"metier.testing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
