"""Experts for the bridges' tests, on scripted models."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import pytest

from metier.answer import Answer
from metier.council import Council
from metier.experts.card import Capability, Card
from metier.experts.expert import Context, Expert, Task, messages_for
from metier.experts.tools import tool
from metier.plan import Plan, Step
from metier.runs.store import RunStore
from metier.settings import Settings
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Reply

# What Semantic Kernel warns of is its own affair; it also looks at all attributes of a plugin that
# is a pydantic model, the deprecated ones too.
QUIET = (
    pytest.mark.filterwarnings("ignore::DeprecationWarning:semantic_kernel"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Spec is deprecated:DeprecationWarning"),
)


def card(name: str, *examples: str, disclaimer: str = "") -> Card:
    return Card(
        id=name,
        description=f"All about {name}",
        models=(name,),
        disclaimer=disclaimer,
        capabilities=(
            Capability(name="main", description=f"Questions on {name}", examples=examples),
        ),
    )


COOKING = card("cooking", "How long does bread bake?", "Which flour is for bread?")
WINE = card("wine", "Which wine goes with fish?", "How cold is wine served?")
GENERAL = card("general")


class Cooking(Expert):
    """Answers from its model, and has tools of all kinds."""

    def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        return context.stream(messages_for(self.card, task))

    @tool
    def scale(self, grams: Annotated[float, "in grams"], servings: int = 2) -> float:
        """Scale an amount."""
        return grams * servings

    @tool
    def is_done(self, done: bool) -> bool:
        """Say whether it is done."""
        return done

    @tool
    def thread(self) -> str:
        """The thread that it runs in."""
        return threading.current_thread().name

    @tool
    async def words(self, text: str) -> AsyncIterator[str]:
        """Give the words as they come."""
        for word in text.split():
            yield word


def models(**replies: Sequence[Reply]) -> ScriptedModels:
    return ScriptedModels(replies)


def council(server: ScriptedModels, *others: Expert, runs: RunStore | None = None) -> Council:
    """A council of cooking, wine and general, with more where they are given."""
    experts: list[Expert] = [Cooking(COOKING), Expert(WINE), Expert(GENERAL), *others]
    return Council.of(
        experts,
        settings=Settings.load(),
        server=server,
        embedder=FixedEmbedder(),
        runs=runs,
    )


async def told(expert: Expert, text: str, *replies: Reply) -> Answer:
    """What one expert answers; the general expert's model says the replies, all of them."""
    with models(general=replies) as server:
        plan = Plan(question=text, steps=(Step(id="1", task=text, expert=expert.id),))
        return await council(server, expert).run(plan)
