"""Errors about kept runs."""

from __future__ import annotations

from metier.errors.inputs import InvalidInput
from metier.errors.root import MetierError


class UnknownRun(InvalidInput):
    """No stored run has this id, or several ids begin with it."""

    code = "unknown_run"

    def __init__(self, message: str, *, hint: str = "See: metier runs list") -> None:
        super().__init__(message, hint=hint)


class RunStoreUnavailable(MetierError):
    """The file of stored runs cannot be read or written."""

    code = "run_store_unavailable"


class ReplayDiffers(MetierError):
    """A replay makes a request to a model or the embedder that the stored run did not make."""

    code = "replay_differs"
