"""The names that a model server's methods had before version 0.2. They still work, and warn."""

from __future__ import annotations

from collections.abc import Sequence

from metier.models.server import LoadedModel, ModelServer
from metier.settings.renamed import warn_renamed


class OldNames:
    """The names of its methods before version 0.2, for a model server to inherit."""

    def slots(self: ModelServer, model: str) -> int:
        """Deprecated since version 0.2: use `concurrency`."""
        warn_renamed("ModelServer.slots", "ModelServer.concurrency")
        return self.concurrency(model)

    async def resident(self: ModelServer) -> Sequence[LoadedModel]:
        """Deprecated since version 0.2: use `loaded`."""
        warn_renamed("ModelServer.resident", "ModelServer.loaded")
        return await self.loaded()
