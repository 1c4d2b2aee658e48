"""How well one step is distinguished from several, and what labelled questions teach about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from metier.evaluating.estimate import Estimate, Finding, folds
from metier.evaluating.questions import SplittingQuestion
from metier.models.embedder import Embedder, Vectors
from metier.models.vector_checks import embedded
from metier.planning.needs import IntentClassifier, asks_several

Bools = npt.NDArray[np.bool_]

# Below a few hundred the grammar is mostly as good: docs/results/taskbench-kind.md.
_LEARN_AT_LEAST = 100
_OF_EACH_KIND = 10
_EXAMPLES = 5


class Mistakes(Finding):
    """Questions that were classified wrongly.

    Attributes:
        examples: up to five of them.
    """

    count: int
    examples: tuple[str, ...]


class Told(Finding):
    """How well one step is distinguished from several.

    Attributes:
        false_splits: questions for one thing that are taken for several.
        missed: questions for several things that are taken for one.
    """

    accuracy: Estimate
    false_splits: Mistakes
    missed: Mistakes


class SplittingReport(Finding):
    """What labelled questions say about telling one step from several.

    Attributes:
        n: number of questions.
        several: those that ask for several things.
        grammar: without anything learnt.
        learnt: each judged by what the others taught; None if they are too few.
    """

    n: int
    several: int
    embedder: str
    grammar: Told
    learnt: Told | None

    @property
    def refusal(self) -> str | None:
        """Why what was learnt had better not be used; None if it may be."""
        if self.learnt is None:
            return (
                f"questions are too few to learn from: {self.n}, {self.several} of them for "
                f"several things; it takes {_LEARN_AT_LEAST} different ones, {_OF_EACH_KIND} of "
                "each kind"
            )
        grammar, learnt = (
            round(told.accuracy.value * self.n) for told in (self.grammar, self.learnt)
        )
        if learnt <= grammar:
            return (
                f"what was learnt tells {learnt} of {self.n} questions rightly that it has not "
                f"seen; the grammar tells {grammar}"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Splitting:
    """Questions, and which of them ask for several things.

    Attributes:
        vectors: of the texts, shape (len(texts), dimension).
        several: shape (len(texts),).
    """

    texts: Sequence[str]
    vectors: Vectors
    several: Bools
    embedder_id: str

    @classmethod
    async def of(cls, questions: Sequence[SplittingQuestion], embedder: Embedder) -> Self:
        """Embed the questions, in one batch; no model is asked.

        Raises:
            ModelServerError, ModelMissing: the embedder cannot be asked.
        """
        texts = [question.question for question in questions]
        return cls(
            texts=texts,
            vectors=await embedded(embedder, texts),
            several=np.array([question.several for question in questions], dtype=np.bool_),
            embedder_id=embedder.id,
        )

    def learnt(self) -> IntentClassifier:
        """What all the questions teach, to be kept with `council.planning.keep`.

        Raises:
            InvalidInput: all labels are the same.
        """
        return self._learnt_from(np.arange(len(self.texts)))

    def report(self) -> SplittingReport:
        """How well the grammar tells them, and what was learnt from the others."""
        grammar = np.array([asks_several(text) for text in self.texts], dtype=np.bool_)
        return SplittingReport(
            n=len(self.texts),
            several=int(self.several.sum()),
            embedder=self.embedder_id,
            grammar=self._told(grammar),
            learnt=self._told(self._crossfitted()) if self._can_learn() else None,
        )

    def _can_learn(self) -> bool:
        """Whether there are enough; equal texts are in one fold, so they count once."""
        kinds = dict(zip(self.texts, self.several.tolist(), strict=True)).values()
        several = sum(kinds)
        rarer = min(several, len(kinds) - several)
        return len(kinds) >= _LEARN_AT_LEAST and rarer >= _OF_EACH_KIND

    def _crossfitted(self) -> Bools:
        found = np.zeros(len(self.texts), dtype=np.bool_)
        fold_of = folds(self.texts, self.several.astype(np.int64))
        for fold in np.unique(fold_of):
            held = np.flatnonzero(fold_of == fold)
            needs = self._learnt_from(np.flatnonzero(fold_of != fold))
            texts = [self.texts[n] for n in held.tolist()]
            found[held] = needs.predict(texts, self.vectors[held]) >= 0.5
        return found

    def _learnt_from(self, rows: npt.NDArray[np.int64]) -> IntentClassifier:
        texts = [self.texts[n] for n in rows.tolist()]
        return IntentClassifier.fit(texts, self.vectors[rows], self.several[rows].tolist())

    def _told(self, found: Bools) -> Told:
        return Told(
            accuracy=Estimate.share(np.asarray(found == self.several)),
            false_splits=self._mistakes(found & ~self.several),
            missed=self._mistakes(~found & self.several),
        )

    def _mistakes(self, wrong: Bools) -> Mistakes:
        rows = np.flatnonzero(wrong).tolist()
        return Mistakes(count=len(rows), examples=tuple(self.texts[n] for n in rows[:_EXAMPLES]))
