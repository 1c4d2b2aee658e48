"""The seam to embedders, and what every text goes through before it is embedded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from metier.models.control import without_surrogates

Vectors = npt.NDArray[np.float32]

# all-MiniLM-L6-v2 has 512 positions; the rest of a longer text changes nothing but the time.
MAX_CHARS = 1500

_SYMBOL = re.compile(r"([^\w\s]|_)")
_TYPOGRAPHIC = str.maketrans("“”„«»‘’‚–—−", '"""""\'\'\'---')
_LONGEST_WORD = 50
_LONG_WORD = re.compile(rf"(\S{{{_LONGEST_WORD}}})")


# What a text is: a question, or what questions are to find.
Role = Literal["query", "document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What a model wants to read before a text, by the text's role."""

    query: str = ""
    document: str = ""

    def on(self, texts: Sequence[str], role: Role) -> list[str]:
        """The texts as the model reads them: normalised, then prefixed."""
        before = self.query if role == "query" else self.document
        return [before + normalised(text) for text in texts]


_SENTENCE = "Represent this sentence for searching relevant passages: "
# From the models' own cards. all-minilm and bge-m3 want none.
_PREFIXES = {
    "bge-large": Prefixes(query=_SENTENCE),
    "embeddinggemma": Prefixes(
        query="task: search result | query: ", document="title: none | text: "
    ),
    "mxbai-embed-large": Prefixes(query=_SENTENCE),
    "nomic-embed-text": Prefixes(query="search_query: ", document="search_document: "),
    "qwen3-embedding": Prefixes(
        query="Instruct: Find the capability that answers the question\nQuery: "
    ),
    "snowflake-arctic-embed": Prefixes(query=_SENTENCE),
    "snowflake-arctic-embed2": Prefixes(query="query: "),
}


def prefixes_of(model: str) -> Prefixes:
    """What a model wants, told by its name; nothing if the name is not known.

    >>> prefixes_of("nomic-embed-text:v1.5").query
    'search_query: '
    """
    name = model.rstrip("/").rpartition("/")[2].partition(":")[0].lower()
    known = sorted(_PREFIXES, key=len, reverse=True)
    return next((_PREFIXES[key] for key in known if name.startswith(key)), Prefixes())


class Embedder(Protocol):
    """Who turns texts into vectors."""

    @property
    def id(self) -> str:
        """Name of the model; vectors of different ids must not be compared."""
        ...

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """One unit vector a text: float32, shape (len(texts), dimension).

        Args:
            role: what the texts are, for models that want to be told.
        """
        ...


@runtime_checkable
class KnowsWeights(Protocol):
    """An embedder that knows which weights are behind its name."""

    async def weights(self) -> str:
        """A digest of them; empty if it is not known."""
        ...


async def weights_of(embedder: Embedder) -> str:
    """A digest of an embedder's weights; empty if it is not known."""
    return await embedder.weights() if isinstance(embedder, KnowsWeights) else ""


def normalised(text: str) -> str:
    r"""The text as every tokenizer reads it alike: lower case, no accents, symbols set apart.

    Ollama's word-piece tokenizer and Hugging Face's differ on `x^2`, on `é`, on typographic
    quotes and dashes, and on words of hundreds of letters (the cosine of their vectors falls to
    0.75, 0.53, 0.58 and 0.12); so texts are brought to the form on which they agree. Only the
    first `MAX_CHARS` characters are read.

    >>> normalised("What is  x^2, Café?\n")
    'what is x ^ 2 , cafe ?'
    """
    ascii_marks = without_surrogates(text[:MAX_CHARS]).translate(_TYPOGRAPHIC)
    # Lower case after it: a letter such as ℋ decomposes to a capital.
    decomposed = unicodedata.normalize("NFKD", ascii_marks).lower()
    if not decomposed.isascii():
        decomposed = "".join(char for char in decomposed if not unicodedata.combining(char))
    # Quicker than a substitution, and every plan does it several times.
    words = " ".join(_SYMBOL.split(decomposed)).split()
    if max(map(len, words), default=0) >= _LONGEST_WORD:
        words = _LONG_WORD.sub(r"\1 ", " ".join(words)).split()
    return " ".join(words)


def unit(vectors: npt.ArrayLike) -> Vectors:
    """The rows scaled to length 1; a row of zeros stays."""
    array = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    return (array / np.maximum(norms, 1e-12)).astype(np.float32)
