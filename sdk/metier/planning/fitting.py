"""What is fitted to the texts of all cards at once, kept in a file until one of them changes."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

import numpy as np

from metier.planning.head import KernelHead
from metier.planning.words import HashedWords, WordScores
from metier.settings import files

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """BM25 over the cards' words and, where there are examples enough, the trained head.

    Attributes:
        hashed: what the head reads words by.
    """

    words: WordScores
    head: KernelHead | None = None
    hashed: HashedWords | None = None

    def save(self, file: Path, *, of: str) -> None:
        """Write it, without pickle.

        Args:
            of: what it was fitted to; only that may use it.

        Raises:
            OSError: the file cannot be written.
        """
        arrays = {
            "version": np.array(_VERSION),
            "of": _as_bytes(of),
            "vocabulary": _as_bytes("\n".join(self.words.vocabulary)),
            "numbers": np.array(list(self.words.vocabulary.values()), np.int32),
            "starts": self.words.starts,
            "documents": self.words.documents,
            "added": self.words.added,
            "count": np.array(self.words.count),
        }
        if self.head is not None and self.hashed is not None:
            arrays |= {
                "weights": self.head.weights,
                "word_weights": self.head.word_weights,
                "left_out": self.head.left_out,
                "slots": self.hashed.weights,
            }
        buffer = BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        files.write(file, buffer.getvalue())

    @classmethod
    def load(cls, file: Path, *, of: str) -> Self | None:
        """What was fitted to exactly this; None where that is not there, or damaged."""
        try:
            # From memory, since NumPy leaves a damaged file open.
            with np.load(BytesIO(file.read_bytes()), allow_pickle=False) as kept:
                if int(kept["version"]) != _VERSION or _as_text(kept["of"]) != of:
                    return None
                listed = _as_text(kept["vocabulary"])
                words = WordScores(
                    vocabulary=dict(
                        zip(
                            listed.split("\n") if listed else [],
                            kept["numbers"].tolist(),
                            strict=True,
                        )
                    ),
                    starts=kept["starts"],
                    documents=kept["documents"],
                    added=kept["added"],
                    count=int(kept["count"]),
                )
                if "weights" not in kept:
                    return cls(words=words)
                head = KernelHead(
                    weights=kept["weights"],
                    word_weights=kept["word_weights"],
                    left_out=kept["left_out"],
                )
                return cls(words=words, head=head, hashed=HashedWords(weights=kept["slots"]))
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None


def _as_bytes(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(text.encode(), np.uint8)


def _as_text(array: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> str:
    return array.tobytes().decode()
