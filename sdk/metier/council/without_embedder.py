"""Planning while the embedder of the settings is not installed."""

from __future__ import annotations

from collections.abc import Callable

from metier.events import Notice
from metier.experts.stand_in import smallest_embedder
from metier.models.embedder import Embedder
from metier.models.ollama_embedder import OllamaEmbedder
from metier.models.server import ModelServer
from metier.planning.assembly import PlannerAssembly
from metier.planning.planner import Planner


class WithoutEmbedder:
    """Finds another embedder on the server, and says what is used instead.

    Args:
        assembled: makes the planner of an embedder.
    """

    def __init__(
        self, server: ModelServer, assembled: Callable[[Embedder], PlannerAssembly]
    ) -> None:
        self._server = server
        self._assembled = assembled
        self._assemblies: dict[str, PlannerAssembly] = {}
        self._told: set[str] = set()

    async def planner(self, missing: str) -> tuple[Planner | None, str]:
        """The planner with the smallest embedder, or None if there is none, and what to say of it.

        Args:
            missing: the embedder of the settings.

        Raises:
            ModelServerError: the server cannot be asked.
        """
        get = f"for better planning: metier models pull {missing}"
        other = await smallest_embedder(self._server)
        if other is None:
            said = "no embedding model is installed, so the whole question goes to one expert"
            return None, f"{said}; {get}"
        name = other.name
        if name not in self._assemblies:
            self._assemblies[name] = self._assembled(OllamaEmbedder(self._server, model=name))
        said = f"{name} is used to choose experts, as {missing} is not installed"
        return await self._assemblies[name].planner(), f"{said}; {get}"

    def once(self, text: str) -> tuple[Notice, ...]:
        """A notice for whoever reads the answer, unless it was given before."""
        told = text in self._told
        self._told.add(text)
        return () if told else (Notice(text=text),)
