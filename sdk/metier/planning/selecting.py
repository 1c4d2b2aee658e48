"""Select the expert that fits a text, with its probability."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metier.experts.card import GENERAL, Card
from metier.models.embedder import Vectors
from metier.plan import Candidate
from metier.planning.calibrating import Placed, best_threshold, fitted, probabilities
from metier.planning.index import EXACT_UP_TO, CapabilityIndex, RowKind
from metier.planning.learning.artefacts import ArtefactStore
from metier.planning.learning.calibration import Calibration
from metier.planning.learning.ratings import RatedExamples
from metier.planning.scoring import LEARN_AT_LEAST, Array, Field
from metier.planning.signals import NOWHERE, USUALLY
from metier.planning.splitting.code import brings_code
from metier.planning.teaching import all_held_out, teachers
from metier.planning.words import said

# A question with a program goes to an expert whose card takes code, however near another is.
_CANNOT_READ = 1.0
# Of a very large index; each needs a search of its own.
_SAMPLED = 200
# The score of an expert that has nothing near a question: below any other.
_FAR = -2.0
# If the search is not exact, only the capabilities of this many nearest rows are compared.
_SHORTLIST = 128
# The minimum for each text if many are compared together.
_LEAST_NEAR = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The expert selected for a text.

    Attributes:
        reason: why it is not the best candidate; None if it is.
    """

    expert: str
    candidates: tuple[Candidate, ...]
    reason: str | None = None

    @property
    def fits(self) -> bool:
        """Whether an expert was found that fits."""
        return self.reason is None


class Selector:
    """Ranks experts for query vectors, without a model call.

    The score of a capability is the mean of the query's similarities to the card's statement, to
    the centroid of its examples and to its best example, minus a penalty if a counterexample is
    nearer, plus BM25 over all words of the card and a head learnt from the examples. The score of
    an expert is that of its best capability. Score and lead are calibrated to a probability.

    Args:
        cards: the cards of the experts in the index, for their keywords.
        store: keeps what is fitted to all cards, so that it is fitted once.
        ratings: corrections of the scores, learnt from rated questions.
    """

    def __init__(
        self,
        index: CapabilityIndex,
        cards: Mapping[str, Card],
        calibration: Calibration = Calibration(),
        *,
        store: ArtefactStore | None = None,
        ratings: RatedExamples | None = None,
    ) -> None:
        self._index = index
        self._cards = cards
        self._calibration = calibration
        self._ratings = ratings
        self._has_general = GENERAL in cards
        self._all = None
        if len(index) <= EXACT_UP_TO:
            self._all = Field(index, cards, sorted(index.capabilities), store=store)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._index.dimension

    @property
    def threshold(self) -> float:
        """The probability below which no expert is chosen."""
        return self._calibration.threshold

    @property
    def experts(self) -> int:
        """The number of experts."""
        return len(self._index.experts)

    def rank(
        self,
        texts: Sequence[str],
        queries: Vectors,
        *,
        top: int = 5,
        only: Collection[str] | None = None,
    ) -> list[tuple[Candidate, ...]]:
        """Return the best `top` experts for each text, best first, with their evidence.

        Args:
            queries: the texts' vectors, shape (len(texts), dimension).
            only: the experts that may be chosen. One that is further away than an excluded expert
                gets a low probability.
        """
        if not self._index.capabilities:
            return [() for _ in texts]
        if self._all is not None:
            return self._ranked(self._all, texts, queries, top=top, only=only)
        return [
            candidates
            for text, query in zip(texts, queries, strict=True)
            for candidates in self._ranked(
                self._near(query[None]), [text], query[None], top=top, only=only
            )
        ]

    def evidence(
        self, texts: Sequence[str], queries: Vectors, *, only: Collection[str] | None = None
    ) -> tuple[tuple[str, ...], Array, Array, Array]:
        """Return the experts' scores, the chance that one fits, and how near the nearest text is.

        Args:
            queries: the texts' vectors, shape (len(texts), dimension).
            only: experts that may be chosen.

        Returns:
            Names, scores of shape (texts, experts), the chance that any expert fits and the
            similarity to the nearest example or description, both of shape (texts,).
        """
        field = self._all or self._near(queries)
        by_capability, nearness = field.scores(texts, queries)
        near = np.maximum(nearness.best, nearness.stated).max(axis=1)
        scores, contrasts = self._by_expert(field, texts, queries, by_capability)
        fits = probabilities(scores, contrasts, self._calibration.fits).max(axis=1)
        names = field.experts
        kept = [n for n, name in enumerate(names) if only is None or name in only]
        return tuple(names[n] for n in kept), scores[:, kept], fits, near

    def usual_nearness(self) -> tuple[float, float]:
        """Return the mean and deviation of an example's similarity to the nearest other one."""
        return USUALLY if self._all is None else self._all.rows.usual

    def affinity(self, queries: Vectors) -> tuple[tuple[str, ...], Array]:
        """Return the experts, and how near each query is to their statements and examples.

        This is the mean of the similarities to statement and centroid of the best capability: it is
        smoother than the score, and comparable across indexes. A very large index has none.

        Args:
            queries: shape (texts, dimension).

        Returns:
            Names, and an array of shape (texts, experts).
        """
        if self._all is None or not self._all.experts:
            return (), np.zeros((len(queries), 0))
        stated, centroid = self._all.rows.outline(queries)
        shown = np.where(centroid > NOWHERE, centroid, stated)
        near, _ = self._all.by_expert((stated + shown) / 2)
        return tuple(self._all.experts), near

    def choose(
        self, candidates: tuple[Candidate, ...], *, only: Collection[str] | None = None
    ) -> Choice:
        """Choose the best candidate, or the general expert if no one is probable enough.

        Without a general expert, choose the best candidate anyway.

        Args:
            only: the experts that may be chosen; then one is chosen even if it is improbable.
        """
        if only is not None:
            allowed = tuple(c for c in candidates if c.expert in only)
            expert = allowed[0].expert if allowed else next(iter(only))
            return Choice(expert=expert, candidates=allowed, reason="chosen by the asker")
        if not candidates:
            return Choice(expert=GENERAL, candidates=(), reason="there is no other expert")
        best = candidates[0]
        needed = self._calibration.thresholds.get(best.expert, self._calibration.threshold)
        if best.expert == GENERAL or best.fit >= needed or not self._has_general:
            return Choice(expert=best.expert, candidates=candidates)
        reason = f"nobody fits: {best.expert} {best.fit:.2f}, needs {needed:.2f}"
        return Choice(expert=GENERAL, candidates=candidates, reason=reason)

    def learnt(self) -> Calibration:
        """Fit a calibration on the cards' own examples, each held out in turn.

        Return metier's default if there are too few examples, or if most experts have none: a
        calibration on the few others would keep these from every question.
        """
        if len(self._index.experts) < 2 or not teachers(self._cards):
            return Calibration()
        placed = self._sampled() if self._all is None else all_held_out(self._all)
        return Calibration() if placed is None else self.calibration_of(placed)

    def _sampled(self) -> Placed | None:
        """An even selection of examples, each scored among what is near it, held out.

        One whose own capability is not near without it belongs to nobody there.
        """
        every = [i for i, row in self._index.rows.items() if row.kind is RowKind.EXAMPLE]
        found: list[tuple[str, Sequence[str], Array, Array]] = []
        for i in every[:: -(-len(every) // _SAMPLED) or 1]:
            row, vector = self._index.rows[i], self._index.vectors(np.array([i]))
            field = self._near(vector, without=i)
            if len(field.experts) < 2:
                continue
            if (row.expert, row.capability) in field.rows.names:
                by_capability = field.held_out(np.array([field.rows.example_ids.index(i)]))
            else:
                by_capability, _ = field.scores([row.text], vector)
            scores, contrasts = field.by_expert(by_capability)
            found.append((row.expert, field.experts, scores[0], contrasts[0]))
        if len(found) < LEARN_AT_LEAST:
            return None
        names = sorted({name for _, experts, _, _ in found for name in experts})
        numbers = {name: n for n, name in enumerate(names)}
        owners = np.full(len(found), -1)
        scores, contrasts = (np.full((len(found), len(names)), _FAR) for _ in range(2))
        for n, (owner, experts, mine, contrast) in enumerate(found):
            places = [numbers[name] for name in experts]
            scores[n, places], contrasts[n, places] = mine, contrast
            owners[n] = numbers[owner] if owner in experts else -1
        return Placed(names=names, owners=owners, scores=scores, contrasts=contrasts)

    def placed(self, texts: Sequence[str], queries: Vectors, experts: Sequence[str]) -> Placed:
        """Score questions whose expert is known.

        Args:
            queries: their vectors, shape (len(texts), dimension).
            experts: the right expert of each; one that is not in the index counts as nobody.

        Raises:
            ValueError: the index is too large to score all of it.
        """
        if self._all is None:
            raise ValueError(f"more than {EXACT_UP_TO} rows")
        names = self._all.experts
        numbers = {name: n for n, name in enumerate(names)}
        owners = np.array([numbers.get(name, -1) for name in experts], dtype=np.int64)
        by_capability, _ = self._all.scores(texts, queries)
        scores, contrasts = self._by_expert(self._all, texts, queries, by_capability)
        return Placed(names=names, owners=owners, scores=scores, contrasts=contrasts)

    def calibration_of(self, placed: Placed) -> Calibration:
        """Fit a calibration of this index to questions with known experts."""
        right, fits = fitted(placed)
        threshold, own = best_threshold(placed, fits)
        return Calibration(
            right=right,
            fits=fits,
            threshold=threshold,
            thresholds=own,
        )

    def _near(self, queries: Vectors, *, without: int = -1) -> Field:
        """The capabilities that have something near, other than the row `without`."""
        ids, _ = self._index.nearest(queries, max(_LEAST_NEAR, _SHORTLIST // len(queries)))
        rows = self._index.rows
        near = [rows[i] for i in ids.ravel().tolist() if i >= 0 and i != without]
        names = {(row.expert, row.capability) for row in near}
        return Field(self._index, self._cards, sorted(names), learning=False)

    def _ranked(
        self,
        field: Field,
        texts: Sequence[str],
        queries: Vectors,
        *,
        top: int,
        only: Collection[str] | None,
    ) -> list[tuple[Candidate, ...]]:
        scores, nearness = field.scores(texts, queries)
        by_expert, contrasts = self._by_expert(field, texts, queries, scores)
        right = probabilities(by_expert, contrasts, self._calibration.right)
        fits = probabilities(by_expert, contrasts, self._calibration.fits)
        allowed = np.array(
            [n for n, name in enumerate(field.experts) if only is None or name in only],
            dtype=np.int64,
        )
        ranked: list[tuple[Candidate, ...]] = []
        for q, text in enumerate(texts):
            order = allowed[np.argsort(-by_expert[q, allowed], kind="stable")[:top]].tolist()
            stem_of = said(text)
            found: list[Candidate] = []
            for n in order:
                capability = field.best_capability(scores[q], n)
                found.append(
                    Candidate(
                        expert=field.experts[n],
                        score=round(float(by_expert[q, n]), 4),
                        probability=round(float(right[q, n]), 4),
                        fit=round(float(fits[q, n]), 4),
                        capability=field.rows.names[capability][1],
                        example=field.rows.best_example(nearness, q, capability),
                        words=field.evidence(capability, stem_of),
                    )
                )
            ranked.append(tuple(found))
        return ranked

    def _by_expert(
        self, field: Field, texts: Sequence[str], queries: Vectors, scores: Array
    ) -> tuple[Array, Array]:
        """`Field.by_expert`, corrected by ratings, and lowered if an expert cannot read a text."""
        by_expert, contrasts = field.by_expert(scores)
        if self._ratings is not None:
            by_expert = by_expert + self._ratings.correction(queries, field.experts)
        return by_expert - _CANNOT_READ * self._unable(field, texts), contrasts

    def _unable(self, field: Field, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which experts cannot read a text's program, if any can; shape (texts, experts)."""
        takes = np.array(
            [
                any("code" in entry.inputs for entry in self._cards[name].capabilities)
                for name in field.experts
            ]
        )
        brings = np.array([brings_code(text) for text in texts], dtype=np.bool_)
        return brings[:, None] & ~takes[None, :] & takes.any()
