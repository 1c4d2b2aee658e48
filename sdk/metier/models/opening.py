"""The model server and the embedder that the settings name. Nothing is connected yet."""

from __future__ import annotations

import os

from metier.models.embedder import Embedder
from metier.models.server import ModelServer
from metier.settings import Settings

_SYSTEM_BYTES = 2 << 30


def server_of(settings: Settings) -> ModelServer:
    """The Ollama of the settings."""
    from metier.models.ollama import OllamaServer

    return OllamaServer.from_settings(settings)


def embedder_of(settings: Settings, server: ModelServer) -> Embedder:
    """The embedder of the settings, on the model server or in this process."""
    if settings.embedder == "sentence-transformers":
        from metier.models.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(settings.embed_model)
    from metier.models.ollama_embedder import OllamaEmbedder

    return OllamaEmbedder(server, model=settings.embed_model)


def memory_for_models(settings: Settings) -> int | None:
    """The memory that models may take, in bytes; None if it is not known.

    This machine's memory says something only about a server on this machine.
    """
    from metier.models.local import is_local

    physical = physical_memory_bytes() if is_local(settings.host) else None
    return None if physical is None else left_for_models(physical)


def left_for_models(physical_bytes: int) -> int:
    """What a machine's memory leaves to models: the system takes a quarter, or 2 GiB."""
    return physical_bytes - min(physical_bytes // 4, _SYSTEM_BYTES)


def physical_memory_bytes() -> int | None:
    """The memory of this machine, if the system says."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
