"""Split a question into stretches with one need each, and assign each to an expert."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from metier.models.embedder import Vectors
from metier.planning.cutting import Piece, cut
from metier.planning.lessons import Lessons
from metier.planning.observing import observed, text_of, texts_of, vector_of
from metier.planning.segmenting import NOBODY, Segment, best, features
from metier.planning.selecting import Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a question for one expert.

    Attributes:
        pieces: the numbers of its pieces.
        vector: of its text, shape (1, dimension).
    """

    pieces: tuple[int, ...]
    text: str
    expert: str
    vector: Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The parts of a question.

    Attributes:
        several: the probability that there is more than one.
    """

    spans: tuple[Span, ...]
    several: float


class Splitter(Protocol):
    """Divides a question into parts, each for one expert."""

    def pieces(self, question: str) -> tuple[Piece, ...]:
        """Cut a question where it may be divided; one piece if it may not be."""
        ...

    def texts(self, question: str, pieces: Sequence[Piece]) -> list[str]:
        """Return what to embed besides the question itself; nothing for a single piece."""
        ...

    def split(
        self,
        question: str,
        pieces: Sequence[Piece],
        vectors: Vectors,
        *,
        only: Collection[str] | None = None,
    ) -> Split:
        """Return the parts of a question.

        Args:
            vectors: of the question and of its `texts`, shape (1 + texts, dimension).
            only: the experts that may be chosen.
        """
        ...


class LearntSplitter:
    """The splitter that comes with metier."""

    def __init__(self, selector: Selector, lessons: Lessons) -> None:
        self._selector = selector
        self._lessons = lessons

    def pieces(self, question: str) -> tuple[Piece, ...]:
        """See `Splitter.pieces`."""
        return cut(question, self._lessons.openings)

    def texts(self, question: str, pieces: Sequence[Piece]) -> list[str]:
        """Return the pieces, and the sentences and paragraphs with several."""
        return texts_of(question, pieces)

    def split(
        self,
        question: str,
        pieces: Sequence[Piece],
        vectors: Vectors,
        *,
        only: Collection[str] | None = None,
    ) -> Split:
        """See `Splitter.split`."""
        lessons = self._lessons
        names, seen = observed(
            self._selector,
            question,
            pieces,
            vectors,
            scale=lessons.scale,
            fillers=lessons.fillers,
            openings=lessons.openings,
            figures=lessons.figures,
            only=only,
        )
        segments, several = best(features(seen), lessons.weights)
        spans = [
            Span(
                pieces=tuple(numbers),
                text=text_of(question, pieces, numbers),
                expert=names[expert],
                vector=vector_of(pieces, vectors, numbers),
            )
            for numbers, expert in _owned(segments)
        ]
        return Split(spans=tuple(spans), several=several)


def _owned(segments: Sequence[Segment]) -> list[tuple[list[int], int]]:
    """The pieces of each part: merge neighbours with one expert, add fillers to the next part."""
    found: list[tuple[list[int], int]] = []
    waiting: list[int] = []
    for each in segments:
        mine = [*waiting, *range(each.start, each.end)]
        if each.expert == NOBODY:
            waiting = mine
        elif found and found[-1][1] == each.expert:
            found[-1][0].extend(mine)
            waiting = []
        else:
            found.append((mine, each.expert))
            waiting = []
    if found:
        found[-1][0].extend(waiting)
    return found
