"""A council of three experts of few words, with an embedder that hashes words."""

from __future__ import annotations

import pytest

from metier import Card, Council, Expert, Settings
from metier.experts.card import Capability
from metier.testing import FixedEmbedder, ScriptedModels

EXAMPLES = {
    "math": "compute the sum of two numbers",
    "code": "write a python function",
    "general": "tell me a story about a king",
}
SUBJECTS = ("apples", "pears", "planets", "trains", "letters", "days", "birds", "coins")


def install_small_council(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make these three the experts that are installed."""

    def installed(settings: Settings) -> Council:
        experts = []
        for name, example in EXAMPLES.items():
            capability = Capability(name="all", description=name, examples=(example,))
            experts.append(Expert(Card(id=name, description=name, capabilities=(capability,))))
        models = ScriptedModels({"small": [], "large": []})
        return Council.of(experts, settings=settings, server=models, embedder=FixedEmbedder())

    monkeypatch.setattr(Council, "from_installed", installed)
