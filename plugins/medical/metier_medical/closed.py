"""Questions with given choices, such as an examination's or yes, no and maybe."""

from __future__ import annotations

from metier.experts.card import Card
from metier.experts.expert import Context, Task
from metier.grading import Choices
from metier.strategies.choices.choice_probabilities import choice_probabilities

# How many times as probable as a guess the likeliest choice has to be for an answer. Two thirds to
# three quarters of the questions are, and those were right more often, of letters and of words such
# as yes, no and maybe (docs/results/end-to-end.md, other rows than those reported).
SURE = 1.19


async def chosen(choices: Choices, task: Task, card: Card, context: Context) -> str:
    """The choice that the model finds likeliest, and how sure it is; no answer where it is not."""
    found = await choice_probabilities(choices, task, card, context.probe)
    sure = found.confidence >= SURE / len(choices.labels)
    context.set_confidence(found.confidence, abstain=not sure)
    if sure:
        return f"**{found.text}**\n\nThe model is {found.confidence:.0%} sure of it."
    unsure = (
        f"I am not sure enough to answer this: the likeliest choice is {found.text}, "
        f"with {found.confidence:.0%}."
    )
    context.warn(unsure)
    return unsure
