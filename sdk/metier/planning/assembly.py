"""The planner for the registered experts, and everything that it is built from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from metier.errors import IndexUnavailable
from metier.experts.card import Card
from metier.experts.registry import Registry
from metier.models.embedder import Embedder, weights_of
from metier.planning.index import CapabilityIndex, index_folder, synchronised
from metier.planning.learning.artefacts import Artefact, ArtefactStore
from metier.planning.learning.calibration import Calibration
from metier.planning.lessons import Lessons, lessons_of
from metier.planning.planner import Planner
from metier.planning.scoring import cards_hash
from metier.planning.selecting import Selector
from metier.planning.splitter import LearntSplitter

# Loaded only if something was learnt: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.planning.ask_to_split import Asker
    from metier.planning.learning.chains import PlanPredictor
    from metier.planning.learning.outcomes import ModelRouter
    from metier.planning.learning.ratings import RatedExamples
    from metier.planning.needs import IntentClassifier


class PlannerAssembly:
    """Builds the planner, and keeps index and artefacts in one folder of the cache.

    Args:
        asker: returns the asker that splits requests; None if no model is asked.
    """

    def __init__(
        self,
        registry: Registry,
        embedder: Embedder,
        *,
        cache_dir: Path,
        asker: Callable[[], Asker | None] = lambda: None,
    ) -> None:
        self._registry = registry
        self._embedder = embedder
        self._asker = asker
        self._planner: Planner | None = None
        self._planned_for: list[Card] = []
        self._unsaved = False
        self._building = anyio.Lock()
        self.folder = index_folder(cache_dir, embedder.id)
        self.artefacts = ArtefactStore(self.folder / "learnt", embedder_id=embedder.id)

    async def planner(self) -> Planner:
        """Return the planner for the registered experts, with an up-to-date index."""
        async with self._building:
            cards = list(self._cards.values())
            if self._planner is None or self._planned_for != cards:
                self._planner = await self._built()
                self._planned_for = cards
            return self._planner

    async def index(self, *, fresh: bool = False) -> CapabilityIndex:
        """Load the index for the registered experts, update it if needed, and save it.

        Args:
            fresh: rebuild it, whatever is saved.
        """
        weights = await weights_of(self._embedder)
        saved = None
        if not fresh:
            of = self._embedder.id
            saved = CapabilityIndex.load(self.folder, embedder_id=of, weights=weights)
        cards = self._cards.values()
        index, changed = await synchronised(saved, cards, self._embedder, weights=weights)
        if changed:
            self._save_if_possible(partial(index.save, self.folder))
        return index

    def calibration(self, index: CapabilityIndex) -> Calibration:
        """Return the saved calibration of this index, or learn one from its examples."""
        of = cards_hash(index, self._cards)
        if (kept := self.artefacts.load(Calibration, of=of)) is not None:
            return kept
        learnt = Selector(index, self._cards, store=self.artefacts).learnt()
        self._save_if_possible(partial(self.artefacts.save, learnt, of=of))
        return learnt

    def keep(self, artefact: Artefact, *, index: CapabilityIndex | None = None) -> Path:
        """Save what was learnt, use it from now on, and return its file.

        Args:
            index: the index, if the artefact is valid for its cards only.

        Raises:
            IndexUnavailable: the folder cannot be written.
        """
        of = "" if index is None else cards_hash(index, self._cards)
        file = self.artefacts.save(artefact, of=of)
        self._planner = None
        return file

    def forget(self, name: str) -> bool:
        """Remove what was learnt; return whether it existed."""
        self._planner = None
        return self.artefacts.remove(name)

    def ratings(self) -> RatedExamples | None:
        """Return what was learnt from rated answers; None if nothing was."""
        if not self.artefacts.has("ratings"):
            return None
        from metier.planning.learning.ratings import RatedExamples

        return self.artefacts.load(RatedExamples)

    @property
    def _cards(self) -> dict[str, Card]:
        return self._registry.cards

    async def _built(self) -> Planner:
        index = await self.index()
        calibration = self.calibration(index)
        selector = Selector(
            index, self._cards, calibration, store=self.artefacts, ratings=self.ratings()
        )
        return Planner(
            selector,
            self._embedder,
            self._cards,
            splitter=LearntSplitter(selector, await self._lessons(index, calibration)),
            outcomes=self._outcomes(),
            needs=self._needs(),
            chains=self._chains(),
            asker=self._asker(),
        )

    async def _lessons(self, index: CapabilityIndex, calibration: Calibration) -> Lessons:
        """How to split requests: as saved for these cards, or else learnt from their examples."""
        of = cards_hash(index, self._cards)
        if (kept := self.artefacts.load(Lessons, of=of)) is not None:
            return kept.with_examples_of(self._cards)
        learnt = await lessons_of(index, self._cards, calibration, self._embedder)
        self._save_if_possible(partial(self.artefacts.save, learnt, of=of))
        return learnt

    def _outcomes(self) -> ModelRouter | None:
        if not self.artefacts.has("outcomes"):
            return None
        from metier.planning.learning.outcomes import ModelRouter

        return self.artefacts.load(ModelRouter)

    def _needs(self) -> IntentClassifier | None:
        if not self.artefacts.has("needs"):
            return None
        from metier.planning.needs import IntentClassifier

        return self.artefacts.load(IntentClassifier)

    def _chains(self) -> PlanPredictor | None:
        if not self.artefacts.has("chains"):
            return None
        from metier.planning.learning.chains import PlanPredictor

        return self.artefacts.load(PlanPredictor)

    def _save_if_possible(self, save: Callable[[], object]) -> None:
        """Save for the next start, which is slower without it; a failure is logged once."""
        try:
            save()
        except IndexUnavailable as exc:
            if not self._unsaved:
                # Unless the app has a handler, logging prints it on stderr as it is.
                logging.getLogger("metier").warning("%s", exc)
            self._unsaved = True
