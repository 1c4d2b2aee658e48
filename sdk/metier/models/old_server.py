"""A model server that was written for version 0.1, under the names of today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metier.models.forwarding import ForwardingServer
from metier.models.server import LoadedModel, ModelServer
from metier.settings.renamed import warn_renamed


class OldServer(ForwardingServer):
    """A server that was written for version 0.1, under the new names."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401  # of a protocol that is gone
        super().__init__(inner)
        self._old = inner

    def concurrency(self, model: str) -> int:
        """Its `slots`."""
        return self._old.slots(model)

    async def loaded(self) -> Sequence[LoadedModel]:
        """Its `resident`."""
        return await self._old.resident()


def with_new_names(server: ModelServer) -> ModelServer:
    """The server itself, or one in front of it if it was written for version 0.1."""
    if hasattr(server, "concurrency"):
        return server
    warn_renamed("ModelServer.slots/resident", "ModelServer.concurrency/loaded", stacklevel=5)
    return OldServer(server)
