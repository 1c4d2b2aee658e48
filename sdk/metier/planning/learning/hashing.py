"""Words as numbers: hashed into a fixed number of slots, so that no word list is stored."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt


def hashed_counts(texts: Sequence[Iterable[str]], slots: int) -> npt.NDArray[np.float32]:
    """Count how often the features of each text fall into each slot, shape (len(texts), slots).

    Weinberger et al. 2009, "Feature hashing for large scale multitask learning", section 2, but
    without the signs, so that counts stay counts.
    """
    counts = np.zeros((len(texts), slots), np.float32)
    for row, features in zip(counts, texts, strict=True):
        held = Counter(zlib.crc32(feature.encode()) % slots for feature in features)
        row[list(held)] = list(held.values())
    return counts


def with_pairs(words: Sequence[str]) -> list[str]:
    """Return the words, and each pair of adjacent words."""
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]


def dampened(counts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 1 + log(count), or 0 for a count of 0."""
    return np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0).astype(np.float32)
