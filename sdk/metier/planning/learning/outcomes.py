"""Which model gets which question right, learnt from labelled outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors
from metier.planning.learning.artefacts import Packed
from metier.planning.learning.similarity import Similarity

Array = npt.NDArray[np.float64]

_AT_LEAST = 10
# From 'an outcome is as much chance as question' to 'it is all chance'.
_RIDGES = 10.0 ** np.arange(0.0, 4.01, 0.25)
# How often unknown outcomes are replaced by their predictions.
_FILLS = 5
# The bandwidth of the second look, in standard deviations of the predictions.
_BANDWIDTH = 0.5
# How many outcomes the first look counts as in it.
_PRIOR = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRouter:
    """The probability that each model gets a text right.

    Kernel ridge regression. How hard a text is for all models, and how each model deviates from
    that, are learnt separately, each with its own ridge: the less there is to learn, the nearer the
    predictions are to the means. The ridges are those with the least leave-one-out error, which has
    a closed form (Rasmussen & Williams, Gaussian Processes for Machine Learning, 2.2 and 5.4.2).

    Then a second look: half of a prediction is the mean outcome of the texts with similar
    leave-one-out predictions (Nadaraya-Watson). This corrects a bias of ridge regression, because
    which model is better depends on the difficulty: models differ least on the easiest and the
    hardest texts.

    Attributes:
        models: names, in the order of the columns.
        fitted_on: number of texts with a known outcome.
    """

    name: ClassVar[str] = "outcomes"
    teaches: ClassVar[str] = "which model gets which question right"
    # Also raised when `text_features` or `bags` change.
    version: ClassVar[int] = 1

    models: tuple[str, ...]
    fitted_on: int
    _similarity: Similarity
    _weights: Array
    _intercept: Array
    _profiles: Array
    _outcomes: Array

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        vectors: Vectors,
        right: npt.ArrayLike,
        *,
        models: Sequence[str],
        seed: int = 0,
    ) -> Self:
        """Learn from outcomes.

        Args:
            vectors: of the texts, shape (len(texts), dimension).
            right: 1 if the model was right, 0 if it was wrong, in between for a share, NaN if
                unknown; shape (len(texts), len(models)).
            seed: for drawing landmarks from many texts.

        Raises:
            ValueError: the shapes do not match, an outcome is outside 0 to 1, or no outcome of a
                model is known.
        """
        outcomes = _checked(texts, vectors, np.asarray(right, dtype=np.float64), models)
        seen = np.flatnonzero(~np.isnan(outcomes).all(axis=1))
        outcomes = outcomes[seen]
        kept = [texts[n] for n in seen.tolist()]
        similarity, kernel = Similarity.of(kept, vectors[seen], seed=seed)
        if len(kept) < _AT_LEAST:
            learnt = _means(outcomes, kernel.shape[1])
        else:
            whitening = similarity.whitening()
            learnt = _learnt(kernel @ whitening, outcomes)
            learnt = replace(learnt, weights=whitening @ learnt.weights)
        return cls(
            models=tuple(models),
            fitted_on=len(kept),
            _similarity=similarity,
            _weights=learnt.weights,
            _intercept=learnt.intercept,
            _profiles=learnt.left_out,
            _outcomes=learnt.outcomes,
        )

    def predict(self, texts: Sequence[str], vectors: Vectors) -> Array:
        """Predict how likely each model gets each text right, shape (len(texts), len(models)).

        Raises:
            ValueError: the number or the dimension of the vectors does not match.
        """
        first = self._similarity.to_landmarks(texts, vectors) @ self._weights + self._intercept
        predicted = (first + self._second_look(first)) / 2
        # Shifted together, so that the models keep their distances.
        predicted -= np.maximum(predicted.max(axis=1, keepdims=True) - 1, 0)
        predicted -= np.minimum(predicted.min(axis=1, keepdims=True), 0)
        return np.clip(predicted, 0, 1)

    def _second_look(self, first: Array) -> Array:
        """Mean outcomes of the texts with similar predictions, and a little of the first look."""
        # Not narrower than the random shift from leaving out one label.
        narrowest = 1 / np.sqrt(len(self._outcomes))
        width = np.maximum(self._profiles.std(axis=0) * _BANDWIDTH, narrowest)
        mine, theirs = first / width, self._profiles / width
        far = (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1) - 2 * mine @ theirs.T
        alike = np.exp(-np.maximum(far, 0) / 2)
        return (alike @ self._outcomes + _PRIOR * first) / (
            alike.sum(axis=1, keepdims=True) + _PRIOR
        )

    def packed(self) -> Packed:
        """Return what to save."""
        arrays = {
            "weights": self._weights,
            "intercept": self._intercept,
            "profiles": self._profiles,
            "outcomes": self._outcomes,
        }
        data = {"models": self.models, "fitted_on": self.fitted_on}
        return Packed(data=data, arrays=arrays | self._similarity.arrays())

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError, KeyError: it is incomplete.
        """
        arrays = packed.arrays
        model = cls(
            models=tuple(map(str, packed.data["models"])),
            fitted_on=int(packed.data["fitted_on"]),
            _similarity=Similarity.from_arrays(arrays),
            _weights=arrays["weights"],
            _intercept=arrays["intercept"],
            _profiles=arrays["profiles"],
            _outcomes=arrays["outcomes"],
        )
        if not model._consistent():
            raise ValueError("the shapes do not match")
        return model

    def _consistent(self) -> bool:
        columns = len(self.models)
        return (
            self._weights.shape == (self._similarity.landmarks, columns)
            and self._intercept.shape == (columns,)
            and self._profiles.shape == self._outcomes.shape == (self.fitted_on, columns)
        )


def _checked(texts: Sequence[str], vectors: Vectors, right: Array, models: Sequence[str]) -> Array:
    if right.shape != (len(texts), len(models)) or not len(models):
        raise ValueError(f"outcomes {right.shape} for {len(texts)} texts and {len(models)} models")
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"vectors {vectors.shape} for {len(texts)} texts")
    if (right < 0).any() or (right > 1).any():
        raise ValueError("outcomes must be between 0 and 1")
    for name, column in zip(models, right.T, strict=True):
        if np.isnan(column).all():
            raise ValueError(f"no outcome of {name!r} is known")
    return right


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learnt:
    """A linear map from features to outcomes.

    Attributes:
        left_out: predictions for each text from all the others.
        outcomes: the outcomes, with unknown ones filled in.
    """

    weights: Array
    intercept: Array
    left_out: Array
    outcomes: Array


def _means(outcomes: Array, features: int) -> _Learnt:
    means = np.nanmean(outcomes, axis=0)
    return _Learnt(
        weights=np.zeros((features, len(means))),
        intercept=means,
        left_out=np.broadcast_to(means, outcomes.shape),
        outcomes=np.where(np.isnan(outcomes), means, outcomes),
    )


def _learnt(features: Array, outcomes: Array) -> _Learnt:
    """Ridge regressions on the outcomes.

    Unknown outcomes are repeatedly filled with their predictions: the fixed point is the fit on the
    known ones alone.
    """
    known = ~np.isnan(outcomes)
    means = np.nanmean(outcomes, axis=0)
    shift = np.nanmean(outcomes - means, axis=1, keepdims=True)
    filled = np.where(known, outcomes, np.clip(means + shift, 0, 1))
    axes = _Axes.of(features)
    learnt = axes.both(filled, known)
    for _ in range(0 if known.all() else _FILLS):
        predicted = learnt.intercept + features @ learnt.weights
        learnt = axes.both(np.where(known, outcomes, predicted), known)
    return learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """Features in their principal axes, in which every ridge has a closed form."""

    centre: Array
    axes: Array
    spread: Array
    scores: Array

    @classmethod
    def of(cls, features: Array) -> Self:
        centre = features.mean(axis=0)
        centred = features - centre
        spread, axes = np.linalg.eigh(centred.T @ centred)
        return cls(centre=centre, axes=axes, spread=np.maximum(spread, 0), scores=centred @ axes)

    def both(self, outcomes: Array, known: npt.NDArray[np.bool_]) -> _Learnt:
        """Fit what the models have in common, plus how each deviates."""
        common = outcomes.mean(axis=1, keepdims=True)
        general, own = self.ridge(common, known), self.ridge(outcomes - common, known)
        return _Learnt(
            weights=general.weights + own.weights,
            intercept=general.intercept + own.intercept,
            left_out=general.left_out + own.left_out,
            outcomes=outcomes,
        )

    def ridge(self, targets: Array, known: npt.NDArray[np.bool_]) -> _Learnt:
        """Fit the regression with the ridge that best predicts what is left out."""
        mean = targets.mean(axis=0)
        projected = self.scores.T @ (targets - mean)
        leverages = 1 / len(targets) + self.scores**2 @ (1 / (self.spread[:, None] + _RIDGES))
        best, least = projected, np.inf
        left_out = targets
        for ridge, leverage in zip(_RIDGES, leverages.T, strict=True):
            weights = projected / (self.spread[:, None] + ridge)
            residuals = (targets - mean - self.scores @ weights) / (1 - leverage[:, None])
            error = float((residuals**2 * known).sum())
            if error < least:
                best, least, left_out = weights, error, targets - residuals
        weights = self.axes @ best
        return _Learnt(
            weights=weights,
            intercept=mean - self.centre @ weights,
            left_out=left_out,
            outcomes=targets,
        )
