"""How probable a model finds each choice, asked in every order of the options."""

from __future__ import annotations

import pytest

from metier import Card, Context, Council, Expert, Settings, Task
from metier.grading import Choices
from metier.plan import Document, Plan, Step
from metier.strategies.choices.choice_probabilities import ChoiceProbabilities, choice_probabilities
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio
METALS = Choices(stem="Which?", labels=("A", "B", "C"), options=("iron", "zinc", "tin"))
YES_NO = Choices(stem="Is it so?", labels=("yes", "no"))


class Chooser(Expert):
    """Weighs the choices that it was given."""

    choices = METALS
    orders: int | None = None
    found: ChoiceProbabilities | None = None

    async def answer(self, task: Task, context: Context) -> str:
        self.found = await choice_probabilities(
            self.choices, task, self.card, context.probe, orders=self.orders
        )
        context.set_confidence(self.found.confidence, abstain=self.found.confidence < 0.5)
        return self.found.text


async def asked(
    models: ScriptedModels,
    choices: Choices = METALS,
    *,
    orders: int | None = None,
    max_calls: int = 12,
) -> tuple[ChoiceProbabilities, Plan]:
    expert = Chooser(Card(id="chooser", description="choices", models=("small",)))
    expert.choices, expert.orders = choices, orders
    settings = Settings(max_calls=max_calls)
    step = Step(id="1", task="Which?", expert="chooser")
    document = Document(name="note", text="Zinc it is.")
    plan = Plan(question="Which?", steps=(step,), documents=(document,))
    async with Council.of(
        [expert], settings=settings, server=models, embedder=FixedEmbedder()
    ) as council:
        answer = await council.run(plan)
    assert expert.found is not None
    part = answer.parts[0]
    assert part.confidence == pytest.approx(expert.found.confidence)
    assert part.abstained == (expert.found.confidence < 0.5)
    return expert.found, plan


async def test_a_liking_for_a_letter_falls_out() -> None:
    """What is thought of the options comes out, whatever it is multiplied by for each letter."""
    thought, liking = (0.5, 0.3, 0.2), {"A": 8.0, "B": 1.0, "C": 2.0}
    replies = []
    for by in range(3):
        raw = {
            label: thought[(place + by) % 3] * factor
            for place, (label, factor) in enumerate(liking.items())
        }
        replies.append({label: value / sum(raw.values()) for label, value in raw.items()})
    with ScriptedModels({"small": replies}) as models:
        found, _ = await asked(models)
    assert found.probabilities == pytest.approx(thought, abs=0.01)


async def test_the_same_option_under_every_letter_is_the_answer() -> None:
    replies = [{"A": 0.2, "B": 0.7, "C": 0.1}, {"A": 0.6, "B": 0.2, "C": 0.2}, {"C": 0.9, "A": 0.1}]
    with ScriptedModels({"small": replies}) as models:
        found, _ = await asked(models)
    assert found.text == "B) zinc"
    iron, zinc, tin = (0.2 * 0.1 * 0.1, 0.7 * 0.6 * 0.9, 0.1 * 0.2 * 1e-4)
    roots = [product ** (1 / 3) for product in (iron, zinc, tin)]
    assert found.confidence == pytest.approx(roots[1] / sum(roots), abs=0.01)
    assert sum(found.probabilities) == pytest.approx(1)


async def test_fewer_orders_cost_fewer_calls() -> None:
    with ScriptedModels({"small": [{"B": 0.9, "A": 0.1}]}) as models:
        found, _ = await asked(models, orders=1)
    assert found.text == "B) zinc"


async def test_where_the_budget_ends_the_orders_that_were_asked_count() -> None:
    replies = [{"A": 0.2, "B": 0.7, "C": 0.1}, {"A": 0.6, "B": 0.2, "C": 0.2}]
    with ScriptedModels({"small": replies}) as models:
        found, _ = await asked(models, max_calls=2)
    roots = [product**0.5 for product in (0.2 * 0.2, 0.7 * 0.6, 0.1 * 0.2)]
    assert found.probabilities == pytest.approx([root / sum(roots) for root in roots], abs=0.01)


async def test_words_get_letters_in_every_order() -> None:
    with ScriptedModels({"small": [{"A": 0.7, "B": 0.3}, {"A": 0.6, "B": 0.4}]}) as models:
        found, _ = await asked(models, YES_NO)
    # A was yes first, then no.
    assert (found.text, found.confidence) == ("yes", pytest.approx(0.555, abs=0.001))
    asked_last = models.requests[1].messages[-1].content
    assert "Is it so?\nA) no\nB) yes" in asked_last
    assert asked_last.endswith("Answer with the letter of the right option only.")


async def test_a_probe_is_one_token_and_shows_the_documents_first() -> None:
    with ScriptedModels({"small": [{"A": 1.0}] * 3}) as models:
        await asked(models)
    prompts = [request.messages[-1].content for request in models.requests]
    assert all(request.sampling.max_tokens == 1 for request in models.requests)
    assert all("Zinc it is." in prompt for prompt in prompts)
    start = prompts[0].index("A) iron")
    assert all(prompt[:start] == prompts[0][:start] for prompt in prompts)


class Rating(Expert):
    """Was written for version 0.1."""

    async def answer(self, task: Task, context: Context) -> str:
        context.rate(0.75)
        return "4"


async def test_an_expert_that_uses_the_old_name_of_set_confidence_is_warned_and_works() -> None:
    expert = Rating(Card(id="chooser", description="choices", models=("small",)))
    plan = Plan(question="2 + 2?", steps=(Step(id="1", task="2 + 2?", expert="chooser"),))
    with ScriptedModels() as models, pytest.warns(DeprecationWarning, match="set_confidence"):
        answer = await Council.of([expert], server=models, embedder=FixedEmbedder()).run(plan)
    assert answer.parts[0].confidence == 0.75
