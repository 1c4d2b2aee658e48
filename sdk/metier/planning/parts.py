"""The parts of a question while it becomes a plan: what is embedded, merged, and shared out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from metier.experts.card import GENERAL
from metier.models.embedder import Vectors
from metier.planning.selecting import Choice

Array = npt.NDArray[np.float64]

# A fragment as short as this says nothing without the rest of the question.
_LEAST_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A text that one expert is to answer, the choice of the expert, and the text's vector."""

    text: str
    choice: Choice
    vector: Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question in the pieces that are looked at, with their vectors.

    Attributes:
        clauses: its requests; empty where there is only one.
        phrases: finer pieces; empty where it joins nothing.
        apart: whether the asker divided the clauses: each is a task of its own.
        follow_up: it together with what was asked before, in a conversation.
        vectors: of `texts`, shape (texts, dimension).
    """

    question: str
    clauses: tuple[str, ...]
    phrases: tuple[str, ...]
    follow_up: str | None
    vectors: Vectors
    apart: bool = False

    @property
    def pieces(self) -> tuple[str, ...]:
        """What is shared out between experts: its clauses, else its phrases."""
        return self.clauses or self.phrases

    @property
    def piece_vectors(self) -> Vectors:
        """Shape (pieces, dimension)."""
        return self.clause_vectors if self.clauses else self.phrase_vectors

    def uncut(self) -> Asked:
        """The same question as one piece."""
        kept = [0] if self.follow_up is None else [0, -1]
        return replace(self, clauses=(), phrases=(), vectors=self.vectors[kept])

    @property
    def clause_vectors(self) -> Vectors:
        """Shape (clauses, dimension)."""
        return self.vectors[1 : 1 + len(self.clauses)]

    @property
    def phrase_vectors(self) -> Vectors:
        """Shape (phrases, dimension)."""
        start = 1 + len(self.clauses)
        return self.vectors[start : start + len(self.phrases)]


def texts_of(
    question: str, clauses: Sequence[str], phrases: Sequence[str], follow_up: str | None
) -> list[str]:
    """The texts that are embedded for a question, in one call."""
    return [question, *clauses, *phrases, *([follow_up] if follow_up is not None else [])]


def merged(parts: Sequence[Part]) -> list[Part]:
    """Neighbours with one expert are one task; a part that fits nobody joins its neighbour."""
    found: list[Part] = []
    for part in parts:
        if found and (_fits_nobody(part) or part.choice.expert == found[-1].choice.expert):
            found[-1] = _joined(found[-1], part, keep=found[-1])
        elif found and _fits_nobody(found[-1]):
            found[-1] = _joined(found[-1], part, keep=part)
        else:
            found.append(part)
    return found


def experts_of(parts: Sequence[Part]) -> set[str]:
    """Who was chosen."""
    return {part.choice.expert for part in parts}


def shared_out(
    pieces: Sequence[str], lean: Array, question: str
) -> tuple[tuple[int, str], tuple[int, str]]:
    """Which of two experts begins, and the pieces of each.

    Both get the whole question where the pieces of one would say nothing by themselves.

    Args:
        lean: how near each piece is to the two, shape (pieces, 2).
    """
    gain = lean[:, 1] - lean[:, 0]
    seconds = gain > 0
    if seconds.all() or not seconds.any():
        seconds = gain == gain.max()
    owners = seconds.astype(int).tolist()
    texts = _told(pieces, owners, 2, question)
    begins = owners[0]
    return (begins, texts[begins]), (1 - begins, texts[1 - begins])


def shared_among(pieces: Sequence[str], lean: Array, question: str) -> tuple[str, ...]:
    """The pieces of each of several experts, in the order of the experts.

    A piece goes to whom it is nearer than the other pieces are; so one that is near to everything
    does not get all. All get the whole question where the pieces of one would say nothing.

    Args:
        lean: how near each piece is to each expert, shape (pieces, experts).
    """
    owners = (lean - lean.mean(axis=0)).argmax(axis=1).tolist() if len(pieces) else []
    return _told(pieces, owners, lean.shape[1], question)


def _told(
    pieces: Sequence[str], owners: Sequence[int], count: int, question: str
) -> tuple[str, ...]:
    """The pieces of each owner joined; the whole question for all where one has too few words."""
    texts = tuple(
        " ".join(piece for piece, owner in zip(pieces, owners, strict=True) if owner == wanted)
        for wanted in range(count)
    )
    if any(len(text.split()) < _LEAST_WORDS for text in texts):
        return (question,) * count
    return texts


def _joined(first: Part, second: Part, *, keep: Part) -> Part:
    between = " " if first.text.endswith((".", "?", "!", ":", ";")) else "; "
    return replace(keep, text=f"{first.text}{between}{second.text}")


def _fits_nobody(part: Part) -> bool:
    return part.choice.expert == GENERAL and part.choice.reason is not None
