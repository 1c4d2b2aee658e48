"""Embeds in this process, for long-lived ones (extra `sentence-transformers`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio.to_thread

from metier.errors import InvalidSettings
from metier.models.embedder import Prefixes, Role, Vectors, prefixes_of, unit
from metier.models.vector_checks import checked

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_REPOSITORIES = {"all-minilm": "sentence-transformers/all-MiniLM-L6-v2"}


class SentenceTransformersEmbedder:
    """A sentence-transformers model.

    Args:
        model: a folder with the model, a hub name, or one of Ollama's names that is known here
            (`all-minilm`). Loaded at the first text.
        prefixes: what the model wants before a text; by its name if not given.
    """

    def __init__(self, model: str = "all-minilm", *, prefixes: Prefixes | None = None) -> None:
        self._name = model
        self._prefixes = prefixes or prefixes_of(model)
        self._loaded: SentenceTransformer | None = None

    @property
    def id(self) -> str:
        """The model's name with its back end."""
        return f"sentence-transformers/{self._name}"

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """All texts in one batch, in a worker thread.

        Raises:
            InvalidSettings: the package or the model is not there.
            InvalidEmbedding: the model returned vectors that cannot be used.
        """
        return await anyio.to_thread.run_sync(self._embed, self._prefixes.on(texts, role))

    def _embed(self, texts: list[str]) -> Vectors:
        model = self._model()
        vectors = model.encode(texts, convert_to_numpy=True, show_progress_bar=False)
        return unit(checked(vectors, texts, embedder_id=self.id))

    def _model(self) -> SentenceTransformer:
        if self._loaded is None:
            self._loaded = _load(_REPOSITORIES.get(self._name, self._name))
        return self._loaded


def _load(name: str) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as exc:
        raise InvalidSettings(
            "the embedder 'sentence-transformers' is not installed",
            hint="Install metier[sentence-transformers], or: metier config set embedder ollama",
        ) from exc
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model = SentenceTransformer(name, device="cpu")
    except (OSError, ValueError) as exc:
        raise InvalidSettings(
            f"the embedding model {name!r} cannot be loaded: {exc}",
            hint="Name a folder that holds it: metier config set embed_model /path/to/model",
        ) from exc
    # A model may be set to read less than it has positions for; Ollama uses all of them.
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    if (positions := getattr(config, "max_position_embeddings", None)) is not None:
        model.max_seq_length = positions
    return model
