"""What is wrong with a card, and what would make it better, without running anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from metier.errors import MetierError
from metier.evaluating.questions import RoutingQuestion, routing_questions
from metier.experts.card import Card

QUESTIONS = "evaluation.jsonl"
# Fewer make selecting unreliable.
ENOUGH_EXAMPLES = 20


def card_problems(card: Card) -> Iterator[str]:
    """What keeps a card from being chosen rightly: examples that are missing or contradict."""
    owners = Counter(
        _folded(text) for capability in card.capabilities for text in capability.examples
    )
    for capability in card.capabilities:
        examples = {_folded(text): text for text in capability.examples}
        if not examples:
            yield f"{capability.name} has no examples: write questions that belong to it"
        for text in capability.counterexamples:
            if _folded(text) in examples:
                yield f"{capability.name} has {text!r} as an example and as a counterexample"
    for text, count in owners.items():
        if count > 1:
            yield f"{text!r} stands {count} times among the examples"


def card_advice(card: Card) -> Iterator[str]:
    """What would make it be chosen more reliably, or run better."""
    if not any(capability.examples for capability in card.capabilities):
        yield "it has no examples: it is chosen by its descriptions and metier's own calibration"
    for capability in card.capabilities:
        if (count := len(capability.examples)) < ENOUGH_EXAMPLES:
            yield f"{capability.name} has {count} examples; {ENOUGH_EXAMPLES} make it reliable"
        if not capability.counterexamples:
            yield f"{capability.name} has no counterexamples: take some from its neighbours"
    if not card.models:
        yield "models is empty: it will run on the general expert's model"


def question_problems(card: Card, file: Path) -> Iterator[str]:
    """What is wrong with the questions that are to judge a card; nothing if there is no file."""
    if not file.is_file():
        return
    try:
        asked = list(own_questions(card, file))
    except MetierError as exc:
        yield str(exc)
        return
    examples = {_folded(text) for capability in card.capabilities for text in capability.examples}
    for question in asked:
        if _folded(question.question) in examples:
            yield f"{question.question!r} is an example of the card, and so judges nothing"
    if not any(question.expert == card.id for question in asked):
        yield f'no question has "expert": "{card.id}"'


def own_questions(card: Card, file: Path) -> Sequence[RoutingQuestion]:
    """The questions beside a card; they may be those of experts that are not here.

    Raises:
        InvalidInput: a line that cannot be used.
    """
    return routing_questions(file, _Anybody())


class _Anybody(tuple[str, ...]):
    """Has every expert in it: who is installed is not known where a card is checked."""

    def __contains__(self, expert: object) -> bool:
        return True


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
