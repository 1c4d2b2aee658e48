"""Whether rated answers teach who should answer what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from metier.council import Council
from metier.errors import InvalidInput
from metier.evaluating.estimate import Estimate, Finding, folds
from metier.evaluating.questions import RoutingQuestion
from metier.evaluating.rated import rated_steps
from metier.evaluating.routing import chosen
from metier.experts.card import GENERAL
from metier.models.embedder import Vectors
from metier.models.vector_checks import embedded
from metier.plan import Step
from metier.planning.calibrating import Placed
from metier.planning.learning.calibration import Calibration
from metier.planning.learning.ratings import STRENGTHS, Numbers, RatedExamples, Strength
from metier.planning.selecting import Selector
from metier.runs.run import Rating, Run

_LEARN_AT_LEAST = 20

Names = npt.NDArray[np.str_]


def rated_questions(
    runs: Iterable[Run], experts: Collection[str]
) -> tuple[list[RoutingQuestion], int]:
    """The steps whose right expert a rating tells, and how many ratings do not tell it.

    A good rating says that the expert was right, or all of them for a run; a bad one says who is
    right if it names an expert. A rating of a step holds for it, not the one of its run.
    """
    found: list[RoutingQuestion] = []
    useless = 0
    for run in runs:
        telling: set[str] = set()
        for step, rating in rated_steps(run):
            if (expert := _right_expert(step, rating)) in experts:
                found.append(RoutingQuestion(question=step.task, expert=expert))
                telling.add(rating.step_id)
        useless += sum(rating.step_id not in telling for rating in run.ratings)
    return found, useless


def _right_expert(step: Step, rating: Rating) -> str:
    """Who should have answered a step; empty if its rating does not tell."""
    return rating.expert or (step.expert if rating.verdict == "good" else "")


class Change(Finding):
    """A rated question that goes to another expert with what the other ratings teach.

    Attributes:
        expert: who should answer, as it was rated.
        now: who answers without ratings.
        learnt: who answers with what the other questions taught.
    """

    question: str
    expert: str
    now: str
    learnt: str


class RatingsReport(Finding):
    """What rated answers teach.

    Attributes:
        n: questions whose right expert the ratings tell.
        useless: ratings that do not tell it.
        now: the share of them that goes to the right expert now.
        learnt: the share with what the other questions taught; None if they are too few.
        gain: the difference, paired.
        changes: the questions that go to another expert with what the others taught.
    """

    n: int
    useless: int
    now: Estimate
    learnt: Estimate | None
    gain: Estimate | None
    changes: tuple[Change, ...] = ()

    @property
    def refusal(self) -> str | None:
        """Why what was learnt had better not be used; None if it may be."""
        if self.gain is None:
            return f"at least {_LEARN_AT_LEAST} ratings must name the right expert; so far {self.n}"
        if self.gain.low <= 0:
            return (
                f"what was learnt changes the share that is routed correctly by "
                f"{100 * self.gain.value:+.1f} points ({100 * self.gain.low:+.1f} to "
                f"{100 * self.gain.high:+.1f}), which may be chance"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedRouting:
    """Rated questions, scored by the selector as it is without ratings."""

    texts: tuple[str, ...]
    vectors: Vectors
    placed: Placed
    calibration: Calibration
    general: bool
    fold_of: Numbers
    useless: int

    @classmethod
    async def of(
        cls, council: Council, questions: Sequence[RoutingQuestion], *, useless: int = 0
    ) -> RatedRouting:
        """Score them.

        Raises:
            InvalidInput: there is no rating that tells an expert, or no capability.
            ModelServerError, ModelMissing: the embedder cannot be asked.
        """
        if not questions:
            raise InvalidInput(
                "no rating says who should answer",
                hint="Rate answers: metier rate last good; metier rate last bad --expert NAME",
            )
        index = await council.planning.index()
        calibration = council.planning.calibration(index)
        selector = Selector(index, council.registry.cards, calibration)
        texts = [question.question for question in questions]
        vectors = await embedded(council.embedder, texts, dimension=index.dimension)
        try:
            placed = selector.placed(texts, vectors, [each.expert for each in questions])
        except ValueError as exc:
            raise InvalidInput(f"the index is too large to learn from ratings: {exc}") from exc
        known = np.flatnonzero(placed.owners >= 0)
        return cls(
            texts=tuple(texts[n] for n in known),
            vectors=vectors[known],
            placed=_rows(placed, known),
            calibration=calibration,
            general=GENERAL in council.registry.cards,
            fold_of=folds([texts[n] for n in known], placed.owners[known]),
            useless=useless + len(texts) - len(known),
        )

    def report(self) -> RatingsReport:
        """Judge what was learnt by questions that it was not learnt from."""
        n = len(self.vectors)
        before = self._chosen(self.placed)
        now = before == self._owners(self.placed)
        if n < _LEARN_AT_LEAST:
            share = Estimate.share(now)
            return RatingsReport(n=n, useless=self.useless, now=share, learnt=None, gain=None)
        after = self._judged()
        learnt = after == self._owners(self.placed)
        return RatingsReport(
            n=n,
            useless=self.useless,
            now=Estimate.share(now),
            learnt=Estimate.share(learnt),
            gain=Estimate.mean(learnt.astype(np.float64) - now),
            changes=self._changes(before, after),
        )

    def learnt(self) -> RatedExamples:
        """What all of them teach."""
        everything = np.arange(len(self.vectors))
        return self._fit(everything, self._best(everything))

    def _judged(self) -> Names:
        """Who is chosen for each by what the other folds taught, their strength, too."""
        found = self._chosen(self.placed)
        for fold in np.unique(self.fold_of):
            kept, held = np.flatnonzero(self.fold_of != fold), np.flatnonzero(self.fold_of == fold)
            found[held] = self._chosen(self._corrected(kept, held, self._best(kept)))
        return found

    def _changes(self, before: Names, after: Names) -> tuple[Change, ...]:
        rated = self._owners(self.placed)
        return tuple(
            Change(
                question=self.texts[n],
                expert=str(rated[n]),
                now=str(before[n]),
                learnt=str(after[n]),
            )
            for n in np.flatnonzero(before != after)
        )

    def _best(self, rows: Numbers) -> Strength:
        """The strength under which most of these questions are placed rightly by the others."""
        counts: list[int] = []
        for strength in STRENGTHS:
            count = 0
            for fold in np.unique(self.fold_of[rows]):
                kept = rows[self.fold_of[rows] != fold]
                held = rows[self.fold_of[rows] == fold]
                if len(kept):
                    placed = self._corrected(kept, held, strength)
                    count += int((self._chosen(placed) == self._owners(placed)).sum())
            counts.append(count)
        return STRENGTHS[int(np.argmax(counts))]

    def _corrected(self, kept: Numbers, held: Numbers, strength: Strength) -> Placed:
        """Some questions, scored with what others teach."""
        correction = self._fit(kept, strength).correction(self.vectors[held], self.placed.names)
        placed = _rows(self.placed, held)
        return replace(placed, scores=placed.scores + correction)

    def _fit(self, rows: Numbers, strength: Strength) -> RatedExamples:
        placed = _rows(self.placed, rows)
        return RatedExamples.fit(
            placed.names, self.vectors[rows], placed.scores, placed.owners, strength
        )

    def _chosen(self, placed: Placed) -> Names:
        return chosen(placed, self.calibration, general=self.general).names

    def _owners(self, placed: Placed) -> Names:
        return np.array(placed.names, dtype=np.str_)[placed.owners]


def _rows(placed: Placed, rows: Numbers) -> Placed:
    return replace(
        placed,
        owners=placed.owners[rows],
        scores=placed.scores[rows],
        contrasts=placed.contrasts[rows],
    )
