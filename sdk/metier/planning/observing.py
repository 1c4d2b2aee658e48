"""Observe the pieces of a question: which experts fit them, and what separates them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from metier.experts.card import GENERAL
from metier.models.embedder import Vectors, unit
from metier.planning.cutting import Piece, Sign, longer, telling_words
from metier.planning.figures import NAMED, Figures, kind_of, program_words
from metier.planning.openings import Openings
from metier.planning.referring import refers_back
from metier.planning.segmenting import Array, Observed
from metier.planning.selecting import Selector

# The number of best experts to consider for each stretch and each piece.
_BEST = 3
# How many pieces before and after a place to compare for shared words.
_NEAR = 3
# In standard deviations; larger distances count as this.
_FAR = 3.0


def text_of(question: str, pieces: Sequence[Piece], numbers: Sequence[int]) -> str:
    """Return the words of neighbouring pieces as in the question."""
    return question[pieces[numbers[0]].start : pieces[numbers[-1]].end]


def texts_of(question: str, pieces: Sequence[Piece]) -> list[str]:
    """Return the pieces of a question, and its sentences and paragraphs with several pieces."""
    if len(pieces) < 2:
        return []
    longest = [text_of(question, pieces, range(i, j + 1)) for i, j in longer(pieces)]
    return [*(piece.text for piece in pieces), *longest]


def vector_of(pieces: Sequence[Piece], vectors: Vectors, numbers: Sequence[int]) -> Vectors:
    """Return the vector of neighbouring pieces, or the mean of theirs if they have none together.

    Args:
        vectors: of the question and of its `texts_of`, shape (1 + texts, dimension).
    """
    return _vectors(pieces, vectors, [(numbers[0], numbers[-1])])


def _vectors(
    pieces: Sequence[Piece], vectors: Vectors, stretches: Sequence[tuple[int, int]]
) -> Vectors:
    count = len(pieces)
    sizes = np.array([piece.size for piece in pieces])[:, None]
    sums = np.vstack([np.zeros(vectors.shape[1]), np.cumsum(vectors[1 : 1 + count] * sizes, 0)])
    first, last = np.array(stretches).T
    found = unit(sums[last + 1] - sums[first])
    own = {stretch: 1 + count + n for n, stretch in enumerate(longer(pieces))} | {(0, count - 1): 0}
    for n, stretch in enumerate(stretches):
        if stretch in own:
            found[n] = vectors[own[stretch]]
    return found


def observed(
    selector: Selector,
    question: str,
    pieces: Sequence[Piece],
    vectors: Vectors,
    *,
    scale: float,
    fillers: Vectors,
    openings: Openings,
    figures: Figures,
    only: Collection[str] | None = None,
    also: Collection[str] = (),
) -> tuple[tuple[str, ...], Observed]:
    """Return the experts to consider, and what is known about the pieces.

    Args:
        vectors: of the question and of its `texts_of`, shape (1 + texts, dimension).
        scale: the factor that turns the selector's scores into log-probabilities.
        fillers: vectors of texts that ask for nothing, shape (texts, dimension).
        only: the experts that may be chosen.
        also: experts to consider however unlikely they are.
    """
    count = len(pieces)
    stretches = [(i, j) for i in range(count) for j in range(i, count)]
    texts = [text_of(question, pieces, range(i, j + 1)) for i, j in stretches]
    means = _vectors(pieces, vectors, stretches)
    names, scores, fits, near = selector.evidence(texts, means, only=only)
    logs = log_probabilities(scale * scores)
    kept = _candidates(logs, [names.index(name) for name in also])
    found = tuple(names[n] for n in kept)
    spans = np.full((count, count, len(kept)), -np.inf)
    fit = np.zeros((count, count))
    rows, columns = np.array(stretches).T
    spans[rows, columns] = logs[:, kept]
    fit[rows, columns] = fits
    nearest = np.zeros((count, count))
    usual, spread = selector.usual_nearness()
    nearest[rows, columns] = np.clip((near - usual) / spread, -_FAR, _FAR)
    single = [n for n, (i, j) in enumerate(stretches) if i == j]
    seen = Observed(
        sizes=np.array([max(0.5, piece.size) for piece in pieces]),
        pieces=spans[np.arange(count), np.arange(count)],
        spans=spans,
        fits=fit,
        near=nearest,
        fillers=_likeness(vectors[1 : 1 + count], fillers) - near[single],
        signs=np.array([piece.sign for piece in pieces], dtype=np.int64),
        asking=_asking(pieces, openings),
        before=_before(pieces, vectors[1:], openings),
        telling=np.array([len(telling_words(piece.text)) for piece in pieces], dtype=np.float64),
        figures=figures.log_odds(found),
        kinds=kinds_of(question, pieces),
        general=found.index(GENERAL) if GENERAL in found else -1,
    )
    return found, seen


def kinds_of(question: str, pieces: Sequence[Piece]) -> npt.NDArray[np.int64]:
    """The kind of each piece; what goes on after a function's name says what that function does."""
    kinds: list[int] = []
    words = program_words(question)
    for piece in pieces:
        goes_on = kinds and piece.sign < Sign.SENTENCE and not (piece.joint or piece.asks)
        named = goes_on and kinds[-1] == NAMED
        kinds.append(NAMED if named else kind_of(piece.text, within=words))
    return np.array(kinds, dtype=np.int64)


def _likeness(vectors: Vectors, fillers: Vectors) -> Array:
    if not len(fillers):
        return np.zeros(len(vectors))
    return (vectors @ fillers.T).max(axis=1).astype(np.float64)


def _asking(pieces: Sequence[Piece], openings: Openings) -> Array:
    """How likely each piece asks; if others have question marks, one without is less likely to."""
    begins = np.array([_begins(openings, pieces, n) for n in range(len(pieces))])
    asks = np.array([piece.asks for piece in pieces])
    return np.where(asks, 1.0, 0.5 * begins**2 if asks.any() else begins)


def _begins(openings: Openings, pieces: Sequence[Piece], number: int) -> float:
    return openings.begins(pieces[number].text, bare=_is_bare(pieces, number))


def _is_bare(pieces: Sequence[Piece], number: int) -> bool:
    """Whether only a space separates a piece from the one before it."""
    return number > 0 and pieces[number].sign is Sign.NONE


def _before(pieces: Sequence[Piece], vectors: Vectors, openings: Openings) -> Array:
    found = np.zeros((len(pieces), 7))
    words = [telling_words(piece.text) for piece in pieces]
    for n in range(1, len(pieces)):
        near = set().union(*words[max(0, n - _NEAR) : n])
        later = set().union(*words[n : n + _NEAR])
        found[n] = (
            pieces[n].joint,
            pieces[n - 1].asks,
            _begins(openings, pieces, n),
            openings.ends(pieces[n - 1].text, bare=_is_bare(pieces, n)),
            vectors[n - 1] @ vectors[n],
            refers_back(pieces[n].text),
            len(near & later) / (1 + min(len(near), len(later))),
        )
    return found


def log_probabilities(scores: Array) -> Array:
    """Compute the log-softmax over the experts, shape (texts, experts)."""
    top = scores - scores.max(axis=1, keepdims=True)
    return top - np.log(np.exp(top).sum(axis=1, keepdims=True))


def _candidates(logs: Array, also: Sequence[int]) -> list[int]:
    best = min(_BEST, logs.shape[1])
    found = set(np.argpartition(-logs, best - 1, axis=1)[:, :best].ravel().tolist())
    return sorted(found | set(also))
