"""The similarity of texts: in their vectors, their looks, and their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors, unit
from metier.planning.learning.text_features import bags, text_features

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

_LANDMARKS = 1500
_FARTHEST = 4.0
_JITTER = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """A kernel between texts and landmarks, which are drawn from the texts it was made from.

    It is the weighted mean of radial kernels over the vectors (two widths), over the standardised
    counts of `text_features` (two widths) and over both together, and of the cosine of the words.
    If there are more than 1,500 texts, 1,500 drawn at random stand for all (Nyström's method;
    Williams & Seeger, NIPS 2000).
    """

    _centre: Floats
    _scale: Floats
    _rarity: Floats
    _vectors: Floats
    _surfaces: Floats
    _words: Floats

    @classmethod
    def of(cls, texts: Sequence[str], vectors: Vectors, *, seed: int) -> tuple[Self, Array]:
        """Make the kernel of these texts, and return it with their `to_landmarks`."""
        counts, words = text_features(texts), bags(texts)
        centre, spread = counts.mean(axis=0), counts.std(axis=0)
        scale = np.where(spread > 1e-6, spread, np.inf).astype(np.float32)
        rarity = np.log((len(texts) + 1) / ((words > 0).sum(axis=0) + 1)).astype(np.float32)
        looks, words = _standardised(counts, centre, scale), unit(words * rarity)
        chosen = np.random.default_rng(seed).permutation(len(texts))[:_LANDMARKS]
        likeness = cls(
            _centre=centre,
            _scale=scale,
            _rarity=rarity,
            _vectors=np.asarray(vectors[chosen], np.float32),
            _surfaces=looks[chosen],
            _words=words[chosen],
        )
        return likeness, likeness._kernel(vectors, looks, words)

    @property
    def landmarks(self) -> int:
        """The number of landmarks."""
        return len(self._vectors)

    def to_landmarks(self, texts: Sequence[str], vectors: Vectors) -> Array:
        """Return the similarity of each text to each landmark, 0 to 1.

        Raises:
            ValueError: the number or the dimension of the vectors does not match.
        """
        if vectors.shape != (len(texts), self._vectors.shape[1]):
            raise ValueError(
                f"vectors {vectors.shape} for {len(texts)} texts, learnt from "
                f"{self._vectors.shape[1]} dimensions"
            )
        looks = _standardised(text_features(texts), self._centre, self._scale)
        return self._kernel(vectors, looks, unit(bags(texts) * self._rarity))

    def whitening(self) -> Array:
        """Return what turns `to_landmarks` into features whose products are similarities."""
        own = self._kernel(self._vectors, self._surfaces, self._words)
        root = np.linalg.cholesky(own + _JITTER * np.eye(len(own)))
        return np.linalg.inv(root).T.astype(np.float64)

    def _kernel(self, vectors: Floats, looks: Floats, words: Floats) -> Array:
        far = _squared_distances(vectors, self._vectors)
        unlike = _squared_distances(looks, self._surfaces) / looks.shape[1]
        # A single text has few words, so multiply only their columns.
        used = np.flatnonzero(words.any(axis=0))
        kernel = np.exp(-far) + np.exp(-far / 0.3) + np.exp(-far - unlike)
        kernel += (np.exp(-unlike / 2) + np.exp(-unlike / 0.4)) / 2
        kernel += words[:, used] @ self._words[:, used].T / 2
        return kernel.astype(np.float64) / 4.5

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays for `from_arrays`."""
        return {
            "centre": self._centre,
            "scale": self._scale,
            "rarity": self._rarity,
            "landmark_vectors": self._vectors,
            "landmark_surfaces": self._surfaces,
            "landmark_words": self._words,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Make a kernel from `arrays`.

        Raises:
            KeyError: an array is missing.
        """
        return cls(
            _centre=arrays["centre"],
            _scale=arrays["scale"],
            _rarity=arrays["rarity"],
            _vectors=arrays["landmark_vectors"],
            _surfaces=arrays["landmark_surfaces"],
            _words=arrays["landmark_words"],
        )


def _standardised(counts: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.clip((counts - centre) / scale, -_FARTHEST, _FARTHEST)


def _squared_distances(first: Floats, second: Floats) -> Floats:
    lengths = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    return np.maximum(lengths - 2 * first @ second.T, 0)
