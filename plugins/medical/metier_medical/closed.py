"""Questions with given choices, such as an examination's or yes, no and maybe."""

from __future__ import annotations

from metier.capability import Card
from metier.expert import Context, Task
from metier.grading import Choices
from metier.weighing import weighed

# Below this the likeliest choice of a small model was right little more often than a guess
# (docs/results/end-to-end.md, other rows than those reported).
SURE = 0.4


async def chosen(choices: Choices, task: Task, card: Card, context: Context) -> str:
    """The choice that the model finds likeliest, and how sure it is; below `SURE` no answer."""
    found = await weighed(choices, task, card, context.probe)
    sure = found.confidence >= SURE
    context.rate(found.confidence, abstain=not sure)
    if sure:
        return f"**{found.text}**\n\nThe model is {found.confidence:.0%} sure of it."
    return (
        f"I am not sure enough to answer this: the likeliest choice is {found.text}, "
        f"with {found.confidence:.0%}."
    )
