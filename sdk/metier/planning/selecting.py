"""Which expert fits: similarities fused to a score, the score calibrated to a probability."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metier.capability import GENERAL, Card
from metier.embedding.embedder import Vectors, normalised, unit
from metier.index import CapabilityIndex, Row, RowKind
from metier.plan import Candidate
from metier.profiles import Calibration, Profile

Array = npt.NDArray[np.float64]

# How much a counterexample counts that is nearer than the best example.
_COUNTER_WEIGHT = 1.0
_KEYWORD_WEIGHT = 0.04
_KEYWORDS_AT_MOST = 2
_SEARCHED = 1024
_FIT_AT_MOST = 2000
_FIT_AT_LEAST = 40
_RIDGE = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who takes a text.

    Attributes:
        reason: why it is not the best candidate; None where it is.
    """

    expert: str
    candidates: tuple[Candidate, ...]
    reason: str | None = None

    @property
    def probability(self) -> float:
        """That the chosen expert is right; 0 where nobody fits."""
        return self.candidates[0].probability if self.reason is None and self.candidates else 0.0


class Selector:
    """Ranks experts for query vectors. It makes no model call.

    The score of a capability is the mean of the query's similarity to its description, to the
    centroid of its examples and to its best example, plus a little for each of its keywords that
    the query holds, less what a nearer counterexample takes away. The score of an expert is that
    of its best capability.

    Args:
        cards: the experts that are in the index, for their keywords.
    """

    def __init__(
        self, index: CapabilityIndex, cards: Mapping[str, Card], profile: Profile = Profile()
    ) -> None:
        self._index = index
        self._profile = profile
        by_capability: dict[tuple[str, str], dict[RowKind, list[int]]] = {}
        for i, row in index.rows.items():
            key = (row.expert, row.capability)
            kinds = by_capability.setdefault(key, defaultdict(list))
            kinds[row.kind].append(i)
        self._names = list(by_capability)
        self._has_general = GENERAL in cards
        self._keywords = [_keywords(cards, name) for name in self._names]
        self._number = {name: n for n, name in enumerate(self._names)}
        shape = (len(self._names), index.dimension)
        self._descriptions = np.zeros(shape, np.float32)
        self._sums = np.zeros(shape, np.float32)
        self._counts = np.zeros(len(self._names), np.int64)
        for n, kinds in enumerate(by_capability.values()):
            self._descriptions[n] = self._vectors(kinds[RowKind.DESCRIPTION]).sum(axis=0)
            self._sums[n] = self._vectors(kinds[RowKind.EXAMPLE]).sum(axis=0)
            self._counts[n] = len(kinds[RowKind.EXAMPLE])
        self._centroids = unit(self._sums) if len(self._names) else self._sums

    def rank(
        self, texts: Sequence[str], queries: Vectors, *, top: int = 5
    ) -> list[tuple[Candidate, ...]]:
        """The best `top` experts for each text, best first, with their evidence.

        Args:
            queries: the texts' vectors, shape (len(texts), dimension).
        """
        if not self._names:
            return [() for _ in queries]
        scores, evidence = self._scored(queries)
        scores += self._bonus(texts)
        return [
            self._candidates(row, seen, top) for row, seen in zip(scores, evidence, strict=True)
        ]

    def choose(
        self, candidates: tuple[Candidate, ...], *, only: Collection[str] | None = None
    ) -> Choice:
        """The best candidate, or the general expert where nobody is probable enough.

        Without a general expert it is the best candidate all the same.

        Args:
            only: experts that may be chosen; then somebody is chosen even if improbable.
        """
        if only is not None:
            allowed = tuple(c for c in candidates if c.expert in only)
            expert = allowed[0].expert if allowed else next(iter(only))
            return Choice(expert=expert, candidates=allowed, reason="chosen by the asker")
        if not candidates:
            return Choice(expert=GENERAL, candidates=(), reason="there is no other expert")
        best = candidates[0]
        fits = best.expert == GENERAL or best.probability >= self._profile.threshold
        if fits or not self._has_general:
            return Choice(expert=best.expert, candidates=candidates)
        reason = (
            f"nobody fits: {best.expert} {best.probability:.2f}, "
            f"needs {self._profile.threshold:.2f}"
        )
        return Choice(expert=GENERAL, candidates=candidates, reason=reason)

    def _bonus(self, texts: Sequence[str]) -> Array:
        """What the keywords add (texts x capabilities)."""
        found = [
            [sum(f" {word} " in said for word in words) for words in self._keywords]
            for said in map(_as_words, texts)
        ]
        counts = np.minimum(np.array(found).reshape(len(texts), -1), _KEYWORDS_AT_MOST)
        return counts * _KEYWORD_WEIGHT

    def _vectors(self, ids: Sequence[int]) -> Vectors:
        if not ids:
            return np.zeros((0, self._index.dimension), np.float32)
        return self._index.vectors(np.array(ids, dtype=np.int64))

    def _scored(self, queries: Vectors) -> tuple[Array, list[dict[int, Row]]]:
        """Scores (queries x capabilities), and for each query the best example by capability."""
        best = np.full((len(queries), len(self._names)), -1.0)
        counter = np.full_like(best, -1.0)
        evidence: list[dict[int, Row]] = []
        ids, similarities = self._index.nearest(queries, _SEARCHED)
        for q, (row_ids, row_sims) in enumerate(zip(ids, similarities, strict=True)):
            seen: dict[int, Row] = {}
            for i, similarity in zip(row_ids.tolist(), row_sims.tolist(), strict=True):
                row = self._index.rows[i]
                n = self._number[row.expert, row.capability]
                if row.kind is RowKind.COUNTEREXAMPLE:
                    counter[q, n] = max(counter[q, n], similarity)
                elif row.kind is RowKind.EXAMPLE and n not in seen:
                    best[q, n], seen[n] = similarity, row
            evidence.append(seen)
        return fused(
            queries @ self._descriptions.T,
            queries @ self._centroids.T,
            best,
            counter,
            counts=self._counts,
        ), evidence

    def _candidates(
        self, scores: Array, evidence: dict[int, Row], top: int
    ) -> tuple[Candidate, ...]:
        by_expert: dict[str, int] = {}
        for n in np.argsort(-scores, kind="stable").tolist():
            by_expert.setdefault(self._names[n][0], n)
        ranked = list(by_expert.items())[: top + 1]
        values = [float(scores[n]) for _, n in ranked]
        probabilities = probability(values, self._profile.calibration)
        return tuple(
            Candidate(
                expert=expert,
                score=round(score, 4),
                probability=round(chance, 4),
                capability=self._names[n][1],
                example=evidence[n].text if n in evidence else None,
            )
            for (expert, n), score, chance in zip(ranked, values, probabilities, strict=True)
        )[:top]

    def learnt(self) -> Profile:
        """A profile fitted on the cards' own examples, each held out in turn.

        A held-out example is right for its own expert and wrong for the best other one; an
        example of the general expert is wrong for every other. The threshold is the one that
        would have placed most of them rightly. With too few examples the profile that metier
        comes with is returned.
        """
        rows = [(i, row) for i, row in self._index.rows.items() if row.kind is RowKind.EXAMPLE]
        rows = rows[:: max(1, len(rows) // _FIT_AT_MOST)]
        if len({row.expert for _, row in rows}) < 2 or len(rows) < _FIT_AT_LEAST:
            return Profile(index_hash=self._index.hash())
        scores = self._held_out([i for i, _ in rows])
        scores += self._bonus([row.text for _, row in rows])
        lines = [
            (row.expert, self._by_expert(line)) for (_, row), line in zip(rows, scores, strict=True)
        ]
        calibration = _fitted(lines)
        return Profile(
            index_hash=self._index.hash(),
            calibration=calibration,
            threshold=_best_threshold(lines, calibration),
        )

    def _by_expert(self, scores: Array) -> dict[str, float]:
        found: dict[str, float] = {}
        for (expert, _), score in zip(self._names, scores.tolist(), strict=True):
            found[expert] = max(score, found.get(expert, -1.0))
        return found

    def _held_out(self, ids: list[int]) -> Array:
        """Scores of examples (examples x capabilities) as if each were not in its card."""
        vectors = self._vectors(ids)
        own = np.array(
            [self._number[self._index.rows[i].expert, self._index.rows[i].capability] for i in ids]
        )
        best = np.full((len(ids), len(self._names)), -1.0)
        counter = np.full_like(best, -1.0)
        everything = list(self._index.rows)
        held_out = np.array(ids)
        similarities = vectors @ self._vectors(everything).T
        for column, i in enumerate(everything):
            row = self._index.rows[i]
            n = self._number[row.expert, row.capability]
            target = counter if row.kind is RowKind.COUNTEREXAMPLE else best
            if row.kind is not RowKind.DESCRIPTION:
                others = held_out != i
                target[others, n] = np.maximum(target[others, n], similarities[others, column])
        centroids = vectors @ self._centroids.T
        without = unit(self._sums[own] - vectors)
        centroids[np.arange(len(ids)), own] = np.sum(without * vectors, axis=1)
        return fused(vectors @ self._descriptions.T, centroids, best, counter, counts=self._counts)


def _keywords(cards: Mapping[str, Card], name: tuple[str, str]) -> frozenset[str]:
    expert, capability = name
    listed = cards[expert].capabilities if expert in cards else ()
    found = next((entry.keywords for entry in listed if entry.name == capability), ())
    return frozenset(_as_words(word).strip() for word in found)


def _as_words(text: str) -> str:
    """Lower case, one space around every word, so that whole words and phrases can be found."""
    return f" {normalised(text)} "


def fused(
    description: npt.NDArray[np.floating],
    centroid: npt.NDArray[np.floating],
    best: Array,
    counter: Array,
    *,
    counts: npt.NDArray[np.int64],
) -> Array:
    """One score per query and capability; all arrays are (queries x capabilities)."""
    with_examples = (description + centroid + best) / 3
    taken = _COUNTER_WEIGHT * np.maximum(0.0, counter - np.maximum(best, description))
    return np.where(counts > 0, with_examples, description) - taken


def probability(scores: Sequence[float], calibration: Calibration) -> list[float]:
    """The probability of each expert, from its score and its lead over the best other one."""
    chances: list[float] = []
    for n, score in enumerate(scores):
        others = [other for m, other in enumerate(scores) if m != n]
        margin = score - max(others) if others else score
        logit = (
            calibration.score_weight * score + calibration.margin_weight * margin + calibration.bias
        )
        chances.append(float(1 / (1 + np.exp(-logit))))
    return chances


def _fitted(lines: Sequence[tuple[str, Mapping[str, float]]]) -> Calibration:
    """A calibration from held-out examples: their expert, and every expert's score."""
    features: list[tuple[float, float]] = []
    labels: list[float] = []
    for own, values in lines:
        domains = {name: value for name, value in values.items() if name != GENERAL}
        wrong = {name: value for name, value in domains.items() if name != own}
        observed = {own} | ({max(wrong, key=wrong.__getitem__)} if wrong else set())
        for expert in sorted(observed & domains.keys()):
            others = max(value for name, value in values.items() if name != expert)
            features.append((values[expert], values[expert] - others))
            labels.append(float(expert == own))
    weights = _logistic(np.array(features), np.array(labels))
    return Calibration(
        score_weight=round(float(weights[0]), 4),
        margin_weight=round(float(weights[1]), 4),
        bias=round(float(weights[2]), 4),
        fitted_on=len(features),
    )


def _logistic(features: Array, labels: Array) -> Array:
    """Weights of a logistic regression, the bias last; Newton's method with a small ridge."""
    design = np.column_stack([features, np.ones(len(features))])
    ridge = _RIDGE * np.diag([1.0, 1.0, 0.0]) * len(features) / 100
    weights = np.zeros(3)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (labels - chance) - ridge @ weights
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian + 1e-9 * np.eye(3), gradient)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _best_threshold(
    lines: Sequence[tuple[str, Mapping[str, float]]], calibration: Calibration
) -> float:
    """The threshold that places most held-out examples rightly, `nobody` being general."""
    placed: list[tuple[str, str, float]] = []
    for own, values in lines:
        names = sorted(values, key=values.__getitem__, reverse=True)
        chances = probability([values[name] for name in names], calibration)
        placed.append((own, names[0], chances[0]))
    right = {
        step / 100: sum(
            own == (best if best == GENERAL or chance >= step / 100 else GENERAL)
            for own, best, chance in placed
        )
        for step in range(20, 65, 5)
    }
    return max(right, key=lambda threshold: (right[threshold], -abs(threshold - 0.5)))
