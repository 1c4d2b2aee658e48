"""The knowledge of every domain, each opened when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metier.experts.knowledge import saving
from metier.experts.knowledge.passages import Passage
from metier.experts.knowledge.store import KnowledgeBase
from metier.models.embedder import Embedder
from metier.telemetry.tracing import work


class KnowledgeBases:
    """The documents of all domains, below one folder.

    Args:
        folder: where they are kept: `knowledge` in the state folder of the settings.
        embedder: whose vectors are searched by.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self._embedder = embedder
        self._open: dict[str, KnowledgeBase] = {}
        for place in folder.glob("*"):
            saving.sweep(place)

    @property
    def domains(self) -> list[str]:
        """The domains that have documents."""
        return sorted(file.parent.name for file in self.folder.glob(f"*/{saving.FILE}"))

    def base(self, domain: str) -> KnowledgeBase:
        """A domain's documents, as they are on disk now.

        Raises:
            IndexUnavailable: they are damaged.
        """
        known = self._open.get(domain)
        if known is None or not known.is_current:
            known = self._open[domain] = KnowledgeBase.open(self.folder / domain, self._embedder)
        return known

    async def search(self, domain: str, query: str, k: int = 4) -> list[Passage]:
        """The passages of a domain's documents that fit best; none if it has no documents."""
        if saving.stamp_of(self.folder / domain) is None:
            return []
        with work("retrieval", domain):
            return await self.base(domain).search(query, k)

    def erase(self, domain: str, *, waiting: Callable[[], None] = lambda: None) -> None:
        """Remove all documents of a domain, damaged ones too.

        Args:
            waiting: called once if another process is changing the same documents.

        Raises:
            IndexUnavailable: they cannot be removed, or another process is writing for too long.
        """
        self._open.pop(domain, None)
        saving.erase(self.folder / domain, waiting=waiting)
