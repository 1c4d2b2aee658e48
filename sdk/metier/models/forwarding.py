"""A model server in front of another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from metier.models.old_names import OldNames
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    ModelServer,
    Progress,
    RawRequest,
)


class ForwardingServer(OldNames):
    """Passes every call on to another server; a subclass changes those that it is for."""

    def __init__(self, inner: ModelServer) -> None:
        self._inner = inner

    @property
    def address(self) -> str:
        """That of the server behind."""
        return self._inner.address

    def concurrency(self, model: str) -> int:
        """That of the server behind."""
        return self._inner.concurrency(model)

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The reply, piece by piece."""
        return self._inner.chat(request)

    def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The continuation of a raw text, piece by piece."""
        return self._inner.generate(request)

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text."""
        return await self._inner.embed(model, texts)

    async def list(self) -> Sequence[InstalledModel]:
        """The models that are installed."""
        return await self._inner.list()

    async def show(self, model: str) -> ModelDetails:
        """What the server knows about a model."""
        return await self._inner.show(model)

    async def loaded(self) -> Sequence[LoadedModel]:
        """The models that are in memory."""
        return await self._inner.loaded()

    def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Get a model from the server's own library."""
        return self._inner.pull(model)

    async def load(self, model: str) -> None:
        """Bring a model into memory."""
        await self._inner.load(model)

    async def version(self) -> str:
        """The server's version."""
        return await self._inner.version()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
