"""Question in, plan out: one embedding call, no model call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from metier.capability import GENERAL, Capability, Card
from metier.embedding.embedder import Embedder
from metier.errors import EmptyQuestion, UnknownExpert
from metier.plan import Document, Message, Plan, Step
from metier.planning.linking import links
from metier.planning.selecting import Choice, Selector
from metier.planning.splitting import clauses


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    text: str
    choice: Choice


class Planner:
    """Splits a question, selects an expert for each part, links the parts.

    Args:
        cards: the cards of the experts that may be chosen.
    """

    def __init__(self, selector: Selector, embedder: Embedder, cards: Mapping[str, Card]) -> None:
        self._selector = selector
        self._embedder = embedder
        self._cards = cards

    async def plan(
        self,
        question: str,
        *,
        messages: Sequence[Message] = (),
        documents: Sequence[Document] = (),
        experts: Collection[str] | None = None,
    ) -> Plan:
        """A plan for a question.

        Args:
            messages: the conversation before it; a question that fits nobody by itself is
                looked at together with the last one.
            experts: the only experts that may be chosen.

        Raises:
            EmptyQuestion: there is nothing to answer.
            UnknownExpert: `experts` names one that is not there.
        """
        if not question.strip():
            raise EmptyQuestion
        for name in experts or ():
            if name not in self._cards:
                raise UnknownExpert(name, self._cards)
        parts = await self._parts(question.strip(), messages, experts)
        return Plan(
            question=question.strip(),
            steps=self._steps(parts),
            messages=tuple(messages),
            documents=tuple(documents),
        )

    async def _parts(
        self, question: str, messages: Sequence[Message], experts: Collection[str] | None
    ) -> list[_Part]:
        pieces = [clause.text for clause in clauses(question)]
        asked = [message.content for message in messages if message.role == "user"]
        texts = [question, *(pieces if len(pieces) > 1 else [])]
        if asked:
            texts.append(f"{asked[-1]} {question}")
        ranked = self._selector.rank(texts, await self._embedder.embed(texts))
        choices = [self._selector.choose(candidates, only=experts) for candidates in ranked]
        whole = choices[0]
        if asked and whole.probability == 0.0:
            whole = choices[-1]
        if len(pieces) < 2:
            return [_Part(text=question, choice=whole)]
        found = choices[1 : len(pieces) + 1]
        parts = [_Part(text=t, choice=c) for t, c in zip(pieces, found, strict=True)]
        merged = _merged(parts)
        return merged if len(merged) > 1 else [_Part(text=question, choice=_whole(whole, merged))]

    def _steps(self, parts: Sequence[_Part]) -> tuple[Step, ...]:
        needs = links([part.text for part in parts], [self._capability(part) for part in parts])
        return tuple(
            Step(
                id=str(n),
                task=part.text,
                expert=part.choice.expert,
                needs=tuple(str(m + 1) for m in needs[n - 1]),
                candidates=part.choice.candidates,
                reason=part.choice.reason,
            )
            for n, part in enumerate(parts, 1)
        )

    def _capability(self, part: _Part) -> Capability | None:
        chosen = next((c for c in part.choice.candidates if c.expert == part.choice.expert), None)
        if chosen is None:
            return None
        listed = self._cards[chosen.expert].capabilities
        return next((entry for entry in listed if entry.name == chosen.capability), None)


def _merged(parts: Sequence[_Part]) -> list[_Part]:
    """Neighbours with one expert are one task; a part that fits nobody joins its neighbour."""
    merged: list[_Part] = []
    for part in parts:
        if merged and (_fits_nobody(part) or part.choice.expert == merged[-1].choice.expert):
            merged[-1] = _joined(merged[-1], part, keep=merged[-1])
        elif merged and _fits_nobody(merged[-1]):
            merged[-1] = _joined(merged[-1], part, keep=part)
        else:
            merged.append(part)
    return merged


def _joined(first: _Part, second: _Part, *, keep: _Part) -> _Part:
    between = " " if first.text.endswith((".", "?", "!", ":", ";")) else "; "
    return replace(keep, text=f"{first.text}{between}{second.text}")


def _fits_nobody(part: _Part) -> bool:
    return part.choice.expert == GENERAL and part.choice.reason is not None


def _whole(whole: Choice, merged: Sequence[_Part]) -> Choice:
    """The choice for the whole question, unless only a part of it says who fits."""
    return whole if whole.reason is None or not merged else merged[0].choice
