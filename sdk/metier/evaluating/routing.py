"""How well questions find their experts, and what they teach about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from metier.errors import InvalidInput
from metier.evaluating.estimate import Finding, folds
from metier.evaluating.placing import Chosen, Judge, Placing
from metier.evaluating.questions import RoutingQuestion
from metier.experts.card import GENERAL
from metier.models.embedder import Vectors
from metier.models.vector_checks import embedded
from metier.plan import Candidate
from metier.planning.calibrating import Placed, probabilities, threshold_curve
from metier.planning.learning.calibration import Calibration
from metier.planning.selecting import Selector

if TYPE_CHECKING:
    from metier.council import Council

# Fewer questions teach chance.
_LEARN_AT_LEAST = 20


class ThresholdPoint(Finding):
    """What one threshold for all experts would do.

    Attributes:
        taken: the share of questions that go to an expert that is not the general one.
        accuracy: the share of questions that go where they belong.
    """

    threshold: float
    taken: float
    accuracy: float


class Misplaced(Finding):
    """A question that went to a wrong expert, and what spoke for whom."""

    question: str
    expert: str
    chosen: str
    candidates: tuple[Candidate, ...]


class RoutingReport(Finding):
    """What labelled questions say about the routing.

    Attributes:
        n: number of questions.
        embedder: who made the vectors.
        now: with the calibration in use.
        learnt: with calibrations learnt from the questions, each judged by one that did not see it;
            None if there are too few questions.
        threshold: probability below which no expert is chosen, now.
        thresholds: those of experts that have another one.
        curve: other thresholds than the one in use, the calibration as it is.
        misplaced: the questions that go wrong now.
        calibration: what all the questions teach; None if they are too few.
    """

    n: int
    embedder: str
    now: Placing
    learnt: Placing | None
    threshold: float
    thresholds: dict[str, float]
    curve: tuple[ThresholdPoint, ...]
    misplaced: tuple[Misplaced, ...]
    calibration: Calibration | None

    @property
    def refusal(self) -> str | None:
        """Why what was learnt had better not be used; None if it may be."""
        if self.learnt is None:
            experts = sum(figures.asked > 0 for figures in self.now.experts)
            return (
                f"questions are too few to learn from: {self.n} of {experts} experts, and it takes "
                f"{_LEARN_AT_LEAST} of 2"
            )
        before, after = (
            round(placing.accuracy.value * self.n) for placing in (self.now, self.learnt)
        )
        if after < before:
            return (
                f"what was learnt places {after} of {self.n} questions rightly that it has not "
                f"seen; the calibration in use places {before}"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Questions with the scores of every expert for each, and the calibration in use."""

    texts: Sequence[str]
    vectors: Vectors
    selector: Selector
    calibration: Calibration
    placed: Placed
    judge: Judge


async def scored(council: Council, questions: Sequence[RoutingQuestion]) -> Scored:
    """Score questions for every expert; they are embedded in one batch.

    Raises:
        InvalidInput: there is no capability, or the index is too large to score all of it.
        ModelServerError, ModelMissing: the embedder cannot be asked.
    """
    index = await council.planning.index()
    if not index.capabilities:
        raise InvalidInput("no expert says what it can do", hint="See: metier experts list")
    calibration = council.planning.calibration(index)
    ratings = council.planning.ratings()
    selector = Selector(index, council.registry.cards, calibration, ratings=ratings)
    texts = [question.question for question in questions]
    vectors = await embedded(council.embedder, texts, dimension=index.dimension)
    owners = np.array([question.expert for question in questions], dtype=np.str_)
    try:
        placed = selector.placed(texts, vectors, owners.tolist())
    except ValueError as exc:
        raise InvalidInput(f"the index is too large to be evaluated: {exc}") from exc
    judge = Judge(texts=texts, owners=owners, general=GENERAL in council.registry.cards)
    return Scored(
        texts=texts,
        vectors=vectors,
        selector=selector,
        calibration=calibration,
        placed=placed,
        judge=judge,
    )


async def evaluated_routing(
    council: Council, questions: Sequence[RoutingQuestion]
) -> RoutingReport:
    """Where a council sends questions, and where it would if it learnt from them.

    No model is asked. Each question is placed as a whole: it is not split.

    Raises:
        InvalidInput, ModelServerError, ModelMissing: as `scored` raises them.
    """
    found = await scored(council, questions)
    texts, judge, placed = found.texts, found.judge, found.placed
    selector, calibration = found.selector, found.calibration
    now = chosen(placed, calibration, general=judge.general)
    wrong = np.flatnonzero(now.names != judge.owners).tolist()
    ranked = selector.rank([texts[n] for n in wrong], found.vectors[wrong])
    can_learn = len(questions) >= _LEARN_AT_LEAST and len(set(judge.owners.tolist())) > 1
    return RoutingReport(
        n=len(questions),
        embedder=council.embedder.id,
        now=judge.placing(now),
        learnt=judge.placing(_crossfitted(selector, placed, judge)) if can_learn else None,
        threshold=calibration.threshold,
        thresholds=calibration.thresholds,
        curve=_curve(placed, calibration),
        misplaced=tuple(
            Misplaced(
                question=texts[n],
                expert=str(judge.owners[n]),
                chosen=str(now.names[n]),
                candidates=candidates,
            )
            for n, candidates in zip(wrong, ranked, strict=True)
        ),
        calibration=selector.calibration_of(placed) if can_learn else None,
    )


def chosen(placed: Placed, calibration: Calibration, *, general: bool) -> Chosen:
    """What `Selector.choose` decides with a calibration, for all questions at once."""
    rows = np.arange(len(placed.owners))
    best = placed.scores.argmax(axis=1)
    experts = np.array(placed.names, dtype=np.str_)
    needed = np.array([calibration.thresholds.get(n, calibration.threshold) for n in placed.names])
    # Rounded as candidates are.
    fits = probabilities(placed.scores, placed.contrasts, calibration.fits)[rows, best].round(4)
    right = probabilities(placed.scores, placed.contrasts, calibration.right)[rows, best]
    nobody = general & (fits < needed[best])
    names = np.where(nobody, GENERAL, experts[best])
    return Chosen(names=names, nearest=experts[best], chance=right)


def _crossfitted(selector: Selector, placed: Placed, judge: Judge) -> Chosen:
    """The choice of calibrations that were learnt from the other questions."""
    fold_of = folds(judge.texts, np.unique(judge.owners, return_inverse=True)[1])
    parts: list[tuple[npt.NDArray[np.int64], Chosen]] = []
    for fold in np.unique(fold_of):
        calibration = selector.calibration_of(_rows(placed, np.flatnonzero(fold_of != fold)))
        held = np.flatnonzero(fold_of == fold)
        parts.append((held, chosen(_rows(placed, held), calibration, general=judge.general)))
    back = np.argsort(np.concatenate([held for held, _ in parts]))
    return Chosen(
        names=np.concatenate([part.names for _, part in parts])[back],
        nearest=np.concatenate([part.nearest for _, part in parts])[back],
        chance=np.concatenate([part.chance for _, part in parts])[back],
    )


def _rows(placed: Placed, rows: npt.NDArray[np.int64]) -> Placed:
    return replace(
        placed,
        owners=placed.owners[rows],
        scores=placed.scores[rows],
        contrasts=placed.contrasts[rows],
    )


def _curve(placed: Placed, calibration: Calibration) -> tuple[ThresholdPoint, ...]:
    return tuple(
        ThresholdPoint(threshold=threshold, taken=taken, accuracy=accuracy)
        for threshold, taken, accuracy in threshold_curve(placed, calibration.fits)
    )
