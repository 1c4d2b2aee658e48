"""Errors about merging models."""

from __future__ import annotations

from metier.errors.inputs import InvalidInput
from metier.errors.root import MetierError


class InvalidRecipe(InvalidInput):
    """A recipe for a merge that cannot be followed; the message names file and key."""

    code = "invalid_recipe"


class UnreadableWeights(InvalidInput):
    """A file of weights that is no whole GGUF file."""

    code = "unreadable_weights"

    def __init__(self, file: str, *, reason: str) -> None:
        super().__init__(
            f"{file} cannot be read: {reason}",
            hint="Give a whole GGUF file, or a model of Ollama. See: metier models list",
        )


class MergeError(MetierError):
    """Something about merging models."""

    code = "merge_error"


class MergeUnavailable(MergeError):
    """The packages that merge models are not installed."""

    code = "merge_unavailable"


class MergeRefused(MergeError):
    """The models do not fit each other; the message names the key, tensor or token."""

    code = "merge_refused"


class MergeFailed(MergeError):
    """A merge broke off; nothing half is left, and the models are as they were."""

    code = "merge_failed"
