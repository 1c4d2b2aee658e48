"""The seam to embedders, and what every text goes through before it is embedded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

# all-MiniLM-L6-v2 reads 256 word pieces; the rest of a longer text changes nothing but the time.
MAX_CHARS = 1500

_SYMBOL = re.compile(r"([^\w\s]|_)")
_SPACES = re.compile(r"\s+")


class Embedder(Protocol):
    """Who turns texts into vectors."""

    @property
    def id(self) -> str:
        """Name of the model; vectors of different ids must not be compared."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text: float32, shape (len(texts), dimension)."""
        ...


def normalised(text: str) -> str:
    r"""The text with a space around every symbol, cut after `MAX_CHARS` characters.

    Word-piece tokenizers differ on `x^2` and agree on `x ^ 2`: Ollama's and Hugging Face's give
    vectors with cosine 0.75 for the first and 1.0 for the second.

    >>> normalised("What is  x^2?\n")
    'What is x ^ 2 ?'
    """
    return _SPACES.sub(" ", _SYMBOL.sub(r" \1 ", text[:MAX_CHARS])).strip()


def unit(vectors: npt.ArrayLike) -> Vectors:
    """The rows scaled to length 1; a row of zeros stays."""
    array = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    return np.divide(array, np.maximum(norms, 1e-12), dtype=np.float32)
