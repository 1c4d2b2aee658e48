"""Which expert fits: the ways of being near fused to a score, the score made a probability."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from metier.errors import IndexUnavailable
from metier.experts.card import GENERAL, Card
from metier.learning.artefacts import ArtefactStore
from metier.learning.calibration import Calibration
from metier.learning.ratings import RatedExamples
from metier.models.embedder import Vectors, unit
from metier.plan import Candidate
from metier.planning.calibrating import Placed, best_threshold, fitted, probabilities
from metier.planning.fitting import Fitted
from metier.planning.head import KernelHead
from metier.planning.index import EXACT_UP_TO, CapabilityIndex, RowKind
from metier.planning.signals import NOWHERE, CapabilityRows, Name, Nearness
from metier.planning.splitting.code import brings_code
from metier.planning.words import HashedWords, WordScores, said, shared, telling

Array = npt.NDArray[np.float64]

# How much a counterexample counts that is nearer than the best example.
_COUNTER_WEIGHT = 1.0
_HEAD_WEIGHT = 1.5
# For a point of BM25.
_WORDS_WEIGHT = 0.025
# A head, and a calibration, are learnt from as many examples.
# A program in a question is read by an expert whose card takes code, however near another is.
_CANNOT_READ = 1.0
_LEARN_AT_LEAST = 40
_HEAD_ROWS = 4000
_FIT_AT_MOST = 2000
_FOLDS = 5
# Beyond an exact search only the capabilities of so many nearest rows are looked at.
_SHORTLIST = 128
# Of each of many texts that are looked at together.
_LEAST_NEAR = 8
# Where nothing is near, all are equally far, and a hair's breadth is no contrast.
_LEAST_SPREAD = 0.05


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
    def fits(self) -> bool:
        """Whether somebody was found to fit."""
        return self.reason is None


class Selector:
    """Ranks experts for query vectors. It makes no model call.

    The score of a capability is the mean of the query's similarity to what the card states, to
    the centroid of its examples and to its best example, less what a nearer counterexample takes
    away; to this come BM25 over all words of the card, and a head that is learnt from the
    examples. The score of an expert is that of its best capability. It is made a probability by
    its height and its lead.

    Args:
        cards: the experts that are in the index, for their keywords.
        store: keeps what is fitted to all cards, so that it is fitted once.
        ratings: corrections of the scores that rated questions taught.
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
            self._all = _Field(index, cards, sorted(index.capabilities), store=store)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._index.dimension

    @property
    def threshold(self) -> float:
        """Probability below which nobody is chosen."""
        return self._calibration.threshold

    @property
    def experts(self) -> int:
        """How many experts there are."""
        return len(self._index.experts)

    def rank(
        self,
        texts: Sequence[str],
        queries: Vectors,
        *,
        top: int = 5,
        only: Collection[str] | None = None,
    ) -> list[tuple[Candidate, ...]]:
        """The best `top` experts for each text, best first, with their evidence.

        Args:
            queries: the texts' vectors, shape (len(texts), dimension).
            only: experts that may be chosen. One that is further than an expert who may not be
                chosen is unlikely to be right.
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
        """The experts and their scores, whether somebody fits, and how near the nearest text is.

        Args:
            queries: the texts' vectors, shape (len(texts), dimension).
            only: experts that may be chosen.

        Returns:
            Names, scores of shape (texts, experts), the chance that somebody fits and the
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

    def affinity(self, queries: Vectors) -> tuple[tuple[str, ...], Array]:
        """The experts, and how near each query is to what they state and show.

        It is the best mean of the similarities to statement and centroid: smoother than the
        score, and the same in every index. In a very large index there is none.

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
        needed = self._calibration.thresholds.get(best.expert, self._calibration.threshold)
        if best.expert == GENERAL or best.fit >= needed or not self._has_general:
            return Choice(expert=best.expert, candidates=candidates)
        reason = f"nobody fits: {best.expert} {best.fit:.2f}, needs {needed:.2f}"
        return Choice(expert=GENERAL, candidates=candidates, reason=reason)

    def learnt(self) -> Calibration:
        """A calibration fitted on the cards' own examples, each held out in turn.

        The calibration that metier comes with is returned if there are too few examples, or if most
        experts have none: what tells the few others apart would keep these from every question.
        """
        field = self._all
        if field is None or len(field.rows.owners) < _LEARN_AT_LEAST or len(field.experts) < 2:
            return Calibration()
        if not teachers(self._cards):
            return Calibration()
        numbers = np.arange(len(field.rows.owners))
        numbers = numbers[:: max(1, len(numbers) // _FIT_AT_MOST)]
        owners = field.expert_of[field.rows.owners[numbers]]
        scores, contrasts = field.by_expert(field.held_out(numbers))
        placed = Placed(names=field.experts, owners=owners, scores=scores, contrasts=contrasts)
        return self.calibration_of(placed)

    def placed(self, texts: Sequence[str], queries: Vectors, experts: Sequence[str]) -> Placed:
        """The scores of questions whose expert is known.

        Args:
            queries: their vectors, shape (len(texts), dimension).
            experts: the right expert of each; one that is not in the index is nobody.

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
        """What questions with known experts teach about this index."""
        right, fits = fitted(placed)
        threshold, own = best_threshold(placed, fits)
        return Calibration(
            right=right,
            fits=fits,
            threshold=threshold,
            thresholds=own,
        )

    def _near(self, queries: Vectors) -> _Field:
        ids, _ = self._index.nearest(queries, max(_LEAST_NEAR, _SHORTLIST // len(queries)))
        rows = self._index.rows
        names = {(rows[i].expert, rows[i].capability) for i in ids.ravel().tolist() if i >= 0}
        return _Field(self._index, self._cards, sorted(names), learning=False)

    def _ranked(
        self,
        field: _Field,
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
        self, field: _Field, texts: Sequence[str], queries: Vectors, scores: Array
    ) -> tuple[Array, Array]:
        """As `_Field.by_expert`, corrected by ratings; less for experts that cannot read a text."""
        by_expert, contrasts = field.by_expert(scores)
        if self._ratings is not None:
            by_expert = by_expert + self._ratings.correction(queries, field.experts)
        return by_expert - _CANNOT_READ * self._unable(field, texts), contrasts

    def _unable(self, field: _Field, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Who cannot read what a text brings, where somebody can; shape (texts, experts)."""
        takes = np.array(
            [
                any("code" in entry.inputs for entry in self._cards[name].capabilities)
                for name in field.experts
            ]
        )
        brings = np.array([brings_code(text) for text in texts], dtype=np.bool_)
        return brings[:, None] & ~takes[None, :] & takes.any()


class _Field:
    """The capabilities that are compared, and everything that is learnt about them at once."""

    def __init__(
        self,
        index: CapabilityIndex,
        cards: Mapping[str, Card],
        names: Sequence[Name],
        *,
        learning: bool = True,
        store: ArtefactStore | None = None,
    ) -> None:
        self.rows = CapabilityRows(index, names)
        self.experts = [expert for expert, _ in groupby(expert for expert, _ in names)]
        numbers = {expert: n for n, expert in enumerate(self.experts)}
        self.expert_of = np.array([numbers[expert] for expert, _ in names], dtype=np.int64)
        self._starts = np.searchsorted(self.expert_of, np.arange(len(self.experts)))
        self._ends = [*self._starts[1:].tolist(), len(names)]
        self._texts = [index.rows[i].text for i in self.rows.example_ids]
        self._stated = [" ".join(_stated(index, name)) for name in names]
        self._keywords = [" ".join(_keywords(cards, name)) for name in names]
        self._stated_norms = np.maximum(np.linalg.norm(self.rows.stated, axis=1), 1e-12)
        self._fitted = (
            self._fit(learning=learning) if store is None else self._kept(store, index, cards)
        )

    def _kept(
        self, store: ArtefactStore, index: CapabilityIndex, cards: Mapping[str, Card]
    ) -> Fitted:
        """What is fitted to these cards; if it had to be fitted anew it is kept, if possible."""
        of = cards_hash(index, cards)
        fitted = store.load(Fitted, of=of)
        if fitted is None:
            fitted = self._fit(learning=True)
            with suppress(IndexUnavailable):
                store.save(fitted, of=of)
        return fitted

    def _fit(self, *, learning: bool) -> Fitted:
        words = WordScores.of(self._documents(np.ones(len(self._texts), bool)))
        enough = _LEARN_AT_LEAST <= len(self._texts) <= _HEAD_ROWS and len(self._stated) > 1
        if not (learning and enough):
            return Fitted(words=words)
        texts = [*self._texts, *self._stated]
        hashed = HashedWords.of(texts)
        head = KernelHead.fit(
            np.concatenate([self.rows.examples, unit(self.rows.stated)]),
            hashed.vectors(texts),
            np.concatenate([self.rows.owners, np.arange(len(self._stated))]),
            count=len(self._stated),
        )
        return Fitted(words=words, head=head, hashed=hashed)

    def scores(self, texts: Sequence[str], queries: Vectors) -> tuple[Array, Nearness]:
        """The score of each capability for each text, shape (texts, capabilities)."""
        nearness = self.rows.nearness(queries)
        by_words = self._fitted.words.scores([telling(text) for text in texts])
        head = None
        if self._fitted.head is not None and self._fitted.hashed is not None:
            cosines = np.hstack([nearness.examples, nearness.stated / self._stated_norms])
            head = self._fitted.head.scores(cosines, self._fitted.hashed.vectors(texts))
        return fused(nearness, by_words, head), nearness

    def held_out(self, numbers: npt.NDArray[np.int64]) -> Array:
        """The score of each capability for examples, each as if it were not in its card."""
        nearness = self.rows.held_out(numbers)
        said = np.zeros((len(numbers), len(self.rows.names)))
        for fold in range(_FOLDS):
            held = numbers % _FOLDS == fold
            kept = np.arange(len(self._texts)) % _FOLDS != fold
            texts = [telling(self._texts[n]) for n in numbers[held]]
            said[held] = WordScores.of(self._documents(kept)).scores(texts)
        head = self._fitted.head.held_out(numbers) if self._fitted.head is not None else None
        return fused(nearness, said, head)

    def evidence(self, capability: int, stem_of: Mapping[str, str]) -> tuple[str, ...]:
        """The words of a text, given with their stems, that a capability's card has, too."""
        return shared(stem_of, self._fitted.words.holds(capability, stem_of.values()))

    def by_expert(self, scores: Array) -> tuple[Array, Array]:
        """The best score among each expert's capabilities, shape (texts, experts).

        And its distance from the mean of all capabilities, in standard deviations.
        """
        best = np.maximum.reduceat(scores, self._starts, axis=1)
        spread = np.maximum(scores.std(axis=1, keepdims=True), _LEAST_SPREAD)
        return best, (best - scores.mean(axis=1, keepdims=True)) / spread

    def best_capability(self, scores: Array, expert: int) -> int:
        """Which of an expert's capabilities has the best score."""
        start = int(self._starts[expert])
        return start + int(scores[start : self._ends[expert]].argmax())

    def _documents(self, kept: npt.NDArray[np.bool_]) -> list[list[str]]:
        """The words of each capability, with those of the examples that are kept."""
        documents = [
            telling(f"{stated} {keywords}")
            for stated, keywords in zip(self._stated, self._keywords, strict=True)
        ]
        for text, owner, wanted in zip(self._texts, self.rows.owners, kept, strict=True):
            if wanted:
                documents[owner] += telling(text)
        return documents


def has_examples(card: Card) -> bool:
    """Whether any capability of a card has an example."""
    return any(capability.examples for capability in card.capabilities)


def teachers(cards: Mapping[str, Card]) -> list[str]:
    """The experts with examples, if they can teach: half of those that are not general, or more."""
    others = [name for name in cards if name != GENERAL]
    found = [name for name in others if has_examples(cards[name])]
    return found if len(found) >= max(1, len(others) / 2) else []


def fused(nearness: Nearness, said: Array, head: Array | None) -> Array:
    """One score for each text and capability; all arrays are (texts, capabilities).

    Args:
        said: BM25 of the words.
        head: what the trained head says, where there is one.
    """
    has_examples = nearness.best > NOWHERE
    near = (nearness.stated + nearness.centroid + nearness.best) / 3
    score = np.where(has_examples, near, nearness.stated)
    nearest = np.maximum(nearness.best, nearness.stated)
    score -= _COUNTER_WEIGHT * np.maximum(0.0, nearness.counter - nearest)
    score += _WORDS_WEIGHT * said
    return score if head is None else score + _HEAD_WEIGHT * head


def _stated(index: CapabilityIndex, name: Name) -> list[str]:
    """Name and description of a capability."""
    rows = [index.rows[i] for i in index.capabilities[name]]
    return [row.text for row in rows if row.kind in {RowKind.NAME, RowKind.DESCRIPTION}]


def cards_hash(index: CapabilityIndex, cards: Mapping[str, Card]) -> str:
    """A hash of all that is fitted to: the texts of the index, and the keywords of the cards."""
    keywords = [" ".join(_keywords(cards, name)) for name in sorted(index.capabilities)]
    return hashlib.sha256("\n".join([index.hash(), *keywords]).encode()).hexdigest()


def _keywords(cards: Mapping[str, Card], name: Name) -> tuple[str, ...]:
    expert, capability = name
    listed = cards[expert].capabilities if expert in cards else ()
    return next((entry.keywords for entry in listed if entry.name == capability), ())
