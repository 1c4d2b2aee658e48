"""The seam to embedders, and what every text goes through before it is embedded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

# all-MiniLM-L6-v2 has 512 positions; the rest of a longer text changes nothing but the time.
MAX_CHARS = 1500

_SYMBOL = re.compile(r"([^\w\s]|_)")
_TYPOGRAPHIC = str.maketrans("“”„«»‘’‚–—−", '"""""\'\'\'---')
_LONG_WORD = re.compile(r"(\S{50})")
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
    r"""The text as every tokenizer reads it alike: lower case, no accents, symbols set apart.

    Ollama's word-piece tokenizer and Hugging Face's differ on `x^2`, on `é`, on typographic
    quotes and dashes, and on words of hundreds of letters (the cosine of their vectors falls to
    0.75, 0.53, 0.58 and 0.12); so texts are brought to the form on which they agree. Only the
    first `MAX_CHARS` characters are read.

    >>> normalised("What is  x^2, Café?\n")
    'what is x ^ 2 , cafe ?'
    """
    ascii_marks = text[:MAX_CHARS].translate(_TYPOGRAPHIC)
    # Lower case after it: a letter such as ℋ decomposes to a capital.
    decomposed = unicodedata.normalize("NFKD", ascii_marks).lower()
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _SPACES.sub(" ", _LONG_WORD.sub(r"\1 ", _SYMBOL.sub(r" \1 ", plain))).strip()


def unit(vectors: npt.ArrayLike) -> Vectors:
    """The rows scaled to length 1; a row of zeros stays."""
    array = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    return (array / np.maximum(norms, 1e-12)).astype(np.float32)
