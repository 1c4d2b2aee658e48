"""Check what an embedder returns before anything saves it or compares with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from metier.errors import InvalidEmbedding
from metier.models.embedder import Embedder, Role, Vectors, normalised
from metier.telemetry.tracing import work

# Rounding to 16 bits moves a length by less than this.
_ROUNDING = 0.01
# Vectors of empty texts are zero, and stay so.
_TINY = np.finfo(np.float64).tiny


async def embedded(
    embedder: Embedder, texts: Sequence[str], *, role: Role = "query", dimension: int | None = None
) -> Vectors:
    """Embed texts, and check the result: the only way in which metier asks an embedder.

    Args:
        dimension: the length of the vectors that these are compared with.

    Raises:
        InvalidEmbedding: see `checked`.
        ModelServerError, ModelMissing: the embedder cannot be asked.
    """
    with work("embeddings", embedder.id):
        vectors = await embedder.embed(texts, role=role)
    return checked(vectors, texts, embedder_id=embedder.id, dimension=dimension)


def checked(
    vectors: npt.ArrayLike,
    texts: Sequence[str],
    *,
    embedder_id: str,
    dimension: int | None = None,
) -> Vectors:
    """The vectors, one per text, all of one length and scaled to 1.

    Raises:
        InvalidEmbedding: there are too few or too many, they differ in length, they hold NaN or
            infinity, one of them is zero although its text is not empty, or they do not have
            `dimension` numbers each.
    """
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity
            array = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as exc:
        problem = "vectors of different lengths, or something that is not a number"
        raise InvalidEmbedding(embedder_id, problem) from exc
    if not texts and not array.size:
        return np.empty((0, dimension or 0), np.float32)
    if problem := _problem(array, texts):
        raise InvalidEmbedding(embedder_id, problem)
    if dimension not in (None, array.shape[1]):
        problem = f"vectors of {array.shape[1]} numbers, and the saved ones have {dimension}"
        hint = "Its model was replaced by another. Embed everything again: metier index build"
        raise InvalidEmbedding(embedder_id, problem, hint=hint)
    if are_sound(array):
        return array
    # In float64: the squares of what float32 can hold overflow it.
    lengths = np.linalg.norm(array.astype(np.float64), axis=1, keepdims=True)
    return (array / np.maximum(lengths, _TINY)).astype(np.float32)


def are_sound(vectors: Vectors) -> bool:
    """Whether these are unit vectors, as `checked` returns them for texts that are not empty."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    return bool((np.abs(squares - 1) <= 2 * _ROUNDING).all())


def _problem(array: Vectors, texts: Sequence[str]) -> str:
    """What is wrong with an embedder's vectors for these texts; empty if nothing is."""
    if array.ndim != 2 or len(array) != len(texts):
        return f"an array of shape {array.shape} for {len(texts)} texts"
    if not array.shape[1]:
        return "empty vectors"
    if bad := len(array) - np.isfinite(array).all(axis=1).sum():
        return f"NaN or infinity in {bad} of {len(array)} vectors"
    for text, is_zero in zip(texts, (array == 0).all(axis=1).tolist(), strict=True):
        if is_zero and normalised(text):
            return f"a vector of zeros for {text[:40]!r}"
    return ""
