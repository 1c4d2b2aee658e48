"""Errors about kept runs."""

from __future__ import annotations

from metier.errors.inputs import InvalidInput
from metier.errors.root import MetierError


class UnknownRun(InvalidInput):
    """No kept run has this id, or several begin with it."""

    code = "unknown_run"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="See: metier runs list")


class RunStoreUnavailable(MetierError):
    """The file of kept runs cannot be read or written."""

    code = "run_store_unavailable"


class ReplayDiffers(MetierError):
    """A replay asks a model or the embedder something that the kept run did not ask."""

    code = "replay_differs"
