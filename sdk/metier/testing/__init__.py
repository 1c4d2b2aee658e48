"""Stand-ins for tests of experts and of apps: no server, no network, nothing random."""

from metier.testing.embedder import FixedEmbedder
from metier.testing.models import (
    ScriptedModels,
    UnexpectedCall,
    UnusedReplies,
)

__all__ = ["FixedEmbedder", "ScriptedModels", "UnexpectedCall", "UnusedReplies"]
