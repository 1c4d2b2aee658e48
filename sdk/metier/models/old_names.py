"""The names that a model server's methods had before version 0.2. They still work, and warn."""

from __future__ import annotations

from metier.models.forwarding import ForwardingServer
from metier.models.server import ModelServer
from metier.settings.renamed import warn_renamed


class OldServer(ForwardingServer):
    """A server that was written for version 0.1, under the new names."""

    def concurrency(self, model: str) -> int:
        """That of the server behind."""
        return getattr(self._inner, "slots")(model)  # noqa: B009  # the protocol no longer has it


def with_new_names(server: ModelServer) -> ModelServer:
    """The server itself, or one in front of it if it was written for version 0.1."""
    if hasattr(server, "concurrency"):
        return server
    warn_renamed("ModelServer.slots", "ModelServer.concurrency", stacklevel=5)
    return OldServer(server)
