"""What is fitted to the texts of all cards together, saved until one of them changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from metier.planning.classifier import CapabilityClassifier
from metier.planning.learning.artefacts import Packed
from metier.planning.words import HashedWords, WordScores


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """BM25 over the cards' words and, if there are enough examples, the trained head.

    Attributes:
        hashed: hashes words for the head.
    """

    name: ClassVar[str] = "fitted"
    teaches: ClassVar[str] = "the words of all cards, and a classifier trained on their examples"
    version: ClassVar[int] = 2

    words: WordScores
    head: CapabilityClassifier | None = None
    hashed: HashedWords | None = None

    def packed(self) -> Packed:
        """Return what to save."""
        arrays = {
            "numbers": np.array(list(self.words.vocabulary.values()), np.int32),
            "starts": self.words.starts,
            "documents": self.words.documents,
            "added": self.words.added,
        }
        if self.head is not None and self.hashed is not None:
            arrays |= {
                "weights": self.head.weights,
                "word_weights": self.head.word_weights,
                "left_out": self.head.left_out,
                "slots": self.hashed.weights,
            }
        # One text, not a list, which would fill pages with short lines.
        data = {"vocabulary": "\n".join(self.words.vocabulary), "count": self.words.count}
        return Packed(data=data, arrays=arrays)

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError, TypeError, KeyError: it is incomplete.
        """
        kept, listed = packed.arrays, str(packed.data["vocabulary"])
        names = listed.split("\n") if listed else []
        words = WordScores(
            vocabulary=dict(zip(names, kept["numbers"].tolist(), strict=True)),
            starts=kept["starts"],
            documents=kept["documents"],
            added=kept["added"],
            count=int(packed.data["count"]),
        )
        if "weights" not in kept:
            return cls(words=words)
        head = CapabilityClassifier(
            weights=kept["weights"],
            word_weights=kept["word_weights"],
            left_out=kept["left_out"],
        )
        return cls(words=words, head=head, hashed=HashedWords(weights=kept["slots"]))
