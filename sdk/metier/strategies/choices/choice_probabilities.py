"""Closed questions: how probable a model finds each of the choices.

A letter costs one token, its probabilities say how sure the model is, and asking in every order
of the options takes the model's liking for a letter out. Choices that are words, such as yes and
no, get letters too, which order the questions better than the model's liking for a word does
(docs/results/end-to-end.md).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from metier.errors import BudgetExceeded
from metier.experts.card import Card
from metier.experts.expert import Task, messages_for
from metier.grading import Choices
from metier.plan import Message

# As `Context.probe` does it.
Probe = Callable[[Sequence[Message], Sequence[str]], Awaitable[Mapping[str, float]]]

# What is less probable was not among the alternatives that a server reports.
_LEAST = 1e-4
_LETTER = "Answer with the letter of the right option only."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceProbabilities:
    """The choices of a question with their probabilities, which sum to 1."""

    choices: Choices
    probabilities: tuple[float, ...]

    @property
    def likeliest(self) -> int:
        """The number of the choice that is most probable; the first of equals."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of the likeliest choice."""
        return self.probabilities[self.likeliest]

    @property
    def text(self) -> str:
        """The likeliest choice, as `B) zinc` or `yes`."""
        return self.choices.shown(self.likeliest)


async def choice_probabilities(
    choices: Choices, task: Task, card: Card, probe: Probe, *, orders: int | None = None
) -> ChoiceProbabilities:
    """Ask a model for one token in each order of the options, and take the geometric mean.

    The orders are the cyclic permutations (Zheng et al. 2024, "Large Language Models Are Not
    Robust Multiple Choice Selectors", section 4.1). A model's liking for a letter multiplies what
    it finds of the option behind it (there, section 4), and each option is once behind each
    letter: in the mean of logarithms the likings cancel out. The question's text stands before the
    options and is the same in each, so that a server reads it once.

    Args:
        task: the question with its documents; its text is replaced by the choices' own.
        probe: asks the model: `context.probe`.
        orders: how many orders are asked; all of them if not given. If the budget ends,
            those count that were.

    Raises:
        BudgetExceeded: there was no call at all.
    """
    lettered = choices.lettered()
    count = len(lettered.options)
    found: list[list[float]] = []
    for by in range(0, count, -(-count // min(count, orders or count))):
        try:
            told = await probe(_asking(lettered.rotated(by), task, card), lettered.labels)
        except BudgetExceeded:
            if not found:
                raise
            break
        found.append([told[lettered.labels[(at - by) % count]] for at in range(count)])
    shares = [
        math.prod(max(share, _LEAST) ** (1 / len(found)) for share in option)
        for option in zip(*found, strict=True)
    ]
    whole = sum(shares)
    return ChoiceProbabilities(
        choices=choices, probabilities=tuple(share / whole for share in shares)
    )


def _asking(choices: Choices, task: Task, card: Card) -> tuple[Message, ...]:
    brief = card.model_copy(update={"prompt": f"You are an expert in: {card.description}."})
    return messages_for(brief, replace(task, text=choices.text()), extra=_LETTER)
