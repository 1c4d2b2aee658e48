"""An embedder that needs no model: words in common make texts similar."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from metier.models.embedder import Role, Vectors, normalised, unit


class FixedEmbedder:
    """Hashes words into a vector; the same text gives the same vector everywhere.

    Args:
        dimension: length of a vector.

    Attributes:
        calls: the texts of every call, for tests that count them.
    """

    def __init__(self, dimension: int = 256) -> None:
        self.dimension = dimension
        self.calls: list[list[str]] = []

    @property
    def id(self) -> str:
        """Names the dimension, so that an index of another one does not fit."""
        return f"fixed/{self.dimension}"

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """One unit vector a text, the same in every role."""
        self.calls.append(list(texts))
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in normalised(text).lower().split():
                row[self._slot(word)] += 1
        return unit(vectors)

    def _slot(self, word: str) -> int:
        digest = hashlib.sha256(word[:6].encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.dimension
