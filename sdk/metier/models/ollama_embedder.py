"""The default embedder: a model of the server that is there anyway."""

from __future__ import annotations

from collections.abc import Sequence

from metier.errors import MetierError
from metier.models.embedder import Prefixes, Role, Vectors, prefixes_of, unit
from metier.models.server import ModelServer, full_name
from metier.models.vector_checks import checked

# The server works through a request text by text, so larger ones gain nothing, and would outlast
# the deadline of a reply on a busy machine.
BATCH = 64


class OllamaEmbedder:
    """Embeds through the model server.

    Args:
        prefixes: what the model wants before a text; by its name if not given.
    """

    def __init__(
        self,
        server: ModelServer,
        *,
        model: str = "all-minilm",
        prefixes: Prefixes | None = None,
    ) -> None:
        self._server = server
        self._model = model
        self._prefixes = prefixes or prefixes_of(model)

    @property
    def id(self) -> str:
        """The model's name with its back end."""
        return f"ollama/{self._model}"

    async def weights(self) -> str:
        """The digest that the server lists; empty if it cannot be asked."""
        try:
            listed = await self._server.list()
        except MetierError:
            return ""
        names = {full_name(model.name): model.digest for model in listed}
        return names.get(full_name(self._model), "")

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """One request for each `BATCH` texts: a question is one, an index a few.

        Raises:
            InvalidEmbedding: the model returned vectors that cannot be used.
        """
        wanted = self._prefixes.on(texts, role)
        vectors: list[Sequence[float]] = []
        for start in range(0, len(wanted), BATCH):
            vectors += await self._server.embed(self._model, wanted[start : start + BATCH])
        return unit(checked(vectors, wanted, embedder_id=self.id))
