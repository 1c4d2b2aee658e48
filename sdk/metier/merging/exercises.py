"""Questions for the gate, from a file or a domain."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from metier.evaluating.questions import answer_questions, domain_questions, routing_questions
from metier.experts.registry import Registry
from metier.grading import Gold, is_right
from metier.merging.acceptance import Exercise
from metier.sandbox import Sandboxes
from metier.settings import Settings


def exercises(named: str, settings: Settings) -> list[Exercise]:
    """Load questions with answers from a file (as for `metier evaluate answers`) or a domain.

    Raises:
        InvalidInput: there is no such file or domain, or none of its questions has an answer.
    """
    registry = Registry.from_installed(settings)
    file = Path(named).expanduser()
    if file.is_file():
        questions = answer_questions(routing_questions(file, registry.cards))
    else:
        questions = answer_questions(domain_questions(registry), domains=(named,))
    sandboxes = Sandboxes()
    return [
        Exercise(
            question=each.question,
            is_right=partial(_judged, gold=each.gold, sandboxes=sandboxes),
        )
        for each in questions
    ]


async def _judged(text: str, *, gold: Gold, sandboxes: Sandboxes) -> bool:
    return (await is_right(text, gold, sandboxes=sandboxes)).is_right
