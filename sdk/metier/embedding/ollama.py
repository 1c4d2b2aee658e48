"""The default embedder: a model of the server that is there anyway."""

from __future__ import annotations

from collections.abc import Sequence

from metier.embedding.embedder import Vectors, normalised, unit
from metier.models.server import ModelServer


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
        """One request for all texts."""
        return unit(await self._server.embed(self._model, [normalised(text) for text in texts]))
