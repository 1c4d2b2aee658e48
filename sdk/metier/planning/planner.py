"""Question in, plan out: one embedding call, and no model call unless one is configured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from metier.experts.card import Capability, Card
from metier.experts.threads import in_thread
from metier.models.embedder import Embedder, Vectors, unit
from metier.models.vector_checks import embedded
from metier.plan import Document, Message, Plan, Step
from metier.planning.aspects import aspects
from metier.planning.cutting import Piece, size_of
from metier.planning.following import follow_ups, followed
from metier.planning.learning.graph import CapabilityGraph
from metier.planning.lessons import Lessons
from metier.planning.linking import links
from metier.planning.ordering import done_first, in_order
from metier.planning.pairing import paired
from metier.planning.pairs import FEWEST, phrases
from metier.planning.parts import (
    LEAST_WORDS,
    Asked,
    Part,
    experts_of,
    merged,
)
from metier.planning.precedents import Needs, chained
from metier.planning.selecting import Choice, Selector
from metier.planning.splitter import LearntSplitter, Span, Split, Splitter
from metier.planning.splitting.code import brings_code
from metier.planning.splitting.request import request_of
from metier.planning.unrouted import check_asked

# Imported only by councils that need it: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.planning.ask_to_split import Asker
    from metier.planning.learning.chains import PlanPredictor
    from metier.planning.learning.outcomes import ModelRouter
    from metier.planning.needs import IntentClassifier

# In a longer request, sentences express the needs, and phrases only say more about them.
_SENTENCES = 2
# The probability that several experts are needed from which a model is asked.
_UNSURE_FROM = 0.25
# The probability that a question asks for several things from which its pieces are considered.
_SEVERAL_FROM = 0.5


class Planner:
    """Splits a question, selects an expert for each part, links the parts.

    Args:
        cards: the cards of the experts that may be chosen.
        outcomes: which model gets what right, if that was learnt.
        needs: whether a question asks for several things, if that was learnt; it decides
            instead of the grammar.
        splitter: divides a question into parts; by default metier's own.
        chains: which experts similar questions needed, if that was learnt from past plans.
        asker: asked which pieces of a question are one task if that is unclear.
    """

    def __init__(
        self,
        selector: Selector,
        embedder: Embedder,
        cards: Mapping[str, Card],
        *,
        splitter: Splitter | None = None,
        outcomes: ModelRouter | None = None,
        needs: IntentClassifier | None = None,
        chains: PlanPredictor | None = None,
        asker: Asker | None = None,
    ) -> None:
        self._selector = selector
        self._embedder = embedder
        self._cards = cards
        self._splitter = splitter or LearntSplitter(selector, Lessons())
        self._outcomes = outcomes
        self._needs = needs
        self._chains = chains
        self._asker = asker

    async def plan(
        self,
        question: str,
        *,
        messages: Sequence[Message] = (),
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
    ) -> Plan:
        """Make a plan for a question.

        Only the user's own request is planned. Texts pasted into the question become documents of
        the plan, and orders to the program are dropped: no text from elsewhere chooses an expert.

        Args:
            messages: the conversation before it; a follow-up is understood with the last
                questions in it.
            experts: the only experts that may be chosen.

        Raises:
            EmptyQuestion: there is nothing to answer.
            UnknownExpert: `experts` names one that does not exist.
        """
        check_asked(question, self._cards, experts)
        request = await in_thread(request_of, question)
        asked = await self._embedded(request.text, messages)
        return Plan(
            question=question.strip(),
            steps=await self._planned(asked, experts),
            messages=tuple(messages),
            documents=(*documents, *request.pasted),
            orders=request.orders,
        )

    def with_chains(self, chains: PlanPredictor | None) -> Planner:
        """Return a copy with other past plans."""
        other = copy(self)
        other._chains = chains  # noqa: SLF001  # its own class
        return other

    def with_asker(self, asker: Asker) -> Planner:
        """Return a copy with another asker."""
        other = copy(self)
        other._asker = asker  # noqa: SLF001  # its own class
        return other

    async def _planned(self, asked: Asked, experts: Collection[str] | None) -> tuple[Step, ...]:
        several = self._may_be_several(asked)
        if several and self._chains is not None:
            found, needs = chained(self._chains, asked, self._selector, self._cards, only=experts)
            if found:
                return self._steps(found, needs)
        parts = await self._parts(asked, experts) if several else [self._whole(asked, experts)]
        first = done_first(asked.question, [part.own_words or part.text for part in parts])
        ordered = [parts[n] for n in in_order(len(parts), first)]
        return self._steps(ordered, self._linked(ordered, first))

    def _may_be_several(self, asked: Asked) -> bool:
        if self._needs is None or asked.apart:
            return True
        (probability,) = self._needs.predict([asked.question], asked.vectors[:1])
        return bool(probability >= _SEVERAL_FROM)

    async def _embedded(self, question: str, messages: Sequence[Message]) -> Asked:
        read = await in_thread(self._read, question, messages)
        texts = [question, *read.looked_at, *read.phrases, *read.aspects, *read.together]
        return Asked(
            question=question,
            pieces=read.pieces,
            looked_at=len(read.looked_at),
            phrases=read.phrases,
            aspects=read.aspects,
            together=read.together,
            vectors=await embedded(self._embedder, texts, dimension=self._selector.dimension),
        )

    def _read(self, question: str, messages: Sequence[Message]) -> _Read:
        pieces = self._splitter.pieces(question)
        # If experts are few, they are so broad that any text pulls towards two of them. Around a
        # program, phrases say little: "give it with its imports" is about the program.
        may_be_pair = self._selector.experts >= FEWEST and not brings_code(question)
        return _Read(
            pieces=pieces,
            looked_at=self._splitter.texts(question, pieces),
            phrases=phrases(question) if may_be_pair else (),
            aspects=aspects(question),
            together=follow_ups(question, messages),
        )

    async def _parts(self, asked: Asked, experts: Collection[str] | None) -> list[Part]:
        fields = self._fields(asked, experts)
        if len(experts_of(fields)) > 1:
            return fields
        split = Split(spans=(), several=0.0)
        if len(asked.pieces) > 1:
            vectors = asked.vectors[: 1 + asked.looked_at]
            split = self._splitter.split(asked.question, asked.pieces, vectors, only=experts)
        parts = merged([self._spanned(span, asked, experts) for span in split.spans])
        if len(experts_of(parts)) < 3 and asked.sentences <= _SENTENCES and not asked.apart:
            pair = paired(self._selector, asked, experts)
            if experts_of(pair) - experts_of(parts):
                return pair
        if len(parts) > 1:
            return parts
        if self._asker is not None and split.several >= _UNSURE_FROM:
            groups = await self._asker(asked.question, asked.piece_texts)
            by_model = self._grouped(groups or (), asked, experts)
            if len(by_model) > 1:
                return by_model
        whole = self._whole(asked, experts)
        if not whole.choice.fits and parts:
            return [Part(text=asked.question, choice=parts[0].choice, vector=whole.vector)]
        return [whole]

    def _fields(self, asked: Asked, experts: Collection[str] | None) -> list[Part]:
        """A part for each of two named fields; none if no expert fits one of them."""
        half = len(asked.aspects) // 2
        # The name of a field says more than the words that both parts have in common.
        vectors = unit(asked.aspect_vectors[:half] + asked.aspect_vectors[half:])
        parts = [
            # The name of the field alone: what both have in common ties them together in no way.
            replace(
                self._part(text, vectors[n : n + 1], experts), own_words=asked.aspects[half + n]
            )
            for n, text in enumerate(asked.aspects[:half])
        ]
        return parts if all(part.choice.fits for part in parts) else []

    def _whole(self, asked: Asked, experts: Collection[str] | None) -> Part:
        """The question as one part, understood with what was asked before it."""
        whole = self._part(asked.question, asked.vectors[:1], experts)
        if not asked.together:
            return whole
        vectors = np.concatenate([asked.vectors[:1], asked.together_vectors])
        return followed(self._selector, whole, asked.together, vectors, only=experts)

    def _spanned(self, span: Span, asked: Asked, experts: Collection[str] | None) -> Part:
        """A part with the expert that the splitter found for it."""
        part = self._part(span.text, span.vector, experts)
        short = size_of(span.text) < LEAST_WORDS
        if part.choice.expert != span.expert and (part.choice.fits or short):
            (ranked,) = self._selector.rank([span.text], span.vector, top=1, only={span.expert})
            choice = Choice(expert=span.expert, candidates=(*ranked, *part.choice.candidates))
            part = Part(text=span.text, choice=choice, vector=span.vector)
        if short:
            return replace(part, text=asked.question, own_words=span.text)
        return part

    def _part(self, text: str, vector: Vectors, experts: Collection[str] | None) -> Part:
        (ranked,) = self._selector.rank([text], vector, only=experts)
        choice = self._selector.choose(ranked, only=experts)
        return Part(text=text, choice=choice, vector=vector)

    def _grouped(
        self,
        groups: Sequence[Sequence[int]],
        asked: Asked,
        experts: Collection[str] | None,
    ) -> list[Part]:
        """A part for each group of pieces that fits an expert."""
        parts = [
            self._part(
                " ".join(asked.pieces[n].text for n in group),
                unit(asked.piece_vectors[list(group)].mean(axis=0, keepdims=True)),
                experts,
            )
            for group in groups
        ]
        return merged([part for part in parts if part.choice.fits or experts is not None])

    def _steps(self, parts: Sequence[Part], needs: Needs) -> tuple[Step, ...]:
        return tuple(
            Step(
                id=str(n),
                task=part.text,
                expert=part.choice.expert,
                needs=tuple(str(m + 1) for m in needs[n - 1]),
                candidates=part.choice.candidates,
                chances=self._chances(part),
                reason=part.choice.reason,
            )
            for n, part in enumerate(parts, 1)
        )

    def _linked(self, parts: Sequence[Part], first: Collection[int]) -> Needs:
        """What each part needs; what was done first is there for the part after it."""
        found = [self._capability(part) for part in parts]
        keys = [
            None if capability is None else (part.choice.expert, capability.name)
            for part, capability in zip(parts, found, strict=True)
        ]
        graph = self._declared if self._chains is None else self._chains.graph
        texts = [part.own_words or part.text for part in parts]
        return links(texts, found, graph=graph, keys=keys, after_first=first)

    @cached_property
    def _declared(self) -> CapabilityGraph | None:
        """The edges on the cards; the graph is quadratic, so only of capabilities with an edge."""
        edges = [edge for card in self._cards.values() for edge in card.edges]
        if not edges:
            return None
        return CapabilityGraph.learn(
            sorted({key for edge in edges for key in edge}), declared=edges
        )

    def _chances(self, part: Part) -> dict[str, float]:
        if self._outcomes is None:
            return {}
        (row,) = self._outcomes.predict([part.text], part.vector)
        return {
            model: round(float(chance), 4)
            for model, chance in zip(self._outcomes.models, row, strict=True)
        }

    def _capability(self, part: Part) -> Capability | None:
        chosen = next((c for c in part.choice.candidates if c.expert == part.choice.expert), None)
        if chosen is None:
            return None
        listed = self._cards[chosen.expert].capabilities
        return next((entry for entry in listed if entry.name == chosen.capability), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What is embedded of a question, besides the question itself."""

    pieces: tuple[Piece, ...]
    looked_at: list[str]
    phrases: tuple[str, ...]
    aspects: tuple[str, ...]
    together: tuple[str, ...]
