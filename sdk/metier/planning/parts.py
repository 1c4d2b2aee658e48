"""The parts of a question while it becomes a plan: embedded, merged, and shared out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from metier.experts.card import GENERAL
from metier.models.embedder import Vectors
from metier.planning.cutting import Piece, Sign
from metier.planning.selecting import Choice

Array = npt.NDArray[np.float64]

# A shorter fragment says nothing without the rest of the question.
LEAST_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A text for one expert to answer, the choice of the expert, and the text's vector.

    Attributes:
        own_words: the words of this part, if they are so few that `text` has more.
    """

    text: str
    choice: Choice
    vector: Vectors
    own_words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and the pieces that are considered, with their vectors.

    Attributes:
        pieces: where it may be cut; a single one if it may not be.
        looked_at: how many texts the splitter considers.
        phrases: finer pieces, for two needs in one clause; empty if it joins nothing.
        aspects: the question as asked of each of two fields, and the fields; empty if it does not
            name two.
        together: the question preceded by earlier ones, in a conversation.
        vectors: of the question, the splitter's texts, the phrases, the aspects, and the question
            preceded by earlier ones.
    """

    question: str
    pieces: tuple[Piece, ...]
    looked_at: int
    phrases: tuple[str, ...]
    aspects: tuple[str, ...]
    together: tuple[str, ...]
    vectors: Vectors

    @property
    def sentences(self) -> int:
        """The number of its sentences; a line without a mark counts as one."""
        return 1 + sum(piece.sign >= Sign.SENTENCE for piece in self.pieces[1:])

    @property
    def apart(self) -> bool:
        """Whether the user numbered its parts or put them in paragraphs."""
        return any(piece.sign >= Sign.MARK for piece in self.pieces)

    @property
    def piece_texts(self) -> tuple[str, ...]:
        """The texts of the pieces; empty if it may not be cut."""
        return tuple(piece.text for piece in self.pieces) if len(self.pieces) > 1 else ()

    @property
    def piece_vectors(self) -> Vectors:
        """The vectors of the pieces, shape (pieces, dimension)."""
        return self.vectors[1 : 1 + len(self.piece_texts)]

    @property
    def phrase_vectors(self) -> Vectors:
        """The vectors of the phrases, shape (phrases, dimension)."""
        start = 1 + self.looked_at
        return self.vectors[start : start + len(self.phrases)]

    @property
    def aspect_vectors(self) -> Vectors:
        """The vectors of the aspects, shape (aspects, dimension)."""
        start = 1 + self.looked_at + len(self.phrases)
        return self.vectors[start : start + len(self.aspects)]

    @property
    def together_vectors(self) -> Vectors:
        """The vectors of `together`, shape (texts, dimension)."""
        return self.vectors[len(self.vectors) - len(self.together) :]


def merged(parts: Sequence[Part]) -> list[Part]:
    """Merge neighbours with the same expert, and parts that fit nobody with a neighbour."""
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
    """Return the chosen experts."""
    return {part.choice.expert for part in parts}


def shared_out(
    pieces: Sequence[str], lean: Array, question: str
) -> tuple[tuple[int, str], tuple[int, str]]:
    """Return which of two experts begins, and the pieces of each.

    Both get the whole question if the pieces of one would say nothing by themselves.

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
    """Return the pieces of each of several experts, in the order of the experts.

    A piece goes to the expert that it is nearer to than other pieces are, so an expert that is near
    to everything does not get all. All get the whole question if the pieces of one would say
    nothing.

    Args:
        lean: how near each piece is to each expert, shape (pieces, experts).
    """
    owners = (lean - lean.mean(axis=0)).argmax(axis=1).tolist() if len(pieces) else []
    return _told(pieces, owners, lean.shape[1], question)


def _told(
    pieces: Sequence[str], owners: Sequence[int], count: int, question: str
) -> tuple[str, ...]:
    """The pieces of each owner joined; the whole question for all if one has too few words."""
    texts = tuple(
        " ".join(piece for piece, owner in zip(pieces, owners, strict=True) if owner == wanted)
        for wanted in range(count)
    )
    if any(len(text.split()) < LEAST_WORDS for text in texts):
        return (question,) * count
    return texts


def _joined(first: Part, second: Part, *, keep: Part) -> Part:
    between = " " if first.text.endswith((".", "?", "!", ":", ";")) else "; "
    return replace(keep, text=f"{first.text}{between}{second.text}")


def _fits_nobody(part: Part) -> bool:
    return part.choice.expert == GENERAL and part.choice.reason is not None
