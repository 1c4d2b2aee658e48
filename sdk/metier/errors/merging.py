"""Errors about merging models."""

from __future__ import annotations

from metier.errors.inputs import InvalidInput
from metier.errors.root import MetierError


class InvalidRecipe(InvalidInput):
    """A recipe for a merge that cannot be followed; the message names file and key."""

    code = "invalid_recipe"


class UnreadableWeights(InvalidInput):
    """A file of weights that is not a complete GGUF file."""

    code = "unreadable_weights"

    def __init__(self, file: str, *, reason: str) -> None:
        super().__init__(
            f"{file} cannot be read: {reason}",
            hint="Give a complete GGUF file, or a model of Ollama. See: metier models list",
        )


class MergeError(MetierError):
    """The base of errors about merging models."""

    code = "merge_error"


class MergeUnavailable(MergeError):
    """The packages that merge models are not installed."""

    code = "merge_unavailable"


class MergeRefused(MergeError):
    """The models do not fit each other; the message names the key, tensor or token."""

    code = "merge_refused"


class MergeFailed(MergeError):
    """A merge failed; no partial result is left, and the source models are unchanged."""

    code = "merge_failed"
