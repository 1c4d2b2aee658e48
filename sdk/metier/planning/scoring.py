"""How near a text is to every capability: several similarities, fused to one score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby

import numpy as np
import numpy.typing as npt

from metier.errors import IndexUnavailable
from metier.experts.card import Card
from metier.models.embedder import Vectors, unit
from metier.planning.classifier import CapabilityClassifier
from metier.planning.fitting import Fitted
from metier.planning.index import CapabilityIndex, RowKind
from metier.planning.learning.artefacts import ArtefactStore
from metier.planning.signals import NOWHERE, CapabilityRows, Name, Nearness
from metier.planning.words import HashedWords, WordScores, shared, telling

Array = npt.NDArray[np.float64]

# The penalty if a counterexample is nearer than the best example.
_COUNTER_WEIGHT = 1.0
_HEAD_WEIGHT = 1.5
# For a point of BM25.
_WORDS_WEIGHT = 0.025
# The minimum number of examples for learning a head or a calibration.
LEARN_AT_LEAST = 40
# A head learns from no more rows, because its system is dense: the capabilities' own, and as many
# examples of each.
_HEAD_ROWS = 4000
_FOLDS = 5
# If nothing is near, all are about equally far, and tiny differences are no contrast.
_LEAST_SPREAD = 0.05


class Field:
    """The capabilities to compare, and everything that is fitted to all of them together."""

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
        self._taught = evenly(self.rows.owners, _HEAD_ROWS - len(names))
        self._fitted = (
            self._fit(learning=learning) if store is None else self._kept(store, index, cards)
        )

    def _kept(
        self, store: ArtefactStore, index: CapabilityIndex, cards: Mapping[str, Card]
    ) -> Fitted:
        """What is fitted to these cards: loaded, or else fitted and saved if possible."""
        of = cards_hash(index, cards)
        fitted = store.load(Fitted, of=of)
        if fitted is None:
            fitted = self._fit(learning=True)
            with suppress(IndexUnavailable):
                store.save(fitted, of=of)
        return fitted

    def _fit(self, *, learning: bool) -> Fitted:
        words = WordScores.of(self._documents(np.ones(len(self._texts), bool)))
        if not learning or len(self._taught) < LEARN_AT_LEAST or len(self._stated) < 2:
            return Fitted(words=words)
        texts = [*(self._texts[n] for n in self._taught), *self._stated]
        hashed = HashedWords.of(texts)
        head = CapabilityClassifier.fit(
            np.concatenate([self.rows.examples[self._taught], unit(self.rows.stated)]),
            hashed.vectors(texts),
            np.concatenate([self.rows.owners[self._taught], np.arange(len(self._stated))]),
            count=len(self._stated),
        )
        return Fitted(words=words, head=head, hashed=hashed)

    def scores(self, texts: Sequence[str], queries: Vectors) -> tuple[Array, Nearness]:
        """Score each capability for each text, shape (texts, capabilities)."""
        nearness = self.rows.nearness(queries)
        by_words = self._fitted.words.scores([telling(text) for text in texts])
        return fused(nearness, by_words, self._by_head(texts, nearness)), nearness

    def held_out(self, numbers: npt.NDArray[np.int64]) -> Array:
        """Score each capability for examples, each as if it were not on its card."""
        nearness = self.rows.held_out(numbers)
        texts = [self._texts[n] for n in numbers]
        said = np.zeros((len(numbers), len(self.rows.names)))
        for fold in sorted(set((numbers % _FOLDS).tolist())):
            held = numbers % _FOLDS == fold
            kept = np.arange(len(self._texts)) % _FOLDS != fold
            words = [telling(text) for text, is_held in zip(texts, held, strict=True) if is_held]
            said[held] = WordScores.of(self._documents(kept)).scores(words)
        head = np.zeros_like(said)
        taught = np.isin(numbers, self._taught)
        if self._fitted.head is not None:
            rows = np.searchsorted(self._taught, numbers[taught])
            head[taught] = self._fitted.head.held_out(rows)
        if not taught.all():
            head[~taught] = self._by_head(texts, nearness)[~taught]
        return fused(nearness, said, head)

    def _by_head(self, texts: Sequence[str], nearness: Nearness) -> Array:
        """What the trained head scores; 0 without one."""
        head, hashed = self._fitted.head, self._fitted.hashed
        if head is None or hashed is None:
            return np.zeros((len(texts), len(self.rows.names)))
        examples = nearness.examples
        if len(self._taught) < len(self._texts):
            examples = examples[:, self._taught]
        cosines = np.hstack([examples, nearness.stated / self._stated_norms])
        return head.scores(cosines, hashed.vectors(texts))

    def evidence(self, capability: int, stem_of: Mapping[str, str]) -> tuple[str, ...]:
        """Return the words of a text, given with their stems, that are also on the card."""
        return shared(stem_of, self._fitted.words.holds(capability, stem_of.values()))

    def by_expert(self, scores: Array) -> tuple[Array, Array]:
        """Return the best score among each expert's capabilities, shape (texts, experts).

        Also return its distance from the mean of all capabilities, in standard deviations.
        """
        best = np.maximum.reduceat(scores, self._starts, axis=1)
        spread = np.maximum(scores.std(axis=1, keepdims=True), _LEAST_SPREAD)
        return best, (best - scores.mean(axis=1, keepdims=True)) / spread

    def best_capability(self, scores: Array, expert: int) -> int:
        """Return the number of an expert's capability with the best score."""
        start = int(self._starts[expert])
        return start + int(scores[start : self._ends[expert]].argmax())

    def _documents(self, kept: npt.NDArray[np.bool_]) -> list[list[str]]:
        """The words of each capability, including those of the kept examples."""
        documents = [
            telling(f"{stated} {keywords}")
            for stated, keywords in zip(self._stated, self._keywords, strict=True)
        ]
        for text, owner, wanted in zip(self._texts, self.rows.owners, kept, strict=True):
            if wanted:
                documents[owner] += telling(text)
        return documents


def evenly(owners: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Return the numbers of at most so many examples, as many of each owner as there is room for.

    Args:
        owners: the capability of each example, in order.

    >>> evenly(np.array([0, 0, 0, 1, 1, 2]), 5).tolist()
    [0, 1, 3, 4, 5]
    >>> evenly(np.array([0, 0, 0, 1, 1, 2]), 4).tolist()
    [0, 3, 5]
    """
    most = max(0, most)
    if len(owners) <= most:
        return np.arange(len(owners))
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)
    return np.flatnonzero(places < np.sort(places)[most])


def fused(nearness: Nearness, said: Array, head: Array) -> Array:
    """Fuse to one score for each text and capability; all arrays are (texts, capabilities).

    Args:
        said: BM25 of the words.
        head: the scores of the trained head.
    """
    has_examples = nearness.best > NOWHERE
    near = (nearness.stated + nearness.centroid + nearness.best) / 3
    score = np.where(has_examples, near, nearness.stated)
    nearest = np.maximum(nearness.best, nearness.stated)
    score -= _COUNTER_WEIGHT * np.maximum(0.0, nearness.counter - nearest)
    return score + _WORDS_WEIGHT * said + _HEAD_WEIGHT * head


def _stated(index: CapabilityIndex, name: Name) -> list[str]:
    rows = [index.rows[i] for i in index.capabilities[name]]
    return [row.text for row in rows if row.kind in {RowKind.NAME, RowKind.DESCRIPTION}]


def cards_hash(index: CapabilityIndex, cards: Mapping[str, Card]) -> str:
    """Hash everything that is fitted to: the texts of the index and the keywords of the cards."""
    keywords = [" ".join(_keywords(cards, name)) for name in sorted(index.capabilities)]
    return hashlib.sha256("\n".join([index.hash(), *keywords]).encode()).hexdigest()


def _keywords(cards: Mapping[str, Card], name: Name) -> tuple[str, ...]:
    expert, capability = name
    listed = cards[expert].capabilities if expert in cards else ()
    return next((entry.keywords for entry in listed if entry.name == capability), ())
