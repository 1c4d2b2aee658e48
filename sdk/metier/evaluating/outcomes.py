"""The gain from choosing the model for each question, learnt from which model got which right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from metier.errors import InvalidInput
from metier.evaluating.estimate import Estimate, Finding, folds
from metier.evaluating.questions import OutcomeQuestion
from metier.models.embedder import Embedder, Vectors
from metier.models.vector_checks import embedded
from metier.planning.learning.outcomes import ModelRouter
from metier.strategies.ballots.voting import VoteAggregator

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

# Of answers, as `VoteAggregator` takes them.
_NONE, _RIGHT = -1, 0
_HALF = 0.5

# Fewer questions tell chance.
_JUDGE_AT_LEAST = 20
_GOALS = (0.5, 0.8, 0.95)


class ModelFigures(Finding):
    """How one model fares.

    Attributes:
        known: questions with an outcome of it.
        accuracy: mean outcome over the questions that are judged.
        given: the share of them that it is given.
    """

    model: str
    known: int
    accuracy: float
    given: float


class CallsNeeded(Finding):
    """The share of questions for the better model that keeps so much of its lead."""

    lead: float
    calls: float


class TwoModels(Finding):
    """The price of the better one of two models (RouteLLM, Ong et al. 2024, section 3.2).

    Attributes:
        apgr: mean share of its lead that is kept over all shares of questions it may be given;
            0.5 where they are drawn at random.
    """

    better: str
    apgr: float
    needed: tuple[CallsNeeded, ...]


class OutcomesReport(Finding):
    """What it brings to choose the model by the question.

    Attributes:
        n: number of questions.
        judged: those with an outcome of every model; all figures are of these.
        single: the model that is best where it is asked everything, in hindsight.
        routed: mean outcome of the model that is likeliest to be right, each question judged by
            what was learnt from the others.
        gain: of that over the best single model, question by question.
        oracle: mean outcome where the best model for each question is known.
        pair: of exactly two models, how many questions the better one must be given.
        voted: mean outcome where all models are asked, and their answers weighed by what was
            learnt from the other questions; None if too few answers are known.
        voted_gain: of that over the best single model, question by question.
    """

    n: int
    judged: int
    embedder: str
    models: tuple[ModelFigures, ...]
    single: str
    routed: Estimate
    gain: Estimate
    oracle: float
    pair: TwoModels | None
    voted: Estimate | None = None
    voted_gain: Estimate | None = None

    @property
    def refusal(self) -> str | None:
        """Why what was learnt had better not be used; None if it may be."""
        if self.gain.value <= 0:
            return (
                f"choosing by the question is right {self.routed.value:.1%} of the time; "
                f"{self.single!r} alone is as good or better"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Questions, and which models got them right.

    Attributes:
        vectors: of the texts, shape (len(texts), dimension).
        right: outcomes between 0 and 1, NaN if unknown; shape (len(texts), len(models)).
        answers: a number each, the same one for the same answer to a question; like `right`.
        options: how many there are to choose from, 0 for an open question; shape (len(texts),).
    """

    texts: Sequence[str]
    vectors: Vectors
    models: Sequence[str]
    right: Array
    answers: Numbers
    options: Numbers
    embedder_id: str

    @classmethod
    async def of(cls, questions: Sequence[OutcomeQuestion], embedder: Embedder) -> Self:
        """Embed the questions, in one batch; no model is asked.

        Raises:
            InvalidInput: no outcome is known.
            ModelServerError, ModelMissing: the embedder cannot be asked.
        """
        known = [{m: o for m, o in q.right.items() if o is not None} for q in questions]
        models = list(dict.fromkeys(model for outcomes in known for model in outcomes))
        if not models:
            raise InvalidInput("no outcome of any model is known")
        texts = [question.question for question in questions]
        right = [[outcomes.get(model, np.nan) for model in models] for outcomes in known]
        return cls(
            texts=texts,
            vectors=await embedded(embedder, texts),
            models=models,
            right=np.array(right, dtype=np.float64),
            answers=np.array([_numbered(question, models) for question in questions]),
            options=np.array([question.options for question in questions]),
            embedder_id=embedder.id,
        )

    def learnt(self) -> ModelRouter:
        """What all the questions teach, to be kept with `council.planning.keep`."""
        return ModelRouter.fit(self.texts, self.vectors, self.right, models=self.models)

    def voting(self) -> VoteAggregator | None:
        """How the models' answers add up, to be kept with `council.planning.keep`.

        None if fewer than 20 questions have an outcome of every model and answers of two.
        """
        voted = (self.answers != _NONE).sum(axis=1) > 1
        if (voted & self._is_complete).sum() < _JUDGE_AT_LEAST:
            return None
        return VoteAggregator.fit(
            self.answers,
            self._crossfitted(),
            right=np.full(len(self.texts), _RIGHT),
            options=self.options,
            voters=self.models,
        )

    def report(self) -> OutcomesReport:
        """What it brings to choose the model by the question.

        Raises:
            InvalidInput: fewer than two models, or too few questions with an outcome of each.
        """
        complete = self._complete()
        actual, predicted = self.right[complete], self._crossfitted()[complete]
        given = predicted.argmax(axis=1)
        chosen = actual[np.arange(len(actual)), given]
        means = actual.mean(axis=0)
        best = int(means.argmax())
        voted = self._voted()
        return OutcomesReport(
            n=len(self.texts),
            judged=len(actual),
            embedder=self.embedder_id,
            models=tuple(
                ModelFigures(
                    model=name,
                    known=int((~np.isnan(self.right[:, n])).sum()),
                    accuracy=float(means[n]),
                    given=float(np.mean(given == n)),
                )
                for n, name in enumerate(self.models)
            ),
            single=self.models[best],
            routed=Estimate.mean(chosen),
            gain=Estimate.mean(chosen - actual[:, best]),
            oracle=float(actual.max(axis=1).mean()),
            pair=_pair(self.models, predicted, actual) if len(self.models) == 2 else None,
            voted=None if voted is None else Estimate.mean(voted[complete]),
            voted_gain=(
                None if voted is None else Estimate.mean(voted[complete] - actual[:, best])
            ),
        )

    @property
    def _is_complete(self) -> npt.NDArray[np.bool_]:
        return np.asarray(~np.isnan(self.right).any(axis=1))

    def _complete(self) -> npt.NDArray[np.bool_]:
        """Which questions have an outcome of every model."""
        if len(self.models) < 2:
            raise InvalidInput(f"there is only one model to choose from: {self.models[0]!r}")
        complete = self._is_complete
        if complete.sum() < _JUDGE_AT_LEAST:
            raise InvalidInput(
                f"{complete.sum()} questions have an outcome of every model "
                f"({', '.join(self.models)}), and fewer than {_JUDGE_AT_LEAST} say nothing",
                hint="Add questions; a name that is spelt in two ways counts as two models",
            )
        return complete

    def _crossfitted(self) -> Array:
        """What is predicted for each question from the others."""
        predicted = np.empty(self.right.shape)
        for held, others in self._folds():
            predicted[held] = others.learnt().predict(*self._asked(held))
        return predicted

    def _voted(self) -> Array | None:
        """Whether the answer with the most weight is right, each judged by the others."""
        right = np.zeros(len(self.texts))
        for held, others in self._folds():
            if (voting := others.voting()) is None:
                return None
            skills = others.learnt().predict(*self._asked(held))
            shares = voting.predict(self.answers[held], skills, options=self.options[held])
            elected = self.answers[held, shares.argmax(axis=1)]
            right[held] = elected == _RIGHT
        return right

    def _folds(self) -> Iterator[tuple[Numbers, Outcomes]]:
        """Questions that are held back, and the others; each once."""
        fold_of = folds(self.texts, self._is_complete.astype(np.int64))
        for fold in np.unique(fold_of):
            yield np.flatnonzero(fold_of == fold), self._only(np.flatnonzero(fold_of != fold))

    def _only(self, rows: Numbers) -> Outcomes:
        return replace(
            self,
            texts=[self.texts[n] for n in rows.tolist()],
            vectors=self.vectors[rows],
            right=self.right[rows],
            answers=self.answers[rows],
            options=self.options[rows],
        )

    def _asked(self, rows: Numbers) -> tuple[list[str], Vectors]:
        return [self.texts[n] for n in rows.tolist()], self.vectors[rows]


def _numbered(question: OutcomeQuestion, models: Sequence[str]) -> list[int]:
    """Which model gave which answer: the right one is 0, however it is spelt."""
    words = {model: " ".join(text.split()).casefold() for model, text in question.answers.items()}
    others = {word: n for n, word in enumerate(dict.fromkeys(words.values()), 1)}
    right = {model for model, outcome in question.right.items() if (outcome or 0) > _HALF}
    return [
        _RIGHT if model in words and model in right else others.get(words.get(model, ""), _NONE)
        for model in models
    ]


def _pair(models: Sequence[str], predicted: Array, actual: Array) -> TwoModels | None:
    """Questions are given to the better model in the order of what it is predicted to add."""
    best = int(actual.mean(axis=0).argmax())
    lead = actual[:, best] - actual[:, 1 - best]
    if lead.sum() <= 0:
        return None
    order = np.argsort(predicted[:, 1 - best] - predicted[:, best], kind="stable")
    kept = np.concatenate([[0.0], np.cumsum(lead[order]) / lead.sum()])
    return TwoModels(
        better=models[best],
        apgr=float((kept[1:] + kept[:-1]).mean() / 2),
        needed=tuple(
            CallsNeeded(lead=goal, calls=float((kept >= goal - 1e-12).argmax() / len(lead)))
            for goal in _GOALS
        ),
    )
