"""The whole way, on a real Ollama: plan, experts, composing."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

import pytest
from world import BIG, HALF, SMALL

from metier import Council, Document, Expert, Message, Plan, Registry, Settings, read_card
from metier.errors import ContextOverflow, ModelMissing
from metier.events import fold
from metier.experts.card import Card
from metier.experts.registry import builtin_domains
from metier.plan import Step

pytestmark = pytest.mark.anyio

DOSE = (
    "A patient weighs 70 kg and needs 15 mg/kg of paracetamol. What is one dose in mg? Then write "
    "a Python function that gives the dose for any weight, and say when paracetamol must not be "
    "given."
)


def with_model(settings: Settings, model: str) -> Council:
    """The shipped domains as declarative experts, all on one small model."""
    experts = []
    for folder in sorted(builtin_domains().iterdir()):
        card = read_card(folder)
        experts.append(
            Expert(Card(**dict(card) | {"models": (model,), "max_tokens": 40, "stream": "direct"}))
        )
    return Council.of(experts, settings=settings)


async def test_three_experts_answer_one_question(ollama_settings: Settings) -> None:
    async with Council.from_installed(ollama_settings) as council:
        plan = await council.plan(DOSE)
        answer = await council.run(plan)
    assert [step.expert for step in plan.steps] == ["math", "code", "medical"]
    assert [part.expert for part in answer.parts] == ["math", "code", "medical"]
    assert answer.complete
    assert re.search(r"\b1,?050\b", answer.text)
    assert answer.usage.calls <= len(plan.steps) + 1
    code = re.search(r"```python\n(.*?)```", answer.text, re.DOTALL)
    assert code is not None
    ast.parse(code[1])
    assert answer.footer.count(answer.notices[0]) == 1
    assert all(part.models == (BIG,) for part in answer.parts)


async def test_a_simple_question_goes_straight_through(ollama_settings: Settings) -> None:
    async with with_model(ollama_settings, HALF) as council:
        events = [event async for event in council.stream("What is the capital of Australia?")]
    answer = fold(events)
    assert [part.expert for part in answer.parts] == ["general"]
    assert answer.usage.calls == 1
    assert "Canberra" in answer.text
    assert events[-1].type == "answered"


async def test_the_plan_makes_no_model_call(ollama_settings: Settings) -> None:
    settings = ollama_settings.model_copy(update={"model": "not:there"})
    async with with_model(settings, SMALL) as council:
        plan = await council.plan("What is the capital of Australia?")
        assert plan.steps[0].expert == "general"
        with pytest.raises(ModelMissing):
            await council.run(plan)


async def test_an_edited_plan_runs_as_it_stands(ollama_settings: Settings) -> None:
    async with with_model(ollama_settings, SMALL) as council:
        plan = await council.plan("What is the capital of Australia?")
        step = plan.steps[0].model_copy(update={"expert": "medical", "task": "Say hello."})
        edited = Plan.parse(plan.model_copy(update={"steps": (step,)}).model_dump_json())
        answer = await council.run(edited)
    assert [part.expert for part in answer.parts] == ["medical"]


async def test_a_conversation_is_gone_on_with(ollama_settings: Settings) -> None:
    conversation = [
        Message(role="user", content="My name is Zebulon. Remember it."),
        Message(role="assistant", content="I will remember that your name is Zebulon."),
        Message(role="user", content="What is my name?"),
    ]
    async with with_model(ollama_settings, HALF) as council:
        answer = await council.ask(conversation)
    assert "Zebulon" in answer.text


async def test_a_document_is_read(ollama_settings: Settings) -> None:
    document = Document(name="note.txt", text="The secret colour of the club is turquoise.")
    question = "What is the secret colour of the club, according to the document?"
    async with with_model(ollama_settings, HALF) as council:
        answer = await council.ask(question, documents=[document], experts=["general"])
    assert "turquoise" in answer.text.lower()


async def test_a_document_that_is_too_long_is_an_error(ollama_settings: Settings) -> None:
    document = Document(name="long.txt", text="word " * 9000)
    async with with_model(ollama_settings, HALF) as council:
        with pytest.raises(ContextOverflow):
            await council.ask("What is this?", documents=[document], experts=["general"])


async def test_models_are_loaded_as_seldom_as_the_plan_permits(ollama_settings: Settings) -> None:
    def expert(name: str, model: str) -> Expert:
        card = read_card(builtin_domains() / name)
        return Expert(Card(**dict(card) | {"models": (model,), "max_tokens": 8}))

    experts = [expert("general", SMALL), expert("math", SMALL), expert("medical", HALF)]
    steps = tuple(
        Step(id=str(n), task=f"Say {n}.", expert=name)
        for n, name in enumerate(("math", "medical", "math", "medical"), 1)
    )
    async with Council.of(experts, settings=ollama_settings) as council:
        plan = Plan(question="Say numbers.", steps=steps)
        events = [event async for event in council.stream(plan)]
    models = [event.model for event in events if event.type == "call_started"]
    changes = sum(a != b for a, b in pairwise(models))
    assert changes == 1


def test_the_sync_face_answers_as_the_async_one(ollama_settings: Settings) -> None:
    with with_model(ollama_settings, SMALL) as council:
        answer = council.ask_sync("Say hello.")
    assert answer.text
    assert answer.usage.calls == 1


async def test_a_tool_is_called_by_a_real_model(ollama_settings: Settings) -> None:
    from metier import tool

    class Weather(Expert):
        @tool
        def temperature(self, city: str) -> str:
            """The temperature in a city now."""
            return f"It is 31.5 degrees in {city}."

    card = Card(id="weather", description="the weather now", models=(BIG,), max_tokens=60)
    registry = Registry.of([Weather(card)])
    async with Council(registry, settings=ollama_settings) as council:
        step = Step(id="1", task="How warm is it in Lima now?", expert="weather")
        answer = await council.run(Plan(question=step.task, steps=(step,)))
    assert "31.5" in answer.text
    assert answer.parts[0].checked
    assert answer.usage.calls == 2
