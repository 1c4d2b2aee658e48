"""The default embedder: a model of the server that is there anyway."""

from __future__ import annotations

from collections.abc import Sequence

from metier.embedding.embedder import Vectors, normalised, unit
from metier.models.server import ModelServer

# The server works through a request text by text, so larger ones gain nothing, and would outlast
# the deadline of a reply on a busy machine.
BATCH = 64


class OllamaEmbedder:
    """Embeds through the model server."""

    def __init__(self, server: ModelServer, *, model: str = "all-minilm") -> None:
        self._server = server
        self._model = model

    @property
    def id(self) -> str:
        """The model's name with its back end."""
        return f"ollama/{self._model}"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One request for each `BATCH` texts: a question is one, an index a few."""
        wanted = [normalised(text) for text in texts]
        vectors: list[Sequence[float]] = []
        for start in range(0, len(wanted), BATCH):
            vectors += await self._server.embed(self._model, wanted[start : start + BATCH])
        return unit(vectors)
